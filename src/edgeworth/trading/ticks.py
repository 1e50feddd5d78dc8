"""What the bot saw at one instant: the books of the markets it watches, small enough to keep and exact to replay."""

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec
import numpy as np

from edgeworth.core.book import BookSnapshot, Level
from edgeworth.core.panel import Int64s
from edgeworth.core.units import ONE_PRICE

DEPTH: Final = 20  # levels of a side that are kept


class MarketBook(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The YES book of a market as known at `known_at`; levels are (price_e4, shares_e6), best first.

    `event_time` is the venue's stamp, 0 where it gave none; `tick_e4` the price grid of the moment.
    """

    market_no: int
    known_at: int
    event_time: int
    tick_e4: int
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]

    @property
    def mid_e4(self) -> int | None:
        """Return the mid of a two-sided, uncrossed book, rounded down; None for any other."""
        if not self.bids or not self.asks or self.bids[0][0] > self.asks[0][0]:
            return None
        return (self.bids[0][0] + self.asks[0][0]) // 2

    def side(self, *, yes: bool) -> "MarketBook":
        """Return the book as the YES or the NO leg sees it: a bid of one is an ask of the other at 1 - p."""
        if yes:
            return self
        flip = [tuple((ONE_PRICE - price, size) for price, size in side) for side in (self.asks, self.bids)]
        return MarketBook(self.market_no, self.known_at, self.event_time, self.tick_e4, flip[0], flip[1])


class Tick(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """All books of one look; `t` is the instant of the decision, `status` what is not an ordinary open market.

    `status` holds (market_no, word) pairs: closed, paused, proposed, disputed, resolved.
    """

    t: int
    books: tuple[MarketBook, ...]
    status: tuple[tuple[int, str], ...] = ()


def market_book(market_no: int, snapshot: BookSnapshot, depth: int = DEPTH) -> MarketBook:
    """Keep the best levels of a YES book."""
    return MarketBook(
        market_no,
        snapshot.known_at,
        snapshot.event_time or 0,
        snapshot.tick_e4,
        snapshot.bids[:depth],
        snapshot.asks[:depth],
    )


def asks_of(books: Iterable[MarketBook], market_nos: Sequence[int]) -> tuple[Int64s, Int64s]:
    """Return the best asks of the YES and of the NO leg of some markets, 0 where there is none, shape (R,)."""
    known = {book.market_no: book for book in books}
    yes, no = np.zeros(len(market_nos), np.int64), np.zeros(len(market_nos), np.int64)
    for k, number in enumerate(market_nos):
        book = known.get(number)
        if book is not None and book.asks:
            yes[k] = book.asks[0][0]
        if book is not None and book.bids:
            no[k] = ONE_PRICE - book.bids[0][0]
    return yes, no
