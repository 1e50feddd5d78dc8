"""The live book of one market: the crowd's quotes kept up to date around clients' orders, and who watches it.

A pit exists only while a client has an order in the book, has just traded, or listens; otherwise the book is computed.
"""

import hashlib
from collections.abc import Callable
from typing import Protocol

from edgeworth.core.units import ONE_PRICE
from edgeworth.sandbox.exchange.book import Book, Level
from edgeworth.sandbox.exchange.crowd import Crowd, Print
from edgeworth.sandbox.exchange.state import BACKGROUND, Fill, Kind, Order

Levels = dict[int, int]
Execute = Callable[["Pit", Order, list[Fill], int], None]
_CONSUMED = 7  # tenths of a level that the crowd's own trades may take until it is renewed


class Watcher(Protocol):
    """Somebody who wants to know what happens in a pit."""

    def changed(self, pit: "Pit", at: int, before: "Picture", cause: str) -> None:
        """Learn that levels differ from an earlier picture because of an order (empty: the crowd's new quotes)."""

    def traded(self, pit: "Pit", at: int, trade: Print) -> None:
        """Learn of a trade."""

    def tick_changed(self, pit: "Pit", at: int, old_e4: int) -> None:
        """Learn of a new price step."""


class Picture:
    """Shares by YES price on both sides, to be compared with a later picture."""

    def __init__(self, book: Book) -> None:
        self.bids: Levels = dict(book.side(bids=True))
        self.asks: Levels = dict(book.side(bids=False))

    def best(self) -> tuple[int | None, int | None]:
        """Return best bid and ask."""
        return max(self.bids, default=None), min(self.asks, default=None)

    def changes(self, later: "Picture") -> list[tuple[bool, int, int]]:
        """Return (is a bid, YES price, new shares) of every level that differs, bids first, by price."""
        found = []
        for bid, old, new in ((True, self.bids, later.bids), (False, self.asks, later.asks)):
            prices = sorted({*old, *new})
            found += [(bid, price, new.get(price, 0)) for price in prices if old.get(price) != new.get(price)]
        return found


class Pit:
    """One market's book with the crowd in it."""

    def __init__(self, market: int, crowd: Crowd, tick_e4: int, now: int) -> None:
        self.market = market
        self.book = Book()
        self.tick_e4 = tick_e4
        self.changed_at = now
        self.touched_at = now  # when a client last changed something
        self.clients = 0  # clients' orders in the book
        self.watchers: list[Watcher] = []
        self._crowd = crowd
        quotes = crowd.quotes(market, now)
        self.changed_at = quotes.at
        for bids, levels in ((True, quotes.bids), (False, quotes.asks)):
            for level in levels:
                self.book.rest(self.crowd_order(bids, level.price_e4, level.shares_e6, now))

    def crowd_order(self, bids: bool, yes_e4: int, shares_e6: int, at: int, kind: Kind = Kind.GTC) -> Order:
        """Return an order of the crowd: it buys YES to bid and buys NO to ask, so it never needs shares."""
        text = f"{self.market}/{at}/{bids}/{yes_e4}/{kind}"
        return Order(
            id="0x" + hashlib.sha256(text.encode()).hexdigest(),
            wallet=BACKGROUND,
            owner="",
            market=self.market,
            leg=0 if bids else 1,
            buy=True,
            price_e4=yes_e4 if bids else ONE_PRICE - yes_e4,
            size_e6=shares_e6,
            left_e6=shares_e6,
            kind=kind,
            created=at,
        )

    def requote(self, at: int, execute: Execute) -> None:
        """Renew the crowd's quotes; where a new quote crosses a client's order, the two trade."""
        before = Picture(self.book)
        quotes = self._crowd.quotes(self.market, at)
        sides = ((True, quotes.bids), (False, quotes.asks))
        for bids, levels in sides:
            self._reduce(bids, dict(levels))
        for bids, levels in sides:
            for level in levels:
                self._grow(bids, level, at, execute)
        self.show(at, before, "")

    def _reduce(self, bids: bool, target: Levels) -> None:
        """Take back quotes that are no longer wanted, the youngest first; what stays keeps its place."""
        for level in self.book.side(bids):
            own = [order for order in self.book.queue(bids, level.price_e4) if order.crowd]
            excess = sum(order.left_e6 for order in own) - target.get(level.price_e4, 0)
            for order in reversed(own):
                if excess <= 0:
                    break
                if order.left_e6 <= excess:
                    excess -= order.left_e6
                    self.book.cancel(order)
                else:
                    order.left_e6 -= excess
                    excess = 0

    def _grow(self, bids: bool, level: Level, at: int, execute: Execute) -> None:
        queue = self.book.queue(bids, level.price_e4)
        own = sum(order.left_e6 for order in queue if order.crowd)
        if level.shares_e6 <= own:
            return
        if queue and queue[-1].crowd:  # nobody stands behind: growing is the same as queueing up again
            queue[-1].left_e6 += level.shares_e6 - own
            queue[-1].size_e6 += level.shares_e6 - own
            return
        order = self.crowd_order(bids, level.price_e4, level.shares_e6 - own, at)
        fills = self.book.plan(order)
        if fills:
            execute(self, order, fills, at)
            order.left_e6 -= sum(fill.shares_e6 for fill in fills)
        if order.left_e6 > 0 and not self.book.crosses(order.bid, order.yes_e4):
            self.book.rest(order)

    def trade(self, row: Print, execute: Execute) -> list[Fill]:
        """Let the crowd trade with itself as planned; clients ahead in price or time are hit first and returned."""
        before = Picture(self.book)
        taker = self.crowd_order(row.bid, row.yes_e4, row.shares_e6, row.at, Kind.FAK)
        fills = self.book.plan(taker)
        hit = [fill for fill in fills if not fill.maker.crowd]
        self._consume([fill for fill in fills if fill.maker.crowd])
        if hit:
            execute(self, taker, hit, row.at)
        self.show(row.at, before, taker.id)
        return hit

    def _consume(self, fills: list[Fill]) -> None:
        """Take the crowd's own quotes: in part only, so that the world's price stays, unless a client queues there."""
        for fill in fills:
            maker = fill.maker
            if all(order.crowd for order in self.book.queue(maker.bid, fill.yes_e4)):
                room = max(maker.size_e6 * _CONSUMED // 10 - maker.matched_e6, 0)
                maker.left_e6 -= min(fill.shares_e6, room, maker.left_e6 - 1)
            else:
                self.book.take([fill])

    def show(self, at: int, before: Picture, cause: str) -> None:
        """Tell watchers what is different from an earlier picture."""
        after = Picture(self.book)
        if before.bids == after.bids and before.asks == after.asks:
            return
        self.changed_at = max(at, self.changed_at)
        for watcher in list(self.watchers):
            watcher.changed(self, at, before, cause)

    def tell_trade(self, at: int, trade: Print) -> None:
        """Tell watchers of a trade."""
        for watcher in list(self.watchers):
            watcher.traded(self, at, trade)

    def set_tick(self, tick_e4: int, at: int) -> None:
        """Change the price step."""
        if tick_e4 == self.tick_e4:
            return
        old, self.tick_e4 = self.tick_e4, tick_e4
        for watcher in list(self.watchers):
            watcher.tick_changed(self, at, old)
