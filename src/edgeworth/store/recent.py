"""The newest of what is known: snapshots not yet in the lake, fresh resolutions, and how busy the collector is."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from edgeworth.core.errors import DataError
from edgeworth.core.panel import Int64s, Outcomes, Panel
from edgeworth.core.paths import Home
from edgeworth.core.types import ResolutionState
from edgeworth.core.units import DAY, MINUTE
from edgeworth.store import panel_build, versions
from edgeworth.store.frames import read_tables, run_sync

if TYPE_CHECKING:
    import polars as pl
    from sqlalchemy import Connection, CursorResult

_LIMITED: Final = "venue-rate-limited"  # the cause under which the collector files what a venue refused as too much
_BACKFILLED: Final = "backfill:"
_FETCHED: Final = 100_000
_QUOTES: Final = ("market_no", "source", "event_time", "known_at", "bid_e4", "ask_e4", "last_e4", "depth_e6")


@dataclass(frozen=True, slots=True, repr=False)  # asyncio prints a result when it restores the signal handlers
class Recent:
    """What was known between two instants.

    `snapshots`, back-filled ones excepted: market_no, source, event_time, known_at, bid_e4, ask_e4, last_e4, depth_e6,
    ascending in (market_no, known_at). `resolved` and `proposed`: market numbers with a final resolution, or only a
    proposal, known by the later instant. `markets`: how many were listed by then. `calls`: requests of that day,
    `limited`: slots missed in the last five minutes because a venue asked for fewer requests.
    """

    snapshots: "pl.DataFrame"
    resolved: Int64s
    proposed: Int64s
    markets: int
    calls: int
    limited: int


def read_recent(home: Home, since: int, until: int, margin: int = DAY) -> Recent:
    """Read what became known in (since, until]; resolutions and proposals since ever. Raises DataError store-empty.

    Snapshots whose slot lies more than `margin` microseconds before `since` are not looked for.
    """
    from edgeworth.store.market_db import MarketStore

    if not home.has_market_db:
        raise DataError("store-empty", f"there is no data in {home.root}")

    async def work() -> Recent:
        async with await MarketStore.open(home, read_only=True) as store:
            return await store.run(lambda connection: _read(connection, (since, margin), until))

    return run_sync(work())


def _read(connection: "Connection", begin: tuple[int, int], until: int) -> Recent:
    from sqlalchemy import and_, func, or_, select

    from edgeworth.store.tables import api_usage, collection_slots, market_resolutions, market_snapshots, markets

    snapshots, said = market_snapshots, market_resolutions
    since, margin = begin
    columns = [snapshots.c[name] for name in _QUOTES]
    # the key begins with the slot, which lies near the observation: a margin keeps the scan short and complete
    window = and_(snapshots.c.slot > since - margin, snapshots.c.known_at > since, snapshots.c.known_at <= until)
    live = ~snapshots.c.source.like(f"{_BACKFILLED}%")  # known now, but of the past: nobody saw those prices in time
    wanted = select(*columns).where(window, live).order_by(snapshots.c.market_no, snapshots.c.known_at)
    frame = _frame(connection.execute(wanted))
    final = and_(said.c.state == str(ResolutionState.FINAL), said.c.resolved_at.is_not(None))
    # a resolution without an instant of its own counts since it was decided, as everywhere
    known = and_(final, func.coalesce(said.c.known_at, said.c.resolved_at) <= until, said.c.resolved_at <= until)
    resolved = connection.execute(select(said.c.market_no).where(known).distinct()).scalars().all()
    early = or_(said.c.proposed_at <= until, and_(~final, said.c.known_at <= until))
    proposed = connection.execute(select(said.c.market_no).where(early).distinct()).scalars().all()
    listed = or_(markets.c.created_at.is_(None), markets.c.created_at <= until)
    day = until - until % DAY
    calls = connection.execute(select(func.coalesce(func.sum(api_usage.c.calls), 0)).where(api_usage.c.day == day))
    slots = collection_slots
    refused = and_(slots.c.slot > until - 5 * MINUTE, slots.c.slot <= until, slots.c.cause.contains(_LIMITED))
    limited = connection.execute(select(func.count()).select_from(slots).where(refused)).scalar_one()
    return Recent(
        frame,
        np.unique(np.array(resolved, np.int64)),
        np.unique(np.array(proposed, np.int64)),
        int(connection.execute(select(func.count()).select_from(markets).where(listed)).scalar_one()),
        int(calls.scalar_one()),
        int(limited),
    )


def _frame(result: "CursorResult[Any]") -> "pl.DataFrame":
    """Return rows as a frame, piece by piece so that Python objects never pile up."""
    import polars as pl

    schema = dict.fromkeys(_QUOTES, pl.Int64) | {"source": pl.String}
    pieces = [pl.DataFrame(schema=schema)]
    while rows := result.fetchmany(_FETCHED):
        pieces.append(pl.DataFrame([tuple(row) for row in rows], schema=schema, orient="row"))
    return pl.concat(pieces)


def market_facts(home: Home, market_no: Int64s, first_t: Int64s) -> "tuple[pl.DataFrame, versions.Ends]":
    """Return what a panel holds of some known markets: rows of schema MARKETS, and the versions of the scheduled end.

    `market_no` ascending, `first_t` each market's first observation. Raises DataError store-empty.
    """
    tables = read_tables(home, panel_build._TABLES)
    return panel_build._metadata(tables, market_no, first_t)


def past_outcomes(home: Home, panel: Panel) -> Outcomes:
    """Return how the markets of a panel ended, as far as the store knows; raises DataError store-empty."""
    table = {"market_resolutions": panel_build._TABLES["market_resolutions"]}
    said = read_tables(home, table)["market_resolutions"]
    number = panel.markets["market_no"].to_numpy().astype(np.int64)
    series = panel_build.Series(number, panel.offsets, panel.t, panel.price_e4)
    return panel_build._outcomes(series, said, panel.source)
