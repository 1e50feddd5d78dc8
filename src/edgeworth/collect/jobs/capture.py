"""Observe markets: their books in batches, the spot price beside them, one row per market and slot.

`event_time` of a row is the venue's stamp of the book, the one instant at which it certainly was as the row says: an
answer may come from a cache. `known_at` is when the answer was complete, `slot` when it was due.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from edgeworth.collect.jobs.directory import Listed
from edgeworth.core.book import BookSnapshot, Level
from edgeworth.core.clock import Clock
from edgeworth.core.errors import VenueError
from edgeworth.core.units import MINUTE, ONE_PRICE, Micros
from edgeworth.store.snapshots import SnapshotRow

if TYPE_CHECKING:
    from edgeworth.collect.jobs.spot import Spot, SpotPrices
    from edgeworth.store.market_db import MarketStore
    from edgeworth.venues.polymarket.clob_reads import Clob

SOURCE = "polymarket-clob"
NO_BOOK = "no-book"
SIZES_HOLD = 15 * MINUTE  # volumes listed longer ago are not of this slot
NEAR_E4 = 500  # depth counts levels within five cents of the mid


@dataclass(slots=True)
class Taken:
    """What one look brought: markets whose row is on the disk, and why others have none."""

    stored: set[int] = field(default_factory=set)
    missing: dict[int, str] = field(default_factory=dict)
    new: int = 0
    rejected: int = 0


class Capture:
    """Take rows of many markets at once."""

    def __init__(self, clob: "Clob", spot: "SpotPrices", store: "MarketStore", clock: Clock) -> None:
        self._clob, self._spot, self._store, self._clock = clob, spot, store, clock

    async def take(self, slot: Micros, markets: Sequence[Listed], every: int) -> Taken:
        """Return what became of each market; the rows are durable when this returns.

        Freshness is judged by `every`, the microseconds between slots.
        """
        taken = Taken()
        if not markets:
            return taken
        spots = await self._spots(markets)
        asked_at = self._clock.now()
        answer = await self._clob.books([market.token for market in markets])
        rows = []
        for market in markets:
            book = answer.books.get(market.token)
            if book is None:
                taken.missing[market.market_no] = NO_BOOK
            else:
                rows.append(_row(slot, market, book, spots.get(market.gamma_id), asked_at))
        if answer.rejected:
            taken.rejected = len(answer.rejected)
            await self._store.write(answer.rejected)
        taken.new = await self._store.write_snapshots(_graded(rows, every))
        taken.stored = {row.market_no for row in rows}
        return taken

    async def _spots(self, markets: Sequence[Listed]) -> "dict[str, Spot]":
        """Return the spot price beside each market; a row without one is still a row."""
        try:
            return await self._spot.beside(markets)
        except VenueError:
            return {}


def _row(slot: Micros, market: Listed, book: BookSnapshot, spot: "Spot | None", asked_at: Micros) -> SnapshotRow:
    bid, ask = (book.bids[0] if book.bids else None), (book.asks[0] if book.asks else None)
    sizes = market.sizes if asked_at - market.seen_at <= SIZES_HOLD else None
    return SnapshotRow(
        slot=slot,
        market_no=market.market_no,
        source=SOURCE,
        event_time=asked_at if book.event_time is None else min(book.event_time, book.known_at),
        known_at=book.known_at,
        bid_e4=bid[0] if bid else None,
        ask_e4=ask[0] if ask else None,
        last_e4=book.last_e4,
        volume_e6=sizes.volume_e6 if sizes else None,
        volume_24h_e6=sizes.volume_24h_e6 if sizes else None,
        liquidity_e6=sizes.liquidity_e6 if sizes else None,
        bid_size_e6=bid[1] if bid else None,
        ask_size_e6=ask[1] if ask else None,
        depth_e6=depth_e6(book.bids, book.asks),
        spot_e4=spot.price_e4 if spot else None,
        spot_change_24h_e6=spot.change_24h_e6 if spot else None,
        book_age_us=None if book.event_time is None else max(0, book.known_at - book.event_time),
    )


def depth_e6(bids: Sequence[Level], asks: Sequence[Level]) -> int:
    """Return the dollars (1e-6) that rest within five cents of the mid, both sides; of a one-sided book, of its best.

    A bid locks its price, an ask one minus its price for every share: what the other side could get.
    """
    if not bids and not asks:
        return 0
    best_bid, best_ask = (bids[0][0] if bids else asks[0][0]), (asks[0][0] if asks else bids[0][0])
    twice_mid = best_bid + best_ask
    near = 2 * NEAR_E4
    low = sum(price * size for price, size in bids if twice_mid - 2 * price <= near)
    high = sum((ONE_PRICE - price) * size for price, size in asks if 2 * price - twice_mid <= near)
    return (low + high) // ONE_PRICE


def _column(rows: Sequence[SnapshotRow], name: str) -> list[float]:
    values = (getattr(row, name) for row in rows)
    return [math.nan if value is None else float(value) for value in values]


def _graded(rows: Sequence[SnapshotRow], every: int) -> list[SnapshotRow]:
    """Return the rows with their quality; what a market that never traded cannot have is not expected of it."""
    from edgeworth.features.quality import Quotes, quality

    if not rows:
        return []
    quotes = Quotes(
        bid_e4=_column(rows, "bid_e4"),
        ask_e4=_column(rows, "ask_e4"),
        depth_e6=_column(rows, "depth_e6"),
        age_us=[row.known_at - row.event_time for row in rows],
        facts=tuple(_column(rows, name) for name in ("volume_e6", "volume_24h_e6", "liquidity_e6", "spot_e4")),
    )
    scores = quality(quotes, every).score_e4.tolist()
    return [row._replace(quality_e4=score) for row, score in zip(rows, scores, strict=True)]
