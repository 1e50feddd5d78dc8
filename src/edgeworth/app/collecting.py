"""Wire collection: settings and flags to a plan, signals to a graceful stop, the books to what `data status` shows."""

import asyncio
import contextlib
import os
import shutil
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

from edgeworth.app.homes import need_data
from edgeworth.app.venues import Connection, connect
from edgeworth.core.config import Config
from edgeworth.core.errors import ConfigError, PartialError, Retryable, UsageError
from edgeworth.core.instants import parse_duration, to_iso
from edgeworth.core.units import SECOND, Micros

if TYPE_CHECKING:
    from edgeworth.collect.daemon.collector import Collector
    from edgeworth.collect.daemon.logs import Log
    from edgeworth.collect.daemon.plan import Plan
    from edgeworth.collect.daemon.supervisor import Service
    from edgeworth.collect.finding import Wanted
    from edgeworth.store.collecting import SlotResult
    from edgeworth.store.market_db import MarketStore

STANDARD_BUDGET = 300  # scan and snapshots of the scheduled preset, calls a day
ONE_BY_ONE = 2_440  # what scans of 500 and a call per market and hour add up to
_STOP_S = 4.7  # of the five seconds that stopping may take
_INSTANTS = frozenset(
    {"started_at", "finished_at", "slot", "event_time", "last_met_slot", "first_slot", "last_slot", "now", "next_slot"}
)


@dataclass(frozen=True, slots=True)
class Request:
    """What a command asks for; None and empty leave it to the settings. Durations as people write them."""

    mode: str | None = None
    once: bool = False
    interval: str | None = None
    market_ids: tuple[str, ...] = ()
    markets: tuple[str, ...] = ()
    run_for: str | None = None
    record: bool = False


def plan_of(config: Config, request: Request) -> "Plan":
    """Return the plan of settings and flags; raises UsageError.

    Markets named on the command line and no preset mean: track these, and leave the whole venue alone.
    """
    from edgeworth.collect.daemon.plan import Mode, Plan, jobs_of
    from edgeworth.collect.jobs.choice import parse_choice
    from edgeworth.core.units import DAY

    settings = config.settings.collect
    named = bool(request.market_ids or request.markets)
    ids = request.market_ids if named else settings.market_ids
    queries = request.markets if named else settings.markets
    choice = parse_choice(ids, queries, settings.max_tracked)
    mode = Mode(request.mode or settings.mode)
    if request.record and choice.empty:
        raise UsageError("bad-option", "there is nothing to record", "name markets with --market-ids or --markets")
    plan = Plan(
        every=jobs_of(mode, choice, tracking_only=named and request.mode is None),
        choice=choice,
        top=settings.top,
        min_volume=settings.min_volume,
        scan_limit=settings.scan_limit,
        symbols=settings.symbols,
        candle_interval=settings.candle_interval,
        keep=settings.keep_days * DAY,
        record=request.record,
        seed=config.settings.run.seed,
    )
    plan = plan.with_interval("track", parse_duration(request.interval or settings.every))
    if request.interval and choice.empty:
        plan = plan.with_interval("snapshot", parse_duration(request.interval))
    return plan


def is_single(config: Config, request: Request) -> bool:
    """Tell whether only one round is wanted."""
    return request.once or (request.mode or config.settings.collect.mode) == "once"


def collect(config: Config, request: Request, console: IO[str] | None, *, threshold: str = "info") -> dict[str, Any]:
    """Collect until stopped, for a time, or one round, and return what was collected.

    Raises InstanceError another-instance, Retryable sandbox-not-running, PartialError collect-incomplete when a single
    round could not get everything.
    """
    from edgeworth.store.instance import one_instance

    plan = plan_of(config, request)
    seconds = None if request.run_for is None else parse_duration(request.run_for) / SECOND
    with one_instance(config.home):
        single = is_single(config, request)
        return asyncio.run(_collect(config, plan, console, threshold, seconds, single=single))


async def _collect(
    config: Config, plan: "Plan", console: IO[str] | None, threshold: str, seconds: float | None, *, single: bool
) -> dict[str, Any]:
    from edgeworth.collect.daemon.collector import Collector, World
    from edgeworth.collect.daemon.logs import TurningFile, make_log
    from edgeworth.store.market_db import MarketStore

    connection = await connect(config, steps=single)
    file = TurningFile(config.home.log / "collect.jsonl")
    log = make_log(connection.clock, file, console=console, threshold=threshold)
    try:
        async with await MarketStore.open(config.home, clock=connection.clock) as store:
            await _claim(store, config)
            collector = Collector(World(config.home, store, connection.http, connection.clock, log), plan)
            await _name_markets(collector, log, single=single)
            with _graceful(collector, log):
                if single:
                    return round_summary(await collector.once(), connection.http.usage.calls())
                await collector.run(seconds, _streams(collector, connection))
            return _summary(collector)
    finally:
        file.close()
        await connection.http.close()


