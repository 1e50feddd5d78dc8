"""The trading floor: books that are computed until somebody touches them, and matching in those that are live."""

from collections.abc import Callable
from functools import partial
from typing import Final, NamedTuple

from edgeworth.core.units import MINUTE, ONE_PRICE, divide
from edgeworth.sandbox.exchange.bank import Bank
from edgeworth.sandbox.exchange.crowd import Crowd, Print, Quotes
from edgeworth.sandbox.exchange.money import taker_fee_e6
from edgeworth.sandbox.exchange.pit import Picture, Pit, Watcher
from edgeworth.sandbox.exchange.ports import FaultsPort, LivePort
from edgeworth.sandbox.exchange.render import Shown
from edgeworth.sandbox.exchange.state import Fill, Order, OrderState, Trade
from edgeworth.sandbox.exchange.tape import Tape
from edgeworth.sandbox.exchange.timers import Timers
from edgeworth.sandbox.fees import fee_schedule

OPENING: Final = MINUTE  # from the listing to the first order
OrderListener = Callable[[Order, str, int], None]


class Last(NamedTuple):
    """A market's last trade: instant, YES price, and the taker's word in terms of its own token."""

    at: int
    yes_e4: int
    word: str


class Floor:
    """All markets' books."""

    def __init__(self, live: LivePort, bank: Bank, tape: Tape, timers: Timers, faults: FaultsPort) -> None:
        self.live, self.crowd = live, Crowd(live)
        self.pits: dict[int, Pit] = {}
        self.orders: dict[str, Order] = {}
        self.resting: dict[str, dict[str, Order]] = {}  # account -> id -> order in a book
        self.replaced: dict[tuple[int, tuple[int, int]], list[Trade]] = {}  # prints that hit clients
        self.order_listeners: list[OrderListener] = []
        self._bank, self._tape, self._timers, self._faults = bank, tape, timers, faults
        self._last: dict[int, Last] = {}
        self._closing: set[int] = set()

    # looking

    def tick_e4(self, market: int, now: int) -> int:
        """Return a market's price step, as the fault `tick-change` would have it while that is on."""
        fault = self._faults.active("tick-change")
        return self.live.tick_e4(market, now) if fault is None else int(fault.get("tick_e4", 10))

    def shown(self, market: int, now: int) -> Shown | None:
        """Return a market's book, None where there is none: not listed, or a resolution was proposed."""
        pit = self.pits.get(market)
        if pit is None or not self.live.is_open(market, now):
            return self.computed(market, now)
        quotes = Quotes(pit.changed_at, pit.book.side(bids=True), pit.book.side(bids=False))
        return self._shown(market, quotes, now)

    def computed(self, market: int, now: int) -> Shown | None:
        """Return a market's book as the crowd alone would have it at any instant."""
        if not self.live.is_open(market, now):
            return None
        return self._shown(market, self.crowd.quotes(market, now), now)

    def _shown(self, market: int, quotes: Quotes, now: int) -> Shown:
        last = self.last(market, now)
        return Shown(
            self.live.names.condition_id(market),
            self.live.names.tokens(market),
            quotes.at,
            quotes.bids,
            quotes.asks,
            self.tick_e4(market, now),
            self.live.kind(market).neg_risk,
            None if last is None else last.yes_e4,
        )

    def last(self, market: int, now: int) -> Last | None:
        """Return a market's last trade."""
        own, row = self._last.get(market), self.crowd.last_print(market, now)
        if row is None or (own is not None and own.at >= row.at):
            return own
        return Last(row.at, row.yes_e4, "BUY" if row.buy else "SELL")

    def client_orders(self, market: int) -> list[Order]:
        """Return clients' resting orders in a market."""
        pit = self.pits.get(market)
        return [order for order in pit.book.orders() if not order.crowd] if pit else []

    # acting

    def pit(self, market: int, now: int) -> Pit:
        """Return a market's live book, made from the computed one when nobody needed it before."""
        found = self.pits.get(market)
        if found is None:
            found = self.pits[market] = Pit(market, self.crowd, self.tick_e4(market, now), now)
            self._plan(found, now)
            if market not in self._closing:
                self._closing.add(market)
                self._timers.plan(int(self.live.proposed_at[market]), partial(self._close, market))
        return found

    def watch(self, market: int, watcher: Watcher, now: int) -> None:
        """Keep a market's book live and report what happens in it."""
        if self.live.is_open(market, now):
            pit = self.pit(market, now)
            if watcher not in pit.watchers:
                pit.watchers.append(watcher)

    def unwatch(self, market: int, watcher: Watcher) -> None:
        """Stop reporting."""
        pit = self.pits.get(market)
        if pit is not None and watcher in pit.watchers:
            pit.watchers.remove(watcher)

    def match(self, pit: Pit, taker: Order, fills: list[Fill], at: int) -> list[Trade]:
        """Carry out planned fills; one trade per price level, all in one transaction. Returns the trades."""
        before = Picture(pit.book)
        pit.book.take(fills)
        transaction = self._tape.transaction(taker, at)
        trades = []
        for bucket, yes in enumerate(dict.fromkeys(fill.yes_e4 for fill in fills)):
            level = [fill for fill in fills if fill.yes_e4 == yes]
            trade = self._record(taker, level, at, transaction, bucket)
            trades.append(trade)
            self._last[pit.market] = Last(at, yes, "BUY" if taker.buy else "SELL")
            pit.tell_trade(at, Print((0, bucket), at, taker.leg, taker.buy, trade.price_e4, trade.shares_e6))
        pit.touched_at = at
        for fill in fills:
            self._filled(pit, fill.maker, at)
        if not taker.crowd:
            pit.show(at, before, taker.id)
        for trade in trades:
            self._tape.announce(trade)
        return trades

    def rest(self, pit: Pit, order: Order, at: int) -> None:
        """Put what is left of a client's order into the book and set its backing aside."""
        before = Picture(pit.book)
        pit.book.rest(order)
        self._reserve(order)
        self.resting.setdefault(order.account, {})[order.id] = order
        pit.clients += 1
        pit.touched_at = at
        pit.show(at, before, order.id)

    def withdraw(self, order: Order, at: int) -> None:
        """Take a client's resting order out and free its backing."""
        pit = self.pits[order.market]
        before = Picture(pit.book)
        pit.book.cancel(order)
        del self.resting[order.account][order.id]
        pit.clients -= 1
        pit.touched_at = at
        self.free(order)
        pit.show(at, before, order.id)

    def free(self, order: Order) -> None:
        """Free what backs an order."""
        self._bank.wallet(order.wallet).reserve((order.market, order.leg), order.buy, -order.reserved_e6)
        order.reserved_e6 = 0

    def tell(self, order: Order, word: str, at: int) -> None:
        """Report what became of a client's order: PLACEMENT, UPDATE or CANCELLATION."""
        for listener in self.order_listeners:
            listener(order, word, at)

    def fee_e6(self, market: int, shares_e6: int, price_e4: int) -> int:
        """Return what a taker pays the venue in a market, by the schedule of its listing day."""
        listed = int(self.live.created_at[market])
        return taker_fee_e6(shares_e6, price_e4, fee_schedule(self.live.kind(market).category, listed))

    # inside

    def _record(self, taker: Order, fills: list[Fill], at: int, transaction: str, bucket: int) -> Trade:
        shares = sum(fill.shares_e6 for fill in fills)
        fee = self.fee_e6(taker.market, shares, fills[0].yes_e4)
        trade = self._tape.record(taker, fills, fee, at, transaction, bucket)
        taker.trades.append(trade.id)
        for fill in fills:
            fill.maker.trades.append(trade.id)
        return trade

    def _filled(self, pit: Pit, maker: Order, at: int) -> None:
        """Shrink a maker's backing to what is left, and tell its owner."""
        if maker.crowd:
            return
        self._reserve(maker)
        if maker.left_e6 == 0:
            maker.state = OrderState.MATCHED
            del self.resting[maker.account][maker.id]
            pit.clients -= 1
        self.tell(maker, "UPDATE", at)

    def _reserve(self, order: Order) -> None:
        """Set aside what an order may still cost: dollars rounded up, or the shares it sells."""
        needed = divide(order.left_e6 * order.price_e4, ONE_PRICE, "up") if order.buy else order.left_e6
        wallet = self._bank.wallet(order.wallet)
        wallet.reserve((order.market, order.leg), order.buy, needed - order.reserved_e6)
        order.reserved_e6 = needed

    def _execute(self, pit: Pit, taker: Order, fills: list[Fill], at: int) -> None:
        self.match(pit, taker, fills, at)

    def _plan(self, pit: Pit, now: int) -> None:
        """Plan the crowd's next quotes and its trades until then."""
        following = self.crowd.next_quote(pit.market, now)
        for row in self.crowd.prints(pit.market, now, following):
            self._timers.plan(row.at, partial(self._print, pit, row))
        self._timers.plan(following, partial(self._turn, pit))

    def _turn(self, pit: Pit, at: int) -> None:
        if self.pits.get(pit.market) is not pit or not self.live.is_open(pit.market, at):
            return
        if not pit.watchers and not pit.clients and at > pit.touched_at:
            del self.pits[pit.market]
            return
        pit.set_tick(self.tick_e4(pit.market, at), at)
        pit.requote(at, self._execute)
        self._plan(pit, at)

    def _print(self, pit: Pit, row: Print, at: int) -> None:
        """Let the crowd trade; where it hits clients, the tape replaces the planned print."""
        if self.pits.get(pit.market) is not pit or not self.live.is_open(pit.market, at):
            return
        known = len(self._tape.trades)
        hit = pit.trade(row, self._execute)
        left = row.shares_e6 - sum(fill.shares_e6 for fill in hit)
        if hit:
            self.replaced[pit.market, row.key] = list(self._tape.trades.values())[known:]
        if left > 0:
            pit.tell_trade(row.at, row._replace(shares_e6=left))

    def _close(self, market: int, at: int) -> None:
        """Close a book: a resolution was proposed, whatever rests is cancelled."""
        for order in self.client_orders(market):
            self.withdraw(order, at)
            order.state = OrderState.CANCELED
            self.tell(order, "CANCELLATION:CANCELED_MARKET_RESOLVED", at)
        self.pits.pop(market, None)
