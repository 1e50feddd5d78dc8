"""Models that follow each other in time: what is not known yet changes nothing, and the audits see a forecast that peeks."""

import dataclasses
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from tests.support.panels import START, truncate
from tests.support.worlds import efficient_world

from edgeworth.core.clock import ManualClock
from edgeworth.core.config import ProofSettings, RunSettings, Settings
from edgeworth.core.errors import DataError, UsageError
from edgeworth.core.panel import NEVER, Outcomes, Panel
from edgeworth.core.paths import Home
from edgeworth.core.types import Side
from edgeworth.core.units import DAY
from edgeworth.features.forecasts import forecasts_by
from edgeworth.features.registry import compute
from edgeworth.forecasting.firing import Firings, fire_all
from edgeworth.research.backtest import run_backtest
from edgeworth.research.batch_signals.panels import known_outcomes
from edgeworth.research.dataset import Plan
from edgeworth.research.types import BacktestResult, VerdictClass
from edgeworth.research.walk_forward import Course, WalkForward, train_in_turn
from edgeworth.strategies.base import Strategy
from edgeworth.strategies.evaluate import sides
from edgeworth.strategies.registry import all_strategies, find, with_params

COURSE = Course(learners=("logistic", "xgb"), refit_days=60, plan=Plan(time_points=(1.0, 3.0, 5.0)))
RULE = with_params(find("model-edge"), {"learners": "logistic,xgb", "refit_days": 60})
Data = tuple[Panel, Outcomes]


def quiet(what: str, done: int, total: int) -> None:
    """Nobody watches."""


def trained(data: Data, until: int = NEVER, course: Course = COURSE) -> WalkForward:
    return train_in_turn(*data, course, until, quiet)


@pytest.fixture(scope="module")
def planted() -> Data:
    return efficient_world(11, 1_200, planted=0.3)


@pytest.fixture(scope="module")
def models(planted: Data) -> WalkForward:
    return trained(planted)


def fired(panel: Panel, models: WalkForward, rule: Strategy = RULE) -> Firings:
    with forecasts_by(models):
        return fire_all(panel, [rule])[0]


@pytest.mark.parametrize("day", [200, 330])
def test_labels_known_later_change_no_firing_up_to_then(planted: Data, models: WalkForward, day: int) -> None:
    panel, outcomes = planted
    now = START + day * DAY
    later = outcomes.known_at > now
    flipped = dataclasses.replace(
        outcomes, payout_e4=np.where(later, 10_000 - outcomes.payout_e4, outcomes.payout_e4).astype(np.int32)
    )
    before, after = fired(panel, models), fired(panel, trained((panel, flipped)))
    for name in ("row", "side", "p", "se"):
        kept = [getattr(found, name)[panel.t[found.row] <= now] for found in (before, after)]
        assert len(kept[0])
        assert np.array_equal(*kept), name
    assert not np.array_equal(before.row, after.row), "the labels matter once they are known"


def test_a_model_is_the_one_that_could_be_made_on_its_day(planted: Data, models: WalkForward) -> None:
    panel, outcomes = planted
    for epoch in models.epochs[1::2]:
        now = epoch.begins + DAY  # the last point known lies before it
        then = truncate(panel, now), known_outcomes(outcomes, now)
        alone = trained(then).epochs
        assert [each.to_dict() for each in alone] == [
            each.to_dict() for each in models.epochs if each.begins <= epoch.begins
        ]


def test_each_row_is_told_by_the_model_in_force(planted: Data, models: WalkForward) -> None:
    panel = planted[0]
    with forecasts_by(models):
        frame = compute(panel, ["price", "forecast", "forecast_low", "forecast_high"])
    first = models.epochs[0].begins
    assert (frame["forecast"].is_null() == (frame["t"] < first)).all()
    told = frame.filter(pl.col("t") >= first)
    assert (told["forecast_low"] <= told["forecast"]).all()
    assert (told["forecast"] <= told["forecast_high"]).all()
    assert models.epochs[0].model.stack.events == 0
    unproven = told.filter(pl.col("t") < models.epochs[1].begins)
    assert (unproven["forecast"] - unproven["price"].clip(0.001, 0.999)).abs().max() < 1e-6  # type: ignore[operator]
    assert all(epoch.events > 30 for epoch in models.epochs[1:])
    assert [epoch.begins % (60 * DAY) for epoch in models.epochs] == [0] * len(models.epochs)


