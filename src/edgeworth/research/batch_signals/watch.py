"""The loop of batches: wait, scan, show; slower while there is a risk of being rate limited; stops when told to."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from edgeworth.core.clock import Clock
from edgeworth.core.errors import DataError, EdgeworthError, Retryable
from edgeworth.research.batch_signals.types import Batch

PAUSE_SECONDS: Final = 60.0  # after an error that may pass by itself
_PASSING: Final = frozenset({"store-locked", "store-empty", "no-prices"})
Scan = Callable[[], Batch]


@dataclass(frozen=True, slots=True)
class Report:
    """How the loop ended: batches looked at, errors survived."""

    looks: int
    errors: int


async def watch(
    scan: Scan,
    clock: Clock,
    show: Callable[[Batch], None],
    stop: asyncio.Event,
    *,
    most: int = 0,
    fail: Callable[[EdgeworthError], None] | None = None,
) -> Report:
    """Scan until `stop` is set or `most` looks were made (0 = without end); `show` sees each batch once it is stored.

    A venue that asks to wait, a locked store and a home without prices yet are survived: `fail` is told, and the next
    look comes a minute later. Any other error ends the loop.
    """
    looks, errors = 0, 0
    while not stop.is_set():
        try:
            with clock.busy():
                batch = await asyncio.to_thread(scan)
            show(batch)
            wait = batch.next_batch_plan.wait_seconds
        except (Retryable, DataError) as error:
            if isinstance(error, DataError) and error.code not in _PASSING:
                raise
            errors += 1
            wait = PAUSE_SECONDS
            if fail is not None:
                fail(error)
        looks += 1
        if most and looks >= most:
            break
        await _wait(clock, wait, stop)
    return Report(looks, errors)


async def _wait(clock: Clock, seconds: float, stop: asyncio.Event) -> None:
    """Wait, but not beyond the word to stop."""
    sleeping, stopping = asyncio.ensure_future(clock.sleep(seconds)), asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait({sleeping, stopping}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (sleeping, stopping):
            task.cancel()
        await asyncio.gather(sleeping, stopping, return_exceptions=True)
