"""One job's days: wait for its slot, have it taken, note what was missed and why; never invent an observation."""

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgeworth.collect.daemon.books import Books
from edgeworth.collect.daemon.runner import CRASHED, Runner
from edgeworth.collect.daemon.slots import Grid
from edgeworth.collect.daemon.waiting import pause
from edgeworth.collect.jobs.work import Job
from edgeworth.core.clock import Clock
from edgeworth.core.units import MINUTE, SECOND, Micros
from edgeworth.store.collecting import INTERRUPTED, SlotState

if TYPE_CHECKING:
    from edgeworth.store.collecting import SlotResult

NOT_RUNNING, OVERSLEPT = "not-running", "overslept"
_ONCE_MOST = 5 * MINUTE  # how long a single round tries
_NAP_S = 300.0  # the wall clock may jump while we sleep: look at it at least this often


@dataclass(frozen=True, slots=True)
class Timetable:
    """When a job runs."""

    job: Job
    grid: Grid


class Scheduler:
    """Serve one job until asked to stop; may be served again after a crash and continues where it was."""

    def __init__(self, table: Timetable, runner: Runner, books: Books, clock: Clock, stop: asyncio.Event) -> None:
        self._job, self._grid = table.job, table.grid
        self._runner, self._books, self._clock, self._stop = runner, books, clock, stop
        self._done: Micros | None = None
        self._due = 1
        self._gap_cause = NOT_RUNNING
        self._caught_up = False
        self.last: SlotResult | None = None

    @property
    def name(self) -> str:
        """The job's name."""
        return self._job.name

    async def serve(self) -> None:
        """Take every slot from now on; returns when asked to stop."""
        if not self._caught_up:
            await self._catch_up()
        while not self._stop.is_set():
            now = self._clock.now()
            slot = self._grid.at(now)
            if (self._done is not None and slot <= self._done) or now >= self._grid.deadline(slot):
                await self._wait_for(self._grid.after(slot))
                continue
            await self._note_gap(slot)
            await self._take(slot)

    async def once(self) -> "SlotResult | None":
        """Take one unscheduled slot, now, and return what became of it."""
        now = self._clock.now()
        slot = Micros(now - now % SECOND)
        self.last = await self._runner.take(self._job, slot, Micros(now + min(self._grid.every, _ONCE_MOST)))
        return self.last

    async def _take(self, slot: Micros) -> None:
        try:
            result = await self._runner.take(self._job, slot, self._grid.deadline(slot), self._due)
        except Exception:
            self._gap_cause = CRASHED
            raise
        if result is not None:
            self.last, self._done, self._gap_cause = result, slot, OVERSLEPT
            self._due = max(1, result.due)

    async def _catch_up(self) -> None:
        """Find out where the last process stopped; slots that passed since are missed, the current one may be met."""
        now = self._clock.now()
        slot = self._grid.at(now)
        latest = await self._books.latest(self._job.name)
        if latest is not None:
            await self._account_for(latest, slot)
            self._due = max(1, latest.due)
            open_still = latest.slot == slot and latest.state in {"due", "failed"}
            self._done = Micros(slot - self._grid.every) if open_still else self._grid.at(max(latest.slot, 0))
        self._caught_up = True

    async def _account_for(self, latest: SlotState, slot: Micros) -> None:
        if latest.state == "due" and latest.slot < slot:
            await self._books.miss(self._job.name, [latest.slot], INTERRUPTED, max(1, latest.due))

    async def _note_gap(self, slot: Micros) -> None:
        if self._done is None:
            return
        gap = self._grid.between(self._done, slot)
        if gap:
            await self._books.miss(self._job.name, gap, self._gap_cause, self._due)
            self._done = Micros(gap[-1])

    async def _wait_for(self, slot: Micros) -> None:
        while (left := (slot - self._clock.now()) / SECOND) > 0:
            if await pause(self._clock, min(left, _NAP_S), self._stop):
                return
