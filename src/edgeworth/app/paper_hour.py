"""An hour of paper trading against a simulated venue inside this process, on a clock that jumps from event to event.

`killed_hour` does it as a machine would meet it: the bot runs in a process of its own, which is killed in the middle
without warning; a second one, which stood by and knows nothing of the first, finds the journal, compares it with the
account, and finishes the hour.
"""

import asyncio
import contextlib
import dataclasses
import importlib
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

from edgeworth.app.sandboxed import BASE, SandboxTransport, connect_sandbox
from edgeworth.app.trading import Request, Session, journal_name, open_journal, session
from edgeworth.app.venues import Connection
from edgeworth.core import config as configuration
from edgeworth.core.clock import Clock, VirtualClock
from edgeworth.core.config import Config
from edgeworth.core.errors import DataError, EdgeworthError
from edgeworth.core.units import HOUR, SECOND, Micros
from edgeworth.core.virtual_loop import run_virtual
from edgeworth.sandbox.scenario import find_scenario
from edgeworth.sandbox.server.sandbox import Sandbox
from edgeworth.sandbox.world import generate
from edgeworth.trading.paper import PaperVenue

KILL_AT: Final = 23  # minutes of the hour


@dataclass(frozen=True, slots=True)
class Simulation:
    """Which world, from when, and how many ticks; `hours_before_end` counts back from the scenario's end."""

    scenario: str
    seed: int
    hours_before_end: int = 480
    ticks: int = 60
    begin_at: Micros | None = None

    @property
    def start(self) -> Micros:
        """Return the instant of the first tick."""
        if self.begin_at is not None:
            return self.begin_at
        return Micros(find_scenario(self.scenario).end - self.hours_before_end * HOUR)


def run_simulation(
    config: Config, what: Simulation, request: Request, told: Callable[[Session], None] | None = None
) -> dict[str, Any]:
    """Run a bot for some ticks and return what it did and how it stands; `told` hears of every tick."""
    from edgeworth.venues.endpoints import Endpoints
    from edgeworth.venues.http.client import HttpClient

    clock = VirtualClock(what.start)
    sandbox = Sandbox(generate(find_scenario(what.scenario), what.seed), clock, what.start)
    chosen = config.settings.model_copy(update={"venue": "sandbox"})
    own = dataclasses.replace(config, settings=chosen)

    async def work() -> dict[str, Any]:
        http = HttpClient(Endpoints.sandbox(BASE), clock, transport=SandboxTransport(sandbox), seed=what.seed)
        try:
            async with session(own, request, connection=Connection(http, clock, connect_sandbox(sandbox))) as opened:
                if told is not None:
                    opened.bot.on_tick = lambda _line: told(opened)
                await opened.bot.run(asyncio.Event(), what.ticks)
                return summary(opened)
        finally:
            await http.close()

    return run_virtual(clock, work())


def summary(opened: Session) -> dict[str, Any]:
    """Return in numbers what a session's bot did and how its account stands."""
    account = opened.bot.account
    ledger = account.ledger
    states: dict[str, int] = {}
    for order in account.orders.values():
        states[str(order.state)] = states.get(str(order.state), 0) + 1
    strangers = 0
    if isinstance(opened.venue, PaperVenue):
        strangers = sum(1 for name in opened.venue.state.orders if name not in account.by_id)
    return {
        "run": opened.run,
        "ticks": opened.bot.ticks,
        "markets": len(opened.directory),
        "silent": opened.silent,
        "outcomes": opened.bot.outcomes,
        "orders": states,
        "fills": sum(1 for fill in account.fills() if not fill.void),
        "strangers": strangers,
        "accounts": dict(ledger.accounts),
        "positions": sum(1 for one in ledger.positions.values() if one.shares_e6),
        "equity_e6": opened.bot.parts.desk.equity_e6(account),
        "state": str(opened.bot.state),
        "halts": [f"{halt.cause}: {halt.reason}" for halt in account.standing()],
        "entries": account.count,
    }


@dataclass(frozen=True, slots=True)
class KilledHour:
    """What the hour showed. `doubled` are orders at the venue that the journal does not know, `back_s` real seconds
    from the kill to the first tick of the process that took over, `entries` of the journal verified from zero.
    """

    minutes: int
    killed_at: int
    back_s: float
    orders: int
    fills: int
    positions: int
    doubled: int
    equity_e6: int
    deposits_e6: int
    entries: int
    runs: tuple[str, ...]

    @property
    def sentence(self) -> str:
        """Say it in one sentence."""
        gain = (self.equity_e6 - self.deposits_e6) / 1e6
        return (
            f"{self.minutes} minutes on paper, {self.orders} orders, {self.fills} fills, {gain:+.2f} dollars; killed "
            f"in minute {self.killed_at}, another process took over within {self.back_s:.1f} s, {self.doubled} orders "
            f"doubled; the ledger balances ({self.entries} entries replayed from zero)"
        )


