"""Plausibility gates: invented nonsense is refused, everything a real market does passes."""

import numpy as np
import pytest

from edgeworth.collect.importing.gates import (
    Candles,
    check_price_label,
    check_prices,
    check_stated_unit,
    judge_candles,
    refuse_candles,
)
from edgeworth.core.errors import DataError, LeakError

HOUR = 3_600_000_000


def hours(count):
    return np.arange(count, dtype=np.int64) * HOUR


def walk(count, sd, seed=3, start=100.0):
    """Candles around a random walk of closes with the given standard deviation per candle."""
    rng = np.random.default_rng(seed)
    close = start * np.exp(np.cumsum(rng.normal(0, sd, count)))
    opened = np.append(start, close[:-1])
    wick = 1 + np.abs(rng.normal(0, sd / 2, (2, count)))
    high = np.maximum(opened, close) * wick[0]
    low = np.minimum(opened, close) / wick[1]
    return Candles(hours(count), opened, high, low, close)


def test_price_that_equals_the_outcome_is_a_leak():
    payout = np.array([0.0, 1, 1, 0, 0, 1])
    with pytest.raises(LeakError, match="equals the outcome") as caught:
        check_price_label(payout.copy(), payout)
    assert caught.value.code == "price-label"


def test_price_within_a_cent_of_the_outcome_in_many_rows_is_a_leak():
    payout = np.tile([0.0, 1.0], 40)
    with pytest.raises(LeakError):
        check_price_label(np.where(payout > 0, 0.9985, 0.0015), payout)


@pytest.mark.parametrize(
    ("price", "payout"),
    [
        ([0.2, 0.9, 0.95, 0.03], [0.0, 1, 1, 0]),  # good forecasts are no leak
        ([0.0, 0.0, 0.0, 0.0], [0.0, 0, 0, 0]),  # one outcome only says nothing
        ([1.0, 0.0], [1.0, 0.0]),  # too few rows
        ([1.0, 0.0, 0.4, 1.0], [1.0, 0.0, 0.0, 1.0]),
        ([np.nan, np.nan, np.nan], [1.0, 0.0, 1.0]),
        ([], []),
    ],
)
def test_price_label_passes(price, payout):
    check_price_label(np.array(price, dtype=float), np.array(payout, dtype=float))


def test_independent_uniform_candles_are_refused():
    rng = np.random.default_rng(5)
    opened, high, low, close = rng.uniform(20_000, 60_000, (4, 400))
    why = judge_candles(Candles(hours(400), opened, high, low, close))
    assert why is not None
    assert "high is not the highest" in why


@pytest.mark.parametrize("spread", [0.1, 0.3, 0.9])
def test_orderly_but_independent_candles_are_refused(spread):
    rng = np.random.default_rng(6)
    four = rng.uniform(100 * (1 - spread), 100 * (1 + spread), (4, 500))
    ordered = Candles(hours(500), four[0], four.max(axis=0), four.min(axis=0), four[3])
    why = judge_candles(ordered)
    assert why is not None
    assert "do not diffuse" in why


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("sd", [0.0005, 0.006, 0.03, 0.16])
def test_random_walks_pass(seed, sd):
    assert judge_candles(walk(150, sd, seed)) is None


def test_stable_coin_passes():
    rng = np.random.default_rng(7)
    close = np.round(1 + rng.normal(0, 0.0004, 2_000), 4)  # independent around the peg
    opened = np.append(1.0, close[:-1])
    candles = Candles(hours(2_000), opened, np.maximum(opened, close), np.minimum(opened, close), close)
    assert judge_candles(candles) is None


def test_dead_coin_between_two_ticks_passes():
    rng = np.random.default_rng(8)
    close = rng.choice([1e-5, 2e-5], 1_000)  # one tick is 100 %
    opened = np.append(1e-5, close[:-1])
    candles = Candles(hours(1_000), opened, np.maximum(opened, close), np.minimum(opened, close), close)
    assert judge_candles(candles) is None


def test_flat_candles_pass():
    flat = np.full(500, 0.25)
    assert judge_candles(Candles(hours(500), flat, flat, flat, flat)) is None


def test_gaps_do_not_count_as_moves():
    whole = walk(600, 0.01)
    keep = np.random.default_rng(9).random(600) > 0.3
    keep[200:300] = False
    parts = [getattr(whole, name)[keep] for name in ("t", "open", "high", "low", "close")]
    assert judge_candles(Candles(*parts)) is None


def test_broken_rows_set_aside_before_count():
    assert judge_candles(walk(200, 0.01), broken=2) is None
    assert judge_candles(walk(200, 0.01), broken=20) is not None


def test_most_of_a_table_decides():
    refuse_candles({"AAA": 900, "BBB": 100}, {"BBB": "why"})
    with pytest.raises(DataError) as caught:
        refuse_candles({"AAA": 100, "BBB": 900}, {"BBB": "why"})
    assert caught.value.code == "implausible-candles"


def series(markets, points, seed=2):
    rng = np.random.default_rng(seed)
    steps = rng.normal(0, 0.4, (markets, points)).cumsum(axis=1)
    return 1 / (1 + np.exp(-steps)), np.repeat(np.arange(markets), points)


def test_real_looking_prices_pass():
    price, market = series(30, 60)
    check_prices(price.ravel(), market)


@pytest.mark.parametrize("factor", [100.0, 10_000.0])
def test_another_unit_is_refused_with_a_hint(factor):
    price, market = series(5, 40)
    with pytest.raises(DataError) as caught:
        check_prices(price.ravel() * factor, market)
    assert caught.value.code == "implausible-prices"
    assert "unit" in caught.value.hint


def test_a_few_prices_outside_pass():
    price, market = series(5, 40)
    check_prices(price.ravel(), market, outside=10)


def test_many_prices_outside_are_refused():
    price, market = series(5, 40)
    with pytest.raises(DataError, match="outside"):
        check_prices(price.ravel(), market, outside=100)


def test_only_settled_prices_are_refused():
    price = np.tile([0.0, 1.0], 20)
    with pytest.raises(DataError, match="outcomes"):
        check_prices(price, np.arange(40))


def test_one_value_everywhere_is_refused():
    with pytest.raises(DataError, match="all 2000 prices"):
        check_prices(np.full(2_000, 0.5), np.repeat(np.arange(20), 100))


def test_a_single_dead_market_passes():
    check_prices(np.full(2_000, 0.5), np.zeros(2_000))


def test_independent_draws_are_refused():
    price = np.random.default_rng(4).uniform(0, 1, 2_000)
    with pytest.raises(DataError, match="unrelated"):
        check_prices(price, np.repeat(np.arange(20), 100))


def test_one_jump_passes():
    price = np.tile(np.repeat([0.3, 0.99], 50), 10)
    check_prices(price, np.repeat(np.arange(10), 100))


def test_bid_ask_bounce_passes():
    price = 0.5 + np.random.default_rng(4).choice([-0.01, 0.01], 3_000)
    check_prices(price, np.repeat(np.arange(30), 100))


@pytest.mark.parametrize("unit", ["cents", "percent"])
def test_dollars_mapped_as_hundredths_are_refused(unit):
    price = np.linspace(0.02, 0.98, 60)
    with pytest.raises(DataError, match="implausible-prices"):
        check_stated_unit(price / 100, unit)
    check_stated_unit(price, unit)
    check_stated_unit(price / 100, "probability")
    check_stated_unit(price[:10] / 100, unit)
