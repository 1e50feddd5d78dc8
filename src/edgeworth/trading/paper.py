"""Paper trading: the observed books answer as a venue would, and against us wherever that is open.

An order arrives after a latency and walks the book as it is then. What rests is filled behind the whole queue. Where
the feed of a market has a gap nothing is filled: an order that arrives is refused, one that rests loses its place.
Money moves two seconds after a match and is final after five, a market that resolves pays out, heartbeats that stop
cancel everything, and an order is known by its id for ever. Every change is saved before anyone hears of it, so a
restart goes on where the account stood. No key is ever needed here.
"""

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterator, Sequence
from typing import Final, Protocol

import msgspec

from edgeworth.core.book import BookSnapshot
from edgeworth.core.clock import Clock
from edgeworth.core.errors import Rejected
from edgeworth.core.orders import (
    AccountEvent,
    AccountSnapshot,
    ContinuityLost,
    FillReport,
    Holding,
    Intent,
    OrderReport,
    PreparedOrder,
    Settlement,
    TimeInForce,
)
from edgeworth.core.units import ONE_PRICE, ONE_USD, SECOND, Micros, SharesE6, UsdE6, divide
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
from edgeworth.venues.polymarket.order_amounts import EARLY, LARGEST_SALT, RESTING, amounts_of, stated_expiry

_MINED: Final = 2 * SECOND
_CONFIRMED: Final = 5 * SECOND
_PATIENCE: Final = 15 * SECOND  # between heartbeats
_OPEN: Final = frozenset({"arriving", "live"})


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


class _Body(msgspec.Struct, frozen=True):
    """What stands in the bytes of a paper order."""

    intent: Intent
    salt: int


