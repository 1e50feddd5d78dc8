"""How collection goes, read from its books: last runs, slots with causes, calls, quality, growth; JSON-ready."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from edgeworth.core.units import DAY, HOUR
from edgeworth.store.collecting import WHOLE, day_of

if TYPE_CHECKING:
    from sqlalchemy import Connection


@dataclass(slots=True)
class _Tally:
    """Slots of a job and the observations due in them; `causes` explains every one that was missed."""

    job: str
    slots: int
    slots_met: int
    due: int
    met: int
    missed: int
    causes: dict[str, int] = field(default_factory=dict)


_TIERS = (("good", 8_000, 10_001), ("fair", 5_000, 8_000), ("poor", 0, 5_000))


def collection_facts(connection: "Connection", now: int) -> dict[str, Any]:
    """Return everything `data status` shows from the database, as of an instant."""
    return {
        "jobs": _jobs(connection, now),
        "slots": {"last_24h": _slots(connection, now - DAY), "in_all": _slots(connection, 0)},
        "requests_today": _requests(connection, day_of(now)),
        "usage_today": _usage(connection, day_of(now)),
        "quality": {"last_24h": _quality(connection, now - DAY), "in_all": _quality(connection, 0)},
        "growth": _growth(connection, now),
    }


def latest_activity(connection: "Connection") -> int | None:
    """Return the newest instant in the collector's books, None before the first run."""
    from sqlalchemy import func, select

    from edgeworth.store.tables import collection_runs as table

    where = table.c.slot.is_not(None)
    query = select(func.max(table.c.started_at), func.max(table.c.finished_at)).where(where)
    row = connection.execute(query).one()
    return max((int(value) for value in row if value is not None), default=None)


def _jobs(connection: "Connection", now: int) -> list[dict[str, Any]]:
    from sqlalchemy import and_, func, select

    from edgeworth.store.tables import collection_runs as runs
    from edgeworth.store.tables import collection_slots as slots

    newest = (
        select(runs.c.kind, func.max(runs.c.run_no).label("run_no"))
        .where(runs.c.slot.is_not(None))
        .group_by(runs.c.kind)
        .subquery()
    )
    met = (
        select(slots.c.job, func.max(slots.c.slot).label("slot"))
        .where(slots.c.market_no == WHOLE, slots.c.met > 0)
        .group_by(slots.c.job)
        .subquery()
    )
    query = (
        select(runs, met.c.slot.label("last_met"))
        .join(newest, and_(newest.c.kind == runs.c.kind, newest.c.run_no == runs.c.run_no))
        .join(met, met.c.job == runs.c.kind, isouter=True)
        .order_by(runs.c.kind)
    )
    rows = connection.execute(query).mappings().all()
    return [_job(row, now, _step(connection, row["kind"])) for row in rows]


def _step(connection: "Connection", job: str) -> float | None:
    """Return the seconds between the latest slots of a job, None while there are not two."""
    from sqlalchemy import select

    from edgeworth.store.tables import collection_slots as table

    query = select(table.c.slot).where(table.c.job == job, table.c.market_no == WHOLE)
    slots = [int(row[0]) for row in connection.execute(query.order_by(table.c.slot.desc()).limit(4))]
    return min((later - earlier for later, earlier in pairwise(slots)), default=None)


def _job(row: "Mapping[Any, Any]", now: int, step: float | None) -> dict[str, Any]:
    last = row["last_met"]
    return {
        "job": row["kind"],
        "every_s": None if step is None else step / 1e6,
        "status": row["status"],
        "started_at": row["started_at"],
        "finished_at": row["finished_at"],
        "slot": row["slot"],
        "due": row["slots_due"],
        "met": row["slots_met"],
        "errors": row["errors"],
        "requests": row["requests"],
        "last_met_slot": last,
        "lag_s": None if last is None else (now - last) / 1e6,
        "counts": json.loads(row["counts"] or "{}"),
    }


def _slots(connection: "Connection", since: int) -> list[dict[str, Any]]:
    """Return, per job, slots and observations due, met and missed since an instant, with causes."""
    from sqlalchemy import case, func, select

    from edgeworth.store.tables import collection_slots as table

    recent = (table.c.slot >= since, table.c.state != "due")
    whole = (table.c.market_no == WHOLE, *recent)
    sums = select(
        table.c.job,
        func.count(),
        func.sum(case((table.c.state == "met", 1), else_=0)),
        func.sum(table.c.due),
        func.sum(table.c.met),
    )
    rows = connection.execute(sums.where(*whole).group_by(table.c.job).order_by(table.c.job))
    result = {
        str(job): _Tally(str(job), int(count), int(met), int(due or 0), int(got or 0), int((due or 0) - (got or 0)))
        for job, count, met, due, got in rows
    }
    by_market = select(table.c.job, table.c.cause, func.count()).where(table.c.market_no != WHOLE, *recent)
    alone = select(table.c.job, table.c.cause, func.sum(table.c.due - table.c.met)).where(
        *whole, table.c.cause != "", table.c.due > table.c.met
    )
    for query in (by_market, alone):
        for job, cause, count in connection.execute(query.group_by(table.c.job, table.c.cause)):
            causes = result[str(job)].causes
            causes[str(cause) or "unknown"] = causes.get(str(cause) or "unknown", 0) + int(count)
    return [asdict(found) for found in result.values()]


