"""Drop what is the same market twice: exactly by id, and by question within one event.

Two questions are the same when they read alike without case, spaces and punctuation, or when they differ only in soft
words (fillers, endings, typing errors). Numbers, names, negations, comparisons and dates are never soft, so "Will A
win" and "Will B win" stay apart. Markets of different events, with different labels or different scheduled ends are
never the same. "Same" is closed over chains, so the result does not depend on the order of the input.
"""

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

SIMILAR: Final = 0.75  # share of equal words, of those that either question has
_WORD: Final = re.compile(r"\d+(?:[.,]\d+)*(?:k|m|b|st|nd|rd|th)?\b|\w+|(?<!\w)-(?=[\d$])|[$€£%°+<>≥≤]", re.IGNORECASE)
_NUMBER: Final = re.compile(r"(\d+(?:[.,]\d+)*)(k|m|b|st|nd|rd|th)?")
_TIMES: Final = {"k": 3, "m": 6, "b": 9}


def word_set(text: str) -> frozenset[str]:
    """Return the words of a text."""
    return frozenset(text.split())


_FILLERS: Final = word_set(
    "a an the will would be is are was does do did has have that this there it its to of in for at as and market "
    "question please ever"
)
_HARD: Final = word_set(
    "no not never without or either neither both all any none only except before after by on until since during over "
    "under above below between than more less fewer most least at up down yes higher lower high low first last next "
    "new old win lose beat loses wins against vs from out off into increase decrease rise fall buy sell am pm et utc "
    "january february march april may june july august september october november december monday tuesday wednesday "
    "thursday friday saturday sunday"
)
_MONTHS: Final = {
    "jan": "january", "feb": "february", "mar": "march", "apr": "april", "jun": "june", "jul": "july", "aug": "august",
    "sep": "september", "sept": "september", "oct": "october", "nov": "november", "dec": "december",
}  # fmt: skip
_SAME_WORD: Final = 0.8  # similarity of letters from which two soft words are spellings of one


@dataclass(frozen=True, slots=True)
class Item:
    """A market as it enters a batch; `event` 0 = none known, `end` None = no scheduled end known.

    `order` decides which of several equal markets stands for them: the smallest, then the smallest id.
    """

    market_id: str
    question: str
    event: int = 0
    end: int | None = None
    outcomes: tuple[str, str] = ("Yes", "No")
    order: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Deduped:
    """The representatives in the order of the input, and what each of them stands for (ids, its own first)."""

    items: tuple[Item, ...]
    stands_for: dict[str, tuple[str, ...]]
    exact: int
    fuzzy: int


def dedupe(items: Sequence[Item]) -> Deduped:
    """Return one item per market; repeating it changes nothing."""
    by_id: dict[str, Item] = {}
    for item in items:
        known = by_id.get(item.market_id)
        by_id[item.market_id] = item if known is None else min(known, item, key=_rank)
    unique = list(by_id.values())
    groups = _groups(unique)
    best = {root: min(members, key=_rank) for root, members in groups.items()}
    chosen = {item.market_id for item in best.values()}
    kept = tuple(item for item in unique if item.market_id in chosen)
    stands = {
        best[root].market_id: (
            best[root].market_id,
            *sorted(member.market_id for member in members if member.market_id != best[root].market_id),
        )
        for root, members in groups.items()
    }
    return Deduped(kept, stands, len(items) - len(unique), len(unique) - len(kept))


def _rank(item: Item) -> tuple[object, ...]:
    return item.order, item.market_id, item.question, item.event, item.end or 0, item.outcomes


def _groups(items: Sequence[Item]) -> dict[int, list[Item]]:
    """Join equal items; returns the groups by their root."""
    parent = list(range(len(items)))

    def root(index: int) -> int:
        while parent[index] != index:
            parent[index] = parent[parent[index]]
            index = parent[index]
        return index

    for bucket in _buckets(items):
        for position, left in enumerate(bucket):
            for right in bucket[position + 1 :]:
                if root(left) != root(right) and same(items[left], items[right]):
                    parent[root(right)] = root(left)
    groups: dict[int, list[Item]] = defaultdict(list)
    for index, item in enumerate(items):
        groups[root(index)].append(item)
    return groups


