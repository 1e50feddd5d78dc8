"""One seed of the trading simulation: a program that crashes and comes back, a venue that does not care, a judge.

The program under test is the real order manager over the real journal; what it keeps on its disk survives a crash,
everything else is dropped. A crash may come at every commit and every send.
"""

import asyncio
import hashlib
import random
from collections.abc import Callable, Coroutine, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, fields
from typing import Any

import msgspec

from edgeworth.core.clock import VirtualClock
from edgeworth.core.errors import EdgeworthError, VenueError
from edgeworth.core.orders import Intent, OrderState
from edgeworth.core.units import SECOND, Micros
from edgeworth.trading.account import Account
from edgeworth.trading.halts import HaltCause, Resume, TradingState, lift, overall
from edgeworth.trading.journal import MemoryDisk, MemoryJournal, Verdict
from edgeworth.trading.ladder import LadderSettings
from edgeworth.trading.manager import Hooks, ManagerSettings, OrderManager
from tests.support.trading_connection import Connection
from tests.support.trading_loop import SeededLoop, run_seeded
from tests.support.trading_scenario import CASH, LAST, SHARES, START, draw_scenario, faults_of
from tests.support.trading_venue import Faults, ModelVenue, Order, cash_of

CANCELLED_WITHIN = 65.0  # seconds
WEIGHTS = {"venue.before-send": 1.0, "venue.after-send": 4.0}  # commits are many, answers are few
PATIENCE = 1_200.0  # virtual seconds until everything must have come to rest


class SimulatedCrash(BaseException):
    """The program is gone."""


@dataclass
class Outcome:
    """What a seed came to."""

    seed: int
    violations: list[str]
    crashes: int
    submissions: int
    orders: int
    trades: int
    steps: int
    seconds: float
    entries: int
    trace: str
    points: dict[str, int] = field(default_factory=dict)


