"""The collector's books: runs, the ledger of slots, calls to venues; each change is one transaction of the store.

A slot is an instant a job was scheduled for. It is `due` while it may still be met, then `met` (everything due was
observed), `missed` (something was not, with the cause) or `failed` (the job itself broke). A run is one piece of work
on one slot: running, then completed or failed; a run left `running` by a dead process is closed by the next start.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from edgeworth.core.records import Ids
from edgeworth.core.units import DAY
from edgeworth.store.lookups import insert_rows

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from edgeworth.store.market_db import MarketStore
    from edgeworth.store.rows import Row

WHOLE = 0  # the market_no of a whole slot
INTERRUPTED = "interrupted"
SNAPSHOTS = "snapshots"  # the dataset in the coverage
COLLECTED = "polymarket-clob"  # the source a market would have, had it been observed
_VENUE = "venue"  # the key in `meta`
Usage = Mapping[tuple[str, str], int]


@dataclass(frozen=True, slots=True)
class SlotResult:
    """What became of one slot: `due` observations, `met` of them, and per market missed its cause.

    `cause` explains the whole slot when nothing narrower does; `failed` says that the job broke; `counts` is free.
    """

    job: str
    slot: int
    due: int
    met: int
    missed: Mapping[int, str] = field(default_factory=dict)
    cause: str = ""
    failed: bool = False
    errors: int = 0
    requests: int = 0
    counts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def state(self) -> str:
        """Return met, missed or failed."""
        if self.failed:
            return "failed"
        return "met" if self.met >= self.due else "missed"


@dataclass(frozen=True, slots=True)
class SlotState:
    """The latest entry of a job."""

    slot: int
    state: str
    due: int


class CollectionLedger:
    """Write runs, slots and usage of one market store."""

    def __init__(self, store: "MarketStore") -> None:
        self._store = store

    async def recover(self, now: int) -> int:
        """Close runs that a dead process left `running`; returns how many there were."""
        from sqlalchemy import update

        from edgeworth.store.tables import collection_runs as table

        values = {"status": "failed", "finished_at": now, "counts": json.dumps({"cause": INTERRUPTED})}
        query = update(table).where(table.c.status == "running").values(values)
        return await self._store.change(lambda connection: int(connection.execute(query).rowcount))

    async def latest(self, job: str) -> SlotState | None:
        """Return the newest slot of a job, or None."""
        from sqlalchemy import select

        from edgeworth.store.tables import collection_slots as table

        query = (
            select(table.c.slot, table.c.state, table.c.due)
            .where(table.c.job == job, table.c.market_no == WHOLE)
            .order_by(table.c.slot.desc())
            .limit(1)
        )

        def work(connection: "Connection") -> SlotState | None:
            row = connection.execute(query).first()
            return None if row is None else SlotState(int(row[0]), str(row[1]), int(row[2]))

        return await self._store.run(work)

    async def begin(self, job: str, slot: int | None, now: int) -> int:
        """Open a run and note its slot as due; returns the run's number."""
        from sqlalchemy import func, insert, select

        from edgeworth.store import tables

        def work(connection: "Connection") -> int:
            runs = tables.collection_runs
            number = int(connection.execute(select(func.coalesce(func.max(runs.c.run_no), 0))).scalar_one()) + 1
            run = {"run_no": number, "kind": job, "started_at": now, "status": "running", "slot": slot}
            connection.execute(insert(runs), run)
            if slot is not None:
                _replace(connection, job, slot, [_slot_row(job, slot, WHOLE, "due", run_no=number)])
            return number

        return await self._store.change(work)

    async def finish(self, run_no: int, result: SlotResult, now: int, usage: Usage | None = None) -> None:
        """Close a run with its slot, the markets missed, and the calls made since the last time."""
        status = "failed" if result.failed else "completed"

        def work(connection: "Connection") -> None:
            _close_run(connection, run_no, status, result, now)
            rows = [_slot_row(result.job, result.slot, WHOLE, result.state, result.cause, run_no)]
            rows[0] |= {"due": result.due, "met": result.met}
            rows += [
                _slot_row(result.job, result.slot, number, "missed", cause, run_no)
                for number, cause in sorted(result.missed.items())
            ]
            _replace(connection, result.job, result.slot, rows)
            _add_usage(connection, usage or {}, now)

        await self._store.change(work)

    async def close(self, run_no: int, result: SlotResult, now: int, usage: Usage | None = None) -> None:
        """Close a run that is not bound to a slot."""
        status = "failed" if result.failed else "completed"

        def work(connection: "Connection") -> None:
            _close_run(connection, run_no, status, result, now)
            _add_usage(connection, usage or {}, now)

        await self._store.change(work)

    async def miss(self, job: str, slots: Sequence[int], cause: str, due: int = 1) -> None:
        """Note slots in which nothing could be observed, each with `due` observations."""
        if not slots:
            return
        rows = [_slot_row(job, slot, WHOLE, "missed", cause) | {"due": due} for slot in slots]

        def work(connection: "Connection") -> None:
            from sqlalchemy import delete

            from edgeworth.store.tables import collection_slots as table

            old = (table.c.job == job, table.c.slot >= min(slots), table.c.slot <= max(slots))
            connection.execute(delete(table).where(*old, table.c.state == "due"))
            insert_rows(connection, table, rows)

        await self._store.change(work)

    async def add_usage(self, usage: Usage, now: int) -> None:
        """Add calls to the day's counts."""
        if usage:
            await self._store.change(lambda connection: _add_usage(connection, usage, now))


