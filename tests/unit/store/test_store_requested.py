"""How many markets a source was asked for, with and without prices."""

import asyncio

from tests.store_world import fill

from edgeworth.core.paths import Home
from edgeworth.store.asof import requested_markets
from edgeworth.store.market_db import CoverageRow, MarketStore


def test_missing_markets_count_as_requested(tmp_path) -> None:
    home = Home(tmp_path / "home")
    fill(home)

    async def say() -> int:
        async with await MarketStore.open(home) as store:
            before = requested_markets(home, "asked")
            rows = [CoverageRow("asked", 1, points=3), CoverageRow("asked", 2, status="missing")]
            await store.add_coverage([*rows, CoverageRow("other", 3)])
            return before

    assert asyncio.run(say()) == 0
    assert requested_markets(home, "asked") == 2
    assert requested_markets(home, "all") == 0
