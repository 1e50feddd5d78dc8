"""As-of reads: what could be known, laid out for features and strategies, apart from how it ended.

The warm path reads memory-mapped arrays and touches neither SQLAlchemy nor the lake's parts. Nothing in a Panel is
derived from a resolution.
"""

import contextlib
import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from edgeworth.core.errors import DataError, UsageError
from edgeworth.core.panel import NEVER, UNKNOWN_TIME, Int64s, Outcomes, Panel
from edgeworth.core.paths import Home
from edgeworth.core.types import FeeSchedule, Market
from edgeworth.core.units import Micros, SharesE6
from edgeworth.store import manifest as manifests
from edgeworth.store import panel_cache
from edgeworth.store.engines import database_error, read_sqlite

if TYPE_CHECKING:
    import polars as pl

ALL = "all"


@dataclass(frozen=True, slots=True)
class SourceInfo:
    """Where prices came from: points, markets with prices, and how many of those have a final resolution."""

    name: str
    points: int
    markets: int
    resolved_markets: int


def load_panel(
    home: Home,
    *,
    source: str | None = None,
    start: int | None = None,
    end: int | None = None,
    market_nos: Sequence[int] | None = None,
    min_points: int = 1,
) -> tuple[Panel, Outcomes]:
    """Return the markets with prices, as they could be known, and apart from them how they ended.

    `source` None = the one with the most resolved markets, "all" pools every source. Points with start <= t < end
    (microseconds); markets with fewer than `min_points` of them are left out. Raises UsageError unknown-source,
    DataError store-empty | no-prices | store-corrupt | lake-part-missing.
    """
    numbers = None if market_nos is None else tuple(sorted({int(number) for number in market_nos}))
    arguments = ["panel", panel_cache.VERSION, source, start, end, numbers, min_points]
    key = _cache_key(home, arguments)
    kept = panel_cache.load(home, key)
    if kept is not None:
        return kept
    from edgeworth.store.panel_build import Request, build

    chosen = _choose_source(home, source)
    panel, outcomes = build(home, Request(chosen, start, end, numbers, min_points))
    panel_cache.save(home, key, panel, outcomes)
    return panel, outcomes


def price_sources(home: Home) -> list[SourceInfo]:
    """Return the sources of prices, the one with the most resolved markets first (then markets, points, name)."""
    path = home.cache / f"sources-{_cache_key(home, ['sources', 1])}.json"
    with contextlib.suppress(OSError, ValueError, TypeError):
        return [SourceInfo(**row) for row in json.loads(path.read_text("utf-8"))]
    found = _count_sources(home)
    with contextlib.suppress(OSError):
        home.cache.mkdir(parents=True, exist_ok=True)
        for old in home.cache.glob("sources-*.json"):
            old.unlink(missing_ok=True)
        path.write_text(json.dumps([asdict(row) for row in found]), "utf-8")
    return found


def requested_markets(home: Home, source: str | None = None) -> int:
    """Return how many markets a source was asked prices of, present or missing; None = the default source.

    0 where coverage was never measured, and for "all". Raises what `price_sources` raises.
    """
    name = source
    if name is None:
        found = price_sources(home)
        name = found[0].name if found else ""
    if home.market_url:
        return _requested_on_server(home, name)
    connection = read_sqlite(home.market_db)
    try:
        row = connection.execute(
            "SELECT count(DISTINCT market_no) FROM coverage WHERE source = ? AND dataset = 'prices'", (name,)
        ).fetchone()
    finally:
        connection.close()
    return int(row[0])


def scheduled_end_as_of(panel: Panel, market: int, t: int) -> int:
    """Return the scheduled end of market index `market` as known at `t`, UNKNOWN_TIME when none was."""
    return int(scheduled_ends(panel, np.array([market]), np.array([t]))[0])


def scheduled_ends(panel: Panel, market: Int64s, t: Int64s) -> Int64s:
    """Return the scheduled end as known at each (market index, instant); UNKNOWN_TIME where none was. Shape of `t`."""
    result = np.full(len(t), UNKNOWN_TIME, dtype=np.int64)
    first, last = panel.end_offsets[market], panel.end_offsets[np.asarray(market) + 1]
    most = int((last - first).max()) if len(t) else 0
    for step in range(most):  # few versions per market, many rows
        position = first + step
        there = position < last
        there[there] = panel.end_known_at[position[there]] <= t[there]
        result[there] = panel.end_value[position[there]]
    return result


