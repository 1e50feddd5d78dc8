"""Wire back-fill and housekeeping: fetch resolved markets, candles and gaps; seal, back up, requeue."""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from edgeworth.app.homes import need_data
from edgeworth.app.venues import connect
from edgeworth.core.config import Config
from edgeworth.core.errors import ConfigError, PartialError, UsageError
from edgeworth.core.instants import parse_bound, parse_duration, to_iso
from edgeworth.core.progress import Progress
from edgeworth.core.units import DAY, Micros

if TYPE_CHECKING:
    import polars as pl

    from edgeworth.collect.requeue import RequeueReport
    from edgeworth.core.clock import Clock
    from edgeworth.store.backup_copy import Backup
    from edgeworth.store.market_db import MarketStore
    from edgeworth.venues.http.client import HttpClient

T = TypeVar("T")
_YEARS: Final = re.compile(r"^(\d{1,2})y$", re.IGNORECASE)
_YEAR: Final = 365 * DAY + DAY // 4


@dataclass(frozen=True, slots=True)
class Session:
    """An open store, a client and the clock of the venue."""

    config: Config
    store: "MarketStore"
    http: "HttpClient"
    clock: "Clock"
    progress: Progress


@dataclass(frozen=True, slots=True)
class ResolvedOptions:
    """Flags of `data fetch --resolved`, as written."""

    since: str = "2020-01"
    until: str | None = None
    category: str = ""
    min_volume: int = 0
    fine: bool = True
    trades: bool = True
    refresh: bool = False
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CandleOptions:
    """Flags of `data fetch --candles`, as written."""

    symbols: tuple[str, ...] = ()
    every: tuple[str, ...] = ("15m", "1h")
    since: str = "3y"
    until: str | None = None
    check: bool = True


def since_bound(text: str, now: Micros) -> Micros:
    """Parse `--since`: a date, month, quarter, duration ago, or years ago (`3y`); raises UsageError bad-date."""
    years = _YEARS.match(text.strip())
    return Micros(now - int(years.group(1)) * _YEAR) if years else parse_bound(text, now)


def fetch_resolved(config: Config, options: ResolvedOptions, progress: Progress) -> dict[str, Any]:
    """Fetch resolved markets and return what was done with the table of usable markets per range.

    Raises VenueError when the venue stays away (what came is stored, the same command goes on), PartialError
    fetch-incomplete when the listing could not be finished or markets were refused.
    """
    return asyncio.run(_with_session(config, progress, lambda session: _resolved(session, options)))


async def _resolved(session: Session, options: ResolvedOptions) -> dict[str, Any]:
    from edgeworth.collect.fetching.resolved import ResolvedFetch, ResolvedRequest, ResolvedTools
    from edgeworth.features.taxonomy import classify
    from edgeworth.venues.polymarket.data_api import DataApi
    from edgeworth.venues.polymarket.gamma import Gamma

    now = session.clock.now()
    since = since_bound(options.since, now)
    until = parse_bound(options.until, now, end=True) if options.until else None
    if until is not None and since >= until:
        raise UsageError("bad-interval", f"{options.since} does not lie before {options.until}")
    request = ResolvedRequest(
        since, until, options.category, options.min_volume, options.fine, options.trades, options.refresh,
        options.names,
    )  # fmt: skip
    tools = ResolvedTools(
        session.store,
        session.config.home.lake,
        Gamma(session.http, backfill=True),
        DataApi(session.http, backfill=True),
        session.clock,
        lambda question, title, tags: classify(question, title, tags).label,
        session.progress,
    )
    report = await ResolvedFetch(tools, request).run()
    table = usable(session.config, since, until or Micros(now + DAY))
    found = {**report.to_dict(), "usable": table.to_dicts(), "requests": session.http.usage.to_dict()}
    failed = sum(counts["failed"] for counts in report.sources.values())
    if report.partial or failed:
        what = f"the listing stopped ({report.partial})" if report.partial else f"{failed} markets were refused"
        raise PartialError("fetch-incomplete", f"not everything could be fetched: {what}", **found)
    return found