class Program:
    """One incarnation: what it created is its own and dies with it."""

    def __init__(self, world: "World", number: int) -> None:
        self.world, self.number = world, number
        self.tasks: list[asyncio.Task[Any]] = []
        self.connection = world.parts.connection(world.venue)
        self.journal = world.parts.journal(world.disk, world.clock, self.fault)
        self.dead: SimulatedCrash | None = None
        self.end: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

    def fault(self, point: str) -> None:
        """Pass a fault point: the judge looks at what has just become durable, and the program may die."""
        if self.dead is not None:
            raise self.dead
        world = self.world
        world.points[point] = world.points.get(point, 0) + 1
        if point == "journal.after-commit":
            world.inspect(self.journal._account)
        if (
            world.crashes < world.scenario.most_crashes
            and world.armed
            and world.draw.random() < world.scenario.crash_chance
        ):
            self.crash(point)

    def crash(self, point: str) -> None:
        """Die here."""
        self.world.crashes += 1
        self.world.venue.note("crash", point, self.number)
        self.dead = SimulatedCrash(point)
        self.connection.cut(self.dead)
        for task in self.tasks:
            task.cancel()
        if not self.end.done():
            self.end.set_result(False)
        raise self.dead

    async def live(self) -> bool:
        """Run until everything has come to rest (True) or the program dies (False)."""
        self.world.program = self
        asyncio.get_running_loop().create_task(self._run())
        try:
            return await self.end
        finally:
            self.world.program = None
            rest = [task for task in self.tasks if not task.done()]
            for task in rest:
                task.cancel()
            await asyncio.gather(*rest, return_exceptions=True)
            self.connection.cut(SimulatedCrash("this program has ended"))

    def spawn(self, work: Callable[..., Coroutine[Any, Any, Any]], *arguments: Any) -> None:
        """Start a task of this program; an error that nobody handles is the judge's business."""
        asyncio.get_running_loop().create_task(self._guarded(work, *arguments))

    async def _guarded(self, work: Callable[..., Coroutine[Any, Any, Any]], *arguments: Any) -> None:
        try:
            await work(*arguments)
        except asyncio.CancelledError:
            raise
        except SimulatedCrash as crash:
            if crash is not self.dead:
                raise
        except Exception as error:  # noqa: BLE001 - whatever it is, it is a bug of the program
            self.world.venue.blame(f"an error that nobody handled: {error!r}")
            if not self.end.done():
                self.end.set_result(True)

    async def _run(self) -> None:
        parts = self.world.parts
        hooks = Hooks(fault=self.fault, payouts=self.world.venue.payouts.get)
        self.manager = parts.manager(
            self.journal, self.connection, self.world.clock, self.world.seed, parts.settings, hooks
        )
        self.spawn(self._work)

    async def _work(self) -> None:
        world = self.world
        await self.manager.recover()
        self.spawn(self.manager.run)
        for at, intent in world.scenario.intents:
            late = self.number > 1 and at < world.seconds
            if late and world.draw.random() < 0.15:
                world.answered.add(intent.intent_id)  # nobody wants it any more
            if intent.intent_id not in world.answered:
                self.spawn(self._submit, at, intent)
        for at, intent_id in world.scenario.cancels:
            if intent_id not in world.cancelled:
                self.spawn(self._cancel, at, intent_id)
        for at, intent_id in world.scenario.doubts:
            if intent_id not in world.cancelled:
                self.spawn(self._cancel_in_doubt, at, intent_id)
        if world.scenario.kill is not None and not world.killed:
            self.spawn(self._kill, world.scenario.kill)
        if world.scenario.pause is not None and world.seconds < world.scenario.pause[1]:
            self.spawn(self._pause, *world.scenario.pause)
        if world.scenario.stops:
            self.spawn(self._stop, world.scenario.stops[0])
        await self._rest()
        if not self.end.done():
            self.end.set_result(True)

    async def _stop(self, at: float) -> None:
        await self._until(at)
        self.world.scenario.stops.pop(0)
        self.world.stops += 1
        if not self.end.done():
            self.end.set_result(False)

    async def _until(self, at: float) -> None:
        await self.world.clock.sleep(max(0.0, at - self.world.seconds))

    async def _submit(self, at: float, intent: Intent) -> None:
        await self._until(at)
        for _ in range(20):  # a strategy that is told "not now" asks again for a while
            outcome = await self.manager.submit(intent, lambda account: check(account, intent))
            if outcome.code not in NOT_NOW:
                break
            await self.world.clock.sleep(3.0)
        self.world.answered.add(intent.intent_id)

    async def _cancel(self, at: float, intent_id: str) -> None:
        """Ask once; what becomes of it is the manager's business. The request may come while nothing is known yet."""
        await self._until(at)
        for _ in range(20):
            order = self.journal.account.orders.get(intent_id)
            if order is not None and order.order_id:
                await self._ask_to_cancel(order.order_id)
                break
            await self.world.clock.sleep(1.0)
        self.world.cancelled.add(intent_id)

    async def _cancel_in_doubt(self, at: float, intent_id: str) -> None:
        """Ask when nobody knows what became of the order, if that comes to pass."""
        await self._until(at)
        while self.world.seconds < at + 12:
            order = self.journal.account.orders.get(intent_id)
            if order is not None and order.state is OrderState.UNKNOWN:
                await self._ask_to_cancel(order.order_id)
                break
            await self.world.clock.sleep(1.0)
        self.world.cancelled.add(intent_id)

    async def _ask_to_cancel(self, order_id: str) -> None:
        with suppress(VenueError):  # it is written down: the manager sees to it
            await self.manager.cancel([order_id], "scenario")
        self.world.expect_gone(order_id)

    async def _kill(self, at: float) -> None:
        await self._until(at)
        world = self.world
        swept = await self.manager.kill("scenario", "operator")
        left = [order.id for order in world.venue.orders.values() if order.open]
        if swept.verified and left:
            world.venue.blame(f"the kill said that nothing is open: {left}")
        world.killed = True
        world.verified += swept.verified

    async def _pause(self, begin: float, end: float) -> None:
        await self._until(begin)
        self.manager.intake.halt(HaltCause.PAUSED, "scenario")
        await self._until(end)
        for halt in self.journal.account.standing():
            if halt.cause is HaltCause.PAUSED:
                self.journal.record_lift(lift(halt, Resume.OPERATOR, "operator", "scenario", self.world.clock.now()))

    async def _rest(self) -> None:
        """Wait until nothing happens any more, then let one calm minute pass."""
        world = self.world
        while world.seconds < PATIENCE:
            await world.clock.sleep(10.0)
            calm = world.seconds > LAST + 30 and len(world.answered) == len(world.scenario.intents)
            if calm and world.venue.at_rest() and not self.journal.account.open:
                break
        else:
            waiting = [(name, str(order.state)) for name, order in self.journal.account.open.items()]
            world.venue.blame(f"no rest after {PATIENCE} s: {waiting}")
        world.armed, world.venue.faults = False, CALM
        await self.manager.reconcile()
        if world.scenario.pays_out is not None:
            world.venue.pay_out(*world.scenario.pays_out)
        for _ in range(8 if world.scenario.meddling else 0):  # what differs must last, and what is loose must settle
            await world.clock.sleep(SETTINGS.ladder.lag / SECOND + 1.0)
            if (await self.manager.reconcile()).clean and world.seconds > 3 * LAST:
                break


