"""Fill a home with snapshots, seal them, and die by SIGKILL at a named step: `python seal_worker.py HOME STEP NTH`."""

import asyncio
import os
import signal
import sys
from pathlib import Path

from edgeworth.collect.sealing import SealReport, Work, seal
from edgeworth.core.paths import Home
from edgeworth.core.records import MarketRecord
from edgeworth.core.units import MINUTE
from edgeworth.store.market_db import MarketStore
from edgeworth.store.snapshots import SnapshotRow

T0 = 1_767_225_600_000_000
SLOTS, MARKETS = 30, 4
CUT = T0 + 20 * 15 * MINUTE


def snapshot(slot: int, market: int, source: str = "track", **values: int) -> SnapshotRow:
    at = T0 + slot * 15 * MINUTE
    price = 2_000 + 100 * slot + market
    facts = {
        "bid_e4": price - 50,
        "ask_e4": price + 50,
        "last_e4": price,
        "volume_e6": slot * 10**6,
        "quality_e4": 9_000,
    }
    return SnapshotRow(at, market, source, at - 1_000, at + 2_000_000 + market, **{**facts, **values})


async def fill(store: MarketStore) -> None:
    ids = [(("key", f"k:{number}"),) for number in range(MARKETS)]
    await store.write([MarketRecord(source="k", venue="v", ids=names, question=names[0][1]) for names in ids])
    rows = [snapshot(slot, market) for slot in range(SLOTS) for market in range(1, MARKETS + 1)]
    await store.write_snapshots(rows)


async def work(home: Home, hook) -> SealReport:
    async with await MarketStore.open(home, hook=hook) as store:
        if not (await store.counts())["markets"]:
            await fill(store)
        return await seal(store, home, Work(CUT, step=30, hook=hook))


def main(home: Home, step: str, nth: int) -> None:
    seen: dict[str, int] = {}

    def hook(name: str) -> None:
        seen[name] = seen.get(name, 0) + 1
        if (name, seen[name]) == (step, nth):
            os.kill(os.getpid(), signal.SIGKILL)

    asyncio.run(work(home, hook))


if __name__ == "__main__":
    main(Home(Path(sys.argv[1])), sys.argv[2], int(sys.argv[3]))
