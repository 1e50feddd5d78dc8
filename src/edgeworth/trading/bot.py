"""The bot: look, think, size, check, write down, send; then listen, reconcile, and look again.

A tick decides with the very functions that a replay of its recording uses (`trading.choice`). What it decided is
recorded and committed to the journal before anything of it is sent. Everything that must survive a restart is in the
journal; the object can be dropped at any instant and made again.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec

from edgeworth.core.book import BookSnapshot
from edgeworth.core.clock import Clock
from edgeworth.core.errors import EdgeworthError
from edgeworth.core.orders import Intent, OrderState
from edgeworth.core.units import ONE_PRICE, SECOND, Micros
from edgeworth.trading import breakers as br
from edgeworth.trading import events as ev
from edgeworth.trading import record
from edgeworth.trading.account import Account
from edgeworth.trading.choice import Chooser
from edgeworth.trading.desk import EQUITY_NOTE, Baselines, RiskDesk, rebased
from edgeworth.trading.feed import Watcher
from edgeworth.trading.halts import Halt, HaltCause, TradingState, overall
from edgeworth.trading.journal import Journal
from edgeworth.trading.lessons import SETTLED_NOTE, Lessons
from edgeworth.trading.manager import OrderManager, Outcome
from edgeworth.trading.proving import Proving
from edgeworth.trading.record import Held, Inputs, Line, Recorder
from edgeworth.trading.risk import Decision, MachineView, MarketView, World
from edgeworth.trading.sizing import purse_of
from edgeworth.trading.ticks import Tick

BREAKERS_NOTE: Final = "breakers"
FLATTEN_NOTE: Final = "flatten"
_PATIENCE_S: Final = 5.0
_GONE: Final = frozenset({OrderState.REJECTED, OrderState.FAILED})
_PASSING: Final = (br.ErrorRate, br.Heartbeat, br.Disk, br.ClockSkew, br.DailyLoss, br.Drawdown)


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """Why a position is held: the fair value at entry, when it was decided, by whom."""

    fair_e6: int
    t: int
    strategy: str
    mid_e4: int


class BotSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How the bot runs: seconds between ticks, and at least between two when woken; entries allowed per market."""

    every_s: float = 60.0
    settle_s: float = 1.0
    max_entries: int = 1
    real: bool = False
    run: str = ""


@dataclass(frozen=True, slots=True)
class Parts:
    """What a bot is made of. `machine` asks about the venue as a whole and this computer; `after_look` is told of
    every tick before it is decided (a paper venue lives on what was seen).
    """

    journal: Journal
    manager: OrderManager
    desk: RiskDesk
    board: br.Board
    chooser: Chooser
    watcher: Watcher
    recorder: Recorder
    clock: Clock
    machine: Callable[[], Awaitable[MachineView]]
    after_look: Callable[[], None] = field(default=lambda: None)


def _ignore(_line: Line) -> None:
    """Tell nobody."""


