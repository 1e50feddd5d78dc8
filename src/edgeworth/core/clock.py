"""The only place that reads a clock; everything else is handed one."""

import time
from typing import Protocol

from edgeworth.core.units import Micros


class Clock(Protocol):
    """Tell the time: `now` is UTC microseconds, `monotonic` seconds that never run backwards."""

    def now(self) -> Micros:
        """Return UTC microseconds."""

    def monotonic(self) -> float:
        """Return seconds that never run backwards."""


class SystemClock:
    """The machine's clock."""

    def now(self) -> Micros:
        """Return UTC microseconds."""
        return Micros(time.time_ns() // 1_000)

    def monotonic(self) -> float:
        """Return seconds of a clock that never runs backwards."""
        return time.monotonic()


class ManualClock:
    """A clock that moves only when told to; for tests and simulation."""

    def __init__(self, start: Micros) -> None:
        self._now = int(start)

    def now(self) -> Micros:
        """Return the current virtual instant."""
        return Micros(self._now)

    def monotonic(self) -> float:
        """Return virtual seconds."""
        return self._now / 1_000_000

    def advance(self, micros: int) -> None:
        """Move forward; raises ValueError for a negative step."""
        if micros < 0:
            raise ValueError("a clock does not run backwards")
        self._now += micros
