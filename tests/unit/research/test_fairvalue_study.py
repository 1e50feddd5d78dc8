"""Variance and virtual contracts: hand-computed values, no look ahead, and the order of the models on real candles."""

import numpy as np
import polars as pl
import pytest

from edgeworth.core.errors import DataError
from edgeworth.core.random import stream
from edgeworth.core.units import DAY, HOUR
from edgeworth.features.fairvalue.realised import Bars, ewma_variance, later_variance, qlike, realised_variance
from edgeworth.models.variance import HarVariance
from edgeworth.research.fairvalue_study import compare
from edgeworth.research.virtual_contracts import cut_touches

START = 1_700_000_000_000_000 // DAY * DAY


def bars(close: np.ndarray, step: int = HOUR, wide: float = 0.0) -> Bars:
    t = START + np.arange(len(close)) * step
    return Bars(t, close * np.exp(wide), close * np.exp(-wide), close, step)


def wandering(seed: int, days: int, per_day: int = 24) -> Bars:
    """A path whose volatility itself wanders, slowly."""
    draw = stream(seed, "wandering")
    ln_vol = np.zeros(days)
    for day in range(1, days):
        ln_vol[day] = 0.97 * ln_vol[day - 1] + 0.15 * draw.standard_normal()
    sigma = np.repeat(0.6 * np.exp(ln_vol), per_day) / np.sqrt(365 * per_day)
    close = 100 * np.exp(np.cumsum(sigma * draw.standard_normal(days * per_day) - sigma**2 / 2))
    return bars(close, DAY // per_day)


def test_realised_variance_by_hand_and_gaps_are_unknown():
    returns = np.arange(1, 12) * 0.001
    series = bars(np.exp(np.concatenate([[0.0], np.cumsum(returns)])), DAY // 4)
    behind = realised_variance(series, [1.0])[:, 0]
    assert np.isnan(behind[:4]).all()
    assert behind[4] == pytest.approx(365 * (0.001**2 + 0.002**2 + 0.003**2 + 0.004**2))
    ahead = later_variance(series, 1.0)
    assert ahead[2] == pytest.approx(behind[6])
    assert np.isnan(ahead[-4:]).all()
    holed = Bars(
        np.delete(series.t, 6),
        *(np.delete(values, 6) for values in (series.high, series.low, series.close)),
        series.step,
    )
    after = realised_variance(holed, [1.0])[:, 0]
    assert np.isnan(after[6:9]).all()
    assert after[5] == behind[5]


def test_ewma_and_qlike_check_values():
    assert ewma_variance(np.array([0.01, -0.02, 0.005]), 4e-4) == pytest.approx([3.82e-4, 3.8308e-4, 3.6159520e-4])
    assert qlike([1, 2, 0.5], [1.2, 1.5, 0.5]) == pytest.approx([0.0156549, 0.0456513, 0.0], abs=5e-8)


def test_variance_looks_back_only():
    series = wandering(3, 80)
    later = series.close.copy()
    later[1000:] *= np.exp(stream(1, "noise").normal(0, 0.1, len(later) - 1000))
    other = Bars(series.t, later, later, later, series.step)
    windows = (1.0, 7.0, 30.0)
    assert np.array_equal(
        realised_variance(series, windows)[:1000], realised_variance(other, windows)[:1000], equal_nan=True
    )


def test_har_recovers_what_it_was_made_of_and_survives_a_file():
    draw = stream(5, "har")
    x = draw.normal(-1, 0.5, (40_000, 3))
    y = 0.2 + x @ [0.4, 0.3, 0.2] + 0.5 * draw.standard_normal(40_000)
    model = HarVariance.fit(np.exp(x), np.exp(y), 7.0)
    assert model.coefficients == pytest.approx((0.2, 0.4, 0.3, 0.2), abs=0.05)
    assert model.deviation == pytest.approx(0.5, abs=0.02)
    again = HarVariance.from_json(model.to_json())
    assert again == model
    forecast = again.forecast(np.exp(x[:3]))
    assert forecast.ln_sigma == pytest.approx(0.5 * (model.coefficients[0] + x[:3] @ np.array(model.coefficients[1:])))
    assert np.isnan(model.forecast(np.array([[1.0, np.nan, 1.0]])).ln_sigma[0])
    for text in ("{}", "[1", '{"kind": "other"}'):
        with pytest.raises(DataError, match="model-corrupt"):
            HarVariance.from_json(text)
    with pytest.raises(DataError, match="too-few-rows"):
        HarVariance.fit(np.exp(x[:50]), np.exp(y[:50]), 7.0)


def test_contracts_state_facts_of_the_path():
    series = {"A": wandering(7, 120), "B": wandering(8, 120)}
    contracts = cut_touches(series, 7.0, 1.0, 11)
    assert len(contracts) > 100
    for row in range(0, len(contracts), 17):
        path = series["AB"[contracts.symbol[row]]]
        inside = (path.t >= contracts.t0[row]) & (path.t + path.step <= contracts.t1[row])
        up = contracts.level[row] > contracts.spot[row]
        reached = (
            path.high[inside].max() >= contracts.level[row] if up else path.low[inside].min() <= contracts.level[row]
        )
        assert bool(contracts.touched[row]) == reached
        assert path.close[path.known_at == contracts.t0[row]][0] == contracts.spot[row]
    assert cut_touches(series, 7.0, 1.0, 11).level == pytest.approx(contracts.level)


def test_without_contracts_there_is_no_study():
    with pytest.raises(DataError, match="too-few-rows"):
        compare(cut_touches({"A": wandering(1, 20)}, 7.0, 1.0, 1), 7.0)


def test_simulated_paths_put_the_mistakes_last():
    contracts = cut_touches({f"C{i}": wandering(i, 900) for i in range(6)}, 7.0, 1.0, 3)
    study = compare(contracts, 7.0)
    for mistake in ("base rate", "terminal for a touch"):
        assert study.row(mistake).excess.low > 0, mistake
    assert study.row("HAR + volatility mixture").log_loss < study.row("RV 1 day").log_loss


@pytest.mark.recorded
@pytest.mark.parametrize("days", [1.0, 7.0, 30.0])
def test_har_beats_the_mistakes_on_recorded_candles(recorded, days):
    frame = pl.read_parquet(recorded / "ohlcv" / "binance_spot_1h.parquet").with_columns(
        pl.col("symbol").cast(pl.String)
    )
    frame = frame.with_columns(pl.col("t").dt.epoch("us")).sort("symbol", "t")
    series = {}
    for (name,), part in frame.partition_by("symbol", as_dict=True).items():
        columns = (part[column].to_numpy() for column in ("t", "high", "low", "close"))
        series[str(name)] = Bars(*columns, HOUR)
    study = compare(cut_touches(series, days, 1.0, 7), days)
    assert study.test > 5_000
    for name in ("base rate", "terminal for a touch", "constant 60% volatility", "RV 1 day"):
        assert study.row(name).excess.low > 0, name
    assert study.row("HAR + volatility mixture").excess.high < 0
