"""Nothing that ships raises an alarm: neither the lint nor the audits, on simulated worlds or on recorded data."""

from pathlib import Path

import pytest
from tests.support.panels import START

from edgeworth.core.clock import ManualClock
from edgeworth.core.config import ProofSettings, Settings
from edgeworth.core.paths import Home
from edgeworth.core.progress import Silent
from edgeworth.research.backtest import run_backtest
from edgeworth.research.leaks.catalogue import CATALOGUE
from edgeworth.research.lint import lint_data
from edgeworth.research.study_worlds import world_data
from edgeworth.sandbox.world import generate
from edgeworth.strategies.registry import all_strategies

SETTINGS = Settings(proof=ProofSettings(bootstraps=100))
WORLDS = [("tiny", 1), ("tiny", 2), ("tiny", 3), ("tiny", 4), ("newcomer", 1), ("null", 2)]
SLOW = [("newcomer", 5), ("null", 6), ("null", 7), ("power", 8)]
FILES = (
    "polymarket/resolved_markets.parquet", "polymarket/resolved_prices_1d.parquet", "polymarket_10m/markets.parquet",
    "polymarket_10m/prices.parquet", "weather/buckets.parquet", "weather/prices_1h.parquet",
)  # fmt: skip


def alarms(result) -> list[str]:
    """Every failed line of every verdict, with whose it is."""
    found = []
    for item in (*result.results, *result.reverses):
        found += [f"{item.strategy}: {line.code}: {line.note}" for line in item.verdict.lint if line.passed is False]
    return found


def everything(home: Path, audit_all: bool = False, **options):
    clock = ManualClock(START)
    return run_backtest(Home(home), all_strategies(), SETTINGS, clock=clock, audit_all=audit_all, **options)


@pytest.mark.parametrize(("name", "seed"), WORLDS)
def test_simulated_worlds_raise_no_alarm(name, seed, home):
    result = everything(home, data=world_data(generate(name, seed)))
    assert not result.failures
    assert alarms(result) == []
    codes = {line.code for line in result.results[0].verdict.lint}
    assert {code for code, entry in CATALOGUE.items() if entry.always} <= codes
    assert {"audit-scramble", "audit-outcome-permutation", "audit-batch-incremental"} <= codes


@pytest.mark.slow
@pytest.mark.parametrize(("name", "seed"), SLOW)
def test_more_worlds_raise_no_alarm(name, seed, home):
    assert alarms(everything(home, data=world_data(generate(name, seed)))) == []


@pytest.mark.slow
@pytest.mark.parametrize(("name", "seed"), [("tiny", 11), ("newcomer", 12)])
def test_the_complete_audit_raises_no_alarm(name, seed, home):
    assert alarms(everything(home, audit_all=True, data=world_data(generate(name, seed)))) == []


@pytest.fixture(scope="session")
def recorded_home(recorded: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with the recorded daily prices and the weather market, imported once."""
    from edgeworth.collect.importing.pipeline import import_paths
    from edgeworth.core.clock import SystemClock

    home = tmp_path_factory.mktemp("recorded-home")
    files = [recorded / name for name in FILES]
    import_paths(files, Home(home), mapping=None, recorded=False, progress=Silent(), clock=SystemClock())
    return home


@pytest.mark.recorded
@pytest.mark.slow
def test_recorded_data_raise_no_alarm(recorded_home: Path):
    from edgeworth.store.asof import load_panel, price_sources

    looked = 0
    for source in price_sources(Home(recorded_home)):
        if source.resolved_markets < 50:
            continue
        looked += 1
        data = load_panel(Home(recorded_home), source=source.name)
        assert [line for line in lint_data(*data) if line.passed is False] == [], source.name
        assert alarms(everything(recorded_home, source=source.name)) == [], source.name
    assert looked