async def _name_markets(collector: "Collector", log: "Log", *, single: bool) -> None:
    """Look the named markets up, so that an unknown one is said at once; a venue that is away is waited for later."""
    try:
        await collector.tracked.names()
    except Retryable as error:
        if single:
            raise
        log.warning("venue-away", cause=error.code, message=error.message)


def _streams(collector: "Collector", connection: Connection) -> "list[Service]":
    """Return the service that records streams, when the plan asks for it."""
    from edgeworth.venues.streams.wire import connect_websocket

    if not collector.plan.record:
        return []
    return [collector.recording(connection.http.endpoints.market_ws, connect_websocket)]


async def _claim(store: "MarketStore", config: Config) -> None:
    from edgeworth.store.collecting import claim_venue

    venue = config.settings.venue
    other = await store.change(lambda connection: claim_venue(connection, venue))
    if other:
        raise ConfigError("venue-mixed", f"{config.home.root} holds markets of {other}, not of {venue}")


@contextlib.contextmanager
def _graceful(collector: "Collector", log: "Log") -> Iterator[None]:
    """Stop gracefully on the first SIGTERM or Ctrl-C, at once on the second, and in any case in time."""
    loop = asyncio.get_running_loop()
    last_resort: list[asyncio.TimerHandle] = []

    def handle(number: int) -> None:
        if collector.stopping:
            os._exit(128 + number)
        log.info("stopping", signal=signal.Signals(number).name, again="stops at once")
        last_resort.append(loop.call_later(_STOP_S, os._exit, 128 + number))  # ending like a crash loses nothing
        collector.stop()

    numbers = (signal.SIGINT, signal.SIGTERM)
    installed = []
    for number in numbers:
        with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):  # Windows, or not the main thread
            loop.add_signal_handler(number, handle, number)
            installed.append(number)
    try:
        yield
    finally:
        for timer in last_resort:
            timer.cancel()
        for number in installed:
            loop.remove_signal_handler(number)


def round_summary(results: "list[SlotResult]", requests: int) -> dict[str, Any]:
    """Return what one round brought; raises PartialError collect-incomplete when something due was not got."""
    rows: list[dict[str, Any]] = [
        {
            "job": result.job,
            "state": result.state,
            "due": result.due,
            "met": result.met,
            "requests": result.requests,
            "causes": sorted({result.cause, *result.missed.values()} - {""}),
            "counts": dict(result.counts),
        }
        for result in results
    ]
    summary: dict[str, Any] = {"rounds": rows, "requests": requests}
    missed = [row for row in rows if row["state"] != "met"]
    if missed:
        causes = sorted({cause for row in missed for cause in row["causes"]})
        names = ", ".join(row["job"] for row in missed)
        message = f"{names}: not everything due was collected" + (f" ({', '.join(causes)})" if causes else "")
        raise PartialError("collect-incomplete", message, **summary)
    return summary


def _summary(collector: "Collector") -> dict[str, Any]:
    last = {item.name: item.last for item in collector.schedulers if item.last is not None}
    return {
        "jobs": {name: {"state": r.state, "due": r.due, "met": r.met} for name, r in last.items()},
        "unwritten": collector.books.waiting,
    }


def status(config: Config) -> dict[str, Any]:
    """Return how collection goes: health, jobs, slots, budget, quality, growth, disk, quarantine; instants as text."""
    from edgeworth.store.frames import run_sync

    need_data(config.home)
    found: dict[str, Any] = _readable(run_sync(_status(config)))
    return found


def observations(config: Config, market_no: int) -> dict[str, Any]:
    """Return how often one market was observed, and the newest observations; instants as text."""
    from edgeworth.store.collecting_status import snapshots_of
    from edgeworth.store.frames import run_sync
    from edgeworth.store.market_db import MarketStore

    async def work() -> dict[str, Any]:
        async with await MarketStore.open(config.home, read_only=True) as store:
            return await store.run(lambda connection: snapshots_of(connection, market_no))

    found: dict[str, Any] = _readable(run_sync(work()))
    return found


