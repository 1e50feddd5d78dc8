import dataclasses
import shutil

import pytest
from tests.support.panels import START
from tests.support.worlds import efficient_world

from edgeworth.core.clock import ManualClock
from edgeworth.core.config import ProofSettings, Settings
from edgeworth.core.paths import Home
from edgeworth.core.units import HOUR
from edgeworth.research.backtest import run_backtest
from edgeworth.research.graveyard import Grave, graveyard, to_markdown
from edgeworth.strategies.base import no, strategy
from edgeworth.strategies.registry import find

SETTINGS = Settings(proof=ProofSettings(bootstraps=100))


@strategy
@dataclasses.dataclass(frozen=True)
class Broken:
    """Ask for what polars cannot do."""

    name, version, needs = "broken-rule", 1, ("price",)

    def opinions(self, row):
        return no(when=row.price.str.len_chars() > 3, reason="nonsense")


@pytest.fixture
def place(home) -> Home:
    """A home in which one rule was swept and repeated, and another never worked."""
    place, clock = Home(home), ManualClock(START)
    data = efficient_world(3, 400)
    good = find("crypto-favorite-fade")
    run_backtest(place, [good, Broken()], SETTINGS, data=data, clock=clock)
    clock.advance(HOUR)
    run_backtest(place, [good], SETTINGS, data=data, clock=clock, grid=("threshold=0.6,0.8",))
    clock.advance(HOUR)
    run_backtest(place, [good], SETTINGS, data=efficient_world(4, 400), clock=clock)
    return place


def named(place: Home) -> dict[str, Grave]:
    return {grave.strategy: grave for grave in graveyard(place)}


def test_every_trial_is_there_the_failed_ones_too(place: Home) -> None:
    graves = named(place)
    good, broken = graves["crypto-favorite-fade"], graves["broken-rule"]
    assert (good.trials, good.failed, good.variants, good.data_sets) == (4, 0, 3, 2)
    assert len(good.run_ids) == 3
    assert (broken.trials, broken.failed) == (1, 1)
    assert broken.verdict is None
    assert broken.latest is None
    assert broken.run_ids == good.run_ids[:1]
    assert good.last - good.first == 2 * HOUR
    assert list(graves) == ["crypto-favorite-fade", "broken-rule"]


def test_the_best_return_is_of_any_variant_the_latest_of_the_last_run(place: Home) -> None:
    good = named(place)["crypto-favorite-fade"]
    assert good.latest.run_id == good.run_ids[-1]
    assert good.best.roi >= good.latest.roi
    assert good.best.low <= good.best.roi <= good.best.high
    assert good.verdict in {"no edge", "unproven", "edge at this size"}


def test_removed_runs_still_count(place: Home) -> None:
    shutil.rmtree(place.runs)
    good = named(place)["crypto-favorite-fade"]
    assert good.trials == 4
    assert good.best is None
    assert good.verdict is None


def test_nothing_tried_is_an_empty_graveyard(home) -> None:
    assert graveyard(Home(home)) == []
    assert not home.exists()


def test_the_table_names_everything(place: Home) -> None:
    text = to_markdown(graveyard(place))
    assert "| crypto-favorite-fade | 4 | 0 | 3 |" in text
    assert "| broken-rule | 1 | 1 | 1 | n/a | n/a | n/a |" in text
