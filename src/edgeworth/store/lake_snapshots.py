"""Snapshots that have left the database: the lake's dataset `snapshots`, and one view over both places.

A part holds whole rows of `market_snapshots`, sorted by (market_no, source, slot), `event_time` and `known_at` as
differences to `slot`. Sealing writes a row to the lake before it deletes it from the database, so for a moment it lies
in both: whoever reads both reads the database first and takes one copy of each (slot, market_no, source).
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from edgeworth.core.paths import Home
from edgeworth.store.durable import locked
from edgeworth.store.lake import Lake
from edgeworth.store.manifest import Part

if TYPE_CHECKING:
    import polars as pl
    from sqlalchemy import Connection, Select

DATASET: Final = "snapshots"
KEY: Final = ("slot", "market_no", "source")
_ORDER: Final = ("market_no", "source", "slot")
_RELATIVE: Final = ("event_time", "known_at")
_SMALL: Final = frozenset({"market_no", "bid_e4", "ask_e4", "last_e4", "quality_e4"})
_FETCHED: Final = 100_000


def schema() -> dict[str, Any]:
    """Return the columns of a snapshot with their polars types, in the order of the table."""
    import polars as pl

    from edgeworth.store.snapshots import SnapshotRow

    kinds = {"source": pl.String, **dict.fromkeys(_SMALL, pl.Int32)}
    return {name: kinds.get(name, pl.Int64) for name in SnapshotRow._fields}


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which snapshots: `start` <= slot < `end`, of some markets and sources, known by `as_of`; None = no bound."""

    start: int | None = None
    end: int | None = None
    market_nos: Sequence[int] | None = None
    sources: Sequence[str] | None = None
    as_of: int | None = None


class SnapshotLake(Lake):
    """Append and scan sealed snapshots."""

    def append(self, frame: "pl.DataFrame") -> Part:
        """Store rows as one immutable part, named by its content: the same rows again change nothing.

        `frame` has the columns of `schema()` and at least one row. Raises AccessError home-unwritable | disk-full.
        """
        import polars as pl

        rows = frame.select(list(schema())).sort(_ORDER)
        key = content_key(rows)
        name = f"{key}.parquet"
        with locked(self.root / ".lock"):
            manifest = self._begin(DATASET)
            known = next((part for part in manifest.parts if part.name == name), None)
            if known is not None:
                return known
            slots, markets = rows["slot"].to_numpy(), rows["market_no"].to_numpy()
            part = Part(
                name=name, key=key, source=DATASET, rows=rows.height, bytes=0, sha256="", t_min=int(slots.min()),
                t_max=int(slots.max()), unit_us=1, base_us=0, market_min=int(markets.min()),
                market_max=int(markets.max()),
            )  # fmt: skip
            self._commit(manifest, part, rows.with_columns(pl.col(_RELATIVE) - pl.col("slot")))
            return next(part for part in self.manifest(DATASET).parts if part.name == name)

    def read(self, part: Part) -> "pl.DataFrame":
        """Return a part's rows, checked against its checksum; raises DataError store-corrupt | lake-part-missing."""
        import polars as pl

        frame = pl.read_parquet(self._verified(DATASET, part))
        return frame.with_columns(pl.col(_RELATIVE) + pl.col("slot")).select(list(schema()))

    def scan(self, wanted: Wanted | None = None) -> "pl.LazyFrame":
        """Return sealed rows lazily, only parts that can hold them, a row of several parts once."""
        import polars as pl

        wanted = wanted or Wanted()
        parts = [part for part in self.manifest(DATASET).parts if _may_hold(part, wanted)]
        empty = pl.DataFrame(schema=schema()).lazy()
        frames = [
            pl.scan_parquet(self._verified(DATASET, part)).with_columns(pl.col(_RELATIVE) + pl.col("slot"))
            for part in parts
        ]
        whole = pl.concat([empty, *(frame.select(list(schema())) for frame in frames)])
        return whole.filter(_condition(wanted)).unique(KEY, keep="first", maintain_order=True)


def read_snapshots(home: Home, wanted: Wanted | None = None) -> "pl.DataFrame":
    """Return snapshots from the database and the lake as one table, sorted by (market_no, source, slot).

    Columns of `schema()`. Raises DataError store-empty without a database.
    """
    import polars as pl

    wanted = wanted or Wanted()
    fresh = _from_database(home, wanted)  # first: what is sealed meanwhile is then seen twice, never missed
    sealed = SnapshotLake(home.lake).scan(wanted).collect()
    return pl.concat([sealed, fresh]).unique(KEY, keep="first").sort(_ORDER)


