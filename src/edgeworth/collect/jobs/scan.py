"""List every active market by keyset pages: what is new or changed becomes a version, what ended is forgotten."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgeworth.collect.jobs.directory import Directory, Listed
from edgeworth.collect.jobs.work import Work
from edgeworth.core.clock import Clock
from edgeworth.core.errors import Retryable
from edgeworth.core.units import MINUTE, Micros
from edgeworth.store.counts import WriteCounts

if TYPE_CHECKING:
    from edgeworth.venues.polymarket.gamma import Filters, Gamma

PAGE = 100
_ENOUGH = "too-many-pages"  # how a listing says that it was told to stop
_JUST_NOW = 5 * MINUTE
_TRIES = 3  # of a listing that ends unfinished


@dataclass(slots=True)
class _Listing:
    """How far a listing has come."""

    cursor: str = ""
    begun: Micros | None = None
    pages: int = 0
    markets: int = 0
    partial: str = ""
    cut: bool = False


class Scanner:
    """List the venue, one listing at a time; `limit` markets at most, the most traded first (0 = all, by id)."""

    def __init__(self, gamma: "Gamma", directory: Directory, clock: Clock, limit: int = 0) -> None:
        self.directory, self.clock = directory, clock
        self._gamma, self._limit = gamma, limit
        self._lock = asyncio.Lock()

    async def load(self) -> None:
        """List everything unless that was done a moment ago; raises VenueError."""
        async with self._lock:
            listed_at = self.directory.listed_at
            if listed_at is None or self.clock.now() - listed_at > _JUST_NOW:
                await self._run(_Listing(), WriteCounts())

    async def go_on(self, listing: _Listing, counts: WriteCounts) -> None:
        """List from where `listing` stopped; raises VenueError, then calling again continues."""
        async with self._lock:
            await self._run(listing, counts)

    async def top(self, count: int, min_volume: int) -> list[Listed]:
        """Return the most traded open markets of the last 24 hours with so many dollars traded in all, as of now."""
        from edgeworth.venues.polymarket.gamma import Filters

        pages = -(-count // PAGE)
        filters = Filters(order="volume24hr", ascending=False, min_volume=min_volume or None, max_pages=pages)
        found: list[Listed] = []
        async for page in self._gamma.markets(filters):
            found += await self.directory.take(page)
        return [market for market in found if market.open][:count]

    async def _run(self, listing: _Listing, counts: WriteCounts) -> None:
        listing.begun = listing.begun if listing.begun is not None else self.clock.now()
        listing.partial = ""
        async for page in self._gamma.markets(self._filters(listing), listing.cursor):
            found = await self.directory.take(page, counts)
            listing.pages += 1
            listing.markets += len(found)
            if page.partial == _ENOUGH:
                listing.cut = True
                break
            listing.partial = page.partial
            if page.partial:
                return
            listing.cursor = page.cursor
        self.directory.prune(listing.begun)
        self.directory.listed_at = self.clock.now()

    def _filters(self, listing: _Listing) -> "Filters":
        from edgeworth.venues.polymarket.gamma import Filters

        if not self._limit:
            return Filters()
        left = max(1, -(-self._limit // PAGE) - listing.pages)
        return Filters(order="volume", ascending=False, max_pages=left)


class ScanWork(Work):
    """One scan; a page that fails is where the next attempt continues."""

    def __init__(self, slot: Micros, scanner: Scanner) -> None:
        super().__init__(slot)
        self._scanner = scanner
        self._listing = _Listing()
        self._written = WriteCounts()
        self._tries = 0

    async def attempt(self) -> bool:
        """List what is left; an unfinished listing is begun again, at most three times."""
        listing = self._listing
        try:
            await self._scanner.go_on(listing, self._written)
        finally:
            self._count()
        if not listing.partial:
            self.met = 1
            return True
        self._tries += 1
        self.missing = {}
        self.counts["partial"] = listing.partial
        if self._tries >= _TRIES:
            return True
        self._listing = _Listing()
        raise Retryable("venue-unavailable", f"the listing stopped unfinished: {listing.partial}")

    def _count(self) -> None:
        stored = self._written.stored
        self.counts |= {
            "pages": self._listing.pages,
            "markets": self._listing.markets,
            "news": stored.get("market", 0),
            "quarantined": sum(self._written.quarantined.values()),
        }
        if self._listing.cut:
            self.counts["cut"] = True


@dataclass(frozen=True, slots=True)
class Scan:
    """The job that lists the venue."""

    scanner: Scanner
    name: str = "scan"

    def begin(self, slot: Micros, expected: int) -> ScanWork:  # noqa: ARG002  (always one)
        """Return the scan of one slot."""
        return ScanWork(slot, self.scanner)


@dataclass(frozen=True, slots=True)
class Top:
    """Choose, for `Observe`, the `count` most traded markets with at least `min_volume` dollars traded in all."""

    scanner: Scanner
    count: int
    min_volume: int

    async def __call__(self) -> Sequence[Listed]:
        """Return them as listed now."""
        return await self.scanner.top(self.count, self.min_volume)
