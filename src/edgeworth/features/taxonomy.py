"""Sort questions into two levels by what they say: question, event title and tags, nothing that is known later.

Phrases match whole words only (`taxonomy_text`), fixtures are read from their shape (`taxonomy_fixtures`), and ordered
rules over both decide (`taxonomy_rules`). The labels and their meaning are in `taxonomy_labels`.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from edgeworth.features.taxonomy_fixtures import signs
from edgeworth.features.taxonomy_labels import LABELS, OTHER, TAXONOMY_VERSION, taxonomy_table
from edgeworth.features.taxonomy_rules import BITS, Rule, first_rule, phrases
from edgeworth.features.taxonomy_tags import label_of_tags
from edgeworth.features.taxonomy_text import PhraseIndex, normalise, words

if TYPE_CHECKING:
    import polars as pl

__all__ = ["LABELS", "OTHER", "TAXONOMY_VERSION", "Category", "classify", "classify_frame", "taxonomy_table"]


@dataclass(frozen=True, slots=True)
class Category:
    """Where a question belongs: `label` is `top/leaf`, or `other` with an empty leaf; `rule` names what decided."""

    top: str
    leaf: str
    label: str
    rule: str


_TICKER = re.compile(r"\((?!HIGH|LOW)[A-Z]{1,5}\)")
_POST_COUNT = re.compile(
    r"\b(?:post|tweet)s? [<>≤≥]?\d[\d+,-]* ?(?:tweets|posts|times|truth)|\btweet (?:between|less|more|\d)"
)
_NONE = Category(OTHER, "", OTHER, "")
_INDEX = PhraseIndex(phrases())


def classify(question: str, event_title: str = "", tags: Sequence[str] = ()) -> Category:
    """Return the category of a question; event title, then tags are asked where the question does not say."""
    first, weak = _classify_text(question)
    if first is not _NONE and not weak:
        return first
    for text in (event_title, f"{question} {event_title}") if event_title else ():
        second, second_weak = _classify_text(text)
        if second is not _NONE and not second_weak:
            return second
    by_tag = label_of_tags(tags) if tags else None
    return _category(by_tag, "tag") if by_tag else first


def classify_frame(markets: "pl.DataFrame") -> "pl.Series":
    """Return the labels of a frame's rows as a String series named `category`.

    Reads the columns `question`, and `event_title` and `tags` where they exist; equal rows are classified once.
    """
    import polars as pl

    count = markets.height
    titles = markets["event_title"].to_list() if "event_title" in markets.columns else [""] * count
    tags = markets["tags"].to_list() if "tags" in markets.columns else [()] * count
    labels = [
        classify(question or "", title or "", row_tags or ()).label
        for question, title, row_tags in zip(markets["question"].to_list(), titles, tags, strict=True)
    ]
    return pl.Series("category", labels, dtype=pl.String)


@lru_cache(maxsize=65_536)
def _classify_text(text: str) -> tuple[Category, bool]:
    """Classify one text; of `A before B` the part before counts first, unless B is a date."""
    head, before, tail = text.partition(" before ")
    if before and not tail[:1].isdigit():
        found = _classify_whole(head)
        if found[0] is not _NONE and not found[1]:
            return found
    return _classify_whole(text)


def _classify_whole(text: str) -> tuple[Category, bool]:
    rule = _rule_of_mask(mask_of(text))
    return (_category(rule.label, rule.name), rule.weak) if rule else (_NONE, False)


@lru_cache(maxsize=16_384)
def _rule_of_mask(mask: int) -> Rule | None:
    return first_rule(mask)


def mask_of(text: str) -> int:
    """Return the concepts and fixture signs of a text as a bit mask (bits of `taxonomy_rules.BITS`)."""
    low = normalise(text)
    tokens = words(low)
    mask = 0
    for found in _INDEX.scan(tokens):
        mask |= found
    for sign in signs(low.strip()):
        mask |= BITS[sign]
    if "$" in low or "¢" in low:
        mask |= BITS["dollars"]
    if "°" in low:
        mask |= BITS["degree-sign"]
    if _TICKER.search(text):
        mask |= BITS["ticker"]
    if _POST_COUNT.search(low):
        mask |= BITS["post-count"]
    if "trump" in tokens[:3]:
        mask |= BITS["trump-acts"]
    return mask


@lru_cache(maxsize=512)
def _category(label: str, rule: str) -> Category:
    top, _, leaf = label.partition("/")
    return Category(top, leaf, label, rule)
