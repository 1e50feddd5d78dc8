"""A home whose market database is a PostgreSQL server: one URL differs, every answer is the same."""

import asyncio
import json
from pathlib import Path

import numpy as np
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from click.testing import CliRunner
from sqlalchemy import inspect, text
from tests.contract.test_store_contract import batch, empty_server

from edgeworth.app.checks import run_checks
from edgeworth.cli.main import cli
from edgeworth.collect.importing.pipeline import import_paths
from edgeworth.core.clock import ManualClock
from edgeworth.core.config import load
from edgeworth.core.errors import ConfigError, DataError
from edgeworth.core.paths import Home
from edgeworth.core.progress import Silent
from edgeworth.core.units import Micros
from edgeworth.sandbox.world import generate
from edgeworth.store import asof, tables
from edgeworth.store.engines import server_engine
from edgeworth.store.lookup import find_market, list_markets, show_market
from edgeworth.store.market_db import MarketStore
from edgeworth.store.migrate import HEADS, current_revision, downgrade, upgrade
from edgeworth.store.query import sql
from edgeworth.store.verify import verify

NOW = Micros(1_800_000_000_000_000)


@pytest.fixture
def server(postgres_url) -> str:
    """The URL of an empty database."""
    asyncio.run(empty_server(postgres_url))
    return postgres_url


def test_an_imported_world_reads_the_same_from_a_server_as_from_a_file(tmp_path, server):
    files = generate("tiny", 11).write(tmp_path / "world")
    homes = Home(tmp_path / "file"), Home(tmp_path / "server", server)
    for home in homes:
        report = import_paths(files, home, progress=Silent(), clock=ManualClock(NOW))
        assert report.adds_up()
        assert not report.refused
    (panel, outcomes), (other, others) = (asof.load_panel(home) for home in homes)
    assert panel.fingerprint == other.fingerprint
    assert np.array_equal(outcomes.payout_e4, others.payout_e4)
    assert not homes[1].market_db.exists()
    slug = panel.markets["slug"][0]
    number = find_market(homes[0], slug)
    assert find_market(homes[1], slug) == number
    assert show_market(homes[0], number)["ids"] == show_market(homes[1], number)["ids"]
    for query in ("select count(*) as n from markets", "select sum(points) as n from coverage"):
        assert sql(homes[0], query).equals(sql(homes[1], query))
    assert list_markets(homes[0], limit=None).equals(list_markets(homes[1], limit=None))
    assert asof.price_sources(homes[0]) == asof.price_sources(homes[1])
    assert asof.requested_markets(homes[0]) == asof.requested_markets(homes[1]) > 0
    first, second = (verify(home) for home in homes)
    assert (first.sound, first.counts, first.coverage) == (second.sound, second.counts, second.coverage)


def test_commands_work_with_the_url_in_the_environment(home, server, monkeypatch, tmp_path):
    monkeypatch.setenv("EDGEWORTH_STORE__MARKET_URL", server)
    files = generate("tiny", 12).write(tmp_path / "world")
    done = CliRunner().invoke(cli, ["--json", "data", "import", *map(str, files)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    listed = CliRunner().invoke(cli, ["--json", "data", "ls", "--limit", "3"], catch_exceptions=False)
    assert len(json.loads(listed.stdout)["data"]) == 3
    database = next(check for check in run_checks(load()) if check.name == "database")
    assert database.status == "ok"
    assert "markets at 127.0.0.1" in database.finding
    assert not (home / "market.db").exists()


def test_migrations_go_down_and_up_with_data_on_a_server(home, server):
    async def work() -> None:
        async with await MarketStore.open(Home(home), url=server) as store:
            await store.write(batch())
            kept = [row["market_id"] for row in await store.rows("markets")]
        engine = server_engine(server)
        async with engine.begin() as connection:
            await connection.run_sync(down_and_up)
        async with engine.begin() as connection:
            found = (await connection.execute(text("SELECT market_id FROM markets ORDER BY market_no"))).scalars().all()
            assert list(found) == kept
            assert await connection.run_sync(differences) == []
            await connection.run_sync(lambda c: downgrade(c, "market", "base"))
            assert set(await connection.run_sync(lambda c: inspect(c).get_table_names())) <= {"alembic_version"}
        await engine.dispose()

    def down_and_up(connection) -> None:
        downgrade(connection, "market", "0001")
        assert current_revision(connection) == "0001"
        upgrade(connection, "market")
        assert current_revision(connection) == HEADS["market"]

    def differences(connection):
        return compare_metadata(MigrationContext.configure(connection), tables.metadata)

    asyncio.run(work())


def test_an_empty_server_and_a_dead_one_are_told_apart(home, server):
    with pytest.raises(DataError) as empty:
        asof.load_panel(Home(home, server))
    assert empty.value.code == "store-empty"
    nowhere = "postgresql+asyncpg://edgeworth@127.0.0.1:1/edgeworth"
    with pytest.raises(DataError) as dead:
        asof.load_panel(Home(home, nowhere))
    assert dead.value.code == "store-unreachable"


def test_a_password_in_the_settings_file_is_refused(tmp_path):
    url = "postgresql://me:hidden@db.example/edge"
    (tmp_path / "edgeworth.toml").write_text(f'[store]\nmarket_url = "{url}"\n', "utf-8")
    with pytest.raises(ConfigError) as refused:
        load(home=tmp_path, folder=Path(tmp_path), environ={})
    assert refused.value.code == "config-secret"
    assert "hidden" not in str(refused.value)
    allowed = load(home=tmp_path / "other", folder=tmp_path / "other", environ={"EDGEWORTH_STORE__MARKET_URL": url})
    assert allowed.home.market_url == url
