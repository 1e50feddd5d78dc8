"""Seal: move old snapshots from the database into the lake; killing it at any instant loses and doubles nothing.

One step moves up to `STEP` rows: they become an immutable part, which is read back and compared, their prices become
price points of the source `snapshots:<source>` (so that research sees what was collected), and only then exactly these
rows are deleted. What an interrupted run left in both places is recognised by its key: it is deleted, not sealed twice.
A row that differs from the sealed one of the same key goes to quarantine; the sealed one stands.
"""

import asyncio
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from edgeworth.core.errors import DataError
from edgeworth.core.paths import Home
from edgeworth.core.progress import Progress, Silent
from edgeworth.core.records import Rejected
from edgeworth.store.durable import lock_in_turn
from edgeworth.store.lake import Lake
from edgeworth.store.lake_snapshots import (
    KEY,
    SnapshotLake,
    Wanted,
    content_key,
    count_snapshots,
    delete_snapshots,
    oldest_snapshots,
    schema,
)
from edgeworth.store.market_db import MarketStore

if TYPE_CHECKING:
    import polars as pl

STEP: Final = 100_000  # rows held at once, and in one part
_POINT: Final = ("market_no", "slot", "known_at")
_DELETED: Final = 20_000
Hook = Callable[[str], None]


@dataclass(slots=True)
class SealReport:
    """What was moved: `rows` sealed now, `finished` rows an interrupted run had sealed already, `deleted` of both.

    `differing` went to quarantine; `points` are price points that research sees now; `left` are younger than `cut`.
    """

    cut: int
    rows: int = 0
    parts: int = 0
    bytes: int = 0
    finished: int = 0
    differing: int = 0
    deleted: int = 0
    points: int = 0
    left: int = 0

    def to_dict(self) -> dict[str, int]:
        """Return JSON-ready facts."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Work:
    """How to seal: everything with slot < `cut` in steps of `step` rows; `hook` is told each step (kill tests)."""

    cut: int
    step: int = STEP
    hook: Hook = lambda _step: None
    progress: Progress = field(default_factory=Silent)


async def seal(store: MarketStore, home: Home, work: Work) -> SealReport:
    """Move snapshots older than the cut into the lake and report; raises what store and lake raise."""
    report = SealReport(work.cut)
    async with lock_in_turn(home.lake / ".seal.lock", store.clock):
        total = await store.run(lambda connection: count_snapshots(connection, work.cut))
        work.progress.start("seal", total, "snapshots")
        while True:
            frame = await store.run(lambda connection: oldest_snapshots(connection, work.cut, work.step))
            if frame.is_empty():
                break
            await _step(store, home, work, frame, report)
            work.progress.advance(frame.height)
        work.progress.finish()
        report.left = await store.run(count_snapshots)
    return report


async def _step(store: MarketStore, home: Home, work: Work, frame: "pl.DataFrame", report: SealReport) -> None:
    with store.clock.busy():  # in a thread: a collector beside it must not wait for files
        differing = await asyncio.to_thread(_into_lake, home, work, frame, report)
    if differing.height:
        await store.write([_refused(row) for row in differing.iter_rows(named=True)])
    report.deleted += await _delete(store, frame, work.hook)


def _into_lake(home: Home, work: Work, frame: "pl.DataFrame", report: SealReport) -> "pl.DataFrame":
    """Write what is not sealed yet, check it, add the prices; return rows that differ from sealed ones."""
    lake = SnapshotLake(home.lake, work.hook)
    slots = frame["slot"].to_numpy()
    sealed = lake.scan(Wanted(int(slots.min()), int(slots.max()) + 1)).collect()
    fresh = frame.join(sealed, on=KEY, how="anti")
    if fresh.height:
        part = lake.append(fresh)
        _check(home, part.name, fresh)
        report.rows, report.parts, report.bytes = (
            report.rows + fresh.height,
            report.parts + 1,
            report.bytes + part.bytes,
        )
    work.hook("sealed-verified")
    differing = frame.join(fresh, on=KEY, how="anti").join(sealed, on=list(schema()), how="anti", nulls_equal=True)
    report.points += _add_prices(Lake(home.lake, work.hook), frame)
    work.hook("sealed-prices")
    report.finished += frame.height - fresh.height - differing.height
    report.differing += differing.height
    return differing


def _check(home: Home, name: str, rows: "pl.DataFrame") -> None:
    """Read a part back from the disk and compare every value; raises DataError store-corrupt."""
    lake = SnapshotLake(home.lake)  # a new object: nothing it has seen before is taken for granted
    part = next(part for part in lake.manifest("snapshots").parts if part.name == name)
    order = ["market_no", "source", "slot"]
    found, wanted = lake.read(part), rows.select(list(schema())).sort(order)
    if content_key(found) != content_key(wanted):
        raise DataError("store-corrupt", f"{home.lake / 'snapshots' / name} does not hold what was written")


def _add_prices(lake: Lake, frame: "pl.DataFrame") -> int:
    """Append the mid of two-sided books, else the last trade, as price points of `snapshots:<source>`."""
    import polars as pl

    two_sided = (pl.col("bid_e4") > 0) & (pl.col("ask_e4") < 10_000) & (pl.col("bid_e4") <= pl.col("ask_e4"))
    mid = (pl.col("bid_e4") + pl.col("ask_e4")) // 2
    priced = frame.with_columns(pl.when(two_sided).then(mid).otherwise("last_e4").alias("price")).drop_nulls("price")
    stored = 0
    for (source,), rows in sorted(priced.partition_by("source", as_dict=True).items()):
        market_no, slot, known_at = (rows[name].to_numpy().astype(np.int64) for name in _POINT)
        price = rows["price"].to_numpy().astype(np.int32)
        info = lake.append_prices(
            f"snapshots:{source}", market_no, slot, price, known_at=known_at, key=f"seal:{content_key(rows)}"
        )
        stored += info.stored
    return stored


async def _delete(store: MarketStore, frame: "pl.DataFrame", hook: Hook) -> int:
    """Delete exactly these rows, in transactions short enough for a collector that waits."""
    for start in range(0, frame.height, _DELETED):
        piece = frame.slice(start, _DELETED)
        await store.change(lambda connection, piece=piece: delete_snapshots(connection, piece))  # type: ignore[misc]
        hook("sealed-deleted")
    return frame.height


def _refused(row: dict[str, Any]) -> Rejected:
    return Rejected(source=row["source"], kind="snapshot", reason="sealed-differently", raw=json.dumps(row))
