"""Wait by the clock, but no longer than the collector is meant to run."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from edgeworth.core.clock import Clock

T = TypeVar("T")


class Overdue(Exception):
    """The work did not end in its time; it was cancelled."""


async def pause(clock: Clock, seconds: float, stop: asyncio.Event) -> bool:
    """Wait so many seconds; returns early and True when asked to stop."""
    if stop.is_set() or seconds <= 0:
        return stop.is_set()
    sleeper = asyncio.ensure_future(clock.sleep(seconds))
    stopper = asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait({sleeper, stopper}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        await _drop(sleeper, stopper)
    return stop.is_set()


async def within(clock: Clock, seconds: float, work: Coroutine[Any, Any, T]) -> T:
    """Return what the work returns; raises Overdue, after cancelling it, when it takes longer than so many seconds."""
    task = asyncio.ensure_future(work)
    timer = asyncio.ensure_future(clock.sleep(seconds))
    try:
        await asyncio.wait({task, timer}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise Overdue
        return task.result()
    finally:
        await _drop(task, timer)


async def _drop(*tasks: "asyncio.Future[Any]") -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
