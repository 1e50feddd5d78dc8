"""One seed of the trading simulation: a program that crashes and comes back, a venue that does not care, a judge.

The program under test is the real order manager over the real journal; what it keeps on its disk survives a crash,
everything else is dropped. A crash may come at every commit and every send.
"""

import asyncio
import hashlib
import random
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from edgeworth.core.clock import VirtualClock
from edgeworth.core.errors import VenueError
from edgeworth.core.orders import Intent, Settlement
from edgeworth.core.units import Micros
from edgeworth.trading.account import Account
from edgeworth.trading.halts import TradingState, overall
from edgeworth.trading.journal import MemoryDisk, MemoryJournal, Verdict
from tests.support.trading_loop import SeededLoop, run_seeded
from tests.support.trading_scenario import CASH, LAST, SHARES, START, Scenario, draw_scenario, faults_of
from tests.support.trading_venue import Connection, Faults, ModelVenue, Order, cash_of

PATIENCE = 1_500.0  # virtual seconds until everything must have come to rest


class SimulatedCrash(BaseException):
    """The program is gone."""


@dataclass
class Outcome:
    """What a seed came to."""

    seed: int
    violations: list[str]
    crashes: int
    submissions: int
    orders: int
    trades: int
    steps: int
    seconds: float
    entries: int
    trace: str
    points: dict[str, int] = field(default_factory=dict)


class Program:
    """One incarnation: what it created is its own and dies with it."""

    def __init__(self, world: "World", number: int) -> None:
        self.world, self.number = world, number
        self.tasks: dict[asyncio.Task[Any], None] = {}
        self.connection = world.parts.connection(world.venue)
        self.journal = world.parts.journal(world.disk, world.clock, self.fault)
        self.dead: SimulatedCrash | None = None
        self.end: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

    def fault(self, point: str) -> None:
        """Pass a fault point: the judge looks at what has just become durable, and the program may die."""
        if self.dead is not None:
            raise self.dead
        world = self.world
        world.points[point] = world.points.get(point, 0) + 1
        if point == "journal.after-commit":
            world.inspect(self.journal._account)
        if world.crashes < world.scenario.most_crashes and world.armed and world.draw.random() < world.scenario.crash_chance:
            self.crash(point)

    def crash(self, point: str) -> None:
        """Die here."""
        self.world.crashes += 1
        self.world.venue.note("crash", point, self.number)
        self.dead = SimulatedCrash(point)
        self.connection.cut(self.dead)
        for task in self.tasks:
            task.cancel()
        if not self.end.done():
            self.end.set_result(False)
        raise self.dead

    async def live(self) -> bool:
        """Run until everything has come to rest (True) or the program dies (False)."""
        self.world.program = self
        asyncio.get_running_loop().create_task(self._run())
        try:
            return await self.end
        finally:
            self.world.program = None
            await asyncio.gather(*self.tasks, return_exceptions=True)
