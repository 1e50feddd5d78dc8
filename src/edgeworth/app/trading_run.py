"""Run a bot as a process does: one per journal of a home, stopped by signals, and told about tick by tick."""

import asyncio
import contextlib
import gc
import signal
import sys
from collections.abc import Callable
from typing import Any, Final

from edgeworth.app.paper_hour import summary
from edgeworth.app.trading import Request, journal_name, session
from edgeworth.app.trading_react import reacting
from edgeworth.core.config import Config
from edgeworth.core.errors import AccessError, DataError, Fatal, VenueError
from edgeworth.store.instance import bot_of, one_instance
from edgeworth.trading.record import Line

_RENEWED_S: Final = 6 * 3_600.0  # after which markets, history and what rules learned are read anew
_AGAIN_S: Final = 60.0
Started = Callable[[str, int, str], None]  # the run, how many markets, why the model is silent
Told = Callable[[Line, dict[str, int]], None]


def run(config: Config, request: Request, started: Started, told: Told, checked: Callable[..., None]) -> dict[str, Any]:
    """Run until stopped; returns what was done and how the account stands.

    Raises InstanceError another-instance when a bot trades this journal of the home already.
    """
    with one_instance(config.home, bot_of(journal_name(config, request.mode))):
        return asyncio.run(_run(config, request, (started, told, checked)))


def settle() -> None:
    """Let the collector of garbage forget what lives as long as the session: a pass over it would delay an order."""
    gc.unfreeze()  # of the session before
    gc.collect()
    gc.freeze()


async def _run(config: Config, request: Request, say: tuple[Started, Told, Callable[..., None]]) -> dict[str, Any]:
    started, told, checked = say
    stop, over = asyncio.Event(), asyncio.Event()  # for good; for this session
    loop = asyncio.get_running_loop()

    def end(number: int) -> None:
        stop.set()
        over.set()
        loop.remove_signal_handler(number)  # the second one takes its usual course

    if sys.platform != "win32":
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, end, number)
    done = 0
    while True:
        over.clear()
        renewing = None
        if request.key is None or request.key.source.place != "fd":  # such a key was read once and is gone
            renewing = loop.call_later(_RENEWED_S, over.set)
        opened = None
        try:
            async with session(config, request, show=checked) as opened:
                started(opened.run, len(opened.directory), opened.silent)
                opened.bot.on_tick = lambda line, bot=opened.bot: told(line, bot.outcomes)  # type: ignore[misc]
                settle()
                async with reacting(config, request, opened):
                    with contextlib.suppress(asyncio.CancelledError):
                        await opened.bot.run(over, max(request.most - done, 0))
                found = summary(opened)
        except (VenueError, DataError, AccessError) as error:
            if opened is not None or not done or isinstance(error, Fatal):
                raise
            started(f"not yet renewed ({error.message})", 0, "")  # a session that ran must not end over one bad minute
            await _wait(stop, _AGAIN_S)
        else:
            done += found["ticks"]
        finally:
            if renewing is not None:
                renewing.cancel()
        if stop.is_set() or (request.most and done >= request.most):
            return {**found, "ticks": done}


async def _wait(stop: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stop.wait()
