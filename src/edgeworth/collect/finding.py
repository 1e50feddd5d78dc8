"""Find markets worth tracking, live at the venue: by words, category and size, with the command that tracks them."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edgeworth.collect.jobs.choice import category_of
from edgeworth.collect.jobs.directory import Listed, facts_of, join_page
from edgeworth.core.errors import UsageError
from edgeworth.core.instants import to_iso
from edgeworth.core.units import Micros

if TYPE_CHECKING:
    from edgeworth.venues.polymarket.gamma import Gamma, Page

SORTS = ("volume", "volume24h", "liquidity", "end", "spread")
_ORDERS = {"volume": "volume", "volume24h": "volume24hr", "liquidity": "liquidity", "end": "endDate"}
_PAGES = 50  # of a hundred markets each
_SEARCH_PAGES = 10


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to look for: any of `keywords`, a taxonomy category or its first level, least dollars traded."""

    keywords: tuple[str, ...] = ()
    category: str = ""
    min_volume: int = 0
    limit: int = 20
    sort: str = "volume24h"

    def __post_init__(self) -> None:
        if self.sort.removeprefix("-") not in SORTS:
            raise UsageError("bad-option", f"cannot sort by '{self.sort}'", f"one of: {', '.join(SORTS)}")

    def matches(self, entry: Listed, now: Micros) -> bool:
        """Tell whether an open market is one of those looked for."""
        if not entry.open or (entry.state.end is not None and entry.state.end <= now):
            return False
        if entry.size("volume_e6") < self.min_volume * 1_000_000:
            return False
        text = f"{entry.record.question} {entry.record.event_title}".casefold()
        if self.keywords and not any(word.casefold() in text for word in self.keywords):
            return False
        found = category_of(entry) if self.category else ""
        wanted = self.category.lower().rstrip("/")
        return not wanted or found == wanted or found.startswith(wanted + "/")


async def find(gamma: "Gamma", wanted: Wanted, now: Micros) -> list[dict[str, Any]]:
    """Return the markets found, JSON-ready, best first; raises VenueError."""
    found: dict[str, Listed] = {}
    async for page in _pages(gamma, wanted):
        for entry in join_page(page):
            if wanted.matches(entry, now):
                found.setdefault(entry.gamma_id, entry)
        if len(found) >= wanted.limit and not wanted.keywords and _in_order(wanted.sort):
            break
    ordered = sorted(found.values(), key=lambda entry: _key(entry, wanted.sort.removeprefix("-")))
    if wanted.sort.startswith("-"):
        ordered.reverse()
    return [_row(entry) for entry in ordered[: wanted.limit]]


def track_command(rows: Sequence[dict[str, Any]], *words: str) -> str:
    """Return the command that tracks these markets, with further words of the command line; empty without markets."""
    ids = ",".join(row["id"] for row in rows)
    return " ".join(("edgeworth data collect --market-ids", ids, *words)) if ids else ""


async def _pages(gamma: "Gamma", wanted: Wanted) -> "AsyncIterator[Page]":
    """Yield what the venue finds by words; where it finds nothing, or without words, what it lists by size."""
    from edgeworth.venues.polymarket.gamma import Filters, Page

    hits = 0
    for words in wanted.keywords:
        for number in range(1, _SEARCH_PAGES + 1):
            answer = await gamma.search(words, page=number)
            hits += len(answer.states)
            yield Page(records=answer.records, states=answer.states, raw=b"", observed_at=answer.observed_at)
            if not answer.has_more:
                break
    if hits:
        return
    order = _ORDERS.get(wanted.sort.removeprefix("-"), "volume24hr")
    filters = Filters(order=order, ascending=order == "endDate", min_volume=wanted.min_volume or None, max_pages=_PAGES)
    async for page in gamma.markets(filters):
        yield page


def _in_order(sort: str) -> bool:
    return sort in _ORDERS


def _key(entry: Listed, sort: str) -> tuple[float, int]:
    """Return what to sort by: most first for sizes, soonest for ends, narrowest for spreads."""
    last = int(entry.gamma_id) if entry.gamma_id.isdigit() else 0
    if sort == "end":
        return (float(entry.record.scheduled_end or 2**62), last)
    if sort == "spread":
        sizes = entry.sizes
        known = sizes is not None and sizes.bid_e4 is not None and sizes.ask_e4 is not None
        return (float(sizes.ask_e4 - sizes.bid_e4) if known and sizes is not None else 1e9, last)  # type: ignore[operator]
    name = {"volume": "volume_e6", "volume24h": "volume_24h_e6", "liquidity": "liquidity_e6"}[sort]
    return (-float(entry.size(name)), last)


def _row(entry: Listed) -> dict[str, Any]:
    facts = facts_of(entry)
    end = facts["end"]
    return {**facts, "category": category_of(entry), "end": None if end is None else to_iso(Micros(end))}