def usable(config: Config, since: int, until: int) -> "pl.DataFrame":
    """Return usable markets and independent events per range, with the smallest edge that many events can prove."""
    import polars as pl

    from edgeworth.collect.fetching.resolved import COARSE
    from edgeworth.collect.fetching.usable import usable_by_range
    from edgeworth.research.power import detectable_edge

    table = usable_by_range(config.home, COARSE.source, since, until)
    return table.with_columns(
        pl.col("events").map_elements(detectable_edge, return_dtype=pl.Float64).round(4).alias("edge")
    )


def fetch_candles(config: Config, options: CandleOptions, progress: Progress) -> dict[str, Any]:
    """Fetch candles and return one line per pair and interval; raises UsageError bad-option, VenueError.

    PartialError implausible-candles when a series was refused.
    """
    return asyncio.run(_with_session(config, progress, lambda session: _candles(session, options)))


async def _candles(session: Session, options: CandleOptions) -> dict[str, Any]:
    from edgeworth.collect.fetching.candles import CandleFetch, CandleRequest, CandleTools
    from edgeworth.store.lake import Lake
    from edgeworth.venues.binance.bulk import Bulk
    from edgeworth.venues.binance.lineage import DEFAULT_ASSETS
    from edgeworth.venues.binance.rest import Binance

    now = session.clock.now()
    since = since_bound(options.since, now)
    until = parse_bound(options.until, now, end=True) if options.until else now
    if since >= until:
        raise UsageError("bad-interval", f"{options.since} does not lie before {options.until or 'now'}")
    request = CandleRequest(options.symbols or DEFAULT_ASSETS, options.every, since, min(until, now), options.check)
    lake = Lake(session.config.home.lake)
    tools = CandleTools(session.store, lake, Bulk(session.http), Binance(session.http), session.clock, session.progress)
    try:
        report = await CandleFetch(tools).run(request)
    except ValueError as error:
        raise UsageError("bad-option", str(error)) from error
    found = {**report.to_dict(), "requests": session.http.usage.to_dict()}
    if report.refused:
        names = ", ".join(f"{line.pair} {line.interval}" for line in report.refused)
        raise PartialError("fetch-incomplete", f"refused as no traded price: {names}", **found)
    return found


def find_revisions(config: Config, symbols: tuple[str, ...], progress: Progress) -> dict[str, Any]:
    """Compare fetched candle files with their published checksums and return those that were revised."""
    need_data(config.home)

    async def work(session: Session) -> dict[str, Any]:
        from edgeworth.collect.fetching.candles import CandleTools
        from edgeworth.collect.fetching.revisions import find_revisions as look
        from edgeworth.store.lake import Lake
        from edgeworth.venues.binance.bulk import Bulk
        from edgeworth.venues.binance.lineage import asset_of, segments
        from edgeworth.venues.binance.rest import Binance

        bulk, lake = Bulk(session.http), Lake(config.home.lake)
        try:
            pairs = tuple(part.pair for symbol in symbols for part in segments(asset_of(symbol)))
        except ValueError as error:
            raise UsageError("bad-option", str(error)) from error
        tools = CandleTools(session.store, lake, bulk, Binance(session.http), session.clock, session.progress)
        return {"revised": [revision.to_dict() for revision in await look(tools, bulk, pairs)]}

    return asyncio.run(_with_session(config, progress, work))


def fetch_gaps(config: Config, since: str, until: str | None, progress: Progress) -> dict[str, Any]:
    """Back-fill slots the collector missed and return what became of them."""
    need_data(config.home)

    async def work(session: Session) -> dict[str, Any]:
        from edgeworth.collect.fetching.gaps import GapRequest, GapTools, fill_gaps
        from edgeworth.venues.polymarket.data_api import DataApi

        now = session.clock.now()
        end = parse_bound(until, now, end=True) if until else now
        tools = GapTools(session.store, session.config.home, DataApi(session.http), session.clock, session.progress)
        report = await fill_gaps(tools, GapRequest(since_bound(since, now), end))
        return {**report.to_dict(), "requests": session.http.usage.to_dict()}

    return asyncio.run(_with_session(config, progress, work))


