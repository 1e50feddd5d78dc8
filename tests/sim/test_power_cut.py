"""A power cut at any operation loses no acknowledged row and tears none: the real schema, migrations and statements."""

import contextlib

import apsw
import pytest
from sqlalchemy import Engine, text
from tests.support.power import Disk, PowerCut, engine

from edgeworth.core.random import stream
from edgeworth.store.migrate import HEADS, current_revision, upgrade
from edgeworth.store.snapshots import SnapshotRow, insert_snapshots

T0 = 1_760_000_000_000_000
SLOT = 900_000_000
MARKETS = 20
CUTS = 4


def blank() -> dict[str, bytes]:
    """A disk with an empty database of this version's schema and a few markets."""
    disk = Disk({}, stream(0, "blank"))
    with engine(disk) as opened, opened.connect().execution_options(write=True) as connection, connection.begin():
        upgrade(connection, "market")
        for number in range(1, MARKETS + 1):
            row = f"({number}, 'm{number}', 'v', 'Yes', 'No', 0, 1)"
            columns = "market_no, market_id, venue, outcome0, outcome1, labels_stated, bare"
            connection.execute(text(f"INSERT INTO markets ({columns}) VALUES {row}"))
    return {name: bytes(file.seen) for name, file in disk.files.items()}


def tick(number: int) -> list[SnapshotRow]:
    """One row per market, recognisable by its tick."""
    slot = T0 + number * SLOT
    return [SnapshotRow(slot, market, "sim", slot, slot, bid_e4=number, ask_e4=market) for market in range(1, 21)]


def write_until_dark(opened: Engine, first: int, acknowledged: list[int]) -> None:
    """Commit tick after tick; those whose commit returned are acknowledged."""
    for number in range(first, first + 400):
        with opened.connect().execution_options(write=True) as connection:
            with connection.begin():
                insert_snapshots(connection, tick(number))
            acknowledged.append(number)


def stored_ticks(opened: Engine) -> dict[int, int]:
    """Rows by tick, after SQLite's own check of every page."""
    with opened.connect() as connection:
        assert connection.execute(text("PRAGMA integrity_check")).scalar_one() == "ok"
        found = connection.execute(text("SELECT bid_e4, count(*) FROM market_snapshots GROUP BY bid_e4")).all()
        return {int(number): int(rows) for number, rows in found}


def live_through(seed: int, files: dict[str, bytes], pragma: str = "") -> tuple[int, list[str]]:
    """Cut the power several times; return the acknowledged rows and what was wrong afterwards."""
    draw = stream(seed, "power")
    acknowledged: list[int] = []
    wrong: list[str] = []
    for _ in range(CUTS):
        disk = Disk(files, draw, fuse=int(draw.integers(1, 120)))
        with contextlib.suppress(PowerCut, apsw.Error), engine(disk) as opened:
            if pragma:
                with opened.connect() as connection:
                    connection.connection.driver_connection.inner.execute(pragma)  # not inside a transaction
            try:
                write_until_dark(opened, acknowledged[-1] + 1 if acknowledged else 1, acknowledged)
            except (PowerCut, apsw.Error):
                raise PowerCut from None
        files = disk.platter()
        try:
            with engine(Disk(files, draw)) as opened:
                there = stored_ticks(opened)
        except (AssertionError, apsw.Error) as error:
            wrong.append(f"corrupt: {error}")
            return len(acknowledged) * MARKETS, wrong
        wrong += [f"torn: tick {number} has {rows} rows" for number, rows in there.items() if rows != MARKETS]
        wrong += [f"lost: tick {number}" for number in acknowledged if number not in there]
        acknowledged = sorted({*acknowledged, *there})
    return len(acknowledged) * MARKETS, wrong


@pytest.mark.parametrize("seeds", [range(25), pytest.param(range(25, 275), marks=pytest.mark.slow)], ids=["25", "250"])
def test_a_power_cut_loses_nothing_that_was_acknowledged(seeds):
    files, rows = blank(), 0
    for seed in seeds:
        kept, wrong = live_through(seed, files)
        assert wrong == [], f"seed {seed}"
        rows += kept
    assert rows > len(seeds) * MARKETS


def test_the_method_would_see_a_loss():
    """With synchronous=NORMAL, which nothing here uses, acknowledged rows do get lost."""
    files = blank()
    assert any("lost" in " ".join(live_through(seed, files, "PRAGMA synchronous=NORMAL")[1]) for seed in range(10))


@pytest.mark.parametrize("seed", range(12))
def test_a_power_cut_during_a_migration_leaves_the_old_schema_or_the_new(seed):
    draw = stream(seed, "migration")
    disk = Disk({}, draw, fuse=int(draw.integers(1, 110)))
    with (
        contextlib.suppress(PowerCut, apsw.Error),
        engine(disk) as opened,
        opened.connect().execution_options(write=True) as connection,
        connection.begin(),
    ):
        upgrade(connection, "market")
    with engine(Disk(disk.platter(), draw)) as opened:
        with opened.connect() as connection:
            assert current_revision(connection) in {None, HEADS["market"]}
        with opened.connect().execution_options(write=True) as connection, connection.begin():
            upgrade(connection, "market")
        assert stored_ticks(opened) == {}
