"""The ledger as the collector uses it: what cannot be written now is kept in memory and written as soon as it can be.

A full disk or a locked database is a state of the machine, not an error of the collector: nothing is acknowledged
meanwhile, the log says so once, and everything resumes by itself.
"""

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgeworth.collect.daemon.usage import MeteredUsage
from edgeworth.core.clock import Clock
from edgeworth.core.errors import EdgeworthError
from edgeworth.core.units import Micros
from edgeworth.store.collecting import CollectionLedger, SlotResult, SlotState

if TYPE_CHECKING:
    from edgeworth.collect.daemon.logs import Log

STORAGE = frozenset({"disk-full", "store-locked", "store-unreachable", "home-unwritable"})
_MOST = 100_000  # kept results; at one a second that is more than a day


@dataclass(frozen=True, slots=True)
class _Entry:
    run_no: int | None
    started: Micros
    finished: Micros
    result: SlotResult


class Books:
    """Begin and finish runs; storage trouble postpones, everything else is raised."""

    def __init__(self, ledger: CollectionLedger, usage: MeteredUsage, clock: Clock, log: "Log") -> None:
        self._ledger, self._usage, self._clock, self._log = ledger, usage, clock, log
        self._waiting: deque[_Entry] = deque(maxlen=_MOST)
        self._writing = asyncio.Lock()  # jobs end at the same time, entries are written one after the other
        self.trouble = ""

    @property
    def waiting(self) -> int:
        """How many results are not on the disk yet."""
        return len(self._waiting)

    async def latest(self, job: str) -> SlotState | None:
        """Return the newest slot of a job as it is on the disk."""
        return await self._ledger.latest(job)

    async def begin(self, job: str, slot: Micros) -> int | None:
        """Open a run; None while the storage does not take it, then the run is written when it ends."""
        try:
            await self.flush()
            number = await self._ledger.begin(job, slot, self._clock.now())
        except EdgeworthError as error:
            self._postpone(error)
            return None
        self._relieved()
        return number

    async def finish(self, run_no: int | None, started: Micros, result: SlotResult) -> None:
        """Close a run with its slot; kept in memory while the storage does not take it."""
        self._waiting.append(_Entry(run_no, started, self._clock.now(), result))
        try:
            await self.flush()
        except EdgeworthError as error:
            self._postpone(error)
        else:
            self._relieved()

    async def abandon(self, run_no: int | None, result: SlotResult) -> None:
        """Close a run whose slot may still be met by the next start."""
        if run_no is None:
            return
        calls = self._usage.take()
        try:
            await self._ledger.close(run_no, result, self._clock.now(), calls)
        except EdgeworthError as error:
            self._usage.give_back(calls)
            self._postpone(error)

    async def miss(self, job: str, slots: list[int], cause: str, due: int) -> None:
        """Note slots in which nothing could be observed."""
        if slots:
            await self._ledger.miss(job, slots, cause, due)
            self._log.warning("slots-missed", job=job, slots=len(slots), cause=cause)

    async def flush(self) -> None:
        """Write what waits, oldest first; raises the storage's error and keeps the rest."""
        async with self._writing:
            while self._waiting:
                await self._write(self._waiting[0])
                self._waiting.popleft()

    async def _write(self, entry: _Entry) -> None:
        number = entry.run_no
        if number is None:
            number = await self._ledger.begin(entry.result.job, entry.result.slot, entry.started)
            self._waiting[0] = _Entry(number, entry.started, entry.finished, entry.result)
        calls = self._usage.take()
        try:
            await self._ledger.finish(number, entry.result, entry.finished, calls)
        except BaseException:
            self._usage.give_back(calls)
            raise

    def _postpone(self, error: EdgeworthError) -> None:
        if error.code not in STORAGE:
            raise error
        if self.trouble != error.code:
            self.trouble = error.code
            self._log.error("storage-unavailable", cause=error.code, message=error.message, hint=error.hint)

    def _relieved(self) -> None:
        if self.trouble:
            self._log.info("storage-back", after=self.trouble)
            self.trouble = ""
