"""Snapshots move from the database into the lake; killed at any instant, none is lost and none is doubled."""

import asyncio
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from tests.unit.collect.seal_worker import CUT, MARKETS, SLOTS, T0, fill, snapshot
from tests.unit.collect.seal_worker import work as fill_and_seal

from edgeworth.collect.sealing import Work, seal
from edgeworth.core.errors import DataError
from edgeworth.core.paths import Home
from edgeworth.core.units import MINUTE
from edgeworth.store.asof import price_sources
from edgeworth.store.lake import Lake
from edgeworth.store.lake_snapshots import SnapshotLake, Wanted, read_snapshots
from edgeworth.store.market_db import MarketStore
from edgeworth.store.verify import verify

WORKER = Path(__file__).with_name("seal_worker.py")
OLD = 20 * MARKETS


class Killed(BaseException):
    """The process ends here."""


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home with snapshots in its database."""
    home = Home(tmp_path_factory.mktemp("seal") / "home")

    async def work():
        async with await MarketStore.open(home) as store:
            await fill(store)

    asyncio.run(work())
    return home


@pytest.fixture
def place(filled: Home, tmp_path: Path) -> Home:
    return copy_of(filled, tmp_path / "home")


@pytest.fixture(scope="module")
def truth(filled: Home) -> pl.DataFrame:
    """What must be readable whatever happens."""
    return read_snapshots(filled)


def copy_of(home: Home, root: Path) -> Home:
    return Home(Path(shutil.copytree(home.root, root)))


def run(place: Home, hook=lambda _step: None):
    return asyncio.run(fill_and_seal(place, hook))


def in_database(place: Home) -> int:
    async def work():
        async with await MarketStore.open(place, read_only=True) as store:
            return (await store.counts())["market_snapshots"]

    return asyncio.run(work())


def test_old_snapshots_move_and_everything_stays_readable(place, truth):
    report = run(place)
    assert (report.rows, report.deleted, report.finished, report.differing) == (OLD, OLD, 0, 0)
    assert report.left == in_database(place) == (SLOTS - 20) * MARKETS
    assert SnapshotLake(place.lake).scan().collect().height == OLD
    assert read_snapshots(place).equals(truth)
    assert verify(place).sound
    again = run(place)
    assert (again.rows, again.deleted, again.parts) == (0, 0, 0)


def test_research_sees_the_mid_as_price_points(place):
    report = run(place)
    points = Lake(place.lake).scan_prices(["snapshots:track"]).collect().sort("market_no", "event_time")
    assert report.points == points.height == OLD
    first = points.row(0, named=True)
    assert first == {"market_no": 1, "event_time": T0, "known_at": T0 + 2_000_001, "price_e4": 2_001}
    assert [source.name for source in price_sources(place)] == ["snapshots:track"]


def test_filters_reach_both_places(place):
    run(place)
    late = T0 + 18 * 15 * MINUTE
    found = read_snapshots(place, Wanted(start=late, end=T0 + 22 * 15 * MINUTE, market_nos=[2, 3]))
    assert found["slot"].unique().sort().to_list() == [T0 + n * 15 * MINUTE for n in range(18, 22)]
    assert found["market_no"].unique().sort().to_list() == [2, 3]
    assert read_snapshots(place, Wanted(as_of=T0 + 2_000_001)).height == 1  # market 1 alone was known by then
    assert read_snapshots(place, Wanted(sources=["scan"])).is_empty()


def stop_at(position: int):
    left = iter(range(position + 1))

    def hook(_step: str) -> None:
        if next(left) == position:
            raise Killed

    return hook


@pytest.mark.slow
def test_stopped_at_every_step_nothing_is_lost_or_doubled(filled, tmp_path, truth):
    steps: list[str] = []
    run(copy_of(filled, tmp_path / "whole"), steps.append)
    assert {"part-renamed", "manifest-renamed", "sealed-verified", "sealed-prices", "sealed-deleted"} <= set(steps)
    for position, step in enumerate(steps):
        place = copy_of(filled, tmp_path / f"home{position}")
        with pytest.raises(Killed):
            run(place, stop_at(position))
        assert read_snapshots(place).equals(truth), step
        report = run(place)
        lake = SnapshotLake(place.lake)
        assert in_database(place) == (SLOTS - 20) * MARKETS, step
        assert lake.scan().collect().height == OLD == sum(part.rows for part in lake.manifest("snapshots").parts), step
        assert read_snapshots(place).equals(truth), step
        assert lake.scan_prices().collect().height == OLD, step
        assert report.differing == 0


@pytest.mark.parametrize(("step", "nth"), [("part-synced", 1), ("manifest-renamed", 2), ("sealed-deleted", 1)])
def test_killed_for_real(place, truth, step, nth):
    def worker(step: str, nth: int) -> int:
        return subprocess.run([sys.executable, WORKER, place.root, step, str(nth)], check=False).returncode

    assert worker(step, nth) == -signal.SIGKILL
    assert read_snapshots(place).equals(truth)
    assert worker("none", 0) == 0
    assert read_snapshots(place).equals(truth)
    assert verify(place).sound
    assert in_database(place) == (SLOTS - 20) * MARKETS


def test_a_late_snapshot_of_a_sealed_slot_is_sealed_later(place):
    run(place)
    late = snapshot(3, 2, source="backfill")

    async def work():
        async with await MarketStore.open(place) as store:
            await store.write_snapshots([late])
            return await seal(store, place, Work(CUT))

    report = asyncio.run(work())
    assert (report.rows, report.finished) == (1, 0)
    assert read_snapshots(place, Wanted(sources=["backfill"])).row(0) == tuple(late)


def test_a_row_that_differs_from_the_sealed_one_goes_to_quarantine(place):
    run(place)

    async def work():
        async with await MarketStore.open(place) as store:
            await store.write_snapshots([snapshot(3, 2), snapshot(4, 2, last_e4=1)])
            report = await seal(store, place, Work(CUT))
            return report, await store.quarantine_summary()

    report, quarantine = asyncio.run(work())
    assert (report.rows, report.finished, report.differing, report.deleted) == (0, 1, 1, 2)
    assert [(row["reason"], row["rows"]) for row in quarantine] == [("sealed-differently", 1)]
    assert read_snapshots(place, Wanted(T0 + 4 * 15 * MINUTE, T0 + 5 * 15 * MINUTE, [2]))["last_e4"].to_list() == [
        2_402
    ]


def test_a_damaged_part_is_found_and_never_served(place):
    run(place)
    part = next((place.lake / "snapshots").glob("*.parquet"))
    data = bytearray(part.read_bytes())
    data[len(data) // 2] ^= 1
    part.write_bytes(data)
    assert not verify(place).sound
    with pytest.raises(DataError, match="checksum"):
        read_snapshots(place)