# as patient as the model venue makes necessary, and no more: the simulation would only run longer
SETTINGS = ManagerSettings(
    resolve_s=2.0,
    patience=10 * SECOND,
    ladder=LadderSettings(lag=45 * SECOND, horizon=60 * SECOND, blind=150 * SECOND, resend=60 * SECOND),
)
NOT_NOW = {"heartbeat-late", "not-recovered", "not-reconciled"}
CALM = Faults(**{item.name: 0.0 for item in fields(Faults)})


def check(account: Account, intent: Intent) -> Verdict:
    """Allow what is not halted and can be paid for: the least that any risk check does."""
    if overall(account.standing()) is not TradingState.ACTIVE:
        return Verdict(intent=None, code="halted")
    if intent.is_buy:
        allowed = account.spendable_e6() >= 2 * cash_of(intent.price_e4, intent.shares_e6)
    else:
        allowed = account.sellable_e6(intent.instrument.token) >= intent.shares_e6
    return Verdict(intent=intent) if allowed else Verdict(intent=None, code="cannot-pay")


@dataclass
class Parts:
    """What the program is made of; a saboteur puts another part in its place."""

    connection: Callable[[ModelVenue], Connection] = Connection
    journal: Callable[..., MemoryJournal] = MemoryJournal
    manager: type[OrderManager] = OrderManager
    settings: ManagerSettings = SETTINGS


