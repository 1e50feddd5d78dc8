"""A small import that ends its own process with SIGKILL at a named step: `python kill_worker.py HOME STEP NTH`."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import numpy as np

from edgeworth.core.paths import Home
from edgeworth.core.records import MarketRecord
from edgeworth.store.lake import Lake
from edgeworth.store.market_db import ImportState, MarketStore

T0 = 1_750_000_000_000_000


def main(home: Home, step: str, nth: int) -> None:
    seen: dict[str, int] = {}

    def hook(name: str) -> None:
        seen[name] = seen.get(name, 0) + 1
        if (name, seen[name]) == (step, nth):
            os.kill(os.getpid(), signal.SIGKILL)

    asyncio.run(work(home, hook))


async def work(home: Home, hook) -> None:
    async with await MarketStore.open(home, hook=hook) as store:
        lake = Lake(home.lake, hook)
        state = await store.import_state("file") or ImportState("file")
        for chunk in range(state.offset, 3):
            ids = [(("key", f"k:{chunk}:{i}"),) for i in range(20)]
            records = [MarketRecord(source="k", venue="v", ids=names, question=names[0][1]) for names in ids]
            numbers = await store.ensure_markets(ids, source="k", venue="v")
            t = T0 + np.tile(np.arange(30), 20) * 1_000_000
            lake.append_prices("k", np.repeat(numbers, 30), t, np.full(600, 500 + chunk, np.int32), key=f"file:{chunk}")
            saved = await store.import_state("file") or ImportState("file")
            await store.write(
                records, state=ImportState("file", offset=chunk + 1, counts=saved.counts, done=chunk == 2)
            )


if __name__ == "__main__":
    main(Home(Path(sys.argv[1])), sys.argv[2], int(sys.argv[3]))
