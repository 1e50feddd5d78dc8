"""Collecting: a scan of two thousand markets (W6), and a tick of a thousand snapshots on the disk (W4) beside sqlite3.

The scan speaks the venue's protocol to the sandbox in the same process; its token bucket holds the whole burst.
Every peer commits durably (synchronous=FULL) on the same file system in the same run. The naive way is a commit per row
with sqlite3 as it comes, which keeps a rollback journal; with a write-ahead log it is shown, too.
"""

import asyncio
import sqlite3
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median, quantiles

import msgspec

from benchmarks.measure import against, options, say
from edgeworth.app.sandboxed import BASE, SandboxTransport
from edgeworth.collect.jobs.directory import Directory
from edgeworth.collect.jobs.scan import Scanner
from edgeworth.core.clock import ManualClock, SystemClock
from edgeworth.core.paths import Home
from edgeworth.core.records import MarketRecord
from edgeworth.core.units import DAY, MINUTE, Micros
from edgeworth.sandbox.protocol import Query, Request
from edgeworth.sandbox.server.sandbox import Sandbox
from edgeworth.sandbox.world import generate
from edgeworth.store.market_db import MarketStore
from edgeworth.store.snapshots import SnapshotRow
from edgeworth.venues.endpoints import Endpoints
from edgeworth.venues.http.client import HttpClient
from edgeworth.venues.http.limits import Limits
from edgeworth.venues.polymarket.gamma import Gamma

START = 1_790_000_000_000_000 // (15 * MINUTE) * (15 * MINUTE)
COLUMNS = ", ".join(f"{name} TEXT NOT NULL" if name == "source" else f"{name} INTEGER" for name in SnapshotRow._fields)
INSERT = f"INSERT INTO shots VALUES ({', '.join('?' * len(SnapshotRow._fields))})"


def tick(number: int, markets: int) -> list[SnapshotRow]:
    """Return the rows of one slot."""
    slot = START + number * 15 * MINUTE
    return [
        SnapshotRow(
            slot, market, "track", slot + 1_234, slot + 5_678, 4_000 + market, 4_100 + market, 4_050, 10**12 + market,
            10**10, 10**9, 75_500_000, 40_000_000, 2_000_000_000, 970_000_000, -12_345, 900_000, 9_321,
        )
        for market in range(1, markets + 1)
    ]  # fmt: skip


