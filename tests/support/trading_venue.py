"""A model of a venue that loses, repeats, delays and reorders whatever a real one may, drawn from a seed.

It is the judge of order handling and shares no code with it: `ModelVenue` is the outside world with its own accounts in
integers and survives every crash; a `Connection` is one process's end of the wire and dies with the process. A request
that has left arrives, whatever became of its sender. Shares move in steps in which every product is exact.
"""

import asyncio
import hashlib
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec

from edgeworth.core.clock import VirtualClock
from edgeworth.core.errors import Rejected
from edgeworth.core.orders import (
    AccountEvent,
    FillReport,
    Instrument,
    Intent,
    OrderReport,
    Settlement,
)

SECOND = 1_000_000
STEP = 10_000  # 0.01 share
DUST = 100  # what a filled order may be short of is a multiple of this, below one step
EARLY = 60 * SECOND  # a GTD order is dropped that long before its stated end
DEADLINE = 15.0  # seconds without a heartbeat
SLOWEST_INDEX = 25.0  # seconds until every trade is in the lists


@dataclass(frozen=True)
class Faults:
    """How often what happens; the first six divide the fate of one submission among them."""

    lost: float = 0.06
    late: float = 0.05  # arrives after the client has given up
    restarting: float = 0.03  # 425, and now and then it was taken all the same
    limited: float = 0.03
    response_lost: float = 0.08
    server_error: float = 0.06  # accepted, then a 500
    refused: float = 0.03
    delayed: float = 0.04
    failed: float = 0.04
    retrying: float = 0.08
    crossing: float = 0.3
    event_dropped: float = 0.03
    event_twice: float = 0.08
    event_late: float = 0.08
    read_fails: float = 0.05
    incomplete: float = 0.2
    stale: float = 0.05
    cancel_fails: float = 0.12
    heartbeat_fails: float = 0.02


class Wire(msgspec.Struct, frozen=True):
    """What stands in the bytes of an order."""

    intent: str
    token: str
    buy: bool
    price_e4: int
    shares_e6: int
    kind: str
    post_only: bool
    expires_at: int | None
    salt: int
    fee_rate_e6: int
    stamp: int


@dataclass(eq=False)
class Order:
    """One order the venue has accepted."""

    id: str
    wire: Wire
    accepted_at: int
    matched: int = 0
    failed: int = 0
    status: str = "live"
    changed_at: int = 0
    trades: list["Trade"] = field(default_factory=list)

    @property
    def open(self) -> bool:
        return self.status in {"live", "delayed"}

    @property
    def rest(self) -> int:
        return self.wire.shares_e6 - self.matched if self.open else 0


@dataclass(eq=False)
class Trade:
    """One trade with the parts our orders have in it: (order, shares, fee), each at one price."""

    id: str
    price_e4: int
    parts: list[tuple[Order, int, int]]
    maker: bool
    at: int
    visible_at: int
    transaction: str
    settlement: Settlement = Settlement.MATCHED
    before: Settlement = Settlement.MATCHED  # what a lagging replica still shows
    changed_at: int = 0


def cash_of(price_e4: int, shares_e6: int) -> int:
    """Return the dollars of a trade, exact by construction."""
    product, rest = divmod(price_e4 * shares_e6, 10_000)
    if rest:
        raise ArithmeticError("the model trades in exact products only")
    return product


class Channel(Protocol):
    """Somebody's feed of his own orders."""

    def send(self, event: AccountEvent) -> None:
        """Tell of something, or lose it."""


