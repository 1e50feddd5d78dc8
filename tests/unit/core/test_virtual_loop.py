"""Virtual time jumps to the next timer, stands still while work goes on outside, and runs nothing out of order."""

import asyncio
import time

import pytest

from edgeworth.core.clock import ManualClock, ScaledClock, VirtualClock
from edgeworth.core.units import Micros
from edgeworth.core.virtual_loop import run_virtual

START = Micros(1_760_000_000_000_000)


def test_thirty_days_pass_in_an_instant_and_timers_fire_in_order():
    clock, seen = VirtualClock(START), []

    async def beat(name: str, every: float, times: int) -> None:
        for _ in range(times):
            await clock.sleep(every)
            seen.append((clock.now() - START, name))

    async def main() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(beat("hour", 3600, 24 * 30))
            group.create_task(beat("day", 86_400.0, 30))

    began = time.perf_counter()
    run_virtual(clock, main())
    assert time.perf_counter() - began < 20
    assert clock.now() - START == 30 * 86_400_000_000
    assert seen == sorted(seen, key=lambda item: item[0])
    assert len(seen) == 24 * 30 + 30


def test_time_stands_still_while_a_thread_works():
    clock = VirtualClock(START)

    async def work() -> int:
        with clock.busy():
            await asyncio.get_running_loop().run_in_executor(None, sum, range(200_000))
            return clock.now()

    async def main() -> int:
        async with asyncio.TaskGroup() as group:
            done = group.create_task(work())
            group.create_task(clock.sleep(5))
        return done.result()

    assert run_virtual(clock, main()) == START
    assert clock.now() == START + 5_000_000


def test_timeouts_are_virtual():
    clock = VirtualClock(START)

    async def main() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(90):
                await asyncio.Event().wait()

    run_virtual(clock, main())
    assert clock.now() == START + 90_000_000


def test_a_scaled_clock_runs_faster():
    base = ManualClock(START)
    clock = ScaledClock(Micros(0), 60.0, base)
    asyncio.run(clock.sleep(120))
    assert clock.now() == 120_000_000
    assert base.now() == START + 2_000_000
    with pytest.raises(ValueError, match="positive"):
        ScaledClock(START, 0)