def connect(path: Path, key: str, journal: str = "WAL") -> sqlite3.Connection:
    """Open a database whose table has these columns and this key."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute(f"PRAGMA journal_mode={journal}")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute(f"CREATE TABLE shots ({COLUMNS}, PRIMARY KEY ({key})) WITHOUT ROWID")
    return connection


def executemany(connection: sqlite3.Connection, rows: list[SnapshotRow]) -> None:
    """Write a tick as sqlite3 does it best: one statement, one transaction."""
    connection.execute("BEGIN IMMEDIATE")
    connection.executemany(INSERT, rows)
    connection.execute("COMMIT")


def row_by_row(connection: sqlite3.Connection, rows: list[SnapshotRow]) -> None:
    """Write a tick with a commit per row."""
    for row in rows:
        connection.execute(INSERT, row)


def walls(write: Callable[[list[SnapshotRow]], None], ticks: list[list[SnapshotRow]]) -> list[float]:
    """Return the milliseconds of each tick."""
    found = []
    for rows in ticks:
        begun = time.perf_counter()
        write(rows)
        found.append(1_000 * (time.perf_counter() - begun))
    return found


async def ours(home: Home, ticks: list[list[SnapshotRow]]) -> list[float]:
    """Write the ticks through the store."""
    async with await MarketStore.open(home) as store:
        await store.write(
            [
                MarketRecord(source="bench", venue="polymarket", ids=(("gamma", str(row.market_no)),), question="?")
                for row in ticks[0]
            ]
        )
        found = []
        for rows in ticks:
            begun = time.perf_counter()
            written = await store.write_snapshots(rows)
            found.append(1_000 * (time.perf_counter() - begun))
            assert written == len(rows)
        return found


async def scan(home: Home, sandbox: Sandbox) -> tuple[list[float], list[float], int]:
    """List and store every active market twice; returns wall and CPU seconds of each and the number of markets."""
    clock = SystemClock()
    limits = Limits(share=1.0)
    http = HttpClient(Endpoints.sandbox(BASE), clock, transport=SandboxTransport(sandbox), limits=limits)
    walls_s: list[float] = []
    cpu_s: list[float] = []
    try:
        async with await MarketStore.open(home) as store:
            for _ in range(2):
                directory = Directory(Gamma(http), store, clock)
                begun, begun_cpu = time.perf_counter(), time.process_time()
                await Scanner(Gamma(http), directory, clock).load()
                walls_s.append(time.perf_counter() - begun)
                cpu_s.append(time.process_time() - begun_cpu)
            counts = await store.counts()
    finally:
        await http.close()
    assert len(directory) == counts["markets"] == counts["market_versions"]
    return walls_s, cpu_s, len(directory)


def scans(folder: Path, scenario: str, *, full: bool) -> None:
    """Print what a scan takes, with the sandbox's own share of it."""
    world = generate(scenario, 7)
    sandbox = Sandbox(world, ManualClock(Micros(world.scenario.end - 30 * DAY)))
    sandbox.handle(
        Request("gamma", "GET", "/markets/keyset", (("limit", "1"),))
    )  # it indexes its world when first asked
    walls_s, cpu_s, markets = asyncio.run(scan(Home(folder / "scan"), sandbox))
    say("W6", "active markets scanned and stored", float(markets), "markets")
    say("W6", "scan, all new, wall", walls_s[0], "s", limit=2.0 if full else None)
    say("W6", "scan, all new, CPU", cpu_s[0], "s")
    say("W6", "scan, nothing new, wall", walls_s[1], "s")
    say("W6", "scan, nothing new, CPU", cpu_s[1], "s")
    begun = time.perf_counter()
    cursor = ""
    while True:
        query: Query = (("limit", "100"), ("closed", "false"), ("include_tag", "true"))
        query += (("after_cursor", cursor),) if cursor else ()
        body = msgspec.json.decode(sandbox.handle(Request("gamma", "GET", "/markets/keyset", query)).body)
        cursor = body.get("next_cursor", "")
        if not cursor:
            break
    say("W6", "of it the sandbox making the pages, wall", time.perf_counter() - begun, "s")


def main() -> None:
    """Measure a scan of 2,000 markets and ticks of 1,000 rows, or fewer."""
    chosen = options(__doc__)
    markets, count = (50, 6) if chosen.tiny else (1_000, 20) if chosen.quick else (1_000, 120)
    full = not chosen.tiny
    ticks = [tick(number, markets) for number in range(count)]
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        scans(place, "live-small" if chosen.tiny else "live", full=full)
        raw = connect(place / "raw.db", "slot, market_no, source")
        scattered = connect(place / "scattered.db", "market_no, slot, source")
        naive = connect(place / "naive.db", "slot, market_no, source", "DELETE")
        logged = connect(place / "logged.db", "slot, market_no, source")
        mine = asyncio.run(ours(Home(place / "home"), ticks))
        best = walls(lambda rows: executemany(raw, rows), ticks)
        by_market = walls(lambda rows: executemany(scattered, rows), ticks)
        slowest = walls(lambda rows: row_by_row(naive, rows), ticks[:2])
        slow = walls(lambda rows: row_by_row(logged, rows), ticks[:2])
        value = median(mine)
        say("W4", "tick of snapshots, durable, median", value, "ms")
        say("W4", "tick of snapshots, durable, p99", quantiles(mine, n=100)[98], "ms")
        for peer, theirs, goal in (
            ("sqlite3 executemany, FULL", median(best), 0.5),
            ("sqlite3 executemany, key (market, slot)", median(by_market), None),
            ("sqlite3, a commit per row", median(slowest), 150.0),
            ("sqlite3 with WAL, a commit per row", median(slow), None),
        ):
            against(
                "W4", "tick of snapshots, durable, median", value, "ms", peer=peer, theirs=theirs,
                goal=goal if full else None,
            )  # fmt: skip
        for connection in (raw, scattered, naive, logged):
            connection.close()


if __name__ == "__main__":
    main()