@dataclass(frozen=True, slots=True)
class Unresolved:
    """A market whose end is not known yet, by the ids the venue knows it by."""

    market_no: int
    gamma_id: str
    condition: str

    @property
    def ids(self) -> Ids:
        """The ids that are known."""
        named = (("condition", self.condition), ("gamma", self.gamma_id))
        return tuple(pair for pair in named if pair[1])


def unresolved(connection: "Connection") -> list[Unresolved]:
    """Return the markets with a Gamma id of which no source has a final word yet, by number."""
    from sqlalchemy import and_, select

    from edgeworth.core.types import ResolutionState
    from edgeworth.store import tables

    gamma = tables.market_aliases.alias("gamma")
    condition = tables.market_aliases.alias("condition")
    final = tables.market_resolutions
    query = (
        select(gamma.c.market_no, gamma.c.value, condition.c.value)
        .select_from(gamma)
        .join(
            condition,
            and_(condition.c.market_no == gamma.c.market_no, condition.c.kind == "condition"),
            isouter=True,
        )
        .join(
            final,
            and_(
                final.c.market_no == gamma.c.market_no,
                final.c.state == str(ResolutionState.FINAL),
            ),
            isouter=True,
        )
        .where(gamma.c.kind == "gamma", final.c.market_no.is_(None))
        .order_by(gamma.c.market_no)
    )
    return [Unresolved(int(row[0]), str(row[1]), str(row[2] or "")) for row in connection.execute(query)]


def day_of(instant: int) -> int:
    """Return the UTC midnight before an instant."""
    return instant - instant % DAY


def _slot_row(job: str, slot: int, market_no: int, state: str, cause: str = "", run_no: int | None = None) -> "Row":
    return {
        "job": job,
        "slot": slot,
        "market_no": market_no,
        "state": state,
        "cause": cause,
        "due": 0 if market_no == WHOLE else 1,
        "met": 0,
        "run_no": run_no,
    }


def _replace(connection: "Connection", job: str, slot: int, rows: "Sequence[Row]") -> None:
    from sqlalchemy import delete

    from edgeworth.store.tables import collection_slots as table

    connection.execute(delete(table).where(table.c.job == job, table.c.slot == slot))
    insert_rows(connection, table, rows)


def _close_run(connection: "Connection", run_no: int, status: str, result: SlotResult, now: int) -> None:
    from sqlalchemy import update

    from edgeworth.store.tables import collection_runs as table

    missed = max(result.due - result.met, 0)
    facts = dict(result.counts) | ({"cause": result.cause} if result.cause else {})
    values = {
        "finished_at": now,
        "status": status,
        "counts": json.dumps(facts),
        "slots_due": result.due,
        "slots_met": result.met,
        "slots_missed": missed,
        "errors": result.errors,
        "requests": result.requests,
    }
    connection.execute(update(table).where(table.c.run_no == run_no).values(values))


def _add_usage(connection: "Connection", usage: Usage, now: int) -> None:
    from sqlalchemy import update

    from edgeworth.store.tables import api_usage as table

    day = day_of(now)
    fresh = []
    for (host, route), calls in sorted(usage.items()):
        where = (table.c.day == day, table.c.host == host, table.c.route == route)
        if calls and not connection.execute(update(table).where(*where).values(calls=table.c.calls + calls)).rowcount:
            fresh.append({"day": day, "host": host, "route": route, "calls": calls})
    insert_rows(connection, table, fresh)