class World:
    """A venue, a disk, and the judge who looks at both."""

    def __init__(self, seed: int, parts: Parts) -> None:
        self.seed, self.parts = seed, parts
        self.scenario = draw_scenario(seed)
        self.clock = VirtualClock(Micros(START))
        self.loop = SeededLoop(self.clock, seed)
        self.draw = random.Random(f"crash/{seed}")
        self.venue = ModelVenue(self.clock, seed, cash_e6=CASH, shares=SHARES, faults=faults_of(self.scenario))
        self.venue.known = self.knows
        self.venue.silent = self._silent
        self.venue.taken = self._taken
        self.disk = MemoryDisk()
        self.program: Program | None = None
        self.armed, self.crashes = True, 0
        self.answered: set[str] = set()
        self.cancelled: set[str] = set()
        self.killed = False
        self.verified = 0
        self.points: dict[str, int] = {}
        self.downtime = 0.0
        self.stops = 0
        self._seen = 0
        self._halts: set[str] = set()
        self._opening: tuple[int, dict[str, int]] = (0, {})
        self._final: dict[str, str] = {}
        self._strange_cash = 0
        self._strange: dict[str, int] = {}

    @property
    def seconds(self) -> float:
        return self.clock.monotonic()

    def knows(self, order_id: str) -> bool:
        """Tell whether the disk names an order: what is only in memory does not count."""
        needle = order_id.encode()
        return any(entry.kind == "signed" and needle in entry.body for entry in self.disk.entries)

    def _silent(self) -> bool:
        """Tell whether a halt stands on the disk."""
        return bool(self._halts)

    def _taken(self, venue_order: Order) -> None:
        """Check, when the venue takes an order, that whoever runs has set aside what it may cost."""
        order = None if self.program is None else self.program.journal.account.by_id.get(venue_order.id)
        if order is not None and not covered(venue_order, order):
            self.venue.blame(f"{venue_order.id} was taken and nothing is set aside for it")

    def run(self) -> Outcome:
        """Live through the seed and return what was found."""
        self.loop.set_task_factory(self._task)
        try:
            run_seeded(self.loop, self._main())
        except Exception as error:  # noqa: BLE001 - an error that nobody handled breaks a promise, too
            self.venue.blame(f"an error that nobody handled: {error!r}")
        venue = self.venue
        digest = hashlib.blake2b(self.loop.trace.tobytes(), digest_size=16)
        digest.update(venue.log.digest())
        digest.update((self.disk.entries[-1].chain if self.disk.entries else "").encode())
        return Outcome(
            self.seed, venue.violations, self.crashes, venue.submissions, len(venue.orders), len(venue.trades),
            len(self.loop.trace), self.seconds, len(self.disk.entries), digest.hexdigest(), self.points,
        )  # fmt: skip

    def _task(self, loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, Any], **options: Any) -> Any:
        task = asyncio.Task(work, loop=loop, **options)
        program = self.program
        if program is not None:
            program.tasks.append(task)
        return task

    async def _main(self) -> None:
        self.scenario.plan(self.venue)
        number = 0
        while True:
            number += 1
            program = Program(self, number)
            if await program.live():
                break
            pause = self.draw.uniform(0.1, 5) if self.draw.random() < 0.8 else self.draw.uniform(5, 60)
            self.downtime += pause
            await self.clock.sleep(pause)
        judge_at_rest(self, program.journal)

    def expect_gone(self, order_id: str, asked: float | None = None) -> None:
        """Look later whether a cancel that was wanted took place; time in which it could not is not counted."""
        asked = self.seconds if asked is None else asked
        excuse = self.downtime + self.venue.closed_seconds()

        def look() -> None:
            order = self.venue.orders.get(order_id)
            if order is None or not order.open:
                return
            late = self.seconds - max(asked, (order.accepted_at - START) / SECOND)
            if late < CANCELLED_WITHIN or self.downtime + self.venue.closed_seconds() > excuse:
                self.expect_gone(order_id, asked)
            else:
                self.venue.blame(f"the cancel of {order_id} was forgotten")

        self.venue.later(CANCELLED_WITHIN + 1.0, look)

    def inspect(self, account: Account) -> None:
        """Check, right after a commit, what must hold at every instant."""
        for entry in self.disk.entries[self._seen :]:
            self._seen += 1
            if entry.kind == "halted":
                halt = msgspec.json.decode(entry.body)["halt"]
                if halt["state"] == "halted" and not halt.get("scope"):
                    self._halts.add(halt["halt_id"])
            elif entry.kind == "lifted":
                self._halts.discard(msgspec.json.decode(entry.body)["lift"]["halt_id"])
            elif entry.kind == "opened":
                event = msgspec.json.decode(entry.body)
                self._opening = event["cash_e6"], {one["token"]: one["shares_e6"] for one in event.get("holdings", ())}
            elif entry.kind in {"merged", "redeemed"}:
                self._explained(entry.kind, msgspec.json.decode(entry.body))
            elif entry.kind == "suspended":
                event = msgspec.json.decode(entry.body)
                self._strange_cash += event["cash_e6"]
                if event.get("token"):
                    self._strange[event["token"]] = self._strange.get(event["token"], 0) + event.get("shares_e6", 0)
        for problem in self._wrong(account):
            self.venue.blame(problem)

    def _explained(self, kind: str, event: dict[str, Any]) -> None:
        """Take in what the program found out about shares that came or went outside of trades."""
        shares, merged = event["shares_e6"], kind == "merged"
        self._strange_cash += shares if merged else cash_of(event["payout_e4"], shares)
        for token in (event["yes_token"], event["no_token"]) if merged else (event["token"],):
            self._strange[token] = self._strange.get(token, 0) - shares

    def _wrong(self, account: Account) -> Iterator[str]:
        held, orders = account.ledger.accounts, account.orders.values()
        positions = account.ledger.positions
        assets = held["cash"] + held["reserved"] + held["suspense"] + sum(one.cost_e6 for one in positions.values())
        if assets != held["deposits"] + held["realised"] + held["rewards"] - held["fees"]:
            yield f"the ledger is out of balance: {held}"
        if held["reserved"] != sum(order.reserved_e6 for order in orders):
            yield f"{held['reserved']} is reserved, not what the orders need"
        for venue_order in self.venue.orders.values():
            order = account.by_id.get(venue_order.id)
            if order is not None and not covered(venue_order, order):
                yield f"{venue_order.id} could cost more than is set aside for it"
        if account.opened_at is not None:
            yield from self._wrong_sums(account)

    def _wrong_sums(self, account: Account) -> Iterator[str]:
        """Add up what was there at first, what was set aside, and every fill that is not void."""
        cash, shares = self._opening[0] + self._strange_cash, dict(self._opening[1])
        for token, count in self._strange.items():
            shares[token] = shares.get(token, 0) + count
        for fill in account.fills():
            settlement = fill.settlement.value
            known = self._final.get(fill.name, settlement)
            if known != settlement:
                yield f"the fill {fill.name} was {known} for good and is now {settlement}"
            if settlement in {"failed", "confirmed"}:
                self._final[fill.name] = settlement
            if settlement != "failed":
                sign = 1 if fill.is_buy else -1
                cash -= sign * cash_of(fill.price_e4, fill.shares_e6) + fill.fee_e6
                shares[fill.token] = shares.get(fill.token, 0) + sign * fill.shares_e6
        held, positions = account.ledger.accounts, account.ledger.positions
        if held["cash"] + held["reserved"] != cash:
            yield f"cash {held['cash']} + {held['reserved']} is not the sum {cash} of all fills"
        if any(positions[token].shares_e6 != count if token in positions else count for token, count in shares.items()):
            yield f"the positions are not the sums {shares} of all fills"


