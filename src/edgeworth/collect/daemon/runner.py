"""Take one slot to its end: attempt, wait, attempt again until it is met or its window closes; then write it down."""

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgeworth.collect.daemon.books import STORAGE, Books
from edgeworth.collect.daemon.usage import metered
from edgeworth.collect.daemon.waiting import Overdue, pause, within
from edgeworth.collect.jobs.work import Job, Work
from edgeworth.core import random
from edgeworth.core.clock import Clock
from edgeworth.core.errors import EdgeworthError, Fatal
from edgeworth.core.units import SECOND, Micros
from edgeworth.store.collecting import SlotResult

if TYPE_CHECKING:
    from edgeworth.collect.daemon.logs import Log

_FIRST_S, _LONGEST_S = 5.0, 60.0  # between attempts: 5 s, 10 s, 20 s ... one minute, each shortened by up to a quarter
_LAST_S = 1.0  # a try nearer to the end of its slot than this is not worth it
_REFUSED_S = 300.0  # after a refusal nothing is asked for so long, unless the client says when it will ask again
CRASHED, STOPPED, TOO_SLOW, INCOMPLETE = "crashed", "stopped", "too-slow", "incomplete"


@dataclass(slots=True)
class _Course:
    """What happened so far."""

    cause: str = ""
    errors: int = 0
    attempts: int = 0


class Runner:
    """Run slots of jobs; one for all jobs of a collector."""

    def __init__(self, books: Books, clock: Clock, log: "Log", stop: asyncio.Event, seed: int = 0) -> None:
        self._books, self._clock, self._log, self._stop = books, clock, log, stop
        self._random = random.stream(seed, "collect", "attempts")

    async def take(self, job: Job, slot: Micros, deadline: Micros, expected: int = 1) -> SlotResult | None:
        """Return what became of the slot, already written down; None when it was left for the next start.

        `expected` observations were due in the slot before.

        What the job raises beyond errors of venue and storage is written down as a failure and raised again.
        """
        started = self._clock.now()
        number = await self._books.begin(job.name, slot)
        work, course = job.begin(slot, expected), _Course()
        with metered() as meter:
            try:
                finished = await self._attempts(work, deadline, course)
            except asyncio.CancelledError:
                course.cause = STOPPED
                await self._books.abandon(number, _result(job, work, course, meter.requests, failed=True))
                raise
            except Exception:
                course.cause, course.errors = CRASHED, course.errors + 1
                await self._books.finish(number, started, _result(job, work, course, meter.requests, failed=True))
                raise
        if not finished and self._stop.is_set() and self._clock.now() < deadline:
            course.cause = STOPPED
            await self._books.abandon(number, _result(job, work, course, meter.requests, failed=True))
            return None
        result = _result(job, work, course, meter.requests)
        await self._books.finish(number, started, result)
        self._tell(result)
        return result

    async def _attempts(self, work: Work, deadline: Micros, course: _Course) -> bool:
        while True:
            left = (deadline - self._clock.now()) / SECOND
            wait, least = min(_LONGEST_S, _FIRST_S * 2 ** min(course.attempts, 10)), 0.0
            course.attempts += 1
            try:
                if await within(self._clock, left, work.attempt()):
                    return True
                course.cause = ""
            except Overdue:
                course.cause = course.cause or TOO_SLOW
                return False
            except EdgeworthError as error:
                least = self._judge(error, course)
            wait = max(wait - wait * 0.25 * float(self._random.random()), least)
            left = (deadline - self._clock.now()) / SECOND
            if wait >= left:  # one more try inside the slot, unless there is hardly time, or the venue said when
                wait = left / 2
            if wait < max(least, _LAST_S) or await pause(self._clock, wait, self._stop):
                return False

    def _judge(self, error: EdgeworthError, course: _Course) -> float:
        """Note an error; return the least seconds to wait before the next attempt. Bugs are raised again."""
        from edgeworth.core.errors import DataError, Rejected, Retryable, Unknown

        known = isinstance(error, Retryable | Rejected | Unknown | Fatal | DataError) or error.code in STORAGE
        if not known:
            raise error
        course.errors += 1
        if course.cause != error.code:
            self._log.warning("attempt-failed", cause=error.code, message=error.message, attempt=course.attempts)
        course.cause = error.code
        stated = error.details.get("open_for_s", error.details.get("retry_after_s"))
        if isinstance(stated, int | float):
            return float(stated)
        return _REFUSED_S if isinstance(error, Fatal) else 0.0

    def _tell(self, result: SlotResult) -> None:
        facts = {"job": result.job, "due": result.due, "met": result.met, "requests": result.requests}
        if result.state == "met":
            self._log.info("slot-met", **facts, **result.counts)
        else:
            causes = sorted({result.cause, *result.missed.values()} - {""})
            self._log.warning("slot-missed", **facts, causes=causes)


def _result(job: Job, work: Work, course: _Course, requests: int, *, failed: bool = False) -> SlotResult:
    """Sum up: either every missed market has its cause, or the whole slot has one, never both."""
    short = work.met < work.due and not failed
    missed = {number: cause or course.cause for number, cause in work.missing.items()} if short else {}
    whole = course.cause if failed or (short and not missed) else ""
    if short and not missed and not whole:
        whole = INCOMPLETE
    return SlotResult(
        job=job.name, slot=work.slot, due=work.due, met=work.met, missed=missed, cause=whole, failed=failed,
        errors=course.errors, requests=requests, counts=work.counts | {"attempts": course.attempts},
    )  # fmt: skip