class Bot:
    """Run ticks until told to stop. `outcomes` counts intents by code, `on_tick` is told of every tick."""

    def __init__(self, parts: Parts, settings: BotSettings) -> None:
        self.parts, self.settings = parts, settings
        self.ticks = 0
        self.outcomes: dict[str, int] = {}
        self.on_tick: Callable[[Line], None] = _ignore
        self.wake = asyncio.Event()  # set by whoever has seen something that should not wait for the next tick
        self.proving = Proving(parts.journal, parts.chooser.directory, parts.desk.ladder)
        self._machine = MachineView()
        self._lessons = Lessons()
        self._kept: Sequence[object] = ()
        self._halts: dict[str, Halt] = {}

    @property
    def account(self) -> Account:
        """Return the account; to be read only."""
        return self.parts.journal.account

    @property
    def state(self) -> TradingState:
        """Return whether the bot may buy, only reduce, or neither."""
        return overall(self.account.standing())

    async def tick(self) -> Line:
        """Look once and act on it; raises nothing that a later tick could mend."""
        return await self.heed(await self.parts.watcher.look())

    async def heed(self, tick: Tick) -> Line:
        """Act on what was seen."""
        parts = self.parts
        lessons = self._learn(tick.t)  # before anything is paid for what was just seen
        parts.after_look()
        self._machine = await parts.machine()
        parts.journal.refresh()
        if parts.manager.heart.at is not None:  # first: before a start there was silence, and it has ended
            self._feed(br.Beaten(at=parts.manager.heart.at))
        if self.account.agreed_at is not None:
            self._feed(br.Reconciled(at=self.account.agreed_at))
        for lesson in lessons:
            self._feed(lesson)
        for decayed in self.proving.settle(parts.watcher.payouts(), tick.t):
            self._feed(decayed)
        self._watch(tick.t)
        await self._obey()
        line = parts.chooser.choose(tick, self._inputs())
        await self.carry_out(line)
        self.ticks += 1
        self.on_tick(line)
        return line

    async def carry_out(self, line: Line) -> None:
        """Record what was decided, then submit what was wanted; the journal has the one before the other leaves."""
        parts, tick = self.parts, line.tick
        body = record.encode(line)
        parts.recorder.write(body)
        if line.opinions or line.wanted:
            parts.journal.record_decided(
                ev.Decided(
                    at=parts.clock.now(), run=self.settings.run, tick=Micros(tick.t), opinions=len(line.opinions),
                    wanted=len(line.wanted), digest=record.digest(body),
                )
            )  # fmt: skip
        await self._act(line)
        parts.journal.flush()
        parts.journal.tidy()
        self.proving.bet(line)

    async def _obey(self) -> None:
        """Do what an operator has written down: after a kill no order stays open."""
        account = self.account
        killed = any(halt.cause is HaltCause.KILLED for halt in account.standing())
        word = "kill" if killed else "flatten" if FLATTEN_NOTE in account.notes else ""
        if word and any(order.is_open for order in account.open.values()):
            await self.parts.manager.cancel_all(word)
        held = any(one.shares_e6 > 0 for one in account.ledger.positions.values())
        if FLATTEN_NOTE in account.notes and not held:
            self.parts.journal.note(FLATTEN_NOTE, "")

    async def run(self, stop: asyncio.Event, most: int = 0) -> None:
        """Recover, then tick until told to stop or `most` ticks were made (0 = no end).

        Raises what ended the service of the manager: Fatal venue errors, or whatever it could not mend.
        """
        parts = self.parts
        with contextlib.suppress(EdgeworthError):  # what has paid out meanwhile, what shares are worth: good to know
            await parts.watcher.look()
        await self._either(stop.wait(), recovering := asyncio.ensure_future(parts.manager.recover()))
        if recovering.cancelled():
            return
        recovering.result()
        service = asyncio.ensure_future(parts.manager.run())
        try:
            await self._whole(stop)
            while not stop.is_set() and not (most and self.ticks >= most):
                begun = parts.clock.monotonic()
                await self.tick()
                if service.done():
                    break
                await self._pause(stop, begun + self.settings.every_s - parts.clock.monotonic())
        finally:
            service.cancel()
            ended = (await asyncio.gather(service, return_exceptions=True))[0]
        if isinstance(ended, Exception):
            raise ended

    async def _whole(self, stop: asyncio.Event) -> None:
        """Give the feed of own orders a moment to be whole: until then every order would be denied."""
        clock, manager = self.parts.clock, self.parts.manager
        patience = clock.monotonic() + _PATIENCE_S
        while not (manager.feed_begun and manager.feed_whole) and clock.monotonic() < patience and not stop.is_set():
            await clock.sleep(0.1)

    async def _pause(self, stop: asyncio.Event, seconds: float) -> None:
        """Wait on the clock, until told to stop, or until woken: then at least `settle_s` after the tick before."""
        calm = min(self.settings.settle_s, max(seconds, 0.0))
        await self._either(stop.wait(), self.parts.clock.sleep(calm))
        if not stop.is_set() and seconds > calm:
            await self._either(stop.wait(), self.wake.wait(), self.parts.clock.sleep(seconds - calm))
        self.wake.clear()

    @staticmethod
    async def _either(*waits: Awaitable[object]) -> None:
        """Wait for the first of several; the others are cancelled."""
        tasks = [asyncio.ensure_future(wait) for wait in waits]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    # -- what a decision depends on

    def _inputs(self) -> Inputs:
        account, watcher = self.account, self.parts.watcher
        ends = {one.market_no: watcher.scheduled_end(one.market_no) for one in self.parts.chooser.directory}
        return Inputs(
            purse=purse_of(self.parts.desk, account),
            held=tuple(self._held(account)),
            taken=self._taken(account),
            ends={number: end for number, end in ends.items() if end is not None},
            flatten=FLATTEN_NOTE in account.notes,
        )

    def _held(self, account: Account) -> list[Held]:
        found = []
        for token, position in account.ledger.positions.items():
            leg = self.parts.chooser.directory.leg(token)
            if leg is None or position.shares_e6 <= 0:
                continue
            entry = self._entry(token)
            found.append(
                Held(
                    token=token, market_no=leg[0], side=1 if leg[1] else -1, sellable_e6=account.sellable_e6(token),
                    paid_e4=-(-position.cost_e6 * ONE_PRICE // position.shares_e6),
                    fair_e6=entry.fair_e6 if entry else 1_000_000, opened_at=Micros(entry.t if entry else 0),
                    strategy=entry.strategy if entry else "",
                )
            )  # fmt: skip
        return found

    def _entry(self, token: str) -> Entry | None:
        note = self.account.notes.get(f"entry:{token}")
        if note:
            return msgspec.json.decode(note, type=Entry)
        for order in reversed(self.account.orders.values()):  # bought just before the last end
            if order.intent.instrument.token == token and order.intent.is_buy and order.matched_total_e6:
                known = order.intent
                return Entry(fair_e6=1_000_000, t=known.created_at, strategy=known.strategy, mid_e4=known.price_e4)
        return None

    def _taken(self, account: Account) -> dict[int, str]:
        """Return the markets that take no new order, with the gate's word for why."""
        found: dict[int, str] = {}
        entries: dict[int, int] = {}
        for order in account.orders.values():
            number = order.intent.instrument.market_no
            if order.intent.is_buy and order.matched_total_e6 and order.state not in _GONE:
                entries[number] = entries.get(number, 0) + 1
        for number, count in entries.items():
            if count >= self.settings.max_entries:
                found[number] = "already-traded"
        for token in self.parts.watcher.payouts():
            leg = self.parts.chooser.directory.leg(token)
            if leg is not None:
                found[leg[0]] = "after-resolution"
        for token, position in account.ledger.positions.items():
            leg = self.parts.chooser.directory.leg(token)
            if leg is not None and position.shares_e6:
                found[leg[0]] = "already-held"
        for order in account.open.values():
            if order.is_open:
                found[order.intent.instrument.market_no] = "already-held"
        return found

    # -- acting

    async def _act(self, line: Line) -> None:
        """Submit what was wanted, sales first; the rest of a tick is dropped once nothing may be sent any more."""
        for intent in line.wanted:
            if overall(self.account.standing()) is TradingState.HALTED:
                self._count("halted")
                continue
            self._machine = await self.parts.machine()  # a tick with many orders is long: a heartbeat grows old in it
            self.parts.desk.decision = None  # what a check said of an earlier order is not about this one
            world = self._world(intent, line)
            best = None if world.market.book is None else _best(world.market.book, is_buy=intent.is_buy)
            outcome = await self.parts.manager.submit(intent, self.parts.desk.check(intent, world))
            self._count(outcome.code)
            denied = self._denial()
            halt = denied.halt(self.parts.clock.now()) if denied is not None and outcome.order is None else None
            if halt is not None and not any(one.cause is halt.cause for one in self.account.standing()):
                self.parts.journal.record_halt(halt)
            if best is not None and outcome.order is not None:
                self._lessons.expect(intent.intent_id, best)
            self._answered(intent, outcome, line)

    def _denial(self) -> Decision | None:
        """Return what the last check said, None where none was made."""
        return self.parts.desk.decision

    def _world(self, intent: Intent, line: Line) -> World:
        watcher, number = self.parts.watcher, intent.instrument.market_no
        book = watcher.board.book(intent.instrument.token)
        every = round(self.settings.every_s * SECOND)
        market = MarketView(
            status=watcher.standing(number),
            tick_e4=0 if book is None else book.tick_e4 or intent.instrument.tick_e4,
            scheduled_end=watcher.scheduled_end(number),
            book=book,
            opinion_until=Micros(line.tick.t + every),
        )
        return World(market=market, machine=self._machine)

    def _answered(self, intent: Intent, outcome: Outcome, line: Line) -> None:
        order = outcome.order
        if order is None:
            return
        now = self.parts.clock.now()
        if outcome.answer:
            self._feed(br.Called(at=now, ok=outcome.answer != "silent"))
        if outcome.answer in {"accepted", "refused"}:
            self._feed(br.Answered(at=now, accepted=outcome.answer == "accepted", code=outcome.code))
        if intent.is_buy and order.state not in _GONE:
            opinion = next(one for one in line.opinions if one.name == intent.intent_id)
            mid = opinion.price_e4 if opinion.side > 0 else ONE_PRICE - opinion.price_e4
            entry = Entry(fair_e6=int(opinion.p * 1e6), t=opinion.t, strategy=opinion.strategy, mid_e4=mid)
            self.parts.journal.note(f"entry:{intent.instrument.token}", msgspec.json.encode(entry).decode(), wait=True)

    def _count(self, code: str) -> None:
        self.outcomes[code] = self.outcomes.get(code, 0) + 1

    # -- watching over it

    def _learn(self, t: int) -> list[br.Happened]:
        """Return what fills and results since the last tick have to tell the breakers."""
        account, directory = self.account, self.parts.chooser.directory

        def event_of(token: str) -> int | None:
            leg = directory.leg(token)
            return None if leg is None else directory.group(leg[0]).event_no

        results, note = self._lessons.settled(account, self.parts.watcher.payouts(), event_of, Micros(t))
        if note != account.notes.get(SETTLED_NOTE, ""):
            self.parts.journal.note(SETTLED_NOTE, note)
        return [*self._lessons.executed(account, Micros(t)), *results]

    def _watch(self, t: int) -> None:
        """Note the day's baselines and feed the breakers; what they raise or end is journalled."""
        parts, account = self.parts, self.account
        standing = {halt.halt_id: halt for halt in account.standing()}
        for name in self._halts.keys() - standing.keys():
            parts.board.lifted(name)
        self._halts = standing
        for halt in standing.values():  # raised elsewhere, or just before the last end: its breaker must know of it
            parts.board.adopt(halt)
        equity = parts.desk.equity_e6(account)
        note = rebased(account, Micros(t), equity)
        if note is not None:
            parts.journal.note(EQUITY_NOTE, note)
        base = Baselines.of(self.account)
        if base is not None:
            self._feed(
                br.Worth(at=Micros(t), equity_e6=equity, day_start_e6=base.start_e6, peak_e6=max(base.peak_e6, equity))
            )
        self._feed(br.Called(at=Micros(t), ok=parts.watcher.failure is None))
        self._feed(br.DiskSeen(at=Micros(t), free=self._machine.disk_free))
        if self._machine.skew is not None:
            self._feed(br.SkewSeen(at=Micros(t), skew=self._machine.skew))
        lasting = [one.halt if isinstance(one, _PASSING) else one for one in parts.board]
        if lasting != self._kept:  # what passes by itself is seen again at the next tick
            self._kept = lasting
            parts.journal.note(BREAKERS_NOTE, parts.board.dump().decode())

    def _feed(self, event: br.Happened) -> None:
        for row in self.parts.board.feed(event):
            if isinstance(row, Halt):
                self.parts.journal.record_halt(row)
            else:
                self.parts.journal.record_lift(row)


def _best(book: BookSnapshot, *, is_buy: bool) -> int | None:
    side = book.asks if is_buy else book.bids
    return int(side[0][0]) if side else None
