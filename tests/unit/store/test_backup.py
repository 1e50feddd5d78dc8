"""A backup taken while others write is consistent, verified, whole or absent, and a home of its own."""

import asyncio
import json
import threading
from pathlib import Path

import numpy as np
import pytest
from tests.store_world import T0, ids_of, market

from edgeworth.core.clock import SystemClock
from edgeworth.core.errors import DataError, UsageError
from edgeworth.core.paths import Home
from edgeworth.core.units import MINUTE
from edgeworth.store.backup import REPORT, backup, default_folder
from edgeworth.store.lake import Lake
from edgeworth.store.lake_snapshots import SnapshotLake, read_snapshots
from edgeworth.store.ledger_db import Ledger, Run
from edgeworth.store.market_db import MarketStore
from edgeworth.store.snapshots import SnapshotRow
from edgeworth.store.verify import verify

CLOCK = SystemClock()
MARKETS = 5


class Killed(BaseException):
    """The process ends here."""


def test_a_backup_is_a_home_with_the_same_contents(filled, tmp_path):
    with Ledger.open(filled) as ledger:
        ledger.start_run(Run("r1", "backtest", "data"))
    filled.config.write_text("[run]\nseed = 11\n")
    (filled.runs / "r1").mkdir(parents=True)
    (filled.runs / "r1" / "report.json").write_text("{}")
    report = backup(filled, tmp_path / "copy", CLOCK)
    copy = Home(tmp_path / "copy")
    assert report.databases == ["market.db", "ledger.db"]
    assert report.parts == report.linked == 2
    found = verify(copy)
    assert found.sound
    assert found.counts == verify(filled).counts
    assert Lake(copy.lake).scan_prices().collect().equals(Lake(filled.lake).scan_prices().collect())
    with Ledger.open(copy) as ledger:
        assert [run.run_id for run in ledger.runs()] == ["r1"]
    assert copy.config.read_text() == filled.config.read_text()
    assert (copy.runs / "r1" / "report.json").is_file()
    said = json.loads((copy.root / REPORT).read_text())
    assert set(said["checksums"]) == {"market.db", "ledger.db"}


def test_work_goes_on_in_either_without_the_other_noticing(filled, tmp_path):
    backup(filled, tmp_path / "copy", CLOCK)
    copy = Home(tmp_path / "copy")

    async def add():
        async with await MarketStore.open(copy) as store:
            await store.write([market(99)])

    asyncio.run(add())
    Lake(copy.lake).append_prices("new", np.array([1]), np.array([T0]), np.array([5], np.int32), key="n")
    assert verify(copy).counts["markets"] == verify(filled).counts["markets"] + 1
    assert {source["name"] for source in verify(filled).sources} == {"alpha", "beta"}


class Writer:
    """Keep writing markets, prices of them, and whole slots of snapshots, and move the older ones into the lake."""

    def __init__(self, home: Home) -> None:
        self._home, self._stop, self.slots, self.failure = home, threading.Event(), 0, None
        self._thread = threading.Thread(target=self._run)

    def __enter__(self):
        asyncio.run(self._prepare())
        self._thread.start()
        return self

    def __exit__(self, *_exc):
        self._stop.set()
        self._thread.join()

    def _run(self):
        try:
            asyncio.run(self._work())
        except BaseException as error:  # noqa: BLE001  (handed to the test)
            self.failure = error

    async def _prepare(self):
        async with await MarketStore.open(self._home) as store:
            await store.write([market(i) for i in range(1, MARKETS + 1)])

    async def _work(self):
        from edgeworth.collect.sealing import Work, seal

        lake = Lake(self._home.lake)
        async with await MarketStore.open(self._home) as store:
            while not self._stop.is_set():
                at = T0 + self.slots * 15 * MINUTE
                rows = [SnapshotRow(at, number, "track", at, at, 4_000, 4_200) for number in range(1, MARKETS + 1)]
                await store.write_snapshots(rows)
                number = (await store.ensure_markets([ids_of(1_000 + self.slots)], source="alpha"))[0]
                lake.append_prices("alpha", np.array([number]), np.array([at]), np.array([9], np.int32), key=f"p{at}")
                self.slots += 1
                if self.slots % 7 == 0:
                    await seal(store, self._home, Work(at - 3 * 15 * MINUTE))


def test_consistent_while_a_collector_writes_and_seals(home, tmp_path):
    place = Home(home)
    seen = []
    with Writer(place) as writer:
        for number in range(4):
            wanted = writer.slots + 8
            while writer.slots < wanted and writer.failure is None:
                threading.Event().wait(0.01)
            acknowledged = writer.slots
            backup(place, tmp_path / f"copy{number}", CLOCK)
            seen.append(acknowledged)
    assert writer.failure is None
    for number, acknowledged in enumerate(seen):
        copy = Home(tmp_path / f"copy{number}")
        assert verify(copy).sound  # no price of a market that the copied database does not know
        rows = read_snapshots(copy)
        slots = (rows["slot"].unique().sort() - T0) // (15 * MINUTE)
        assert slots.to_list() == list(range(len(slots)))  # no slot is lost between database and lake
        assert rows.height == len(slots) * MARKETS  # none is torn
        assert len(slots) >= acknowledged
    assert SnapshotLake(Home(tmp_path / "copy3").lake).scan().collect().height > 0


@pytest.mark.parametrize("step", ["backup-lake", "backup-databases", "backup-verified"])
def test_stopped_in_the_middle_there_is_none_and_the_next_one_succeeds(filled, tmp_path, step):
    def hook(name):
        if name == step:
            raise Killed

    with pytest.raises(Killed):
        backup(filled, tmp_path / "copy", CLOCK, hook)
    assert not (tmp_path / "copy").exists()
    backup(filled, tmp_path / "copy", CLOCK)
    assert verify(Home(tmp_path / "copy")).sound
    assert not (tmp_path / "copy.partial").exists()


def test_a_damaged_part_is_not_backed_up_as_if_it_were_sound(filled, tmp_path):
    part = next((filled.lake / "prices").glob("*.parquet"))
    data = bytearray(part.read_bytes())
    data[len(data) // 2] ^= 1
    part.write_bytes(data)
    with pytest.raises(DataError, match="not sound"):
        backup(filled, tmp_path / "copy", CLOCK)
    assert not (tmp_path / "copy").exists()


def test_refusals(filled, place, tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").write_text("x")
    with pytest.raises(UsageError, match="not empty"):
        backup(filled, tmp_path / "full", CLOCK)
    with pytest.raises(DataError, match="no data"):
        backup(Home(tmp_path / "nothing"), tmp_path / "copy", CLOCK)


def test_the_default_folder_is_named_by_the_instant():
    assert default_folder(Home(Path("h")), T0) == Path("h/backups/2025-06-15T150640")
