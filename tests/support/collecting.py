"""A collector's parts on a virtual clock, for tests: a store on the disk, jobs that do as they are told."""

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from edgeworth.collect.daemon.books import Books
from edgeworth.collect.daemon.usage import MeteredUsage
from edgeworth.collect.jobs.work import Work
from edgeworth.core.clock import VirtualClock
from edgeworth.core.paths import Home
from edgeworth.core.units import MINUTE, Micros
from edgeworth.core.virtual_loop import run_virtual
from edgeworth.store.collecting import CollectionLedger
from edgeworth.store.market_db import MarketStore

T = TypeVar("T")
EVERY = 15 * MINUTE
T0 = Micros(1_790_000_000_000_000 // EVERY * EVERY)


@dataclass
class Notes:
    """A log that remembers."""

    lines: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)

    def info(self, event: str, **facts: Any) -> None:
        self.lines.append(("info", event, facts))

    def warning(self, event: str, **facts: Any) -> None:
        self.lines.append(("warning", event, facts))

    def error(self, event: str, **facts: Any) -> None:
        self.lines.append(("error", event, facts))

    def events(self, level: str = "") -> list[str]:
        return [event for found, event, _ in self.lines if not level or found == level]


class Scripted(Work):
    """Work whose attempts are a list of steps: True, False, an exception to raise, or seconds to wait."""

    def __init__(self, slot: Micros, steps: Sequence[Any], clock: VirtualClock) -> None:
        super().__init__(slot)
        self._steps, self._clock = list(steps), clock

    async def attempt(self) -> bool:
        step = self._steps.pop(0) if self._steps else True
        if isinstance(step, BaseException):
            raise step
        if isinstance(step, float):
            await self._clock.sleep(step)
            return False
        if step:
            self.met = self.due
        else:
            self.missing = {1: "no-book"}
        return bool(step)


@dataclass
class ScriptedJob:
    """A job that plays, per slot, the steps its script returns."""

    clock: VirtualClock
    script: Callable[[Micros], Sequence[Any]] = lambda _slot: ()
    name: str = "track"
    taken: list[tuple[Micros, Micros]] = field(default_factory=list)

    def begin(self, slot: Micros, expected: int) -> Scripted:
        self.taken.append((slot, self.clock.now()))
        return Scripted(slot, self.script(slot), self.clock)


@dataclass
class Room:
    """What a test of the daemon needs."""

    clock: VirtualClock
    store: MarketStore
    ledger: CollectionLedger
    books: Books
    usage: MeteredUsage
    notes: Notes

    async def slots(self) -> list[tuple[int, str, str]]:
        """Return (slot number counted from T0, state, cause) of whole slots."""
        rows = await self.store.rows("collection_slots")
        return [((row["slot"] - T0) // EVERY, row["state"], row["cause"]) for row in rows if not row["market_no"]]


def in_room(home: Home, work: Callable[[Room], Coroutine[Any, Any, T]], start: int = T0) -> T:
    """Run a test in virtual time with a store."""
    clock = VirtualClock(Micros(start))

    async def main() -> T:
        async with await MarketStore.open(home, clock=clock) as store:
            usage, notes, ledger = MeteredUsage(clock), Notes(), CollectionLedger(store)
            return await work(Room(clock, store, ledger, Books(ledger, usage, clock, notes), usage, notes))

    return run_virtual(clock, main())
