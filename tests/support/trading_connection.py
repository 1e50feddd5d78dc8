"""One process's end of the wire to the model venue: what gets lost, delayed, repeated and misunderstood on the way."""

import asyncio
import functools
import hashlib
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import msgspec

from edgeworth.core.book import BookSnapshot
from edgeworth.core.errors import Retryable, Unknown, VenueError
from edgeworth.core.orders import (
    AccountEvent,
    AccountSnapshot,
    ContinuityLost,
    FillReport,
    Holding,
    Intent,
    OrderReport,
    PreparedOrder,
    TimeInForce,
)
from tests.support.trading_venue import ModelVenue, Wire, cash_of

SECOND = 1_000_000
TIMEOUT = 5.0  # seconds until a client gives a request up
PULSE = 10  # seconds: orders must not leave without a younger heartbeat


class UserChannel:
    """One process's feed of its own orders: drops, repeats, delays; some gaps it admits, some it does not."""

    def __init__(self, venue: ModelVenue) -> None:
        self.venue, self.queue, self.open = venue, asyncio.Queue[AccountEvent](), True
        self.deaf_since: int | None = None
        self.queue.put_nowait(ContinuityLost(venue.clock.now(), venue.clock.now()))
        self.frozen = (0, 0)
        if venue.random.random() < 0.3:
            venue.later(venue.random.uniform(1, 90), self._break)
        if venue.random.random() < 0.3:  # the socket answers every ping and says nothing
            begin = venue.now + round(venue.random.uniform(0, 60) * SECOND)
            self.frozen = begin, begin + round(venue.random.uniform(20, 90) * SECOND)

    def send(self, event: AccountEvent) -> None:
        draw, faults = self.venue.random, self.venue.faults
        for _ in range(2 if draw.random() < faults.event_twice else 1):
            if draw.random() >= faults.event_dropped:
                late = draw.random() < faults.event_late
                self.venue.later(draw.uniform(1, 20) if late else draw.uniform(0.01, 0.4), self._arrive, event)

    def _arrive(self, event: AccountEvent) -> None:
        begin, end = self.frozen
        if self.open and self.deaf_since is None and not begin <= self.venue.now < end:
            if not isinstance(event, ContinuityLost):
                event = msgspec.structs.replace(event, known_at=self.venue.clock.now())
            self.queue.put_nowait(event)

    def _break(self) -> None:
        self.deaf_since = self.venue.now
        self.venue.later(self.venue.random.uniform(0.5, 15), self._mend)

    def _mend(self) -> None:
        since, self.deaf_since = self.deaf_since, None
        if self.open and since is not None:
            self.queue.put_nowait(ContinuityLost(self.venue.clock.now(), since))


