"""An event loop in virtual time that draws the next ready callback by a seed, so that every seed is another interleaving.

It has no selector, hence no sockets and no threads: what runs in it is tasks, futures and timers alone. Each step goes
into `trace`, so two runs of one seed can be compared.
"""

import asyncio
import heapq
import math
import random
from array import array
from collections.abc import Coroutine
from typing import Any

from edgeworth.core.clock import VirtualClock

MOST_AT_ONCE = 20_000  # steps at one instant: more are a loop without end


class SeededLoop(asyncio.BaseEventLoop):
    """Run callbacks one by one in an order the seed draws; time moves only when nothing is ready."""

    def __init__(self, clock: VirtualClock, seed: int) -> None:
        super().__init__()
        self.trace = array("q")
        self._moved_at = 0
        self._virtual, self._draw = clock, random.Random(f"loop/{seed}").random

    def time(self) -> float:
        """Return virtual seconds."""
        return self._virtual.monotonic()

    def _run_once(self) -> None:
        ready, timers, clock = self._ready, self._scheduled, self._virtual
        if not ready:
            while timers and timers[0]._cancelled:
                heapq.heappop(timers)._scheduled = False
                self._timer_cancelled_count = max(0, self._timer_cancelled_count - 1)
            if not timers:
                raise RuntimeError("nothing is left to wait for")
            late = timers[0]._when - clock.monotonic()
            if late > 0:
                self._moved_at = len(self.trace)
                clock.advance(math.ceil(late * 1e6))
        now = clock.monotonic() + self._clock_resolution
        while timers and timers[0]._when <= now:
            timer = heapq.heappop(timers)
            timer._scheduled = False
            if timer._cancelled:
                self._timer_cancelled_count = max(0, self._timer_cancelled_count - 1)
            else:
                ready.append(timer)
        if not ready:
            return
        if len(self.trace) - self._moved_at > MOST_AT_ONCE:
            raise RuntimeError(f"{MOST_AT_ONCE} steps and no time has passed: {ready[0]}")
        place = int(self._draw() * len(ready)) if len(ready) > 1 else 0
        self.trace.append(clock.now() * 64 + min(len(ready), 8) * 8 + min(place, 7))
        handle = ready[place]
        del ready[place]
        if not handle._cancelled:
            handle._run()

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