class ModelVenue:
    """The outside world: one account, its orders and trades, and what has gone wrong for its owner."""

    def __init__(self, clock: VirtualClock, seed: int, *, cash_e6: int, shares: dict[str, int], faults: Faults) -> None:
        self.clock, self.faults = clock, faults
        self.random = random.Random(f"venue/{seed}")
        self.cash, self.shares = cash_e6, dict(shares)
        self.orders: dict[str, Order] = {}
        self.trades: list[Trade] = []
        self.bodies: dict[str, bytes] = {}
        self.wanted: dict[str, Intent] = {}
        self.log = hashlib.blake2b(digest_size=16)
        self.violations: list[str] = []
        self.known: Callable[[str], bool] = lambda _order_id: True  # does the owner have a durable row of it?
        self.taken: Callable[[Order], None] = lambda _order: None
        self.silent: Callable[[], bool] = lambda: False  # has the owner durably sworn to send nothing?
        self.submissions = self.accepted = 0
        self.outside: list[FillReport] = []
        self.meddled = False
        self.payouts: dict[str, int] = {}
        self.slow: set[str] = set()  # intents that take long to sign
        self.under_way: set[str] = set()  # orders whose first bytes have not arrived yet
        self.deafness: tuple[int, int] | None = None
        self._money: list[tuple[int, int, dict[str, int]]] = [(int(clock.now()), cash_e6, dict(shares))]
        self._subscribers: list[Channel] = []
        self._beat: int | None = None
        self._windows: list[tuple[int, int, str]] = []
        self._names = 0

    @property
    def now(self) -> int:
        return int(self.clock.now())

    def later(self, seconds: float, call: Callable[..., Any], *arguments: Any) -> None:
        """Let something happen in the world, whoever lives then."""
        asyncio.get_running_loop().call_later(seconds, call, *arguments)

    def restart_engine(self, begin: float, kinds: Iterable[tuple[str, float]]) -> None:
        """Plan what the engine answers from `begin` seconds on: one kind after another, each so many seconds long."""
        at = self.now + round(begin * SECOND)
        for kind, seconds in kinds:
            self._windows.append((at, at + round(seconds * SECOND), kind))
            at += round(seconds * SECOND)

    def mode(self) -> str:
        """Return running, restarting, post-only, cancel-only, disabled or paused."""
        now = self.now
        return next((kind for begin, end, kind in self._windows if begin <= now < end), "running")

    def closed_seconds(self) -> float:
        """Return for how long, so far, the engine has refused cancels."""
        now, closed = self.now, [w for w in self._windows if w[2] in {"restarting", "disabled"}]
        return sum(max(0, min(end, now) - begin) for begin, end, _ in closed) / SECOND

    def note(self, *words: Any) -> None:
        """Put what happened into the trace."""
        self.log.update(f"{self.now} {words}\n".encode())

    def name(self, kind: str) -> str:
        self._names += 1
        return f"{kind}-{self._names}"

    def blame(self, text: str) -> None:
        """Write a broken promise down."""
        self.violations.append(f"{(self.now - self._money[0][0]) / SECOND:.3f}s {text}")

    # --- orders ---------------------------------------------------------------------------------------------------

    def accept(self, order_id: str, body: bytes) -> OrderReport:
        """Take an order in, or raise what the venue would say."""
        wire = msgspec.json.decode(body, type=Wire)
        if wire.expires_at is not None and wire.expires_at - EARLY <= self.now:
            raise Rejected("venue-refused", "invalid expiration")
        # a repetition that overtakes its first sending is refused more often than chance would have it
        unlucky = 0.7 if order_id in self.under_way else self.faults.refused
        if self.mode() == "paused" or self.random.random() < unlucky:
            raise Rejected("venue-refused", "the market is not yet ready to process new orders")
        found = self.orders.get(order_id)
        if found is not None:
            if self.bodies[order_id] != body:
                self.blame(f"other bytes under the id {order_id}")
            return self._twice(found)
        self._check(wire)
        order = Order(order_id, wire, self.now, changed_at=self.now)
        self.orders[order_id], self.bodies[order_id] = order, body
        self.accepted += 1
        self.note("accepted", order_id, wire.intent)
        self.later(120.0, self._orphan, order_id)
        if wire.expires_at is not None:
            self.later((wire.expires_at - EARLY - self.now) / SECOND, self._expire, order)
        if self.random.random() < self.faults.delayed and wire.kind in {"GTC", "GTD"}:
            order.status = "delayed"
            self.later(self.random.uniform(1, 4), self._undelay, order)
        else:
            self._match(order)
        self.judge(wire.intent)
        self.taken(order)
        self.publish_order(order)
        return self.report(order)

    def _twice(self, order: Order) -> OrderReport:
        """Answer the same bytes again: it is a duplicate, or filled or cancelled; what became of it is not said."""
        roll = 0.0 if order.open else self.random.random()
        if roll < 0.4:
            return self.report(order)
        if roll < 0.6:
            raise Rejected("venue-refused", "order filled or cancelled")
        return msgspec.structs.replace(self.report(order), status="delayed", matched_e6=0, trade_ids=())

    def _check(self, wire: Wire) -> None:
        if wire.buy:
            if self.free_cash() < cash_of(wire.price_e4, wire.shares_e6) + _fee(wire, wire.price_e4, wire.shares_e6):
                raise Rejected("venue-refused", "not enough balance / allowance")
        elif self.free_shares(wire.token) < wire.shares_e6:
            raise Rejected("venue-refused", "not enough balance / allowance")
        if wire.post_only and self.random.random() < self.faults.crossing / 2:
            raise Rejected("venue-refused", "invalid post-only order: order crosses book")

    def free_cash(self) -> int:
        """Return the dollars that back no open order and no trade under way."""
        used = 0
        for order in self.orders.values():
            if order.wire.buy:
                used += cash_of(order.wire.price_e4, order.rest // STEP * STEP)
                used += sum(
                    cash_of(t.price_e4, s) + f for t in order.trades if _pending(t) for o, s, f in t.parts if o is order
                )
        return self.cash - used

    def free_shares(self, token: str) -> int:
        """Return the shares that back no open order and no trade under way."""
        used = 0
        for order in self.orders.values():
            if not order.wire.buy and order.wire.token == token:
                used += order.rest
                used += sum(s for t in order.trades if _pending(t) for o, s, _ in t.parts if o is order)
        return self.shares.get(token, 0) - used

    def _undelay(self, order: Order) -> None:
        if order.status == "delayed":
            order.status = "live"
            self._match(order, 0.7)
            if order.status == "live" and self.random.random() < 0.15:
                order.status = "unmatched"
            self._changed(order)

    def _match(self, order: Order, crossing: float | None = None) -> None:
        """Fill what crosses at once, let the rest lie, plan who comes for it."""
        wire, draw = order.wire, self.random
        crosses = not wire.post_only and draw.random() < (self.faults.crossing if crossing is None else crossing)
        if wire.kind in {"FAK", "FOK"}:
            crosses = draw.random() < 0.8
        if not crosses and wire.kind in {"FAK", "FOK"}:
            del self.orders[order.id]
            raise Rejected("venue-refused", "no orders found to match with FAK order.")
        if crosses:
            share = 1.0 if wire.kind == "FOK" or draw.random() < 0.5 else draw.uniform(0.1, 0.9)
            self._take(order, max(STEP, int(wire.shares_e6 * share) // STEP * STEP))
        if order.status != "live":
            return
        if wire.kind in {"FAK", "FOK"}:
            order.status = "cancelled"
            return
        for _ in range(draw.choice((0, 0, 1, 1, 2))):
            self.later(draw.expovariate(1 / 40), self._make, order)

    def _take(self, order: Order, shares: int) -> None:
        """Trade as the taker: one or two trades in one transaction, at the limit or better."""
        wire, draw = order.wire, self.random
        transaction = self.name("0xtx")
        first = shares if draw.random() < 0.6 else max(STEP, shares // 2 // STEP * STEP)
        for part in (first, shares - first):
            if part > 0:
                better = 100 * draw.choice((0, 0, 1, 2))
                price = max(100, wire.price_e4 - better) if wire.buy else min(9_900, wire.price_e4 + better)
                self._trade(price, [(order, part, _fee(wire, price, part))], False, transaction)

    def _make(self, order: Order) -> None:
        """Somebody takes a part of a resting order, and now and then of a second one of ours in the same trade."""
        if order.status != "live":
            return
        draw = self.random
        parts = [(order, self._bite(order), 0)]
        for other in self.orders.values():
            same = other.wire.token == order.wire.token and other.wire.buy == order.wire.buy
            if other is not order and same and other.status == "live" and other.wire.price_e4 == order.wire.price_e4:
                parts.append((other, self._bite(other), 0))
                break
        self._trade(order.wire.price_e4, parts, True, self.name("0xtx"))
        for filled, _, _ in parts:
            self._changed(filled)
        if order.status == "live" and draw.random() < 0.5:
            self.later(draw.expovariate(1 / 20), self._make, order)

    def _bite(self, order: Order) -> int:
        draw = self.random.random()
        if draw < 0.35:
            return order.rest
        if draw < 0.45 and order.rest > STEP:
            return order.rest - DUST * self.random.randrange(1, 100)  # dust stays, the order is done all the same
        return max(min(order.rest, STEP), int(order.rest * draw) // STEP * STEP)

    def _trade(self, price: int, parts: list[tuple[Order, int, int]], maker: bool, transaction: str) -> None:
        draw, faults = self.random, self.faults
        lag = draw.uniform(0, 1) if draw.random() < 0.75 else draw.uniform(1, SLOWEST_INDEX - 5)
        visible = self.now + round(lag * SECOND)
        trade = Trade(self.name("trade"), price, parts, maker, self.now, visible, transaction, changed_at=self.now)
        self.trades.append(trade)
        for order, shares, _ in parts:
            order.trades.append(trade)
            order.matched += shares
            if order.matched > order.wire.shares_e6:
                raise ArithmeticError("the model filled more than there was")
            if order.wire.shares_e6 - order.matched < STEP:
                order.status = "matched"
        self.note("trade", trade.id, price, [(order.id, shares) for order, shares, _ in parts])
        mined = draw.uniform(1, 6) if draw.random() < 0.9 else draw.uniform(10, 45)
        roll, steps = draw.random(), [(mined, Settlement.MINED), (draw.uniform(1, 5), Settlement.CONFIRMED)]
        if roll < faults.failed / 2:
            steps = [(mined, Settlement.FAILED)]
        elif roll < faults.failed:
            steps = [(mined, Settlement.RETRYING), (draw.uniform(1, 20), Settlement.FAILED)]
        elif roll < faults.failed + faults.retrying:
            steps = [(mined, Settlement.RETRYING), (draw.uniform(1, 20), Settlement.MINED), steps[1]]
        self._publish_trade(trade)
        self._settle_next(trade, steps)

    def _settle_next(self, trade: Trade, steps: list[tuple[float, Settlement]]) -> None:
        if steps:
            self.later(steps[0][0], self._settle, trade, steps[0][1], steps[1:])

    def _settle(self, trade: Trade, settlement: Settlement, steps: list[tuple[float, Settlement]]) -> None:
        trade.before, trade.settlement, trade.changed_at = trade.settlement, settlement, self.now
        self.note("settled", trade.id, settlement.value)
        for order, shares, fee in trade.parts:
            if settlement is Settlement.MINED:
                sign = 1 if order.wire.buy else -1
                self.cash -= sign * cash_of(trade.price_e4, shares) + fee
                self.shares[order.wire.token] = self.shares.get(order.wire.token, 0) + sign * shares
            elif settlement is Settlement.FAILED:
                order.failed += shares
        if settlement is Settlement.MINED:
            self._moved()
        self._publish_trade(trade)
        self._settle_next(trade, steps)

    def _moved(self) -> None:
        if self.cash < 0 or min(self.shares.values(), default=0) < 0:
            self.blame("the account is below zero")
        self._money.append((self.now, self.cash, dict(self.shares)))

    def _expire(self, order: Order) -> None:
        if order.open:
            order.status = "expired" if self.random.random() < 0.5 else "cancelled"
            self._changed(order)

    def drop(self, order: Order) -> bool:
        """Cancel one order; False when it was gone."""
        if not order.open:
            return False
        order.status = "cancelled"
        self._changed(order)
        return True

    def _changed(self, order: Order) -> None:
        order.changed_at = self.now
        self.note(order.status, order.id, order.matched)
        self.publish_order(order)

    # --- promises -------------------------------------------------------------------------------------------------

    def judge(self, intent_id: str) -> None:
        """Blame whoever has more at the venue than was wanted."""
        intent = self.wanted[intent_id]
        mine = [order for order in self.orders.values() if order.wire.intent == intent_id]
        exposure = sum(order.matched - order.failed + order.rest for order in mine)
        if exposure > intent.shares_e6 or len(mine) > 1:
            self.blame(f"exposure {exposure} above intent {intent_id} of {intent.shares_e6}, {len(mine)} orders")

    def _orphan(self, order_id: str) -> None:
        if order_id in self.orders and not self.known(order_id):
            self.blame(f"nobody knows the order {order_id}")

    def at_rest(self) -> bool:
        """Return whether nothing is open and every trade is final and listed."""
        final = {Settlement.CONFIRMED, Settlement.FAILED}
        settled = all(t.settlement in final and t.visible_at <= self.now for t in self.trades)
        return settled and not any(order.open for order in self.orders.values())

    # --- what others do -------------------------------------------------------------------------------------------

    def deposit(self, amount: int) -> None:
        """Bring money in without telling anyone."""
        self.cash, self.meddled = self.cash + amount, True
        self._moved()

    def trade_elsewhere(self, token: str, price: int, shares: int) -> None:
        """Buy by hand, past the bot."""
        self.cash, self.meddled = self.cash - cash_of(price, shares), True
        self.shares[token] = self.shares.get(token, 0) + shares
        stamp = self.now
        fill = FillReport(
            trade_id=self.name("trade"), order_id=self.name("0xforeign"), token=token, is_buy=True, price_e4=price,
            shares_e6=shares, fee_e6=0, settlement=Settlement.CONFIRMED, event_time=stamp, known_at=stamp,
        )  # fmt: skip
        self.outside.append(fill)
        self._moved()

    def split(self, yes: str, no: str, shares: int) -> None:
        """Turn dollars into both legs of a market by hand; negative shares: turn them back."""
        if min(self.cash - shares, self.free_shares(yes) + shares, self.free_shares(no) + shares) >= 0:
            self.cash, self.meddled = self.cash - shares, True
            for token in (yes, no):
                self.shares[token] = self.shares.get(token, 0) + shares
            self._moved()

    def pay_out(self, token: str, payout_e4: int) -> None:
        """Redeem all shares of a token whose market has ended, by hand."""
        self.cash += cash_of(payout_e4, self.shares.get(token, 0))
        self.shares[token], self.payouts[token], self.meddled = 0, payout_e4, True
        self._moved()

    def deaf(self) -> bool:
        """Tell whether heartbeats are not heard at present."""
        return self.deafness is not None and self.deafness[0] <= self.now < self.deafness[1]

    def beat(self) -> None:
        """Hear that the owner lives."""
        self._beat = self.now
        self.later(DEADLINE, self._dead, self.now)

    def _dead(self, beat: int) -> None:
        if self._beat == beat:
            self._beat = None
            for order in list(self.orders.values()):
                self.drop(order)

    # --- what is said ---------------------------------------------------------------------------------------------

    def report(self, order: Order) -> OrderReport:
        """Say what an order is now."""
        wire = order.wire
        return OrderReport(
            order_id=order.id, status=order.status, token=wire.token, is_buy=wire.buy, price_e4=wire.price_e4,
            size_e6=wire.shares_e6, matched_e6=order.matched, event_time=order.changed_at, known_at=self.now,
            trade_ids=tuple(trade.id for trade in order.trades),
        )  # fmt: skip

    def fills(self, trade: Trade, settlement: Settlement | None = None) -> list[FillReport]:
        """Say what our parts in a trade are."""
        return [
            FillReport(
                trade_id=trade.id, order_id=order.id, token=order.wire.token, is_buy=order.wire.buy,
                price_e4=trade.price_e4, shares_e6=shares, fee_e6=fee, settlement=settlement or trade.settlement,
                event_time=trade.at, known_at=self.now, is_maker=trade.maker, transaction=trade.transaction,
            )
            for order, shares, fee in trade.parts
        ]  # fmt: skip

    def listed(self, trades: Iterable[Trade]) -> list[FillReport]:
        """Say what the trade lists say: late, some pages twice, some steps behind, in any order."""
        draw, found = self.random, []
        for trade in trades:
            if trade.visible_at <= self.now:
                lags = trade.changed_at > self.now - 3 * SECOND and draw.random() < 0.3
                found += self.fills(trade, trade.before if lags else None)
                if draw.random() < 0.15:
                    found += self.fills(trade, trade.before if draw.random() < 0.5 else None)
        if draw.random() < 0.5:
            draw.shuffle(found)
        return found

    def money(self, age: float) -> tuple[int, dict[str, int]]:
        """Say what was in the account some seconds ago."""
        limit = self.now - round(age * SECOND)
        known = [entry for entry in self._money if entry[0] <= limit] or self._money[:1]
        return known[-1][1], known[-1][2]

    def publish_order(self, order: Order) -> None:
        for channel in self._subscribers:
            channel.send(self.report(order))

    def _publish_trade(self, trade: Trade) -> None:
        for channel in self._subscribers:
            for fill in self.fills(trade):
                channel.send(fill)

    def subscribe(self, channel: "Channel") -> None:
        self._subscribers.append(channel)

    def unsubscribe(self, channel: "Channel") -> None:
        if channel in self._subscribers:
            self._subscribers.remove(channel)


def _pending(trade: Trade) -> bool:
    return trade.settlement in {Settlement.MATCHED, Settlement.RETRYING}


def _fee(wire: Wire, price_e4: int, shares_e6: int) -> int:
    """Return the taker's fee in 1e-6 dollars: rate x p x (1 - p) per share, rounded up to 0.00001 dollars."""
    exact = shares_e6 * wire.fee_rate_e6 * price_e4 * (10_000 - price_e4)
    return -(-exact // (10**14 * 10)) * 10


def instruments() -> list[Instrument]:
    """Return the tokens of two markets, one of them with a taker's fee."""
    return [
        Instrument(market_no=1, condition="0xc1", token="1001", is_yes=True, tick_e4=100, min_size_e6=5_000_000),
        Instrument(market_no=1, condition="0xc1", token="1002", is_yes=False, tick_e4=100, min_size_e6=5_000_000),
        Instrument(market_no=2, condition="0xc2", token="2001", is_yes=True, tick_e4=100, min_size_e6=5_000_000, fee_rate_e6=40_000),
    ]  # fmt: skip
