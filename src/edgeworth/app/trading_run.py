"""Run a bot as a process does: one per home, stopped by signals, and told about tick by tick."""

import asyncio
import contextlib
import gc
import signal
import sys
from collections.abc import Callable
from typing import Any, Final

from edgeworth.app.paper_hour import summary
from edgeworth.app.trading import Request, session
from edgeworth.app.trading_react import reacting
from edgeworth.core.config import Config
from edgeworth.store.instance import BOT, one_instance
from edgeworth.trading.record import Line

_RENEWED_S: Final = 6 * 3_600.0
Started = Callable[[str, int], None]
Told = Callable[[Line, dict[str, int]], None]


def run(config: Config, request: Request, started: Started, told: Told, checked: Callable[..., None]) -> dict[str, Any]:
    """Run until stopped; returns what was done and how the account stands.

    Raises InstanceError another-instance when a bot runs on this home already.
    """
    with one_instance(config.home, BOT):
        return asyncio.run(_run(config, request, (started, told, checked)))


def settle() -> None:
    """Let the collector of garbage forget what lives as long as the process: a pass over it would delay an order."""
    gc.collect()
    gc.freeze()


async def _run(config: Config, request: Request, say: tuple[Started, Told, Callable[..., None]]) -> dict[str, Any]:
    started, told, checked = say
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def end(number: int) -> None:
        stop.set()
        loop.remove_signal_handler(number)  # the second one takes its usual course

    if sys.platform != "win32":
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, end, number)
    renew = max(
        1, round(_RENEWED_S / request.every_s)
    )  # ticks until markets, history and what rules learned are read anew
    done = 0
    while True:
        left = request.most - done if request.most else renew
        async with session(config, request, show=checked) as opened:
            started(opened.run, len(opened.directory))
            opened.bot.on_tick = lambda line, bot=opened.bot: told(line, bot.outcomes)  # type: ignore[misc]
            async with reacting(config, request, opened):
                with contextlib.suppress(asyncio.CancelledError):
                    await opened.bot.run(stop, min(left, renew))
            found = summary(opened)
        done += found["ticks"]
        if stop.is_set() or (request.most and done >= request.most) or not found["ticks"]:
            return {**found, "ticks": done}