def refresh_coverage(connection: "Connection", until: int) -> int:
    """Add to the coverage of `snapshots` what slots up to `until` brought, with the causes of what they did not.

    Returns the number of markets whose entry changed. Counted once: slots after those counted before, up to `until`.
    """
    from sqlalchemy import func, select

    from edgeworth.store import tables

    coverage, shots = tables.coverage, tables.market_snapshots
    stored = {
        (row["source"], row["market_no"]): dict(row)
        for row in connection.execute(select(coverage).where(coverage.c.dataset == SNAPSHOTS)).mappings()
    }
    since = max((row["last_t"] or 0 for row in stored.values()), default=0)
    query = (
        select(shots.c.source, shots.c.market_no, func.count(), func.min(shots.c.slot), func.max(shots.c.slot))
        .where(shots.c.slot > since, shots.c.slot <= until)
        .group_by(shots.c.source, shots.c.market_no)
    )
    notes = _missed_notes(connection)
    changed: dict[tuple[str, int], Row] = {}
    for source, number, points, first, last in connection.execute(query):
        old = stored.get((source, number))
        changed[source, number] = {
            "source": source, "market_no": number, "dataset": SNAPSHOTS, "status": "present",
            "points": points + (old["points"] if old else 0),
            "first_t": first if old is None or old["first_t"] is None else old["first_t"],
            "last_t": last, "note": notes.get(number, ""),
        }  # fmt: skip
    seen = {number for _, number in (*stored, *changed)}
    for number in notes.keys() - seen:
        changed[COLLECTED, number] = {
            "source": COLLECTED, "market_no": number, "dataset": SNAPSHOTS, "status": "missing",
            "points": 0, "first_t": None, "last_t": None, "note": notes[number],
        }  # fmt: skip
    _save_coverage(connection, stored, changed)
    return len(changed)


def _missed_notes(connection: "Connection") -> dict[int, str]:
    """Return, per market with missed slots, their number by cause: `venue-timeout 3, no-book 1`."""
    from sqlalchemy import func, select

    from edgeworth.store.tables import collection_slots as table

    query = (
        select(table.c.market_no, table.c.cause, func.count())
        .where(table.c.market_no != WHOLE, table.c.state == "missed")
        .group_by(table.c.market_no, table.c.cause)
        .order_by(table.c.market_no, func.count().desc(), table.c.cause)
    )
    notes: dict[int, list[str]] = {}
    for number, cause, count in connection.execute(query):
        notes.setdefault(int(number), []).append(f"{cause or 'unknown'} {count}")
    return {number: "missed slots: " + ", ".join(parts) for number, parts in notes.items()}


def _save_coverage(
    connection: "Connection", stored: "Mapping[tuple[str, int], Row]", changed: "Mapping[tuple[str, int], Row]"
) -> None:
    from edgeworth.store.lookups import update_rows
    from edgeworth.store.tables import coverage as table

    keys = ("source", "market_no", "dataset")
    insert_rows(connection, table, [row for key, row in changed.items() if key not in stored])
    update_rows(connection, table, keys, [row for key, row in changed.items() if key in stored])


def claim_venue(connection: "Connection", venue: str) -> str:
    """Note that this database holds what `venue` says; returns the other venue it belongs to already, else nothing.

    A database that holds markets nobody collected (an import) belongs to the real venue.
    """
    from sqlalchemy import insert, select

    from edgeworth.store.tables import markets, meta

    held = connection.execute(select(meta.c.value).where(meta.c.key == _VENUE)).scalar_one_or_none()
    if held is None:
        imported = connection.execute(select(markets.c.market_no).limit(1)).first() is not None
        if imported and venue == "sandbox":
            return "polymarket"
        connection.execute(insert(meta), {"key": _VENUE, "counter": 0, "value": venue})
        return ""
    return "" if held == venue else str(held)


def venue_of(connection: "Connection") -> str:
    """Return the venue this database belongs to, empty when nothing was collected into it."""
    from sqlalchemy import select

    from edgeworth.store.tables import meta

    return str(connection.execute(select(meta.c.value).where(meta.c.key == _VENUE)).scalar_one_or_none() or "")
