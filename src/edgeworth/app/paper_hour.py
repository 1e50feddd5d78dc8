"""An hour of paper trading against a simulated venue inside this process, on a clock that jumps from event to event."""

import asyncio
import dataclasses
from dataclasses import dataclass
from typing import Any

from edgeworth.app.sandboxed import SandboxTransport
from edgeworth.app.trading import Request, Session, session
from edgeworth.app.venues import Connection
from edgeworth.core.clock import VirtualClock
from edgeworth.core.config import Config
from edgeworth.core.units import HOUR, Micros
from edgeworth.core.virtual_loop import run_virtual
from edgeworth.sandbox.scenario import find_scenario
from edgeworth.sandbox.server.sandbox import Sandbox
from edgeworth.sandbox.world import generate


@dataclass(frozen=True, slots=True)
class Simulation:
    """Which world, from when, and how many ticks; `start` counts back from the scenario's end in hours."""

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


def run_simulation(config: Config, what: Simulation, request: Request) -> dict[str, Any]:
    """Run a bot for some ticks and return what it did and how it stands."""
    from edgeworth.venues.endpoints import Endpoints
    from edgeworth.venues.http.client import HttpClient

    clock = VirtualClock(what.start)
    sandbox = Sandbox(generate(find_scenario(what.scenario), what.seed), clock, what.start)
    chosen = config.settings.model_copy(update={"venue": "sandbox"})
    own = dataclasses.replace(config, settings=chosen)

    async def work() -> dict[str, Any]:
        http = HttpClient(
            Endpoints.sandbox("http://sandbox.local"), clock, transport=SandboxTransport(sandbox), seed=what.seed
        )
        try:
            async with session(own, request, connection=Connection(http, clock)) as opened:
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
    return {
        "run": opened.run,
        "ticks": opened.bot.ticks,
        "markets": len(opened.directory),
        "outcomes": opened.bot.outcomes,
        "orders": states,
        "accounts": dict(ledger.accounts),
        "positions": sum(1 for one in ledger.positions.values() if one.shares_e6),
        "equity_e6": opened.bot.parts.desk.equity_e6(account),
        "state": str(opened.bot.state),
        "halts": [f"{halt.cause}: {halt.reason}" for halt in account.standing()],
        "entries": account.count,
    }