def market_as_of(home: Home, market_no: int, t: int) -> Market | None:
    """Return a market's facts as known at `t`, None when nothing was; raises UsageError unknown-market."""
    import polars as pl

    from edgeworth.store import versions
    from edgeworth.store.frames import read_tables

    tables = read_tables(home, {"markets": (), "market_versions": (), "events": ("event_no", "native_id")})
    row = tables["markets"].filter(pl.col("market_no") == market_no)
    if row.is_empty():
        raise UsageError("unknown-market", f"no market has number {market_no}")
    market = row.row(0, named=True)
    said = tables["market_versions"].filter(pl.col("market_no") == market_no)
    mine = versions.by_market(said).get(market_no, [])
    created = [value for value in (market["created_at"], *said["created_at"].to_list()) if value is not None]
    base = min(created) if created else _first_point(home, market_no)
    times = versions.effective_times(mine, base)
    known = [(time, -version.version_no, version) for version, time in zip(mine, times, strict=True) if time <= t]
    if not known:
        return None
    since, _, version = max(known, key=lambda item: item[:2])
    facts = said.filter(pl.col("version_no") == version.version_no).row(0, named=True)
    changes = [value for time, value in versions.end_changes(mine, times) if time <= t]
    end = changes[-1] if changes else UNKNOWN_TIME
    events = dict(tables["events"].iter_rows())
    return Market(
        market_no=market_no,
        market_id=market["market_id"],
        venue=market["venue"],
        question=facts["question"],
        slug=facts["slug"],
        event_id=events.get(market["event_no"], ""),
        outcomes=(market["outcome0"], market["outcome1"]),
        tags=tuple(json.loads(facts["tags"] or "[]")),
        scheduled_end=None if end == UNKNOWN_TIME else Micros(end),
        tick_e4=facts["tick_e4"],
        min_size_e6=SharesE6(facts["min_size_e6"]),
        fee=FeeSchedule(facts["fee_rate_e6"], facts["fee_exponent"]),
        neg_risk=facts["neg_risk"],
        known_at=Micros(since),
    )


def prices_as_of(home: Home, market_no: int, t: int, source: str | None = None) -> "pl.DataFrame":
    """Return the points of one market known at `t`, schema PRICES, ascending in event_time; first stored wins."""
    import polars as pl

    from edgeworth.store.lake import Lake

    sources = None if source in {None, ALL} else [str(source)]
    points = Lake(home.lake).scan_prices(sources, [market_no]).filter(pl.col("known_at") <= t).collect()
    return points.unique("event_time", keep="first", maintain_order=True).sort("event_time")


def facts_digest(home: Home) -> str:
    """Return the market database's digest of facts with the standard library alone; raises DataError store-empty."""
    import sqlite3

    if home.market_url:
        return _digest_on_server(home)
    connection = read_sqlite(home.market_db)
    try:
        row = connection.execute("SELECT value FROM meta WHERE key = 'facts'").fetchone()
    except sqlite3.Error as error:
        raise database_error(error, str(home.market_db)) from error
    finally:
        connection.close()
    return str(row[0]) if row else ""


# inside


def _requested_on_server(home: Home, source: str) -> int:
    import polars as pl

    from edgeworth.store.frames import read_tables

    rows = read_tables(home, {"coverage": ("source", "dataset", "market_no")})["coverage"]
    return rows.filter(pl.col("source") == source, pl.col("dataset") == "prices")["market_no"].n_unique()


def _digest_on_server(home: Home) -> str:
    from edgeworth.store.frames import run_sync
    from edgeworth.store.market_db import MarketStore

    async def work() -> str:
        async with await MarketStore.open(home, read_only=True) as store:
            return await store.fact_digest()

    return run_sync(work())


def _cache_key(home: Home, arguments: list[Any]) -> str:
    words = [*arguments, manifests.identity(home.lake / "prices"), facts_digest(home)]
    return hashlib.blake2b(json.dumps(words).encode(), digest_size=12).hexdigest()


def _choose_source(home: Home, source: str | None) -> str:
    if source == ALL:
        return ALL
    names = [info.name for info in price_sources(home)]
    if not names:
        raise DataError("store-empty", f"there are no prices in {home.root}")
    if source is None:
        return names[0]
    if source not in names:
        raise UsageError("unknown-source", f"no prices come from '{source}'", known=names)
    return source


def _count_sources(home: Home) -> list[SourceInfo]:
    import polars as pl

    from edgeworth.core.types import ResolutionState
    from edgeworth.store.frames import read_tables
    from edgeworth.store.lake import Lake

    rows = read_tables(home, {"market_resolutions": ("market_no", "state", "resolved_at")})["market_resolutions"]
    final = rows.filter((pl.col("state") == str(ResolutionState.FINAL)) & pl.col("resolved_at").is_not_null())
    resolved = np.unique(final["market_no"].to_numpy())
    lake = Lake(home.lake)
    points: dict[str, int] = {}
    markets: dict[str, list[Any]] = {}
    for part in lake.manifest("prices").parts:
        points[part.source] = points.get(part.source, 0) + part.rows
        markets.setdefault(part.source, []).append(np.unique(lake.read_prices(part).market_no))
    found = []
    for name, lists in markets.items():
        numbers = np.unique(np.concatenate(lists))
        count = int(np.isin(numbers, resolved).sum())
        found.append(SourceInfo(name, points[name], len(numbers), count))
    return sorted(found, key=lambda info: (-info.resolved_markets, -info.markets, -info.points, info.name))


def _first_point(home: Home, market_no: int) -> int:
    from edgeworth.store.lake import Lake

    points = Lake(home.lake).scan_prices(None, [market_no]).collect()
    first = points["known_at"].min()
    return int(first) if isinstance(first, int) else NEVER