def test_without_a_model_the_columns_are_empty_and_nothing_fires(planted: Data, models: WalkForward) -> None:
    assert not len(fire_all(planted[0], [RULE])[0])
    assert compute(planted[0], ["forecast"], np.arange(5))["forecast"].null_count() == 5
    with forecasts_by(models), pytest.raises(ValueError, match="already"), forecasts_by(models):
        pass
    assert not len(fire_all(planted[0], [RULE])[0])
    assert "model-edge" not in {rule.name for rule in all_strategies()}


def backtest(home: Path, data: Data, models: object, *, audit_all: bool = False, **settings: object) -> BacktestResult:
    chosen = Settings(proof=ProofSettings(bootstraps=100), run=RunSettings(seed=3, **settings))  # type: ignore[arg-type]
    with forecasts_by(models):  # type: ignore[arg-type]
        return run_backtest(Home(home), [RULE], chosen, data=data, clock=ManualClock(START), audit_all=audit_all)


def test_a_planted_bias_is_found_and_the_trades_are_the_same_again(planted: Data, tmp_path: Path) -> None:
    seen = []
    for threads in (1, 2):
        again = trained(planted, course=dataclasses.replace(COURSE, threads=threads))
        result = backtest(tmp_path / str(threads), planted, again, audit_all=threads == 2, threads=threads)
        seen.append((again.fingerprint, pl.read_parquet(result.folder / "trades.parquet").write_json()))
        (item,) = result.results
        assert item.verdict.outcome is VerdictClass.EDGE
        assert item.parameters["learners"] == "logistic,xgb"
        lint = {line.code: line.passed for line in item.verdict.lint}
        assert [code for code, passed in lint.items() if passed is False] == []
        assert {passed for code, passed in lint.items() if code.startswith("audit-")} == {True}
    assert seen[0] == seen[1]


def test_an_efficient_world_has_no_edge(tmp_path: Path) -> None:
    data = efficient_world(21, 900)
    (item,) = backtest(tmp_path, data, trained(data)).results
    assert item.verdict.outcome is not VerdictClass.EDGE


class Peeking:
    """A forecaster that knows the market's last price."""

    fingerprint = "peeking"

    def columns(self, panel: Panel, rows):
        market = np.searchsorted(panel.offsets, rows, side="right") - 1
        last = panel.price_e4[panel.offsets[market + 1] - 1] / 10_000
        return last, last - 0.01, last + 0.01


def test_a_forecast_that_peeks_fails_the_audits_that_are_always_on(planted: Data, tmp_path: Path) -> None:
    (item,) = backtest(tmp_path, planted, Peeking()).results
    broken = [line.code for line in item.verdict.lint if line.passed is False]
    assert [code for code in broken if code.startswith("audit-")]
    assert item.verdict.outcome is not VerdictClass.EDGE


def test_the_near_end_has_to_clear_price_cost_and_edge() -> None:
    base = {"price": 0.5, "no_price": 0.5, "forecast": 0.56, "forecast_low": 0.53, "forecast_high": 0.59}
    near = {**base, "forecast_low": 0.519}
    against = {**base, "forecast": 0.44, "forecast_low": 0.41, "forecast_high": 0.47}
    silent = {**base, "forecast": None, "forecast_low": None, "forecast_high": None}
    assert sides(RULE, [base, near, against, silent]) == [Side.YES, None, Side.NO, None]


def test_what_cannot_be_trained_is_said(planted: Data) -> None:
    with pytest.raises(UsageError, match="unknown-model"):
        trained(planted, course=Course(learners=("xgbost",)))
    with pytest.raises(UsageError, match="bad-option"):
        trained(planted, course=Course(learners=("market",), refit_days=0.1, plan=COURSE.plan))
    with pytest.raises(DataError, match="too-few-rows"):
        trained(planted, until=START + 20 * DAY)
