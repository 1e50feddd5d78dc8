"""The newest of what is known, read the same from SQLite and from PostgreSQL."""

import asyncio
from pathlib import Path

import numpy as np
import pytest
from tests.contract.test_store_contract import empty_server
from tests.store_world import T0, market, resolution

from edgeworth.core.clock import ManualClock
from edgeworth.core.paths import Home
from edgeworth.core.types import ResolutionState
from edgeworth.core.units import DAY, HOUR, MINUTE, Micros
from edgeworth.store.collecting import CollectionLedger, SlotResult
from edgeworth.store.market_db import MarketStore
from edgeworth.store.recent import market_facts, read_recent
from edgeworth.store.snapshots import SnapshotRow


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request, home: Path) -> Home:
    if request.param == "sqlite":
        return Home(home)
    url = request.getfixturevalue("postgres_url")
    asyncio.run(empty_server(url))
    return Home(home, url)


def seen(number: int, at: int, **changes: object) -> SnapshotRow:
    return SnapshotRow(at - at % MINUTE, number, "track", at, at + 1, **({"bid_e4": 4_000, "ask_e4": 4_200} | changes))


def fill(place: Home) -> None:
    async def work() -> None:
        async with await MarketStore.open(place, clock=ManualClock(Micros(T0))) as store:
            await store.write(
                [
                    *(market(i) for i in range(1, 6)),
                    market(6, created_at=T0 + 5 * DAY),
                    resolution(1, resolved_at=T0, known_at=T0 + HOUR),
                    resolution(2, resolved_at=T0 + 9 * DAY),
                    resolution(3, state=ResolutionState.PROPOSED, resolved_at=None, proposed_at=T0, known_at=T0),
                ]
            )
            late = [seen(4, T0 + 3 * HOUR)]
            await store.write_snapshots([seen(5, T0 + HOUR), seen(4, T0 + HOUR), seen(4, T0 - 9 * DAY), *late])
            books = CollectionLedger(store)
            await books.add_usage({("gamma", "markets"): 7, ("clob", "books"): 5}, T0)
            run = await books.begin("track", T0 + 2 * HOUR - MINUTE, T0)
            result = SlotResult("track", T0 + 2 * HOUR - MINUTE, 2, 1, {5: "venue-rate-limited"})
            await books.finish(run, result, T0)

    asyncio.run(work())


def test_recent_facts_are_those_known_by_the_instant(place: Home) -> None:
    fill(place)
    found = read_recent(place, T0 - DAY, T0 + 2 * HOUR)
    assert found.snapshots["market_no"].to_list() == [4, 5]
    assert found.snapshots["known_at"].to_list() == [T0 + HOUR + 1] * 2
    assert found.snapshots.row(0, named=True)["ask_e4"] == 4_200
    assert found.resolved.tolist() == [1]
    assert found.proposed.tolist() == [3]
    assert (found.markets, found.calls, found.limited) == (5, 12, 1)
    later = read_recent(place, T0 - 10 * DAY, T0 + 10 * DAY)
    assert later.snapshots["market_no"].to_list() == [4, 4, 4, 5]
    assert later.resolved.tolist() == [1, 2]
    assert (later.markets, later.calls, later.limited) == (6, 0, 0)


def test_market_facts_have_the_shape_of_a_panel_s(place: Home) -> None:
    fill(place)
    frame, ends = market_facts(place, np.array([4, 5]), np.array([T0, T0]))
    assert frame["market_no"].to_list() == [4, 5]
    assert frame["question"][0] == "Will it rain in Town 4?"
    assert ends.value.tolist() == [T0 + 10 * DAY] * 2
    assert ends.offsets.tolist() == [0, 1, 2]
