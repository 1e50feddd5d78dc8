"""The only place that reads a clock or waits; everything else is handed one."""

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Protocol

from edgeworth.core.units import Micros


class Clock(Protocol):
    """Tell the time and wait: `now` is UTC microseconds, `monotonic` seconds that never run backwards."""

    def now(self) -> Micros:
        """Return UTC microseconds."""

    def monotonic(self) -> float:
        """Return seconds that never run backwards."""

    async def sleep(self, seconds: float) -> None:
        """Wait that many of this clock's seconds."""

    def busy(self) -> AbstractContextManager[None]:
        """Mark work outside the event loop (a thread, a socket): virtual time stands still meanwhile."""


class SystemClock:
    """The machine's clock."""

    def now(self) -> Micros:
        """Return UTC microseconds."""
        return Micros(time.time_ns() // 1_000)

    def monotonic(self) -> float:
        """Return seconds of a clock that never runs backwards."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait in real time."""
        import asyncio  # costs 40 ms, and most commands never wait

        await asyncio.sleep(seconds)

    def busy(self) -> AbstractContextManager[None]:
        """Do nothing: real time does not wait for anyone."""
        return nullcontext()


class ScaledClock:
    """A clock that starts at `start` and runs `speed` times as fast as the machine's."""

    def __init__(self, start: Micros, speed: float, base: Clock | None = None) -> None:
        if speed <= 0:
            raise ValueError("the speed of a clock must be positive")
        self._base: Clock = base or SystemClock()
        self._start, self.speed = int(start), speed
        self._begun = self._base.monotonic()

    def now(self) -> Micros:
        """Return scaled UTC microseconds."""
        return Micros(self._start + round(self.monotonic() * 1e6))

    def monotonic(self) -> float:
        """Return scaled seconds since the clock was made."""
        return (self._base.monotonic() - self._begun) * self.speed

    async def sleep(self, seconds: float) -> None:
        """Wait that many scaled seconds."""
        await self._base.sleep(seconds / self.speed)

    def busy(self) -> AbstractContextManager[None]:
        """Do nothing: the machine's time does not wait for anyone."""
        return nullcontext()


class ManualClock:
    """A clock that moves only when told to; for tests and simulation."""

    def __init__(self, start: Micros) -> None:
        self._start = self._now = int(start)

    def now(self) -> Micros:
        """Return the current virtual instant."""
        return Micros(self._now)

    def monotonic(self) -> float:
        """Return virtual seconds since the clock was made."""
        return (self._now - self._start) / 1_000_000

    def advance(self, micros: int) -> None:
        """Move forward; raises ValueError for a negative step."""
        if micros < 0:
            raise ValueError("a clock does not run backwards")
        self._now += micros

    async def sleep(self, seconds: float) -> None:
        """Move forward at once and let other tasks run; many sleepers at once need a VirtualClock."""
        import asyncio

        self.advance(round(seconds * 1e6))
        await asyncio.sleep(0)

    def busy(self) -> AbstractContextManager[None]:
        """Do nothing: this clock moves only when told to."""
        return nullcontext()


class VirtualClock(ManualClock):
    """The clock of a `core.virtual_loop`: time jumps to the next timer as soon as every task waits.

    While anyone is `busy`, time stands still, so threads and sockets finish at the instant they began.
    """

    def __init__(self, start: Micros) -> None:
        super().__init__(start)
        self.held = 0

    async def sleep(self, seconds: float) -> None:
        """Wait in virtual time; needs the virtual loop."""
        import asyncio

        await asyncio.sleep(seconds)

    @contextmanager
    def busy(self) -> Iterator[None]:
        """Hold time still."""
        self.held += 1
        try:
            yield
        finally:
            self.held -= 1