def content_key(rows: "pl.DataFrame") -> str:
    """Return a digest of rows as they stand: columns, order, values, nulls."""
    import polars as pl

    state = hashlib.blake2b(digest_size=12)
    for column in rows.get_columns():
        state.update(f"{column.name}:{column.dtype}:{len(column)}".encode())
        if column.dtype == pl.String:
            state.update("\x1f".join("\x00" if text is None else text for text in column.to_list()).encode())
        else:
            state.update(column.is_null().to_numpy().tobytes())
            state.update(column.fill_null(0).to_numpy().tobytes())
    return state.hexdigest()


def snapshot_query(wanted: Wanted) -> "Select[Any]":
    """Return the SELECT over the database's snapshots, columns as in `schema()`."""
    from sqlalchemy import select

    from edgeworth.store.tables import market_snapshots as table

    conditions = []
    if wanted.start is not None:
        conditions.append(table.c.slot >= wanted.start)
    if wanted.end is not None:
        conditions.append(table.c.slot < wanted.end)
    if wanted.as_of is not None:
        conditions.append(table.c.known_at <= wanted.as_of)
    if wanted.market_nos is not None:
        conditions.append(table.c.market_no.in_(list(wanted.market_nos)))
    if wanted.sources is not None:
        conditions.append(table.c.source.in_(list(wanted.sources)))
    return select(*(table.c[name] for name in schema())).where(*conditions)


def fetch_frame(connection: "Connection", query: "Select[Any]") -> "pl.DataFrame":
    """Run a `snapshot_query` and return its rows, piece by piece so that Python objects never pile up."""
    import polars as pl

    columns = schema()
    pieces = [pl.DataFrame(schema=columns)]
    result = connection.execute(query)
    while rows := result.fetchmany(_FETCHED):
        pieces.append(pl.DataFrame([tuple(row) for row in rows], schema=columns, orient="row"))
    return pl.concat(pieces)


def count_snapshots(connection: "Connection", end: int | None = None) -> int:
    """Return how many snapshots the database holds, or how many of them with slot < `end`."""
    from sqlalchemy import func, select

    from edgeworth.store.tables import market_snapshots as table

    query = select(func.count()).select_from(table)
    return int(connection.execute(query if end is None else query.where(table.c.slot < end)).scalar_one())


def oldest_snapshots(connection: "Connection", end: int, most: int) -> "pl.DataFrame":
    """Return about the `most` oldest rows with slot < `end`: whole slots, unless one slot alone exceeds it."""
    import polars as pl

    from edgeworth.store.tables import market_snapshots as table

    frame = fetch_frame(connection, snapshot_query(Wanted(end=end)).order_by(table.c.slot).limit(most + 1))
    if frame.height <= most:
        return frame
    whole = frame.filter(pl.col("slot") < frame["slot"][-1])
    return whole if whole.height else frame.head(most)


def delete_snapshots(connection: "Connection", rows: "pl.DataFrame") -> None:
    """Delete exactly the rows of these (slot, market_no, source); others in the same slots stay."""
    from sqlalchemy import delete

    from edgeworth.store.lookups import CHUNK
    from edgeworth.store.tables import market_snapshots as table

    for (slot, source), group in rows.partition_by("slot", "source", as_dict=True).items():
        numbers = group["market_no"].to_list()
        for start in range(0, len(numbers), CHUNK):
            mine = table.c.market_no.in_(numbers[start : start + CHUNK])
            connection.execute(delete(table).where(table.c.slot == slot, table.c.source == source, mine))


def _from_database(home: Home, wanted: Wanted) -> "pl.DataFrame":
    from edgeworth.store.frames import run_sync
    from edgeworth.store.market_db import MarketStore

    async def work() -> "pl.DataFrame":
        async with await MarketStore.open(home, read_only=True) as store:
            return await store.run(lambda connection: fetch_frame(connection, snapshot_query(wanted)))

    return run_sync(work())


def _may_hold(part: Part, wanted: Wanted) -> bool:
    inside = (wanted.start is None or part.t_max >= wanted.start) and (wanted.end is None or part.t_min < wanted.end)
    if wanted.market_nos is None:
        return inside
    return inside and any(part.market_min <= number <= part.market_max for number in wanted.market_nos)


def _condition(wanted: Wanted) -> "pl.Expr":
    import polars as pl

    conditions = [pl.lit(True)]
    if wanted.start is not None:
        conditions.append(pl.col("slot") >= wanted.start)
    if wanted.end is not None:
        conditions.append(pl.col("slot") < wanted.end)
    if wanted.as_of is not None:
        conditions.append(pl.col("known_at") <= wanted.as_of)
    if wanted.market_nos is not None:
        conditions.append(pl.col("market_no").is_in(list(wanted.market_nos)))
    if wanted.sources is not None:
        conditions.append(pl.col("source").is_in(list(wanted.sources)))
    return pl.all_horizontal(conditions)
