"""The loop under the simulation: another seed is another interleaving, the same seed is the same one."""

import asyncio

import pytest
from tests.support.trading_loop import SeededLoop, run_seeded

from edgeworth.core.clock import VirtualClock
from edgeworth.core.units import Micros

START = Micros(1_790_000_000_000_000)


def order_of_three(seed: int) -> tuple[str, bytes, int]:
    clock, said = VirtualClock(START), []

    async def one(name: str) -> None:
        for _ in range(3):
            said.append(name)
            await clock.sleep(1.0)

    async def main() -> None:
        await asyncio.gather(*(one(name) for name in "abc"))

    loop = SeededLoop(clock, seed)
    run_seeded(loop, main())
    return "".join(said), loop.trace.tobytes(), clock.now() - START


def test_the_seed_draws_the_interleaving():
    found = {order_of_three(seed)[0] for seed in range(60)}
    assert len(found) > 20  # of 216
    assert all(sorted(text[:3]) == sorted(text[3:6]) == ["a", "b", "c"] for text in found)


def test_the_same_seed_is_the_same_run():
    assert order_of_three(5) == order_of_three(5)
    assert order_of_three(5)[2] == 3_000_000


def test_what_nobody_waits_for_is_no_secret():
    clock = VirtualClock(START)

    async def main() -> None:
        asyncio.get_running_loop().call_soon(lambda: 1 // 0)
        await clock.sleep(1.0)

    with pytest.raises(ZeroDivisionError):
        run_seeded(SeededLoop(clock, 1), main())


def test_a_loop_in_which_nothing_can_happen_says_so():
    async def main() -> None:
        await asyncio.get_running_loop().create_future()

    loop = SeededLoop(VirtualClock(START), 1)
    with pytest.raises(RuntimeError, match="nothing is left"):
        loop.run_until_complete(main())
    for task in asyncio.all_tasks(loop):
        task.cancel()
    with pytest.raises(asyncio.CancelledError):
        loop.run_until_complete(asyncio.gather(*asyncio.all_tasks(loop)))
    loop.close()


def test_a_loop_without_end_is_found():
    async def main() -> None:
        while True:
            await asyncio.sleep(0)

    loop = SeededLoop(VirtualClock(START), 1)
    with pytest.raises(RuntimeError, match="no time has passed"):
        loop.run_until_complete(main())
    for task in asyncio.all_tasks(loop):
        task.cancel()
    with pytest.raises(asyncio.CancelledError):
        loop.run_until_complete(asyncio.gather(*asyncio.all_tasks(loop)))
    loop.close()