@contextmanager
def standing_by() -> Iterator[Callable[[], subprocess.Popen[str]]]:
    """Start the two processes of a killed hour, which load everything and wait; yield what hands out the next one.

    What was not handed out, or has not ended by itself, is killed with the block.
    """
    command = [sys.executable, "-P", "-m", "edgeworth.app.paper_hour"]
    pipes: Any = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with contextlib.ExitStack() as stack:
        made = [stack.enter_context(subprocess.Popen(command, text=True, **pipes)) for _ in range(2)]  # noqa: S603
        for process in made:
            stack.callback(process.kill)
        waiting = iter(made)
        yield lambda: next(waiting)


def killed_hour(
    config: Config, what: Simulation, clock: Clock, take: Callable[[], subprocess.Popen[str]]
) -> KilledHour:  # fmt: skip
    """Trade an hour in a process that is killed on the way, finish it in a second one, and verify the journal.

    `take` is what `standing_by` yields. Raises DataError demo-trading-failed with what the process said last.
    """
    first = _lead(take(), config, what, stop_at=min(KILL_AT, what.ticks - 1))
    killed_s = clock.monotonic()
    name = journal_name(
        dataclasses.replace(config, settings=config.settings.model_copy(update={"venue": "sandbox"})), "paper"
    )
    journal = open_journal(config, name, clock)
    resumed_at = journal.account.decided_at or what.start
    journal.close()
    again = dataclasses.replace(what, begin_at=Micros(resumed_at + 60 * SECOND), ticks=what.ticks - first["ticks"])
    back: list[float] = []
    last = _lead(take(), config, again, told=lambda: back.append(clock.monotonic() - killed_s))
    journal = open_journal(config, name, clock)
    try:
        entries = journal.verify()
        journal.account.ledger.audit()
    finally:
        journal.close()
    done = last["done"]
    return KilledHour(
        minutes=what.ticks, killed_at=first["ticks"], back_s=back[0] if back else 0.0,
        orders=sum(done["orders"].values()), fills=done["fills"], positions=done["positions"],
        doubled=done["strangers"], equity_e6=done["equity_e6"], deposits_e6=done["accounts"]["deposits"],
        entries=entries, runs=(first["run"], done["run"]),
    )  # fmt: skip


def _lead(
    process: subprocess.Popen[str], config: Config, what: Simulation, *, stop_at: int = 0,
    told: Callable[[], None] | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Let a waiting process run a bot; with `stop_at` kill it once it made so many ticks."""
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    words = [str(config.home.root), what.scenario, what.seed, what.start, what.ticks]
    with contextlib.suppress(OSError):  # it has ended already: what it said last tells why
        process.stdin.write(json.dumps(words) + "\n")
        process.stdin.close()
    last: dict[str, Any] = {}
    for line in process.stdout:
        last = json.loads(line)
        if told is not None and last.get("ticks") == 1:
            told()
        if stop_at and last.get("ticks", 0) >= stop_at:
            process.kill()
            break
    said = process.stderr.read().strip()
    process.wait()
    if last.get("failed") == "no-markets":
        raise DataError("no-markets", last["message"])
    if "ticks" not in last and "done" not in last:
        raise DataError("demo-trading-failed", last.get("message") or said[-500:] or "the bot ended without a word")
    return last


def main() -> None:
    """Run a bot as `_lead` asks in one line: home, scenario, seed, start, ticks; a JSON line a tick and one at the end.

    What a session loads when it begins is loaded before the line is there.
    """
    for name in ("polars", "edgeworth.research.batch_signals.forecaster", "edgeworth.research.batch_signals.lookout"):
        importlib.import_module(name)
    asked = sys.stdin.readline()
    if not asked:  # nobody needs this process
        return
    home, scenario, seed, start, ticks = json.loads(asked)
    config = configuration.load(home=Path(home))
    what = Simulation(scenario, seed, ticks=ticks, begin_at=Micros(start))

    def told(opened: Session) -> None:
        line = {"ticks": opened.bot.ticks, "orders": len(opened.bot.account.by_id), "run": opened.run}
        print(json.dumps(line), flush=True)  # noqa: T201  (read by the process that started this one)

    try:
        last: dict[str, Any] = {"done": run_simulation(config, what, Request(), told)}
    except EdgeworthError as error:
        last = {"failed": error.code, "message": error.message}
    print(msgspec.json.encode(last).decode(), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
