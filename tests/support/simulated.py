"""Days of collection inside this process: the real collector against the real sandbox, in virtual time."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgeworth.app.sandboxed import SandboxTransport
from edgeworth.collect.daemon.collector import Collector, World
from edgeworth.collect.daemon.plan import Plan
from edgeworth.core.clock import VirtualClock
from edgeworth.core.paths import Home
from edgeworth.core.units import DAY, Micros
from edgeworth.core.virtual_loop import run_virtual
from edgeworth.sandbox.server.fault_plan import FaultPlan
from edgeworth.sandbox.server.sandbox import Sandbox
from edgeworth.sandbox.world import generate
from edgeworth.store.market_db import MarketStore
from edgeworth.venues.endpoints import Endpoints
from edgeworth.venues.http.client import HttpClient
from tests.support.collecting import Notes

BASE = "http://sandbox.local"


@dataclass
class Days:
    """What a simulation left behind."""

    sandbox: Sandbox
    collector: Collector
    notes: Notes
    home: Home


def simulate(
    root: Path,
    days: float,
    plan: Callable[[Sandbox], Plan],
    *,
    scenario: str = "live-small",
    seed: int = 7,
    faults: Callable[[int], FaultPlan] | None = None,
    each_day: Callable[[int], Any] | None = None,
) -> Days:
    """Collect for so many days; `faults` gets the first instant, `each_day` the number of every day that ended.

    The last second is left out: at its end the next slots begin, and which of two timers of one instant comes first is
    a matter of their rounding.
    """
    world = generate(scenario, seed)
    start = Micros(world.scenario.end - 30 * DAY)
    clock = VirtualClock(start)
    sandbox = Sandbox(world, clock, start, faults(start) if faults else None)
    home = Home(root)
    notes = Notes()

    async def main() -> Collector:
        http = HttpClient(Endpoints.sandbox(BASE), clock, transport=SandboxTransport(sandbox), seed=seed)
        try:
            async with await MarketStore.open(home, clock=clock) as store:
                collector = Collector(World(home, store, http, clock, notes), plan(sandbox))
                extra = [] if each_day is None else [_calendar(collector, clock, each_day)]
                await collector.run(days * 86_400 - 1, extra)
                return collector
        finally:
            await http.close()

    return Days(sandbox, run_virtual(clock, main()), notes, home)


def _calendar(collector: Collector, clock: VirtualClock, each_day: Callable[[int], Any]) -> Any:
    from edgeworth.collect.daemon.supervisor import Service

    async def serve() -> None:
        day = 0
        while not collector.stopping:
            await clock.sleep(86_400)
            day += 1
            each_day(day)

    return Service("calendar", serve)


@dataclass
class Venue:
    """A collector and the sandbox it talks to, for tests that call its parts."""

    sandbox: Sandbox
    clock: VirtualClock
    store: MarketStore
    collector: Collector
    http: HttpClient


def in_sandbox(root: Path, work: Callable[[Venue], Any], plan: Plan, faults: FaultPlan | None = None) -> Any:
    """Run a test in virtual time at the first instant of a small venue."""
    world = generate("live-small", 7)
    start = Micros(world.scenario.end - 30 * DAY)
    clock = VirtualClock(start)
    sandbox = Sandbox(world, clock, start, faults)

    async def main() -> Any:
        http = HttpClient(Endpoints.sandbox(BASE), clock, transport=SandboxTransport(sandbox))
        try:
            async with await MarketStore.open(Home(root), clock=clock) as store:
                collector = Collector(World(Home(root), store, http, clock, Notes()), plan)
                return await work(Venue(sandbox, clock, store, collector, http))
        finally:
            await http.close()

    return run_virtual(clock, main())
