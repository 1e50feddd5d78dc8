"""Contracts replayed on paths whose law is known: fair values are calibrated, and nothing is found where nothing is."""

import numpy as np
import polars as pl
import pytest
from tests.support.replay import contract, gbm, settle, uniform_candles

from edgeworth.core.contract import ContractKind
from edgeworth.core.errors import DataError
from edgeworth.core.random import stream
from edgeworth.core.units import DAY, HOUR
from edgeworth.features.fairvalue.value import History, Options, fair_values
from edgeworth.models.scores import recalibrate
from edgeworth.research.candle_gate import check, judge, sound
from edgeworth.research.fairvalue_study import compare
from edgeworth.research.virtual_contracts import cut_touches

KINDS = [kind for kind in ContractKind if kind is not ContractKind.NONE]
SHORT = {ContractKind.HOURLY_UPDOWN: 12 / 24, ContractKind.DAILY_UPDOWN: 1.0, ContractKind.WINDOW_UPDOWN: 4 / 24}


def replayed(kind, count, seed=3):
    """Values at a random hour of each contract's life, and how it ended; contracts do not overlap."""
    days = SHORT.get(kind, 4.0)
    stride = round(days * DAY) // HOUR + 1
    history = gbm(seed, count * stride + 1, name=f"replay-{kind.value}")
    rng = stream(seed, "replay", kind.value)
    values, outcomes = np.full(count, np.nan), np.zeros(count)
    for number in range(count):
        first = number * stride + 1
        terms = contract(kind, history, first, days, rng)
        t = int(history.t[first]) + int(rng.integers(0, round(days * DAY) // HOUR)) * HOUR
        values[number] = fair_values(terms, history, np.array([t]), (0.6, 0.0), Options(slopes=False)).p[0]
        outcomes[number] = settle(terms, history)
    return values, outcomes


def slope_interval(values, outcomes):
    open_ = np.isfinite(values) & (values > 0) & (values < 1)
    fitted = recalibrate(values[open_], outcomes[open_], np.arange(open_.sum()))
    return fitted.slope - 3.0 * fitted.slope_error, fitted.slope + 3.0 * fitted.slope_error, open_


@pytest.mark.parametrize("kind", KINDS)
def test_values_are_calibrated(kind):
    values, outcomes = replayed(kind, 600)
    low, high, open_ = slope_interval(values, outcomes)
    assert low < 1 < high
    assert abs(values[open_].mean() - outcomes[open_].mean()) < 3 * np.sqrt(0.25 / open_.sum())
    settled = np.isfinite(values) & ~open_
    assert np.array_equal(values[settled], outcomes[settled])
    assert np.isfinite(values).mean() > 0.95


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_ten_thousand_values_are_calibrated(kind):
    values, outcomes = replayed(kind, 10_000, seed=17)
    low, high, open_ = slope_interval(values, outcomes)
    assert low < 1 < high
    assert abs(values[open_].mean() - outcomes[open_].mean()) < 3 * np.sqrt(0.25 / open_.sum())


def test_a_terminal_formula_for_a_touch_is_caught_by_the_same_judge():
    kind = ContractKind.TOUCH_UP
    values, outcomes = replayed(kind, 600)
    open_ = np.isfinite(values) & (values < 1)
    assert outcomes[open_].mean() > 1.4 * (values[open_] / 2).mean()


def test_the_gate_refuses_invented_candles_and_passes_a_walk():
    invented = judge(uniform_candles(1, 7_321))
    assert "contradict" in invented.reason
    assert invented.broken / invented.bars == pytest.approx(11 / 12, abs=0.02)
    ordered = judge(uniform_candles(1, 7_321, order=True))
    assert ordered.reason
    assert ordered.ratio == pytest.approx(1 / 50, abs=0.003)
    assert ordered.hourly > 0.15
    assert abs(ordered.growth) < 0.05
    for seed in range(20):
        walk = judge(gbm(seed, 7_321, fine=1))
        assert walk.reason == "", (seed, walk)
        assert 0.6 < walk.ratio < 1.6
        assert walk.hourly == pytest.approx(0.6 / np.sqrt(365 * 24), rel=0.05)


def test_a_quiet_independent_series_is_refused_by_its_lack_of_diffusion():
    close = 100 * np.exp(stream(2, "quiet").normal(0, 0.002, 5_000))
    t = np.arange(5_000) * HOUR
    found = judge(History(t, close, close, close, close, HOUR))
    assert "variance ratio" in found.reason
    with pytest.raises(DataError, match="implausible-candles"):
        check(History(t, close, close, close, close, HOUR), "X")


def test_one_impossible_candle_is_one_too_many():
    walk = gbm(1, 300, fine=1)
    walk.high[7] = walk.low[7] * 0.99
    assert "1 of 300" in judge(walk).reason
    passed, refused = sound({"A": walk, "B": gbm(2, 300, fine=1)})
    assert list(passed) == ["B"]
    assert list(refused) == ["A"]


def test_nothing_is_learned_from_a_walk_of_constant_volatility():
    """HAR, and its mixture, cannot beat the constant that is the truth; the mistakes are still seen as such."""
    series = {f"W{seed}": gbm(seed, 24 * 500, fine=1, name="null-walk").bars for seed in range(6)}
    study = compare(cut_touches(series, 7.0, 1.0, 5), 7.0)
    constant = study.row("constant 60% volatility")
    assert constant.excess.low <= 0  # its loss less HAR's: not proven above zero
    assert study.row("HAR + volatility mixture").log_loss > constant.log_loss - 0.005
    assert study.row("terminal for a touch").excess.low > 0


@pytest.mark.slow
def test_intervals_of_skill_hold_zero_on_walks_as_often_as_they_claim():
    claims = 0
    for seed in range(50):
        series = {f"W{k}": gbm(1000 * seed + k, 24 * 800, fine=1, name="null-walk").bars for k in range(3)}
        excess = compare(cut_touches(series, 3.0, 1.0, seed), 3.0).row("constant 60% volatility").excess
        claims += not excess.low <= 0 <= excess.high
    assert claims <= 5  # of 50 at 95 %, 2.5 are expected


@pytest.mark.recorded
def test_recorded_candles_pass_the_gate(recorded):
    frame = pl.read_parquet(recorded / "ohlcv" / "binance_spot_1h.parquet").with_columns(
        pl.col("symbol").cast(pl.String), pl.col("t").dt.epoch("us")
    )
    for (symbol,), part in frame.sort("symbol", "t").partition_by("symbol", as_dict=True).items():
        columns = (part[name].to_numpy() for name in ("t", "open", "high", "low", "close"))
        assert judge(History(*columns, HOUR)).reason == "", symbol