def _buckets(items: Sequence[Item]) -> Iterable[list[int]]:
    """Return sets of items that alone can be equal: same words or hard words, labels, and event or scheduled end."""
    buckets: dict[tuple[object, ...], list[int]] = defaultdict(list)
    for index, item in enumerate(items):
        text, labels = reading(item.question), _labels(item)
        places = ([("event", item.event)] if item.event else []) + ([("end", item.end)] if item.end is not None else [])
        for place in places:
            buckets["hard", text.hard, labels, place].append(index)
            buckets["plain", text.plain, labels, place].append(index)
    return [bucket for bucket in buckets.values() if len(bucket) > 1]


def same(left: Item, right: Item) -> bool:
    """Tell whether two items are the same market by their questions, labels, event and scheduled end."""
    if _labels(left) != _labels(right) or not _same_place(left, right):
        return False
    first, second = reading(left.question), reading(right.question)
    if not first.plain or not second.plain:
        return False
    return first.plain == second.plain or (first.hard == second.hard and similarity(first, second) >= SIMILAR)


def _labels(item: Item) -> tuple[str, str]:
    return item.outcomes[0].casefold().strip(), item.outcomes[1].casefold().strip()


def _same_place(left: Item, right: Item) -> bool:
    """Tell whether the event is the same and the ends do not contradict; without an event the ends must be equal."""
    if left.event and right.event:
        return left.event == right.event and (left.end == right.end or left.end is None or right.end is None)
    return left.end is not None and left.end == right.end


@dataclass(frozen=True, slots=True)
class Reading:
    """A question as it is compared: all words, those that must agree in order, and the soft rest."""

    plain: tuple[str, ...]
    hard: tuple[str, ...]
    soft: tuple[str, ...]


@lru_cache(maxsize=65_536)
def reading(question: str) -> Reading:
    """Split a question into hard and soft words; case, spaces and punctuation do not count."""
    text = unicodedata.normalize("NFKC", question)
    plain: list[str] = []
    hard: list[str] = []
    soft: list[str] = []
    for position, match in enumerate(_WORD.finditer(text)):
        raw = match.group()
        word = _canonical(raw)
        plain.append(word)
        if word in _FILLERS and word not in _HARD:
            continue
        named = position > 0 and raw[:1].isupper()
        (hard if named or word in _HARD or not word.isalpha() else soft).append(word)
    return Reading(tuple(plain), tuple(hard), tuple(soft))


def _canonical(raw: str) -> str:
    word = raw.casefold()
    number = _NUMBER.fullmatch(word)
    if number is None:
        return _MONTHS.get(word, word)
    whole, _, rest = number[1].replace(",", "").partition(".")
    power = _TIMES.get(number[2] or "", 0)
    digits = (whole + rest[:power].ljust(power, "0")).lstrip("0") or "0"
    rest = rest[power:].rstrip("0")
    return f"{digits}.{rest}" if rest else digits


def similarity(first: Reading, second: Reading) -> float:
    """Return the share of words both questions have, where spellings of one soft word count as one; in [0, 1]."""
    left, right = Counter(first.soft), Counter(second.soft)
    common = left & right
    matched = sum(common.values())
    rest_left, rest_right = sorted((left - common).elements()), sorted((right - common).elements())
    for word in rest_left:
        twin = next((other for other in rest_right if _spelling(word, other)), None)
        if twin is None:
            return 0.0  # a soft word of its own may carry the meaning
        rest_right.remove(twin)
        matched += 1
    if rest_right:
        return 0.0
    total = matched + len(first.hard)
    exact = sum(common.values()) + len(first.hard)
    return exact / total if total else 0.0


@lru_cache(maxsize=16_384)
def _spelling(left: str, right: str) -> bool:
    """Tell whether two words are spellings of one: same beginning, nearly the same letters."""
    from difflib import SequenceMatcher

    if min(len(left), len(right)) < 4 or left[:2] != right[:2]:
        return False
    first, second = sorted((left, right))
    return SequenceMatcher(None, first, second, autojunk=False).ratio() >= _SAME_WORD
