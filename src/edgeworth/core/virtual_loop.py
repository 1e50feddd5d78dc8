"""An event loop whose time is virtual: it jumps to the next timer instead of waiting for it.

The whole of asyncio works in it (timeouts, queues, locks), thirty simulated days pass in the time the work itself
takes, and the order of events depends on nothing but the program. Work outside the loop must be marked by
`clock.busy()`.
"""

import asyncio
import math
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

from edgeworth.core.clock import VirtualClock

T = TypeVar("T")
_STUCK_SECONDS = 60.0  # real time without any timer or any event: nothing will ever happen


class _Selector(selectors.DefaultSelector):
    """Never wait for a timer: move the clock to it, unless work outside the loop is under way."""

    def __init__(self, clock: VirtualClock) -> None:
        super().__init__()
        self._clock = clock

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is not None and timeout <= 0:
            return super().select(0)
        ready = super().select(0)
        if ready:
            return ready
        if timeout is not None and not self._clock.held:
            self._clock.advance(math.ceil(timeout * 1e6))
            return []
        ready = super().select(_STUCK_SECONDS)
        if not ready and not self._clock.held:
            raise RuntimeError("the virtual loop has nothing left to wait for")
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """Run tasks in the time of a VirtualClock."""

    def __init__(self, clock: VirtualClock) -> None:
        super().__init__(_Selector(clock))
        self._virtual = clock

    def time(self) -> float:
        """Return virtual seconds."""
        return self._virtual.monotonic()


def run_virtual(clock: VirtualClock, main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end in virtual time, as `asyncio.run` does in real time."""
    with asyncio.Runner(loop_factory=lambda: VirtualLoop(clock)) as runner:
        return runner.run(main)
