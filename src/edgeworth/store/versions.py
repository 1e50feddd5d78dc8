"""Since when each version of a market's metadata counts, and what follows from the versions. Pure.

A dump made later is dated back: the first version of a source counts since the market was created, else since its first
price. Later versions count from their own instant, and never when they have none: what a later dump says of the past
may have been written after the fact.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from edgeworth.core.panel import NEVER, UNKNOWN_TIME, Int64s

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True, slots=True)
class Version:
    """What one source said at one time; `end` is the scheduled end, None when not stated."""

    version_no: int
    source: str
    known_at: int | None
    backdated: bool
    end: int | None


def effective_times(versions: list[Version], base: int) -> list[int]:
    """Return since when each version counts (NEVER for those that do not), in the order given.

    `base` is the market's creation, else its first price.
    """
    first: dict[str, int] = {}
    for index in sorted(range(len(versions)), key=lambda i: _age(versions[i])):
        first.setdefault(versions[index].source, index)
    result = []
    for index, version in enumerate(versions):
        dated = version.known_at is not None and not version.backdated
        if dated and version.known_at is not None:
            result.append(version.known_at)
        elif first[version.source] == index:
            result.append(base)
        else:
            result.append(NEVER if version.known_at is None else max(version.known_at, base))
    return result


def end_changes(versions: list[Version], times: list[int]) -> list[tuple[int, int]]:
    """Return (known_at, scheduled end) wherever the end as known changed; UNKNOWN_TIME = withdrawn.

    An end is withdrawn only by a source that had stated one. Of versions counting from the same instant the first
    stored wins.
    """
    order = sorted((i for i in range(len(versions)) if times[i] != NEVER), key=lambda i: (times[i], *_age(versions[i])))
    stated: set[str] = set()
    changes: list[tuple[int, int]] = []
    for index in order:
        version = versions[index]
        if version.end is None and version.source not in stated:
            continue
        stated.add(version.source)
        value = UNKNOWN_TIME if version.end is None else version.end
        if changes and (changes[-1][1] == value or changes[-1][0] == times[index]):
            continue
        changes.append((times[index], value))
    return changes


def _age(version: Version) -> tuple[bool, int, int]:
    return version.known_at is None, version.known_at or 0, version.version_no


@dataclass(frozen=True, slots=True)
class Ends:
    """Versions of the scheduled end of M markets: offsets (M+1), known_at (K), value (K)."""

    offsets: Int64s
    known_at: Int64s
    value: Int64s


def by_market(frame: "pl.DataFrame") -> "dict[int, list[Version]]":
    """Group rows of market_versions (market_no, version_no, source, known_at, backdated, scheduled_end) by market."""
    columns = ("market_no", "version_no", "source", "known_at", "backdated", "scheduled_end")
    result: dict[int, list[Version]] = {}
    for number, *facts in frame.select(columns).iter_rows():
        result.setdefault(number, []).append(Version(*facts))
    return result


def pack_ends(per_market: Iterable[list[tuple[int, int]]]) -> Ends:
    """Lay the changes of all markets end to end."""
    lists = list(per_market)
    offsets = np.concatenate(([0], np.cumsum([len(changes) for changes in lists], dtype=np.int64))).astype(np.int64)
    flat = np.array([pair for changes in lists for pair in changes], dtype=np.int64).reshape(-1, 2)
    return Ends(offsets, np.ascontiguousarray(flat[:, 0]), np.ascontiguousarray(flat[:, 1]))
