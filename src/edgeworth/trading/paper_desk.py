"""The inside of the paper venue: what arrives, rests, fills, settles, ends and pays out; nothing here waits.

Every change is saved before anyone hears of it. `step` lets everything due happen; `printed` and `resolve` tell it what
the market did.
"""

from collections.abc import Callable, Sequence
from typing import Final, Protocol

import msgspec

from edgeworth.core.book import BookSnapshot
from edgeworth.core.clock import Clock
from edgeworth.core.errors import Rejected
from edgeworth.core.orders import AccountEvent, Settlement, TimeInForce
from edgeworth.core.units import ONE_PRICE, ONE_USD, SECOND, divide
from edgeworth.trading.paper_book import Piece, Plan, Wanted, displayed, is_whole, side_of, still_taken, through, walk
from edgeworth.trading.paper_state import (
    FORGOTTEN,
    PaperOrder,
    PaperState,
    PaperStore,
    PaperTrade,
    read_state,
    write_state,
)
from edgeworth.venues.polymarket.order_amounts import RESTING

OPEN: Final = frozenset({"arriving", "live"})
_MINED: Final = 2 * SECOND
_CONFIRMED: Final = 5 * SECOND
_PATIENCE: Final = 15 * SECOND  # between heartbeats


class PaperFeed(Protocol):
    """What is known of the books."""

    def book(self, token: str) -> BookSnapshot | None:
        """Return a token's book in its own terms, None while anything may have been missed."""


class PaperSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How the paper venue behaves: the way there in seconds, how old a book may be, the first deposit in dollars."""

    latency_s: float = 0.25
    max_book_age_s: float = 90.0
    deposit_e6: int = 1_000 * ONE_USD
    step_s: float = 0.5


class PaperDesk:
    """One paper account over observed books; something must call `step` as time passes and books change."""

    def __init__(self, feed: PaperFeed, store: PaperStore, clock: Clock, settings: PaperSettings | None = None) -> None:
        self.clock, self.settings = clock, settings or PaperSettings()
        self._feed, self._store = feed, store
        saved = store.load()
        self.state = read_state(saved) if saved else PaperState(cash_e6=self.settings.deposit_e6)
        self._listeners: list[Callable[[AccountEvent], None]] = []
        self._news: list[AccountEvent] = []
        self.changed = not saved
        self._forgotten_at = clock.now()
        self.state.forget(self._forgotten_at)
        if saved:  # the books of the time in between were not seen
            for order in self.state.orders.values():
                order.ahead_e6 = None
        self.commit()

    def step(self) -> None:
        """Let everything due happen: arrivals, settlements, expiries, a missed heartbeat, fills of what rests."""
        now = self.clock.now()
        self._settle(now)
        self._lapse(now)
        for order in [order for order in self.state.orders.values() if order.status == "arriving"]:
            if order.arrives_at <= now:
                self._arrive(order, now)
        self._age_levels()
        for order in self.open_orders():
            if order.status == "live":
                self._rest(order, now)
        if now - self._forgotten_at > FORGOTTEN:
            self._forgotten_at = now
            self.state.forget(now)
        self.commit()

    def printed(self, token: str, price_e4: int, shares_e6: int, *, is_buy: bool, other: str = "") -> None:
        """Take note of a public trade in a token's own terms, `is_buy` the taker's side: it uses up the queue.

        `other` is the market's other token, where the same trade is one of the opposite side at a dollar less.
        """
        left = self._reach(token, Piece(price_e4, shares_e6), is_buy=is_buy)
        if other:
            self._reach(other, Piece(ONE_PRICE - price_e4, left), is_buy=not is_buy)
        self.commit()

    def resolve(self, token: str, payout_e4: int) -> None:
        """Take note that a token has paid out: its orders are cancelled, its shares become dollars."""
        if token in self.state.resolved:
            return
        for order in self.open_orders():
            if order.token == token:
                self.end(order, "cancelled")
        self.state.resolved[token] = payout_e4
        self.state.pay_out(token)
        self.changed = True
        self.commit()

    # inside

    def _reach(self, token: str, traded: Piece, *, is_buy: bool) -> int:
        """Let a trade use up queues and fill what stood in its way; returns the shares that are left of it."""
        now, left = self.clock.now(), traded.shares_e6
        for order in self.open_orders():
            if order.token != token or order.status != "live" or order.is_buy == is_buy or order.ahead_e6 is None:
                continue
            beyond = (order.price_e4 - traded.price_e4) * (1 if order.is_buy else -1)
            if beyond < 0:
                continue
            ahead = 0 if beyond else order.ahead_e6
            reached = max(0, left - ahead)
            order.ahead_e6 = 0 if beyond else max(0, ahead - left)
            self.changed = True
            shares = min(reached, order.left_e6)
            left -= shares  # the next of our orders is behind this one
            self._fill(order, [Piece(order.price_e4, shares)] if shares else [], now, is_maker=True)
        return left

    def _arrive(self, order: PaperOrder, now: int) -> None:
        """Let an order meet the book as it is now."""
        try:
            plan = self._accept(order, now)
        except Rejected as refusal:
            order.code, order.why = refusal.code, refusal.message
            self.end(order, "rejected")
            return
        order.status = "live"
        self._take(order, plan.pieces)
        self._fill(order, plan.pieces, now, is_maker=False)
        if order.kind not in RESTING and order.status == "live":
            order.left_e6 = 0
            self.end(order, "matched")
        elif order.status == "live":
            book = self.observed(order.token)
            order.ahead_e6 = None if book is None else displayed(book, order.is_buy, order.price_e4)
            self._tell(order)

    def _accept(self, order: PaperOrder, now: int) -> Plan:
        """Return what an order gets at once; raises Rejected as the venue would."""
        if order.token in self.state.resolved:
            raise Rejected("order-no-market", "the market has paid out")
        if order.drops_at is not None and order.drops_at <= now:
            raise Rejected("order-bad-expiry", "the order arrives after its time")
        book = self.observed(order.token)
        if book is None:
            raise Rejected("order-no-book", "the feed of this market has a gap")
        if book.tick_e4 and order.price_e4 % book.tick_e4:
            raise Rejected("order-off-tick", f"the tick is {book.tick_e4} e-4 now", tick_e4=book.tick_e4)
        wanted = _wanted(order)
        plan = walk(book, wanted, self._taken(order))
        if order.post_only and plan.pieces:
            raise Rejected("order-would-cross", "a post-only order would trade at once")
        none = not plan.pieces and order.kind is TimeInForce.FAK
        if none or (order.kind is TimeInForce.FOK and not is_whole(plan, wanted)):
            raise Rejected("order-not-filled", "the book has too little at this price")
        self._check_money(order, plan)
        return plan

    def _check_money(self, order: PaperOrder, plan: Plan) -> None:
        state = self.state
        if order.is_buy:
            fees = sum(self._fee(order, piece) for piece in plan.pieces)
            short = fees - state.free_cash()  # what the order itself needs is reserved already
        else:
            short = -state.free_shares(order.token)
        if short > 0:
            what = "dollars" if order.is_buy else "shares"
            raise Rejected("order-no-money", f"{short / 1e6:g} {what} are missing")

    def _rest(self, order: PaperOrder, now: int) -> None:
        """Fill a resting order as far as the book proves that the market traded through it."""
        book = self.observed(order.token)
        if book is None:
            self.changed = self.changed or order.ahead_e6 is not None
            order.ahead_e6 = None
            return
        shown = displayed(book, order.is_buy, order.price_e4)
        ahead = shown if order.ahead_e6 is None else min(order.ahead_e6, shown)
        self.changed = self.changed or ahead != order.ahead_e6
        order.ahead_e6 = ahead
        pieces = through(book, _wanted(order), self._taken(order))
        self._take(order, pieces)
        shares = sum(piece.shares_e6 for piece in pieces)
        self._fill(order, [Piece(order.price_e4, shares)] if shares else [], now, is_maker=True)

    def _fill(self, order: PaperOrder, pieces: Sequence[Piece], now: int, *, is_maker: bool) -> None:
        """Write down trades; an order with nothing left to trade is over."""
        for piece in pieces:
            cash = divide(piece.shares_e6 * piece.price_e4, ONE_PRICE, "up" if order.is_buy else "down")
            self.state.trades_made += 1
            trade = PaperTrade(
                trade_id=f"paper-{self.state.trades_made:08d}",
                order_id=order.order_id,
                token=order.token,
                is_buy=order.is_buy,
                price_e4=piece.price_e4,
                shares_e6=piece.shares_e6,
                cash_e6=cash,
                fee_e6=0 if is_maker else self._fee(order, piece),
                at=now,
                is_maker=is_maker,
            )
            self.state.add(trade)
            order.trade_ids.append(trade.trade_id)
            order.matched_e6 += piece.shares_e6
            order.left_e6 -= cash if order.budget else piece.shares_e6
            self._news.append(trade.report(now))
            self.changed = True
        if order.left_e6 <= 0:
            order.left_e6 = 0
            self.end(order, "matched")
        elif pieces and is_maker:
            self._tell(order)

    def _settle(self, now: int) -> None:
        state = self.state
        for name in list(state.going):
            trade = state.trades[name]
            if trade.settlement is Settlement.MATCHED and trade.at + _MINED <= now:
                state.settle(trade)
                self._news.append(trade.report(now))
                self.changed = True
            if trade.settlement is Settlement.MINED and trade.at + _CONFIRMED <= now:
                trade.settlement = Settlement.CONFIRMED
                state.going.remove(name)
                self._news.append(trade.report(now))
                self.changed = True

    def _lapse(self, now: int) -> None:
        """End orders whose time is over, and all of them when the heartbeats have stopped."""
        for order in self.open_orders():
            if order.status == "live" and order.drops_at is not None and order.drops_at <= now:
                self.end(order, "expired")
        if self.state.beat_at is not None and now - self.state.beat_at > _PATIENCE:
            self.state.beat_at = None
            self.changed = True
            for order in self.open_orders():
                self.end(order, "cancelled")

    def end(self, order: PaperOrder, status: str) -> None:
        """End an order."""
        order.status, order.ended_at = status, self.clock.now()
        self._tell(order)

    def _tell(self, order: PaperOrder) -> None:
        self._news.append(order.report(self.clock.now()))
        self.changed = True

    def commit(self) -> None:
        """Save first, then tell."""
        if not self.changed:
            return
        self.state.at = self.clock.now()
        self._store.save(write_state(self.state))
        self.changed = False
        news, self._news = self._news, []
        for event in news:
            for listen in self._listeners:
                listen(event)

    def open_orders(self) -> list[PaperOrder]:
        """Return the orders that are on their way or rest."""
        return [order for order in self.state.orders.values() if order.status in OPEN]

    def observed(self, token: str) -> BookSnapshot | None:
        """Return a book that may be traded on, None while it has a gap or is too old."""
        found = self._feed.book(token)
        if found is None or self.clock.now() - found.known_at > self.settings.max_book_age_s * SECOND:
            return None
        return found

    def _taken(self, order: PaperOrder) -> dict[int, int]:
        return self.state.taken.get(f"{order.token}/{side_of(order.is_buy)}", {})

    def _take(self, order: PaperOrder, pieces: Sequence[Piece]) -> None:
        """Take note of what an order has used up."""
        if not pieces:
            return
        levels = self.state.taken.setdefault(f"{order.token}/{side_of(order.is_buy)}", {})
        for piece in pieces:
            levels[piece.price_e4] = levels.get(piece.price_e4, 0) + piece.shares_e6

    def _age_levels(self) -> None:
        """Forget what was taken from levels that are no longer displayed."""
        for name, levels in list(self.state.taken.items()):
            token, _, side = name.rpartition("/")
            book = self.observed(token)
            kept = still_taken(book, side, levels) if book is not None else levels
            if len(kept) != len(levels):
                self.changed = True
                self.state.taken[name] = kept
            if not kept:
                del self.state.taken[name]

    @staticmethod
    def _fee(order: PaperOrder, piece: Piece) -> int:
        from edgeworth.engine.fees import taker_fee_e6  # compiled code, slow to load

        return int(taker_fee_e6(piece.shares_e6, piece.price_e4, order.fee_rate_e6, order.fee_exponent))


def _wanted(order: PaperOrder) -> Wanted:
    return Wanted(order.is_buy, order.price_e4, order.left_e6, order.budget)