def _requests(connection: "Connection", day: int) -> dict[str, int]:
    from sqlalchemy import func, select

    from edgeworth.store.tables import collection_runs as table

    where = (table.c.started_at >= day, table.c.started_at < day + DAY, table.c.slot.is_not(None))
    query = select(table.c.kind, func.sum(table.c.requests)).where(*where).group_by(table.c.kind)
    return {str(kind): int(calls) for kind, calls in connection.execute(query.order_by(table.c.kind))}


def _usage(connection: "Connection", day: int) -> list[dict[str, Any]]:
    from sqlalchemy import select

    from edgeworth.store.tables import api_usage as table

    query = select(table.c.host, table.c.route, table.c.calls).where(table.c.day == day)
    rows = connection.execute(query.order_by(table.c.host, table.c.route)).mappings()
    return [dict(row) for row in rows]


def _quality(connection: "Connection", since: int) -> dict[str, int]:
    from sqlalchemy import and_, case, func, select

    from edgeworth.store.tables import market_snapshots as table

    score = table.c.quality_e4
    tiers = [func.sum(case((and_(score >= low, score < high), 1), else_=0)) for _, low, high in _TIERS]
    query = select(func.count(), func.count(score), *tiers).where(table.c.slot >= since)
    count, graded, *sums = connection.execute(query).one()
    found = {name: int(total or 0) for (name, _, _), total in zip(_TIERS, sums, strict=True)}
    return {"snapshots": int(count), **found, "ungraded": int(count - graded)}


def _growth(connection: "Connection", now: int) -> dict[str, Any]:
    from sqlalchemy import func, select

    from edgeworth.store import tables

    shots = tables.market_snapshots

    def count(table: Any, *where: Any) -> int:
        return int(connection.execute(select(func.count()).select_from(table).where(*where)).scalar_one())

    first, last = connection.execute(select(func.min(shots.c.slot), func.max(shots.c.slot))).one()
    return {
        "snapshots": count(shots),
        "snapshots_last_hour": count(shots, shots.c.slot > now - HOUR),
        "snapshots_last_24h": count(shots, shots.c.slot > now - DAY),
        "markets": count(tables.markets),
        "versions": count(tables.market_versions),
        "resolutions": count(tables.market_resolutions),
        "first_slot": first,
        "last_slot": last,
    }


def snapshots_of(connection: "Connection", market_no: int, limit: int = 10) -> dict[str, Any]:
    """Return how often a market was observed, from when to when, its mid price's range, and the newest rows.

    Prices and amounts in dollars, instants in microseconds, newest first; only what is not sealed into the lake yet.
    """
    from sqlalchemy import func, select

    from edgeworth.store.tables import market_snapshots as table

    mine = table.c.market_no == market_no
    twice = table.c.bid_e4 + table.c.ask_e4
    sums = select(func.count(), func.min(table.c.slot), func.max(table.c.slot), func.min(twice), func.max(twice)).where(
        mine
    )
    count, first, last, low, high = connection.execute(sums).one()
    newest = select(table).where(mine).order_by(table.c.slot.desc()).limit(limit)
    return {
        "count": int(count),
        "first_slot": first,
        "last_slot": last,
        "lowest_mid": None if low is None else low / 20_000,
        "highest_mid": None if high is None else high / 20_000,
        "newest": [_observation(row) for row in connection.execute(newest).mappings()],
    }


def _observation(row: "Mapping[Any, Any]") -> dict[str, Any]:
    def dollars(name: str, unit: int) -> float | None:
        return None if row[name] is None else row[name] / unit

    return {
        "slot": row["slot"],
        "event_time": row["event_time"],
        "bid": dollars("bid_e4", 10_000),
        "ask": dollars("ask_e4", 10_000),
        "last": dollars("last_e4", 10_000),
        "volume": dollars("volume_e6", 1_000_000),
        "depth": dollars("depth_e6", 1_000_000),
        "spot": dollars("spot_e4", 10_000),
        "quality": dollars("quality_e4", 10_000),
    }