async def _with_session(config: Config, progress: Progress, work: Callable[[Session], Awaitable[T]]) -> T:
    """Run work on an open session; it is a run in the store's books, and its calls count."""
    async with _session(config, progress) as session:
        number = await session.store.start_run("fetch")
        status = "failed"
        try:
            result = await work(session)
            status = "completed"
        except PartialError:
            status = "completed"
            raise
        finally:
            await session.store.finish_run(number, status, {})
        return result


@contextlib.asynccontextmanager
async def _session(config: Config, progress: Progress) -> AsyncIterator[Session]:
    from edgeworth.store.collecting import CollectionLedger, claim_venue
    from edgeworth.store.market_db import MarketStore

    connection = await connect(config, steps=True)
    try:
        async with await MarketStore.open(config.home, clock=connection.clock) as store:
            venue = config.settings.venue
            other = await store.change(lambda database: claim_venue(database, venue))
            if other:
                raise ConfigError("venue-mixed", f"{config.home.root} holds markets of {other}, not of {venue}")
            try:
                yield Session(config, store, connection.http, connection.clock, progress)
            finally:
                await CollectionLedger(store).add_usage(_calls(connection.http), connection.clock.now())
    finally:
        await connection.http.close()


def _calls(http: "HttpClient") -> dict[tuple[str, str], int]:
    found: dict[tuple[str, str], int] = {}
    for row in http.usage.rows():
        found[row.host, row.route] = found.get((row.host, row.route), 0) + row.counts.calls
    return found


# housekeeping


def seal(config: Config, older_than: str | None, progress: Progress) -> dict[str, int]:
    """Move snapshots older than a duration (the setting `collect.keep_days` by default) into the lake."""
    need_data(config.home)
    age = parse_duration(older_than) if older_than else config.settings.collect.keep_days * DAY

    async def work() -> dict[str, int]:
        from edgeworth.collect.sealing import Work
        from edgeworth.collect.sealing import seal as move
        from edgeworth.store.market_db import MarketStore

        async with await MarketStore.open(config.home) as store:
            cut = await _now(store) - age
            return (await move(store, config.home, Work(cut, progress=progress))).to_dict()

    return asyncio.run(work())


async def _now(store: "MarketStore") -> Micros:
    """Return the time the home lives in: a sandbox has its own."""
    from edgeworth.core.clock import SystemClock
    from edgeworth.store.collecting import venue_of
    from edgeworth.store.collecting_status import latest_activity

    latest = await store.run(latest_activity) if await store.run(venue_of) == "sandbox" else None
    return SystemClock().now() if latest is None else Micros(latest)


def backup(config: Config, output: Path | None) -> "Backup":
    """Write a consistent, verified copy of the home."""
    from edgeworth.core.clock import SystemClock
    from edgeworth.store import backup as copies

    need_data(config.home)
    clock = SystemClock()
    return copies.backup(config.home, output or copies.default_folder(config.home, clock.now()), clock)


def requeue(config: Config, reason: str, kind: str, source: str) -> "RequeueReport":
    """Parse quarantined rows again and report what became of each."""
    need_data(config.home)

    async def work() -> "RequeueReport":
        from edgeworth.collect.requeue import requeue as again
        from edgeworth.store.market_db import MarketStore
        from edgeworth.store.quarantine import Selection

        async with await MarketStore.open(config.home) as store:
            return await again(store, config.home, Selection(reason, kind, source))

    return asyncio.run(work())


def lineage_rows() -> Iterator[dict[str, Any]]:
    """Yield what became of renamed and dead coins, for `data fetch --candles --lineage`."""
    from edgeworth.venues.binance.lineage import CHANGES

    for change in CHANGES:
        yield {
            "asset": change.asset,
            "stopped": to_iso(change.stopped),
            "successor": change.successor,
            "opened": to_iso(change.opened) if change.opened else "",
            "ratio": change.ratio,
            "announced": change.dated,
            "note": change.note,
        }
