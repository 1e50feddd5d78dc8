"""The market database: what the world said. One writer at a time, every write one transaction, repetition harmless.

Every write that changes facts moves a chained digest in `meta`, which readers use to know whether their cache holds.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from edgeworth.core.clock import Clock, SystemClock
from edgeworth.core.paths import Home
from edgeworth.core.records import Ids, Record
from edgeworth.store.counts import Counts, WriteCounts
from edgeworth.store.engines import Database, FileDatabase, ServerDatabase, Translated, prepare_file

if TYPE_CHECKING:
    from sqlalchemy import Connection, Table

    from edgeworth.store.rows import Row
    from edgeworth.store.snapshots import SnapshotRow

T = TypeVar("T")
Hook = Callable[[str], None]
FACTS = "facts"


@dataclass(frozen=True, slots=True)
class ImportState:
    """How far the import of one file has come.

    `key` identifies the file's content (size, mtime, head), `path` is for people, `offset` bytes (or rows) consumed and
    safely stored, `counts` as WriteCounts.to_dict(), `done` when the whole file is in, `extra` anything JSON-ready.
    """

    key: str
    path: str = ""
    shape: str = ""
    offset: int = 0
    counts: dict[str, Counts] = field(default_factory=dict)
    done: bool = False
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CoverageRow:
    """Say what was asked for and what was got: `status` is present, missing or failed; instants in microseconds."""

    source: str
    market_no: int
    dataset: str = "prices"
    status: str = "present"
    points: int = 0
    first_t: int | None = None
    last_t: int | None = None
    note: str = ""


class MarketStore:
    """Events, markets with versions and aliases, resolutions, snapshots, coverage, quarantine, import states."""

    def __init__(self, database: Database, place: str, clock: Clock, hook: Hook | None) -> None:
        self._database = database
        self._place = place
        self._clock = clock
        self._hook: Hook = hook or (lambda _step: None)

    @classmethod
    async def open(
        cls,
        home: Home,
        *,
        url: str | None = None,
        read_only: bool = False,
        clock: Clock | None = None,
        hook: Hook | None = None,
    ) -> "MarketStore":
        """Open, creating the home and migrating the schema where needed (`async with` also works: it closes).

        `hook` is told the named steps of a write (for kill tests). Raises AccessError home-unwritable | disk-full,
        DataError store-locked | store-newer | store-corrupt | store-unreachable | store-empty (read_only without a
        database). `url` is that of a server; without it the home says where the database lies.
        """
        from edgeworth.core.errors import DataError

        server = url or home.market_url
        if not server:
            if read_only and not home.market_db.is_file():
                raise DataError("store-empty", f"there is no database at {home.market_db}")
            if not read_only:
                prepare_file(home.market_db, 0o644)
        place = server.split("@")[-1] if server else str(home.market_db)
        database = ServerDatabase(server) if server else FileDatabase(home.market_db, read_only=read_only)
        store = cls(database, place, clock or SystemClock(), hook)
        try:
            if not read_only:
                await store._migrate()
            elif await store.run(_is_behind):  # a reader cannot migrate: a writer does it first
                async with await cls.open(home, url=url, clock=clock):
                    pass
        except BaseException:
            await store.close()
            raise
        return store

    @property
    def clock(self) -> Clock:
        """The clock this store was opened with."""
        return self._clock

    async def close(self) -> None:
        """Release the connections."""
        with self._clock.busy():
            await self._database.close()

    async def __aenter__(self) -> "MarketStore":
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

    async def write(self, batch: Sequence[Record], *, state: ImportState | None = None) -> WriteCounts:
        """Store events, markets, resolutions, snapshots and rejected rows in one transaction, idempotently.

        PriceBlock and CandleBlock raise TypeError: they go to the lake. Records may come in any order; a resolution or
        snapshot of an unknown market creates a bare one. `state`, if given, is saved in the same transaction, its
        `counts` increased by those of this batch, so a file's offset, rows and counts can never disagree. Thousands
        of records per call are best (2,000-10,000).
        """
        from edgeworth.store.batch import Batch

        def work(connection: "Connection") -> WriteCounts:
            task = Batch(connection, batch, self._clock.now())
            self._note_facts(connection, task.run())
            if state is not None:
                total = WriteCounts.from_dict(state.counts) if state.counts else WriteCounts()
                total.merge(task.counts)
                self._save_state(connection, state, total.to_dict())
            return task.counts

        return await self._write(work)

    async def write_snapshots(self, rows: "Sequence[SnapshotRow]") -> int:
        """Store scheduled observations of known markets in one durable commit; returns how many were new.

        A row whose (slot, market, source) is there already changes nothing. When this returns, the rows are on the
        disk. Snapshots are no facts: caches of facts stay valid.
        """
        from edgeworth.store.snapshots import insert_snapshots

        return await self._write(lambda connection: insert_snapshots(connection, rows)) if rows else 0

    async def resolve_ids(self, ids: Sequence[Ids]) -> list[int | None]:
        """Return the market_no of each set of ids; None when unknown, or when they name several markets."""
        from edgeworth.store.batch import CONFLICT, Aliases

        def work(connection: "Connection") -> list[int | None]:
            aliases = Aliases(connection, ids)
            found = [aliases.find(names) for names in ids]
            return [None if number == CONFLICT else number for number in found]

        return await self._read(work)

    async def ensure_markets(self, ids: Sequence[Ids], *, source: str, venue: str = "polymarket") -> list[int | None]:
        """Return the market_no of each set of ids, creating bare markets for the unknown; new ids become aliases.

        None = no usable id, or the ids name several markets: the caller quarantines those rows as `alias-conflict`
        (Rejected(kind="price", reason="alias-conflict", rows=n)).
        """
        from edgeworth.store.batch import CONFLICT, Aliases
        from edgeworth.store.rows import usable_ids

        def work(connection: "Connection") -> list[int | None]:
            aliases = Aliases(connection, ids)
            result: list[int | None] = []
            for names in ids:
                number = aliases.find(names) if usable_ids(names) else CONFLICT
                if number is None:
                    number = aliases.create(names, source, venue)
                elif number != CONFLICT:
                    aliases.link(names, number)
                result.append(None if number == CONFLICT else number)
            self._note_facts(connection, aliases.flush())
            return result

        return await self._write(work)

    async def import_state(self, key: str) -> ImportState | None:
        """Return how far a file has come, or None."""
        from sqlalchemy import select

        from edgeworth.store.tables import import_files as table

        def work(connection: "Connection") -> ImportState | None:
            row = connection.execute(select(table).where(table.c.key == key)).mappings().first()
            return None if row is None else _state(dict(row))

        return await self._read(work)

    async def set_import_state(self, state: ImportState) -> None:
        """Save how far a file has come (by key)."""
        await self._write(lambda connection: self._save_state(connection, state, state.counts))

    async def add_coverage(self, rows: Sequence[CoverageRow]) -> None:
        """Save coverage by (source, market_no, dataset); the last word stands."""
        from edgeworth.store.lookups import insert_rows, rows_in, update_rows
        from edgeworth.store.tables import coverage as table

        keys = ("source", "market_no", "dataset")
        offered = {(r.source, r.market_no, r.dataset): _coverage(r) for r in rows}

        def work(connection: "Connection") -> None:
            columns = [table.c[name] for name in keys]
            found = rows_in(connection, table, table.c.market_no, [key[1] for key in offered], *columns)
            there = {(row["source"], row["market_no"], row["dataset"]) for row in found}
            insert_rows(connection, table, [row for key, row in offered.items() if key not in there])
            update_rows(connection, table, keys, [row for key, row in offered.items() if key in there])

        await self._write(work)

    async def start_run(self, kind: str) -> int:
        """Open a collection run; returns its number."""
        from sqlalchemy import func, insert, select

        from edgeworth.store.tables import collection_runs as table

        def work(connection: "Connection") -> int:
            number = int(connection.execute(select(func.coalesce(func.max(table.c.run_no), 0))).scalar_one()) + 1
            row = {"run_no": number, "kind": kind, "started_at": self._clock.now(), "status": "running", "counts": ""}
            connection.execute(insert(table), row)
            return number

        return await self._write(work)

    async def finish_run(self, run_no: int, status: str, counts: dict[str, Any]) -> None:
        """Close a collection run with its counts."""
        from sqlalchemy import update

        from edgeworth.store.tables import collection_runs as table

        values = {"finished_at": self._clock.now(), "status": status, "counts": json.dumps(counts)}
        await self._write(
            lambda connection: connection.execute(update(table).where(table.c.run_no == run_no).values(values))
        )

    async def rows(self, table: str, limit: int | None = None, offset: int = 0) -> "list[Row]":
        """Return rows of one table in the order of its key, for listings and tests."""
        from sqlalchemy import select

        from edgeworth.store.tables import metadata

        source = metadata.tables[table]
        query = select(source).order_by(*source.primary_key.columns).limit(limit).offset(offset)
        return await self._read(lambda connection: [dict(row) for row in connection.execute(query).mappings()])

    async def counts(self) -> dict[str, int]:
        """Return the number of rows of each table."""
        from sqlalchemy import func, select

        from edgeworth.store.tables import metadata

        def work(connection: "Connection") -> dict[str, int]:
            def count(table: "Table") -> int:
                return int(connection.execute(select(func.count()).select_from(table)).scalar_one())

            return {name: count(table) for name, table in metadata.tables.items()}

        return await self._read(work)

    async def quarantine_summary(self) -> "list[Row]":
        """Return source, kind, reason with rows and records set aside, largest first."""
        from sqlalchemy import func, select

        from edgeworth.store.tables import quarantine as table

        names = (table.c.source, table.c.kind, table.c.reason)
        query = select(*names, func.sum(table.c.rows).label("rows"), func.count().label("records")).group_by(*names)

        def work(connection: "Connection") -> "list[Row]":
            found = [dict(row) for row in connection.execute(query).mappings()]
            found = [{**row, "rows": int(row["rows"])} for row in found]
            return sorted(found, key=lambda row: (-row["rows"], row["source"], row["kind"], row["reason"]))

        return await self._read(work)

    async def fact_digest(self) -> str:
        """Return the digest that changes with every stored fact."""
        from sqlalchemy import select

        from edgeworth.store.tables import meta

        query = select(meta.c.value).where(meta.c.key == FACTS)
        return await self._read(lambda connection: str(connection.execute(query).scalar_one()))

    async def run(self, work: "Callable[[Connection], T]") -> T:
        """Run a reading function on a connection, in one transaction."""
        return await self._read(work)

    async def change(self, work: "Callable[[Connection], T]") -> T:
        """Run a writing function on a connection, in one transaction that is durable when this returns."""
        return await self._write(work)

    async def _migrate(self) -> None:
        from sqlalchemy import insert, select

        from edgeworth.store.migrate import HEADS, current_revision, upgrade
        from edgeworth.store.tables import meta

        if await self._read(current_revision) == HEADS["market"]:
            return

        def work(connection: "Connection") -> None:
            upgrade(connection, "market")
            if connection.execute(select(meta.c.key).where(meta.c.key == FACTS)).first() is None:
                connection.execute(insert(meta), {"key": FACTS, "counter": 0, "value": ""})

        await self._write(work, lock=False)

    async def _read(self, work: "Callable[[Connection], T]") -> T:
        with self._clock.busy(), Translated(self._place):
            return await self._database.read(work)

    async def _write(self, work: "Callable[[Connection], T]", *, lock: bool = True) -> T:
        """Admit one writer at a time on every database: numbers are given out by max + 1."""

        def whole(connection: "Connection") -> T:
            if lock and connection.dialect.name != "sqlite":  # there BEGIN IMMEDIATE already admits one writer
                _hold(connection)
            result = work(connection)
            self._hook("before-commit")
            return result

        with self._clock.busy(), Translated(self._place):
            done = await self._database.write(whole)
        self._hook("after-commit")
        return done

    def _note_facts(self, connection: "Connection", rows: "Sequence[Row]") -> None:
        from sqlalchemy import select, update

        from edgeworth.store.batch import content_digest
        from edgeworth.store.tables import meta

        if not rows:
            return
        before = connection.execute(select(meta.c.value).where(meta.c.key == FACTS)).scalar_one()
        after = content_digest(before, rows)
        connection.execute(update(meta).where(meta.c.key == FACTS).values(counter=meta.c.counter + 1, value=after))

    def _save_state(self, connection: "Connection", state: ImportState, counts: dict[str, Counts]) -> None:
        from sqlalchemy import delete, insert

        from edgeworth.store.tables import import_files as table

        connection.execute(delete(table).where(table.c.key == state.key))
        row = {
            "key": state.key,
            "path": state.path,
            "shape": state.shape,
            "offset": state.offset,
            "done": state.done,
            "counts": json.dumps(counts),
            "extra": json.dumps(state.extra),
            "updated_at": self._clock.now(),
        }
        connection.execute(insert(table), row)


def _state(row: "Row") -> ImportState:
    return ImportState(
        key=row["key"],
        path=row["path"],
        shape=row["shape"],
        offset=row["offset"],
        counts=json.loads(row["counts"] or "{}"),
        done=row["done"],
        extra=json.loads(row["extra"] or "{}"),
    )


def _coverage(row: CoverageRow) -> "Row":
    return {
        "source": row.source,
        "market_no": row.market_no,
        "dataset": row.dataset,
        "status": row.status,
        "points": row.points,
        "first_t": row.first_t,
        "last_t": row.last_t,
        "note": row.note,
    }


def _hold(connection: "Connection") -> None:
    """Make every other writer wait for the end of this transaction."""
    from sqlalchemy import update

    from edgeworth.store.tables import meta

    connection.execute(update(meta).where(meta.c.key == FACTS).values(counter=meta.c.counter))


def _is_behind(connection: "Connection") -> bool:
    """Tell whether a migration is due; raises DataError store-newer | store-empty."""
    from edgeworth.core.errors import DataError
    from edgeworth.store.migrate import HEADS, current_revision, refuse_newer

    revision = current_revision(connection)
    if revision is None and connection.dialect.name != "sqlite":
        raise DataError("store-empty", "the database on the server holds no data yet")
    refuse_newer(connection, "market")
    return revision not in {None, HEADS["market"]}
