"""Migrations: up and down, the same schema as the tables, refused when newer or locked."""

import asyncio
import sqlite3

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, inspect
from tests.store_world import market, write_all

from edgeworth.core.errors import AccessError, DataError
from edgeworth.store import engines, ledger_tables, tables
from edgeworth.store.market_db import MarketStore
from edgeworth.store.migrate import HEADS, current_revision, downgrade, revisions, upgrade

METADATA = {"market": tables.metadata, "ledger": ledger_tables.metadata}


@pytest.mark.parametrize("which", ["market", "ledger"])
def test_up_equals_the_tables_and_down_empties(tmp_path, which):
    engine = create_engine(f"sqlite:///{tmp_path / 'a.db'}")
    engines.listen(engine, read_only=False)
    with engine.connect().execution_options(write=True) as connection, connection.begin():
        upgrade(connection, which)
        assert current_revision(connection) == HEADS[which] == revisions(which)[0]
        assert compare_metadata(MigrationContext.configure(connection), METADATA[which]) == []
        downgrade(connection, which, "base")
        assert set(inspect(connection).get_table_names()) <= {"alembic_version"}
    engine.dispose()


def test_without_rowid_and_settings(place):
    write_all(place, [market(1)])
    connection = sqlite3.connect(place.market_db)
    names = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE sql LIKE '%WITHOUT ROWID%'")]
    assert {"market_snapshots", "market_aliases", "market_resolutions", "coverage"} <= set(names)
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()


def test_a_writer_commits_durably(place):
    async def work():
        async with await MarketStore.open(place) as store:
            return await store.run(
                lambda c: [c.exec_driver_sql(f"PRAGMA {name}").scalar_one() for name in ("synchronous", "foreign_keys")]
            )

    assert asyncio.run(work()) == [2, 1]


def test_a_newer_database_is_refused(place):
    write_all(place, [market(1)])
    connection = sqlite3.connect(place.market_db)
    connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.commit()
    connection.close()
    with pytest.raises(DataError) as failure:
        asyncio.run(MarketStore.open(place))
    assert failure.value.code == "store-newer"


def test_a_locked_database_says_so(place, monkeypatch):
    write_all(place, [market(1)])
    monkeypatch.setattr(engines, "BUSY_SECONDS", 0.05)
    holder = sqlite3.connect(place.market_db, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(DataError) as failure:
        write_all(place, [market(2)])
    assert failure.value.code == "store-locked"
    holder.execute("ROLLBACK")
    holder.close()


def test_rubbish_is_no_database(place):
    place.root.mkdir()
    place.market_db.write_bytes(b"this is not a database, " * 50)
    with pytest.raises(DataError) as failure:
        asyncio.run(MarketStore.open(place))
    assert failure.value.code == "store-corrupt"


@pytest.mark.parametrize(
    ("text", "kind", "code"),
    [
        ("database is locked", DataError, "store-locked"),
        ("database or disk is full", AccessError, "disk-full"),
        ("attempt to write a readonly database", AccessError, "home-unwritable"),
        ("database disk image is malformed", DataError, "store-corrupt"),
    ],
)
def test_driver_errors_get_a_code(text, kind, code):
    error = engines.database_error(sqlite3.OperationalError(text), "market.db")
    assert isinstance(error, kind)
    assert error.code == code


def test_a_full_disk_has_its_own_code(tmp_path):
    assert engines.storage_error(OSError(28, "No space left on device"), tmp_path).code == "disk-full"
    assert engines.storage_error(OSError(13, "Permission denied"), tmp_path).code == "home-unwritable"
