"""An event loop in virtual time that draws the next ready callback by a seed, so that every seed is another interleaving.

It has no selector, hence no sockets and no threads: what runs in it is tasks, futures and timers alone. Each step goes
into `trace`, so two runs of one seed can be compared.
"""

import asyncio
import heapq
import math
import random
from array import array
from collections.abc import Callable, Coroutine
from contextvars import Context
from typing import Any

from edgeworth.core.clock import VirtualClock

MOST_AT_ONCE = 20_000  # steps at one instant: more are a loop without end


class SeededLoop(asyncio.BaseEventLoop):
    """Run callbacks one by one in an order the seed draws; time moves only when nothing is ready."""

    def __init__(self, clock: VirtualClock, seed: int) -> None:
        super().__init__()
        self.trace = array("q")
        self._virtual, self._draw = clock, random.Random(f"loop/{seed}").random
        self._timers: list[tuple[float, int, asyncio.TimerHandle]] = []
        self._made, self._limit = 0, MOST_AT_ONCE
        self._stamp = int(clock.now()) * 64

    def time(self) -> float:
        """Return virtual seconds."""
        return self._virtual.monotonic()

    def call_soon(self, callback: Callable[..., Any], *args: Any, context: Context | None = None) -> asyncio.Handle:
        """Make a callback ready."""
        self._check_closed()
        handle = asyncio.Handle(callback, args, self, context)
        self._ready.append(handle)
        return handle

    def call_at(
        self, when: float, callback: Callable[..., Any], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """Make a callback ready at an instant; timers of one instant become ready together."""
        self._check_closed()
        timer = asyncio.TimerHandle(when, callback, args, self, context)
        self._made += 1
        heapq.heappush(self._timers, (when, self._made, timer))
        return timer

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """Leave it where it is: it is passed over when its time has come."""

    def _run_once(self) -> None:
        ready = self._ready
        if not ready:
            self._move()
        count = len(ready)
        place = int(self._draw() * count) if count > 1 else 0
        self.trace.append(self._stamp + min(count, 7) * 8 + min(place, 7))
        handle = ready[place]
        if len(self.trace) > self._limit:
            self._limit += MOST_AT_ONCE
            raise RuntimeError(f"{MOST_AT_ONCE} steps and no time has passed: {handle}")
        del ready[place]
        if not handle._cancelled:
            handle._run()

    def _move(self) -> None:
        """Let time pass until something is ready."""
        timers, ready, clock = self._timers, self._ready, self._virtual
        while not ready:
            while timers and timers[0][2]._cancelled:
                heapq.heappop(timers)
            if not timers:
                raise RuntimeError("nothing is left to wait for")
            late = timers[0][0] - clock.monotonic()
            if late > 0:
                clock.advance(math.ceil(late * 1e6))
                self._stamp, self._limit = int(clock.now()) * 64, len(self.trace) + MOST_AT_ONCE
            now = clock.monotonic() + 1e-9
            while timers and timers[0][0] <= now:
                timer = heapq.heappop(timers)[2]
                if not timer._cancelled:
                    ready.append(timer)

    def _process_events(self, event_list: Any) -> None:
        raise NotImplementedError("this loop has no sockets")

    def _write_to_self(self) -> None:
        """Nothing waits in a selector."""


def run_seeded(loop: SeededLoop, main: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine to its end, then cancel what is left; any error that no task looked at is raised."""
    lost: list[BaseException] = []

    def note(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        lost.append(error if error is not None else RuntimeError(context["message"]))

    loop.set_exception_handler(note)
    try:
        result = loop.run_until_complete(main)
        rest = [task for task in asyncio.all_tasks(loop) if not task.done()]
        for task in sorted(rest, key=lambda task: task.get_name()):
            task.cancel()
        if rest:
            loop.run_until_complete(asyncio.gather(*rest, return_exceptions=True))
        loop.run_until_complete(loop.shutdown_asyncgens())
    finally:
        loop.close()
    if lost:
        raise lost[0]
    return result