class Connection:
    """One process's access to the venue; `cut` ends it, and whoever calls it afterwards gets what the process died of."""

    name = "paper"

    def __init__(self, venue: ModelVenue) -> None:
        self.venue = venue
        self.dead: BaseException | None = None
        self._pulse: int | None = None  # when the last answered heartbeat left; None after a loss
        self._lost = False
        self._agreed = False  # whether a complete account was asked for and read since the start or the last loss

    def cut(self, cause: BaseException) -> None:
        """End the process."""
        self.dead = cause

    def _alive(self) -> None:
        if self.dead is not None:
            raise self.dead

    async def _ask(self, work: Callable[[], Any], *, slow: float = 0.0) -> Any:
        """Send a request, let the venue work when it arrives, hand back the answer; the venue works in any case."""
        self._alive()
        draw, venue = self.venue.random, self.venue
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

        def answer(result: Any, error: BaseException | None) -> None:
            if not future.done():
                if error is None:
                    future.set_result(result)
                else:
                    future.set_exception(error)

        def arrive() -> None:
            try:
                result, error = work(), None
            except VenueError as problem:
                result, error = None, problem
            venue.later(draw.uniform(0.01, 0.2), answer, result, error)

        venue.later(draw.uniform(0.01, 0.2) + slow, arrive)
        result = await future
        self._alive()
        return result

    async def _silence(self, work: Callable[[], Any] | None, after: float = 0.1) -> None:
        """Time out, whether or not the venue does the work in the end."""
        self._alive()
        if work is not None:
            self.venue.later(after, _quietly, work)
        await self.venue.clock.sleep(TIMEOUT)
        self._alive()
        raise Unknown("venue-timeout", "no answer")

    async def prepare(self, intent: Intent, salt: int) -> PreparedOrder:
        self._alive()
        self.venue.wanted[intent.intent_id] = intent
        slow = intent.intent_id in self.venue.slow or self.venue.random.random() < 0.1  # the signer has a queue
        await self.venue.clock.sleep(self.venue.random.uniform(2, 8) if slow else 0.001)
        self._alive()
        item = intent.instrument
        wire = Wire(
            intent.intent_id, item.token, intent.is_buy, intent.price_e4, intent.shares_e6,
            intent.time_in_force.value, intent.post_only,
            intent.expires_at if intent.time_in_force is TimeInForce.GTD else None, salt, item.fee_rate_e6, intent.created_at,
        )  # fmt: skip
        body = msgspec.json.encode(wire)
        dollars = cash_of(intent.price_e4, intent.shares_e6)
        gives, gets = (dollars, intent.shares_e6) if intent.is_buy else (intent.shares_e6, dollars)
        return PreparedOrder(
            order_id="0x" + hashlib.blake2b(body, digest_size=16).hexdigest(), intent_id=intent.intent_id, body=body,
            maker_e6=gives, taker_e6=gets, salt=salt, expires_at=wire.expires_at,
        )  # fmt: skip

    async def submit(self, order: PreparedOrder) -> OrderReport:
        self._alive()
        venue, faults = self.venue, self.venue.faults
        venue.submissions += 1
        venue.note("submit", order.order_id)
        if venue.silent():
            venue.blame(f"{order.order_id} left although nothing may leave")
        if self._pulse is None or venue.now - self._pulse > PULSE * SECOND or not self._agreed:
            venue.blame(f"{order.order_id} left without a heartbeat")
        roll = venue.random.random()
        work = functools.partial(self._accept, order)
        for chance, fate in (
            (faults.lost, "lost"), (faults.late, "late"), (faults.restarting, "restarting"),
            (faults.limited, "limited"), (faults.response_lost, "response lost"), (faults.server_error, "error"),
        ):  # fmt: skip
            roll -= chance
            if roll < 0:
                return await self._misfortune(fate, work, order)
        return await self._ask(work)

    async def _misfortune(self, fate: str, work: Callable[[], OrderReport], order: PreparedOrder) -> OrderReport:
        draw = self.venue.random
        if fate == "lost":
            await self._silence(None)
        if fate == "late":
            # only an expiry ends for certain what may still be under way
            self.venue.under_way.add(order.order_id)
            await self._silence(
                functools.partial(self._arrive_late, order),
                draw.uniform(4, 250) if order.expires_at and draw.random() < 0.4 else draw.uniform(4, 45),
            )
        if fate == "response lost":
            await self._silence(work)
        if fate == "limited":
            return await self._ask(_raiser(Retryable("venue-rate-limited", "429")))
        if fate == "restarting":
            return await self._ask(_after(work if draw.random() < 0.1 else None, Unknown("venue-restarting", "425")))
        return await self._ask(_after(work, Unknown("venue-unavailable", "500 order timed out")))

    def _arrive_late(self, order: PreparedOrder) -> OrderReport:
        self.venue.under_way.discard(order.order_id)
        return self._accept(order)

    def _accept(self, order: PreparedOrder) -> OrderReport:
        mode, wire = self.venue.mode(), msgspec.json.decode(order.body, type=Wire)
        if mode == "restarting":
            raise Unknown("venue-restarting", "425")
        if mode in {"cancel-only", "disabled"} or (mode == "post-only" and not wire.post_only):
            raise Retryable("venue-restarting", f"503 {mode}")
        return self.venue.accept(order.order_id, order.body)

    async def cancel(self, order_ids: Sequence[str]) -> dict[str, str]:
        ids = list(order_ids)
        return await self._cancel(lambda: {i: self._drop(i) for i in ids})

    async def cancel_all(self) -> dict[str, str]:
        return await self._cancel(lambda: {i: self._drop(i) for i, o in list(self.venue.orders.items()) if o.open})

    async def _cancel(self, work: Callable[[], dict[str, str]]) -> dict[str, str]:
        self._alive()
        venue = self.venue

        def gated() -> dict[str, str]:
            if venue.mode() in {"restarting", "disabled"}:
                raise Retryable("venue-restarting", "425")
            return work()

        roll = venue.random.random()
        if roll < venue.faults.cancel_fails / 3:
            await self._silence(None)
        if roll < 2 * venue.faults.cancel_fails / 3:
            await self._silence(gated)
        if roll < venue.faults.cancel_fails:
            return await self._ask(_raiser(Retryable("venue-rate-limited", "429")))
        return await self._ask(gated)

    def _drop(self, order_id: str) -> str:
        order = self.venue.orders.get(order_id)
        if order is None:
            return "order not found"
        return "" if self.venue.drop(order) else "already canceled or matched"

    async def _read(self, work: Callable[[], Any]) -> Any:
        self._alive()
        draw = self.venue.random
        roll = draw.random()
        if roll < self.venue.faults.read_fails / 2:
            return await self._ask(_raiser(Retryable("venue-unavailable", "500")))
        if roll < self.venue.faults.read_fails:
            await self._silence(None)
        return await self._ask(work)

    async def order(self, order_id: str) -> OrderReport | None:
        return await self._read(lambda: self._look(order_id))

    def _look(self, order_id: str) -> OrderReport | None:
        """Find an order only while it is open, and not in its first instants on every replica."""
        order, venue = self.venue.orders.get(order_id), self.venue
        if order is None or not order.open:
            return None
        if venue.now - order.accepted_at < 2 * SECOND and venue.random.random() < 0.3:
            return None
        return venue.report(order)

    async def order_fills(self, order_id: str) -> list[FillReport]:
        def look() -> list[FillReport]:
            order = self.venue.orders.get(order_id)
            found = self.venue.listed(order.trades) if order else []
            return [fill for fill in found if fill.order_id == order_id]

        return await self._read(look)

    async def account(self, since: int) -> AccountSnapshot:
        """Read money, orders and trades one after the other; some readings are old, some pages are missing."""
        venue, draw = self.venue, self.venue.random
        began, pulse = venue.clock.now(), self._pulse
        age = draw.uniform(0, 8) if draw.random() < venue.faults.stale else 0.0
        cash, shares = await self._read(lambda: venue.money(age))
        orders = await self._ask(lambda: [venue.report(o) for o in venue.orders.values() if o.open])
        trades = [trade for trade in venue.trades if trade.at >= since]
        fills = await self._ask(lambda: venue.listed(trades) + [f for f in venue.outside if f.event_time >= since])
        complete = draw.random() >= venue.faults.incomplete
        if not complete:
            orders, fills = orders[: len(orders) // 2], fills[: len(fills) // 2]
            shares = dict(list(shares.items())[draw.randrange(2) :: 2])
        self._agreed = (
            self._agreed
            or (complete and not self._lost)
            or (complete and pulse is not None and self._pulse is not None)
        )
        holdings = tuple(Holding(token=token, shares_e6=count) for token, count in shares.items() if count)
        return AccountSnapshot(
            taken_at=began, cash_e6=cash, holdings=holdings, orders=tuple(orders), fills=tuple(fills), complete=complete,
        )  # fmt: skip

    async def heartbeat(self) -> None:
        began = self.venue.now
        try:
            await self._beat()
        except VenueError:
            self._pulse, self._agreed, self._lost = None, False, True
            raise
        self._pulse = began

    async def _beat(self) -> None:
        roll, chance = self.venue.random.random(), self.venue.faults.heartbeat_fails
        if roll < chance / 2 or self.venue.deaf():
            await self._silence(None)
        if roll < chance:
            await self._ask(_raiser(Retryable("venue-unavailable", "500")))
        await self._ask(self.venue.beat)

    async def books(self, tokens: Sequence[str]) -> list[BookSnapshot]:
        now = self.venue.now
        level = ((4_900, 10**9),), ((5_100, 10**9),)
        return await self._read(
            lambda: [BookSnapshot(token=t, bids=level[0], asks=level[1], known_at=now) for t in tokens]
        )

    async def server_time(self) -> int:
        return await self._read(self.venue.clock.now)

    async def events(self) -> AsyncIterator[AccountEvent]:
        self._alive()
        channel = UserChannel(self.venue)
        self.venue.subscribe(channel)
        try:
            while True:
                event = await channel.queue.get()
                self._alive()
                yield event
        finally:
            channel.open = False
            self.venue.unsubscribe(channel)


def _raiser(error: VenueError) -> Callable[[], Any]:
    return _after(None, error)


def _after(work: Callable[[], Any] | None, error: VenueError) -> Callable[[], Any]:
    """Do the work, then fail all the same."""

    def fail() -> Any:
        if work is not None:
            work()
        raise error

    return fail


def _quietly(work: Callable[[], Any]) -> None:
    """Let work happen whose answer nobody will hear."""
    try:
        work()
    except VenueError:
        return
