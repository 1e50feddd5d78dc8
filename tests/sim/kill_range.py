"""Kill a collecting process at random instants, many times: `python -m tests.sim.kill_range HOME KILLS SEED`.

Everything is imported once; each life is a fork that opens the store, writes one tick of snapshots after the other and
says so in a pipe after each commit. The parent sends SIGKILL at a random instant, then checks the database as found.
Prints one JSON line: kills, acknowledged rows, what was lost or torn, and the slowest start in seconds.
"""

import asyncio
import json
import os
import select
import signal
import sqlite3
import sys
import time
from pathlib import Path

from edgeworth.core.paths import Home
from edgeworth.core.random import stream
from edgeworth.core.records import MarketRecord
from edgeworth.store.market_db import MarketStore
from edgeworth.store.snapshots import SnapshotRow

T0 = 1_760_000_000_000_000
SLOT = 900_000_000
MARKETS = 20
LONGEST_LIFE = 0.06  # seconds a life lasts at most
EARLY = 0.2  # share of lives whose opening may be interrupted


async def prepare(home: Home) -> None:
    ids = [(("key", f"k:{number}"),) for number in range(MARKETS)]
    async with await MarketStore.open(home) as store:
        records = [MarketRecord(source="sim", venue="v", ids=names, question=names[0][1]) for names in ids]
        await store.write(records)


async def live(home: Home, first: int, pipe: int) -> None:
    """Open, say so, then commit tick after tick and acknowledge each, until killed."""
    async with await MarketStore.open(home) as store:
        os.write(pipe, b"open\n")
        tick = first
        while True:
            slot = T0 + tick * SLOT
            rows = [
                SnapshotRow(slot, number, "sim", slot, slot, bid_e4=tick % 9_999) for number in range(1, MARKETS + 1)
            ]
            await store.write_snapshots(rows)
            os.write(pipe, b"%d\n" % tick)
            tick += 1


def one_life(home: Home, first: int, delay: float, *, early: bool) -> tuple[list[int], float]:
    """Fork, kill after `delay` seconds, return the acknowledged ticks and the time it took to open.

    The delay counts from the opening, or, if `early`, from the fork, so that opening is interrupted too.
    """
    read, write = os.pipe()
    began = time.perf_counter()
    child = os.fork()
    if child == 0:
        os.close(read)
        asyncio.run(live(home, first, write))
        os._exit(0)
    os.close(write)
    said = b"" if early else os.read(read, 5)
    opened = time.perf_counter() - began
    select.select([], [], [], delay)
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    while more := os.read(read, 65_536):
        said += more
    os.close(read)
    if not os.WIFSIGNALED(status):
        raise RuntimeError(f"the process ended by itself: {status}")
    words = said.rpartition(b"\n")[0].split()
    return [int(word) for word in words if word != b"open"], opened


def found(home: Home, thorough: bool) -> tuple[dict[int, int], list[str]]:
    """Return rows by tick, and what SQLite says is wrong."""
    connection = sqlite3.connect(home.market_db)
    try:
        wrong = []
        if thorough and (word := connection.execute("PRAGMA integrity_check").fetchone()[0]) != "ok":
            wrong.append(word)
        rows = connection.execute("SELECT (slot - ?) / ?, count(*) FROM market_snapshots GROUP BY slot", (T0, SLOT))
        return dict(rows.fetchall()), wrong
    finally:
        connection.close()


def main(home: Home, kills: int, seed: int) -> dict[str, object]:
    draw = stream(seed, "kills")
    asyncio.run(prepare(home))
    acknowledged: set[int] = set()
    wrong: list[str] = []
    slowest, following = 0.0, 0
    for kill in range(kills):
        said, opened = one_life(home, following, float(draw.uniform(0, LONGEST_LIFE)), early=draw.random() < EARLY)
        acknowledged.update(said)
        there, broken = found(home, thorough=kill % 20 == 0 or kill == kills - 1)
        wrong += broken
        wrong += [f"lost {tick}" for tick in acknowledged - there.keys()]
        wrong += [f"torn {tick}: {rows} rows" for tick, rows in there.items() if rows != MARKETS]
        slowest, following = max(slowest, opened), max(there, default=-1) + 1
    return {"kills": kills, "acknowledged": len(acknowledged) * MARKETS, "wrong": wrong, "slowest_start": slowest}


if __name__ == "__main__":
    print(json.dumps(main(Home(Path(sys.argv[1])), int(sys.argv[2]), int(sys.argv[3]))))  # noqa: T201