class PaperVenue:
    """An `OrderVenue` of its own. Something must call `step` as time passes and books change, or run `run`."""

    name = "paper"

    def __init__(self, feed: PaperFeed, store: PaperStore, clock: Clock, settings: PaperSettings | None = None) -> None:
        self.clock, self.settings = clock, settings or PaperSettings()
        self._feed, self._store = feed, store
        saved = store.load()
        self.state = read_state(saved) if saved else PaperState(cash_e6=self.settings.deposit_e6)
        self._listeners: list[asyncio.Queue[AccountEvent]] = []
        self._news: list[AccountEvent] = []
        self._changed = not saved
        self._forgotten_at = clock.now()
        if saved:  # the books of the time in between were not seen
            for order in self.state.orders.values():
                order.ahead_e6 = None
        self._commit()

    # orders

    async def prepare(self, intent: Intent, salt: int) -> PreparedOrder:
        """Build and name; the same intent and salt give the same bytes. Raises Rejected order-* if illegal."""
        if not 0 < salt < LARGEST_SALT:
            raise Rejected("order-malformed", "a salt has 53 bits")
        amounts = amounts_of(intent)
        body = msgspec.json.encode(_Body(intent, salt))
        expiry = stated_expiry(intent)
        return PreparedOrder(
            order_id="0x" + hashlib.blake2b(body, digest_size=32, person=b"paper-order").hexdigest(),
            intent_id=intent.intent_id,
            body=body,
            maker_e6=amounts.maker_e6,
            taker_e6=amounts.taker_e6,
            salt=salt,
            expires_at=Micros(expiry * SECOND) if expiry else None,
        )

    async def submit(self, order: PreparedOrder) -> OrderReport:
        """Send the bytes; an order that is known answers as it stands. Raises Rejected order-* as the venue would."""
        known = self.state.orders.get(order.order_id)
        is_new = known is None
        if known is None:
            known = self._receive(order)
            self._commit()
        while known.status == "arriving":
            await self.clock.sleep(max(0.0, (known.arrives_at - self.clock.now()) / SECOND))
            self.step()
        if known.status == "rejected":
            raise Rejected(known.code, known.why, refused=True)
        report = known.report(self.clock.now())
        # the answer to an order that traded at once, wholly or in part, is `matched`
        return msgspec.structs.replace(report, status="matched") if is_new and report.matched_e6 else report

    async def cancel(self, order_ids: Sequence[str]) -> dict[str, str]:
        """Cancel what is still open once the request has arrived; returns "" or "gone" or "order not found"."""
        await self.clock.sleep(self.settings.latency_s)
        self.step()
        found = {}
        for name in dict.fromkeys(order_ids):
            order = self.state.orders.get(name)
            found[name] = "order not found" if order is None else "gone"
            if order is not None and order.status in _OPEN:
                self._end(order, "cancelled")
                found[name] = ""
        self._commit()
        return found

    async def cancel_all(self) -> dict[str, str]:
        """Cancel everything that is open."""
        return await self.cancel([order.order_id for order in self._open_orders()])

    # evidence

    async def order(self, order_id: str) -> OrderReport | None:
        """Look for one order; None says only that it is not active now."""
        self.step()
        found = self.state.orders.get(order_id)
        return found.report(self.clock.now()) if found is not None and found.status in _OPEN else None

    async def order_fills(self, order_id: str) -> list[FillReport]:
        """Look for the fills of one order, whatever their settlement."""
        self.step()
        now = self.clock.now()
        return [trade.report(now) for trade in self.state.trades.values() if trade.order_id == order_id]

    async def account(self, since: Micros) -> AccountSnapshot:
        """Take a complete snapshot, with fills since an instant."""
        self.step()
        now, state = self.clock.now(), self.state
        holdings = [(token, shares) for token, shares in state.holdings.items() if shares]
        return AccountSnapshot(
            taken_at=now,
            cash_e6=UsdE6(state.cash_e6),
            holdings=tuple(Holding(token=token, shares_e6=SharesE6(shares)) for token, shares in holdings),
            orders=tuple(order.report(now) for order in self._open_orders()),
            fills=tuple(trade.report(now) for trade in state.trades.values() if trade.at >= since),
            complete=state.trades_from == 0 or since >= state.trades_from,
        )

    async def books(self, tokens: Sequence[str]) -> list[BookSnapshot]:
        """Return the books that may be traded on; tokens without one are missing."""
        return [book for token in dict.fromkeys(tokens) if (book := self._book(token)) is not None]

    async def server_time(self) -> Micros:
        """Return this clock: there is no other."""
        return self.clock.now()

    # presence

    async def heartbeat(self) -> None:
        """Tell the venue that we live; once begun, it cancels everything fifteen seconds after the last one."""
        self.step()
        self.state.beat_at = self.clock.now()
        self._changed = True
        self._commit()

    async def events(self) -> AsyncIterator[AccountEvent]:
        """Follow own orders and fills as they happen; begins with `ContinuityLost`."""
        queue: asyncio.Queue[AccountEvent] = asyncio.Queue()
        self._listeners.append(queue)
        try:
            yield ContinuityLost(self.clock.now(), Micros(self.state.at))
            while True:
                yield await queue.get()
        finally:
            with contextlib.suppress(ValueError):
                self._listeners.remove(queue)

    # the world

    async def run(self) -> None:
        """Take steps as time passes; ends only when cancelled."""
        while True:
            self.step()
            await self.clock.sleep(self.settings.step_s)

    def step(self) -> None:
        """Let everything due happen: arrivals, settlements, expiries, a missed heartbeat, fills of what rests."""
        now = self.clock.now()
        self._settle(now)
        self._lapse(now)
        for order in [order for order in self.state.orders.values() if order.status == "arriving"]:
            if order.arrives_at <= now:
                self._arrive(order, now)
        self._age_levels()
        for order in self._open_orders():
            if order.status == "live":
                self._rest(order, now)
        if now - self._forgotten_at > FORGOTTEN:
            self._forgotten_at = now
            self.state.forget(now)
        self._commit()

    def printed(self, token: str, price_e4: int, shares_e6: int, *, is_buy: bool, other: str = "") -> None:
        """Take note of a public trade in a token's own terms, `is_buy` the taker's side: it uses up the queue.

        `other` is the market's other token, where the same trade is one of the opposite side at a dollar less.
        """
        left = self._reach(token, Piece(price_e4, shares_e6), is_buy=is_buy)
        if other:
            self._reach(other, Piece(ONE_PRICE - price_e4, left), is_buy=not is_buy)
        self._commit()

    def resolve(self, token: str, payout_e4: int) -> None:
        """Take note that a token has paid out: its orders are cancelled, its shares become dollars."""
        if token in self.state.resolved:
            return
        for order in self._open_orders():
            if order.token == token:
                self._end(order, "cancelled")
        self.state.resolved[token] = payout_e4
        self.state.pay_out(token)
        self._changed = True
        self._commit()

    # inside

    def _reach(self, token: str, traded: Piece, *, is_buy: bool) -> int:
        """Let a trade use up queues and fill what stood in its way; returns the shares that are left of it."""
        now, left = self.clock.now(), traded.shares_e6
        for order in self._open_orders():
            if order.token != token or order.status != "live" or order.is_buy == is_buy or order.ahead_e6 is None:
                continue
            beyond = (order.price_e4 - traded.price_e4) * (1 if order.is_buy else -1)
            if beyond < 0:
                continue
            ahead = 0 if beyond else order.ahead_e6
            reached = max(0, left - ahead)
            order.ahead_e6 = 0 if beyond else max(0, ahead - left)
            self._changed = True
            shares = min(reached, order.left_e6)
            left -= shares  # the next of our orders is behind this one
            self._fill(order, [Piece(order.price_e4, shares)] if shares else [], now, is_maker=True)
        return left

    def _receive(self, order: PreparedOrder) -> PaperOrder:
        """Write an order down as on its way."""
        intent, now = _intent_of(order), self.clock.now()
        if intent.created_at < now - FORGOTTEN:
            raise Rejected("order-bad-expiry", "the order is older than the venue's memory", refused=True)
        budget = intent.is_buy and intent.time_in_force not in RESTING
        instrument = intent.instrument
        shares = order.taker_e6 if intent.is_buy else order.maker_e6
        made = PaperOrder(
            order_id=order.order_id,
            token=instrument.token,
            is_buy=intent.is_buy,
            price_e4=intent.price_e4,
            size_e6=shares,
            left_e6=order.maker_e6 if budget else shares,
            kind=intent.time_in_force,
            created_at=intent.created_at,
            arrives_at=now + round(self.settings.latency_s * SECOND),
            fee_rate_e6=instrument.fee_rate_e6,
            fee_exponent=instrument.fee_exponent_e6 // 1_000_000,
            budget=budget,
            post_only=intent.post_only,
            drops_at=None if order.expires_at is None else order.expires_at - EARLY,
        )
        self.state.orders[made.order_id] = made
        self._changed = True
        return made

    def _arrive(self, order: PaperOrder, now: int) -> None:
        """Let an order meet the book as it is now."""
        try:
            plan = self._accept(order, now)
        except Rejected as refusal:
            order.code, order.why = refusal.code, refusal.message
            self._end(order, "rejected")
            return
        order.status = "live"
        self._take(order, plan.pieces)
        self._fill(order, plan.pieces, now, is_maker=False)
        if order.kind not in RESTING and order.status == "live":
            order.left_e6 = 0
            self._end(order, "matched")
        elif order.status == "live":
            book = self._book(order.token)
            order.ahead_e6 = None if book is None else displayed(book, order.is_buy, order.price_e4)
            self._tell(order)

    def _accept(self, order: PaperOrder, now: int) -> Plan:
        """Return what an order gets at once; raises Rejected as the venue would."""
        if order.token in self.state.resolved:
            raise Rejected("order-no-market", "the market has paid out")
        if order.drops_at is not None and order.drops_at <= now:
            raise Rejected("order-bad-expiry", "the order arrives after its time")
        book = self._book(order.token)
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
        book = self._book(order.token)
        if book is None:
            self._changed = self._changed or order.ahead_e6 is not None
            order.ahead_e6 = None
            return
        shown = displayed(book, order.is_buy, order.price_e4)
        ahead = shown if order.ahead_e6 is None else min(order.ahead_e6, shown)
        self._changed = self._changed or ahead != order.ahead_e6
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
            self.state.trades[trade.trade_id] = trade
            order.trade_ids.append(trade.trade_id)
            order.matched_e6 += piece.shares_e6
            order.left_e6 -= cash if order.budget else piece.shares_e6
            self._news.append(trade.report(now))
            self._changed = True
        if order.left_e6 <= 0:
            order.left_e6 = 0
            self._end(order, "matched")
        elif pieces and is_maker:
            self._tell(order)

    def _settle(self, now: int) -> None:
        for trade in self.state.trades.values():
            steps = trade.settlement
            if trade.settlement is Settlement.MATCHED and trade.at + _MINED <= now:
                self.state.settle(trade)
                self._news.append(trade.report(now))
            if trade.settlement is Settlement.MINED and trade.at + _CONFIRMED <= now:
                trade.settlement = Settlement.CONFIRMED
                self._news.append(trade.report(now))
            self._changed = self._changed or steps is not trade.settlement

    def _lapse(self, now: int) -> None:
        """End orders whose time is over, and all of them when the heartbeats have stopped."""
        for order in self._open_orders():
            if order.status == "live" and order.drops_at is not None and order.drops_at <= now:
                self._end(order, "expired")
        if self.state.beat_at is not None and now - self.state.beat_at > _PATIENCE:
            self.state.beat_at = None
            self._changed = True
            for order in self._open_orders():
                self._end(order, "cancelled")

    def _end(self, order: PaperOrder, status: str) -> None:
        order.status, order.ended_at = status, self.clock.now()
        self._tell(order)

    def _tell(self, order: PaperOrder) -> None:
        self._news.append(order.report(self.clock.now()))
        self._changed = True

    def _commit(self) -> None:
        """Save first, then tell."""
        if not self._changed:
            return
        self.state.at = self.clock.now()
        self._store.save(write_state(self.state))
        self._changed = False
        news, self._news = self._news, []
        for event in news:
            for queue in self._listeners:
                queue.put_nowait(event)

    def _open_orders(self) -> list[PaperOrder]:
        return [order for order in self.state.orders.values() if order.status in _OPEN]

    def _book(self, token: str) -> BookSnapshot | None:
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
            book = self._book(token)
            kept = still_taken(book, side, levels) if book is not None else levels
            if len(kept) != len(levels):
                self._changed = True
                self.state.taken[name] = kept
            if not kept:
                del self.state.taken[name]

    @staticmethod
    def _fee(order: PaperOrder, piece: Piece) -> int:
        from edgeworth.engine.fees import taker_fee_e6  # compiled code, slow to load

        return int(taker_fee_e6(piece.shares_e6, piece.price_e4, order.fee_rate_e6, order.fee_exponent))


def _wanted(order: PaperOrder) -> Wanted:
    return Wanted(order.is_buy, order.price_e4, order.left_e6, order.budget)


def _intent_of(order: PreparedOrder) -> Intent:
    try:
        return msgspec.json.decode(order.body, type=_Body).intent
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise Rejected("order-malformed", "these bytes are no paper order", refused=True) from error