def covered(venue_order: Order, order: Any) -> bool:
    """Tell whether what is set aside and booked covers all that an order has done and may do at the venue."""
    lives = [
        (t, s) for t in venue_order.trades if t.settlement.value != "failed" for o, s, _ in t.parts if o is venue_order
    ]
    booked = [fill for fill in order.fills.values() if fill.settlement.value != "failed"]
    if venue_order.wire.buy:
        most = sum(cash_of(t.price_e4, s) for t, s in lives) + cash_of(venue_order.wire.price_e4, venue_order.rest)
        return order.reserved_e6 + sum(fill.price_e4 * fill.shares_e6 // 10_000 for fill in booked) >= most
    most = sum(s for _, s in lives) + venue_order.rest
    return order.held_e6 + sum(fill.shares_e6 for fill in booked) >= most


def judge_at_rest(world: World, journal: MemoryJournal) -> None:
    """Compare, when all is over, the ledger with the venue and the journal with itself."""
    venue, account = world.venue, journal.account
    held = account.ledger.accounts
    mine = {token: position.shares_e6 for token, position in account.ledger.positions.items() if position.shares_e6}
    theirs = {token: shares for token, shares in venue.shares.items() if shares}
    unknown = [order_id for order_id in venue.orders if not world.knows(order_id)]
    for wrong, text in (
        (held["reserved"] or any(account.held.values()), f"{held['reserved']} and {account.held} are still set aside"),
        (held["cash"] + held["reserved"] != venue.cash, f"cash {held['cash']} is not the venue's {venue.cash}"),
        (mine != theirs, f"positions {mine} are not the venue's {theirs}"),
        (account.contradictions, f"contradictions: {account.contradictions}"),
        (unknown, f"nobody knows the orders {unknown}"),
    ):
        if wrong:
            venue.blame(text)
    if not venue.meddled:
        for entry in world.disk.entries:
            if entry.kind == "suspended" or (entry.kind == "halted" and b"ledger-difference" in entry.body):
                venue.blame(f"{entry.body.decode()} although nobody meddled")
    _judge_journal(world, journal)


def _judge_journal(world: World, journal: MemoryJournal) -> None:
    """Check the chain by hand, and that what the disk says from zero is what the program believes."""
    chain, blame = b"", world.venue.blame
    for entry in world.disk.entries:
        chain = hashlib.blake2b(chain + entry.body, digest_size=32).digest()
        if entry.chain != chain.hex():
            blame(f"entry {entry.number} is not chained to the one before")
            break
    try:
        if world.seed % 8 == 0:  # the same again in the program's own words
            journal.verify()
        if MemoryJournal(world.disk, world.clock).account.digest() != journal.account.digest():
            blame("the replay from zero is another account")
    except EdgeworthError as error:
        blame(f"the journal does not verify: {error}")


def run(seed: int, parts: Parts | None = None) -> Outcome:
    """Live through one seed."""
    return World(seed, parts or Parts()).run()
