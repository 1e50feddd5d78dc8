"""Group the markets of a batch in one pass: by event where it has several of them, else by category."""

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from edgeworth.core.instants import to_iso
from edgeworth.core.units import Micros
from edgeworth.features.taxonomy import classify
from edgeworth.research.batch_signals.dedupe import word_set
from edgeworth.research.batch_signals.types import LONGEST_SUMMARY, MOST_CLUSTERS, MOST_ENTITIES, ClusterEntry

_NAME: Final = re.compile(r"\b[A-Z][\w&'’]*(?:[ -][A-Z][\w&'’]*)*")
_NOT_NAMES: Final = word_set(
    "will what when where who which how is are does do did has have can could should would the a an yes no by in on et "
    "am pm utc january february march april may june july august september october november december monday tuesday "
    "wednesday thursday friday saturday sunday"
)
_READ: Final = 8  # members whose texts are read for names and for the confidence of the classification


@dataclass(frozen=True, slots=True)
class Member:
    """A market as clustering sees it; `event` 0 = none known."""

    market_id: str
    question: str
    event: int
    event_title: str
    tags: tuple[str, ...]
    category: str
    price_at: int


def assign(members: Sequence[Member]) -> list[str]:
    """Return the cluster of every member: `event:N` where the batch holds several markets of it, else `category:…`."""
    sizes = Counter(member.event for member in members if member.event)
    return [
        f"event:{member.event}" if member.event and sizes[member.event] > 1 else f"category:{member.category}"
        for member in members
    ]


def describe(members: Sequence[Member], clusters: Sequence[str], first: Sequence[str] = ()) -> list[ClusterEntry]:
    """Return at most 40 clusters, those named in `first` before the others, then the largest."""
    groups: dict[str, list[Member]] = defaultdict(list)
    for member, cluster in zip(members, clusters, strict=True):
        groups[cluster].append(member)
    rank = {name: place for place, name in enumerate(dict.fromkeys(first))}
    order = sorted(groups, key=lambda name: (rank.get(name, len(rank)), -len(groups[name]), name))
    return [_entry(name, groups[name]) for name in order[:MOST_CLUSTERS]]


def _entry(name: str, members: list[Member]) -> ClusterEntry:
    members = sorted(members, key=lambda member: member.market_id)
    category = Counter(member.category for member in members).most_common(1)[0][0]
    newest = max(member.price_at for member in members)
    return ClusterEntry(
        cluster_id=name,
        event_type=category,
        entities=entities([f"{member.event_title}. {member.question}" for member in members[:_READ]]),
        timestamp_utc=to_iso(Micros(newest)),
        canonical_summary=_summary(name, category, members),
        supporting_ids=tuple(member.market_id for member in members),
        confidence=round(_confidence(category, members[:_READ]), 3),
    )


def _summary(name: str, category: str, members: list[Member]) -> str:
    title = next((member.event_title for member in members if member.event_title), "")
    if name.startswith("event:"):
        head = f"{len(members)} markets of: {title or members[0].question}"
    else:
        head = f"{len(members)} market{'s' if len(members) > 1 else ''} on {category}, such as: {members[0].question}"
    return head if len(head) <= LONGEST_SUMMARY else head[: LONGEST_SUMMARY - 1] + "…"


def entities(texts: Sequence[str]) -> tuple[str, ...]:
    """Return the names that most of the texts hold, at most five; words that open a question are no names."""
    found: Counter[str] = Counter()
    for text in texts:
        found.update({name for match in _NAME.finditer(text) if (name := _trimmed(match.group()))})
    ranked = sorted(found, key=lambda name: (-found[name], name))
    return tuple(ranked[:MOST_ENTITIES])


def _trimmed(name: str) -> str:
    words = name.split(" ")
    while words and words[0].casefold() in _NOT_NAMES:
        words.pop(0)
    while words and words[-1].casefold() in _NOT_NAMES:
        words.pop()
    return " ".join(words)


def _confidence(category: str, members: list[Member]) -> float:
    """Return how far independent readings (question, event title, tags) agree with the category, in [0, 1].

    A reading that agrees counts 1, one of the same group 1/2, one that says nothing is not counted; where none says
    anything the answer is 0.
    """
    said: list[float] = []
    for member in members:
        readings = [classify(member.question).label]
        readings += [classify(member.event_title).label] if member.event_title else []
        readings += [classify("", "", member.tags).label] if member.tags else []
        said += [_agreement(label, category) for label in readings if label != "other"]
    return sum(said) / len(said) if said else 0.0


def _agreement(label: str, category: str) -> float:
    if label == category:
        return 1.0
    return 0.5 if label.partition("/")[0] == category.partition("/")[0] else 0.0