async def _status(config: Config) -> dict[str, Any]:
    from edgeworth.core.clock import SystemClock
    from edgeworth.store.collecting import venue_of
    from edgeworth.store.collecting_status import collection_facts, latest_activity
    from edgeworth.store.instance import holder
    from edgeworth.store.market_db import MarketStore

    async with await MarketStore.open(config.home, read_only=True) as store:
        venue = await store.run(venue_of)
        latest = await store.run(latest_activity)
        wall = SystemClock().now()
        now = latest if venue == "sandbox" and latest is not None else wall  # a sandbox lives in its own time
        facts = await store.run(lambda connection: collection_facts(connection, now))
        quarantine = await store.quarantine_summary()
    pid = holder(config.home)
    requests = facts["requests_today"]
    budget = {
        "scan_and_snapshot": requests.get("scan", 0) + requests.get("snapshot", 0),
        "limit": STANDARD_BUDGET,
        "one_by_one": ONE_BY_ONE,
        "track": requests.get("track", 0),
        "other": sum(calls for job, calls in requests.items() if job not in {"scan", "snapshot", "track"}),
    }
    return {
        "health": _health(pid, facts["jobs"]),
        "pid": pid,
        "venue": venue,
        "now": now,
        **facts,
        "budget_today": budget,
        "disk": _disk(config),
        "quarantine": quarantine,
    }


def _health(pid: int | None, jobs: list[dict[str, Any]]) -> str:
    """Return stopped, starting, failing, behind or ok."""
    if pid is None:
        return "stopped" if jobs else "never collected"
    if not jobs:
        return "starting"
    if any(job["status"] == "failed" for job in jobs):
        return "failing"
    late = [job for job in jobs if job["every_s"] and job["lag_s"] is not None and job["lag_s"] > 2 * job["every_s"]]
    return "behind" if late else "ok"


def _disk(config: Config) -> dict[str, int]:
    home = config.home
    database = sum(path.stat().st_size for path in home.root.glob("market.db*") if path.is_file())
    lake = sum(path.stat().st_size for path in home.lake.rglob("*") if path.is_file()) if home.lake.is_dir() else 0
    there = next(path for path in (home.root, *home.root.absolute().parents) if path.exists())
    return {"database_bytes": database, "lake_bytes": lake, "free_bytes": shutil.disk_usage(there).free}


def _readable(value: Any, key: str = "") -> Any:
    if isinstance(value, dict):
        return {name: _readable(inner, name) for name, inner in value.items()}
    if isinstance(value, list):
        return [_readable(inner, key) for inner in value]
    return to_iso(Micros(value)) if key in _INSTANTS and isinstance(value, int) else value


def find(config: Config, wanted: "Wanted") -> list[dict[str, Any]]:
    """Return markets found live at the venue."""
    return asyncio.run(_find(config, wanted))


async def _find(config: Config, wanted: "Wanted") -> list[dict[str, Any]]:
    from edgeworth.collect.finding import find as look
    from edgeworth.venues.polymarket.gamma import Gamma

    connection = await connect(config, steps=True)
    try:
        return await look(Gamma(connection.http), wanted, connection.clock.now())
    finally:
        await connection.http.close()


def service_unit(config: Config, program: tuple[str, ...], words: tuple[str, ...] = ()) -> str:
    """Return a systemd unit that keeps the collector running; `program` is how edgeworth starts. Raises UsageError."""
    home = config.home.root.absolute()
    parts = [*program, "data", "collect", "--home", str(home), *words]
    if any(set(part) & set("\n\r\"'\\%$") for part in parts):
        raise UsageError("bad-option", "a unit file cannot hold quotes, backslashes, % or $ in a path or flag")
    command = " ".join(f'"{part}"' if " " in part else part for part in parts)
    return _UNIT.format(command=command, home=f'"{home}"' if " " in str(home) else home)


_UNIT = """[Unit]
Description=edgeworth collector
Documentation=man:systemd.service(5)
Wants=network-online.target
After=network-online.target
StartLimitIntervalSec=600
StartLimitBurst=10

[Service]
Type=exec
ExecStart={command}
Restart=on-failure
RestartSec=5
# a wrong setting, a refused permission or a second instance is not cured by trying again
RestartPreventExitStatus=2 3 4 9
KillSignal=SIGTERM
TimeoutStopSec=10
NoNewPrivileges=yes
PrivateTmp=yes
ProtectSystem=strict
ReadWritePaths={home}
UMask=0077

[Install]
WantedBy=default.target
"""
