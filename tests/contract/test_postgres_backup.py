"""A home whose market database is a server is backed up into a home of files."""

import asyncio

import numpy as np
import pytest
from tests.contract.test_store_contract import empty_server
from tests.store_world import T0, fill, market

from edgeworth.core.clock import SystemClock
from edgeworth.core.paths import Home
from edgeworth.store.backup import backup
from edgeworth.store.frames import read_tables
from edgeworth.store.lake import Lake
from edgeworth.store.market_db import MarketStore
from edgeworth.store.tables import metadata
from edgeworth.store.verify import verify


@pytest.fixture
def served(tmp_path, postgres_url) -> Home:
    asyncio.run(empty_server(postgres_url))
    home = Home(tmp_path / "home", postgres_url)
    fill(home)
    return home


def test_every_table_and_part_arrives(served, tmp_path):
    report = backup(served, tmp_path / "copy", SystemClock())
    copy = Home(tmp_path / "copy")
    assert report.databases == ["market.db"]
    assert verify(copy).sound
    wanted = dict.fromkeys(metadata.tables, ())
    ours, theirs = read_tables(served, wanted), read_tables(copy, wanted)
    assert all(ours[name].equals(theirs[name]) for name in wanted)
    assert ours["markets"].height == 6
    assert Lake(copy.lake).scan_prices().collect().equals(Lake(served.lake).scan_prices().collect())


def test_what_is_written_while_it_is_copied_is_in_none_of_it(served, tmp_path):
    def hook(step):
        if step != "backup-lake":
            return

        async def add():
            async with await MarketStore.open(served) as store:
                await store.write([market(77)])
                return (await store.resolve_ids([market(77).ids]))[0]

        from edgeworth.store.frames import run_sync

        number = run_sync(add())
        Lake(served.lake).append_prices("late", np.array([number]), np.array([T0]), np.array([5], np.int32), key="x")

    backup(served, tmp_path / "copy", SystemClock(), hook)
    copy = Home(tmp_path / "copy")
    assert verify(copy).sound
    assert verify(copy).counts["markets"] == 6
    assert verify(served).counts["markets"] == 7
    assert "late" not in {source["name"] for source in verify(copy).sources}
