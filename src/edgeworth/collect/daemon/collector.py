"""The collector put together: venues, store and plan in, jobs on their timetables out, running until told to stop."""

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edgeworth.collect.daemon.books import Books
from edgeworth.collect.daemon.plan import Plan
from edgeworth.collect.daemon.runner import Runner
from edgeworth.collect.daemon.scheduler import Scheduler, Timetable
from edgeworth.collect.daemon.slots import Grid
from edgeworth.collect.daemon.supervisor import Service, Supervisor
from edgeworth.collect.daemon.usage import MeteredUsage
from edgeworth.collect.daemon.waiting import pause
from edgeworth.collect.jobs.candles import Candles, CandleTools
from edgeworth.collect.jobs.capture import Capture
from edgeworth.collect.jobs.directory import Directory
from edgeworth.collect.jobs.observe import Observe, Tools, Tracked
from edgeworth.collect.jobs.resolve import Resolve, ResolveTools
from edgeworth.collect.jobs.scan import Scan, Scanner, Top
from edgeworth.collect.jobs.spot import SpotPrices
from edgeworth.collect.jobs.upkeep import Upkeep
from edgeworth.collect.jobs.work import Job
from edgeworth.core.clock import Clock
from edgeworth.core.paths import Home
from edgeworth.store.collecting import CollectionLedger, SlotResult
from edgeworth.store.market_db import MarketStore
from edgeworth.venues.binance.rest import Binance
from edgeworth.venues.http.client import HttpClient
from edgeworth.venues.polymarket.clob_reads import Clob
from edgeworth.venues.polymarket.data_api import DataApi
from edgeworth.venues.polymarket.gamma import Gamma

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from edgeworth.collect.daemon.logs import Log
    from edgeworth.venues.streams.wire import Connect

ROUND = ("scan", "track", "snapshot", "candles", "resolve", "upkeep")  # the order of a single round


@dataclass(frozen=True, slots=True)
class World:
    """What a collector works with."""

    home: Home
    store: MarketStore
    http: HttpClient
    clock: Clock
    log: "Log"


class Collector:
    """Collect by a plan; `stop` ends it gracefully, from a signal handler too."""

    def __init__(self, world: World, plan: Plan) -> None:
        self._world, self.plan = world, plan
        self._stop = asyncio.Event()
        usage = MeteredUsage(world.clock)
        world.http.usage = usage
        self._ledger = CollectionLedger(world.store)
        self.books = Books(self._ledger, usage, world.clock, world.log)
        self._runner = Runner(self.books, world.clock, world.log, self._stop, plan.seed)
        gamma, clob, binance = Gamma(world.http), Clob(world.http), Binance(world.http)
        self.directory = Directory(gamma, world.store, world.clock)
        self.scanner = Scanner(gamma, self.directory, world.clock, plan.scan_limit)
        self.tracked = Tracked(plan.choice, self.directory, self.scanner.load, world.clock)
        capture = Capture(clob, SpotPrices(binance, world.clock), world.store, world.clock)
        self._jobs = self._make_jobs(gamma, clob, binance, Tools(self.directory, capture, world.clock))
        self.schedulers = [
            Scheduler(Timetable(job, Grid(plan.every[job.name])), self._runner, self.books, world.clock, self._stop)
            for job in self._jobs
        ]
        self.services: list[Service] = []

    def stop(self) -> None:
        """Ask everything to end."""
        self._stop.set()

    @property
    def stopping(self) -> bool:
        """Whether `stop` was called."""
        return self._stop.is_set()

    async def run(self, seconds: float | None = None, extra: "Sequence[Service]" = ()) -> None:
        """Collect until stopped, or for so many seconds of the clock; `extra` services run beside the jobs."""
        await self._recover()
        self.services = [Service(scheduler.name, scheduler.serve) for scheduler in self.schedulers]
        self.services += extra
        if seconds is not None:
            self.services.append(Service("timer", lambda: self._stop_after(seconds)))
        self._world.log.info(
            "started", jobs={name: f"{every // 1_000_000}s" for name, every in sorted(self.plan.every.items())}
        )
        await Supervisor(self._world.clock, self._world.log, self._stop).run(self.services)
        await self._farewell()

    def recording(self, url: str, connect: "Connect") -> Service:
        """Return the service that records the chosen markets' streams from the sockets at `url`."""
        from edgeworth.collect.daemon.recording import Recording

        world = self._world
        clob = Clob(world.http)
        parts = (self.tracked, clob, world.store, self.books, world.home, world.clock, self._stop, url, connect)
        return Service("record", Recording(*parts).serve)

    async def once(self) -> list[SlotResult]:
        """Run every job once, one after the other, and return what became of each; stopped early, those that ended."""
        await self._recover()
        results = []
        ordered = sorted(self.schedulers, key=lambda scheduler: ROUND.index(scheduler.name))
        for scheduler in ordered:
            if self._stop.is_set():
                break
            result = await scheduler.once()
            if result is not None:
                results.append(result)
        return results

    async def _stop_after(self, seconds: float) -> None:
        await pause(self._world.clock, seconds, self._stop)
        self.stop()

    async def _recover(self) -> None:
        left = await self._ledger.recover(self._world.clock.now())
        if left:
            self._world.log.warning("runs-interrupted", runs=left)

    async def _farewell(self) -> None:
        try:
            await self.books.flush()
        finally:
            self._world.log.info("stopped", unwritten=self.books.waiting)

    def _make_jobs(self, gamma: Gamma, clob: Clob, binance: Binance, tools: Tools) -> list[Job]:
        world, plan = self._world, self.plan
        resolving = ResolveTools(gamma, clob, DataApi(world.http), world.store, self.directory, world.clock)
        top = Top(self.scanner, plan.top, plan.min_volume)
        makers: dict[str, Callable[[], Job]] = {
            "track": lambda: Observe("track", plan.every["track"], self.tracked, tools),
            "scan": lambda: Scan(self.scanner),
            "snapshot": lambda: Observe("snapshot", plan.every["snapshot"], top, tools),
            "candles": lambda: Candles(plan.symbols, plan.candle_interval, self._candle_tools(binance)),
            "resolve": lambda: Resolve(resolving),
            "upkeep": lambda: Upkeep(world.store, world.clock, self._sealer(), plan.keep),
        }
        return [makers[name]() for name in plan.every]

    def _candle_tools(self, binance: Binance) -> CandleTools:
        from edgeworth.store.lake import Lake

        world = self._world
        return CandleTools(binance, Lake(world.home.lake), world.store, world.clock)

    def _sealer(self) -> "Callable[[int], Awaitable[dict[str, Any]]]":
        from edgeworth.collect.sealing import Work, seal

        async def work(cut: int) -> dict[str, Any]:
            report = await seal(self._world.store, self._world.home, Work(cut))
            return report.to_dict()

        return work
