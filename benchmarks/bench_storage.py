"""Storage (W4): bytes a point, one-market read and whole scan of the lake, beside SQLite rows and DuckDB in one run."""

import importlib
import itertools
import sqlite3
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import polars as pl

from benchmarks import data
from benchmarks.measure import absent, against, best, options, say
from edgeworth.store.lake import Lake

PART = 2_000_000
READS = 50
SQLITE_ROWS = 2_000_000  # bytes a row do not depend on the number of rows


def build_lake(root: Path, points: data.Points) -> Lake:
    """Append the points as an import does, in parts of about two million."""
    lake, first = Lake(root), 0
    while first < len(points.t):
        market = int(points.market_no[min(first + PART, len(points.t)) - 1])
        last = int(points.offsets[market])
        columns = (points.market_no[first:last], points.t[first:last], points.price_e4[first:last])
        lake.append_prices("benchmark", *columns, key=str(first))
        first = last
    return lake


def build_sqlite(path: Path, points: data.Points, layout: str) -> sqlite3.Connection:
    """Store rows of integers: `rowid` is a table with an index, `clustered` a table without row ids."""
    connection = sqlite3.connect(path)
    key = ", PRIMARY KEY (market, t)) WITHOUT ROWID" if layout == "clustered" else ")"
    connection.execute(f"CREATE TABLE prices (market INTEGER, t INTEGER, price INTEGER{key}")
    count = min(len(points.t), SQLITE_ROWS)
    columns = [column[:count].tolist() for column in (points.market_no, points.t // 1_000_000, points.price_e4)]
    connection.executemany("INSERT INTO prices VALUES (?, ?, ?)", zip(*columns, strict=True))
    if layout == "rowid":
        connection.execute("CREATE INDEX place ON prices (market, t)")
    connection.commit()
    return connection


def reads(read: Callable[[int], int], markets: int) -> float:
    """Return the median milliseconds of reading one market, after a first round."""
    numbers = itertools.cycle(range(1, markets + 1, max(1, markets // READS)))
    walls = []
    for step in range(2 * READS):
        number = next(numbers)
        begun = time.perf_counter()
        read(number)
        if step >= READS:
            walls.append(1_000 * (time.perf_counter() - begun))
    return median(walls)


def scan(lake: Lake) -> tuple[int, int]:
    """Read every point: rows and the sum of prices."""
    price = pl.col("price_e4").cast(pl.Int64)
    rows, total = lake.scan_prices().select(pl.len().alias("rows"), price.sum().alias("sum")).collect().row(0)
    return int(rows), int(total)


def sqlite_peers(folder: Path, points: data.Points, per_point: float, wall: float) -> None:
    """Print sizes and scan times of rows in SQLite."""
    count = min(len(points.t), SQLITE_ROWS)
    last = int(points.market_no[count - 1])
    for layout in ("rowid", "clustered"):
        path = folder / f"{layout}.db"
        connection = build_sqlite(path, points, layout)
        name = f"SQLite integers, {layout}"
        against(
            "W4", "lake, bytes a point", per_point, "B", peer=name, theirs=path.stat().st_size / count,
            goal=8.0 if len(points.t) >= data.LAKE_POINTS // 2 else None,
        )  # fmt: skip
        theirs = best(partial(_sqlite_scan, connection))
        against("W4", "whole scan, wall", wall, "s", peer=name, theirs=theirs.wall * len(points.t) / count)
        say("W4", f"{name}: one market", reads(partial(_sqlite_market, connection), last), "ms")
        connection.close()


def _sqlite_scan(connection: sqlite3.Connection) -> Any:
    return connection.execute("SELECT count(*), sum(price) FROM prices").fetchone()


def _sqlite_market(connection: sqlite3.Connection, market: int) -> int:
    return len(connection.execute("SELECT t, price FROM prices WHERE market = ?", (market,)).fetchall())


def duckdb_peer(points: data.Points, wall: float) -> None:
    """Print the scan time of a table in DuckDB's memory-mapped format."""
    try:
        duckdb: Any = importlib.import_module("duckdb")
    except ImportError:
        absent("duckdb", "2.0")
        return
    with tempfile.TemporaryDirectory() as folder:
        connection = duckdb.connect(str(Path(folder) / "points.duckdb"))
        parquet = str(Path(folder) / "points.parquet")
        pl.DataFrame({"market": points.market_no, "t": points.t, "price": points.price_e4}).write_parquet(parquet)
        connection.execute(f"CREATE TABLE prices AS SELECT * FROM read_parquet('{parquet}')")
        theirs = best(lambda: connection.execute("SELECT count(*), sum(price) FROM prices").fetchone())
        against("W4", "whole scan, wall", wall, "s", peer="DuckDB table", theirs=theirs.wall)
        connection.close()


def main() -> None:
    """Measure at 12 million points, or fewer."""
    chosen = options(__doc__)
    share = 2_000 if chosen.tiny else 20 if chosen.quick else 1
    full = share == 1
    markets = data.MARKETS // share
    points = data.points(markets, data.LAKE_POINTS // share)
    with tempfile.TemporaryDirectory() as folder:
        begun = time.perf_counter()
        lake = build_lake(Path(folder) / "lake", points)
        say("W4", "lake, append", time.perf_counter() - begun, "s")
        stored = sum(part.bytes for part in lake.manifest("prices").parts)
        per_point = stored / len(points.t)
        say("W4", "lake, bytes a point", per_point, "B", limit=1.8 if full else None)
        one = reads(lambda market: lake.scan_prices(None, [market]).collect().height, markets)
        say("W4", "lake, one market, warm", one, "ms", limit=1.5 if full else None)
        timed = best(lambda: scan(lake))
        assert timed.result == (len(points.t), int(points.price_e4.sum(dtype=np.int64)))
        say("W4", "lake, whole scan of prices, wall", timed.wall, "s", limit=0.06 if full else None)
        everything = best(lambda: lake.scan_prices().collect().height)
        say("W4", "lake, all four columns in memory, wall", everything.wall, "s")
        sqlite_peers(Path(folder), points, per_point, timed.wall)
        duckdb_peer(points, timed.wall)


if __name__ == "__main__":
    main()
