"""Spot context: closed candles only, exact lags, unknown at gaps and when old, each market's own coin."""

import dataclasses

import numpy as np
import pytest
from tests.support.panels import make_panel
from tests.support.replay import START, gbm

from edgeworth.core.random import stream
from edgeworth.core.units import DAY, HOUR, MINUTE
from edgeworth.features.fairvalue.path import History
from edgeworth.features.spot import FIELDS, NAMES, SpotColumns, coin_of

COINS = {name: gbm(seed, 60 * 24, fine=1, name="spot") for seed, name in enumerate(("BTC", "ETH", "SOL"))}


@pytest.fixture(scope="module")
def panel():
    times = [START + hours * HOUR + 7 * MINUTE for hours in (0, 30, 200, 700, 1_400)]
    rows = [
        {"question": text, "tags": tags, "prices": [(t, 0.5) for t in times], "created_at": times[0]}
        for text, tags in (
            ("Will Solana be above $200 on March 5?", ("Crypto",)),
            ("Will Dogecoin reach $1?", ("Crypto",)),
            ("Will it rain in Oslo on day 3?", ()),
        )
    ]
    return make_panel(rows)[0]


def test_values_are_those_of_the_last_closed_candle(panel):
    columns = SpotColumns(COINS)
    assert columns(panel, np.arange(panel.point_count)).columns == list(NAMES) == list(columns.names)
    t = START + 700 * HOUR + 7 * MINUTE
    found = dict(zip(FIELDS, columns.at("BTC", np.array([t]))[0], strict=True))
    close = COINS["BTC"].close
    last = 699  # it opened at hour 699 and closed at 700
    assert found["return_1h"] == pytest.approx(np.log(close[last] / close[last - 1]))
    assert found["return_24h"] == pytest.approx(np.log(close[last] / close[last - 24]))
    assert found["return_7d"] == pytest.approx(np.log(close[last] / close[last - 168]))
    day = np.diff(np.log(close[last - 24 : last + 1]))
    assert found["volatility_1d"] == pytest.approx(np.sqrt((day**2).sum() * 365))
    assert found["age_hours"] == pytest.approx(7 / 60)


def test_each_crypto_market_sees_its_own_coin_and_others_see_none(panel):
    frame = SpotColumns(COINS)(panel, np.arange(panel.point_count))
    own = frame.select(name for name in NAMES if name.startswith("spot_own_"))
    last = 4
    assert own[last].row(0)[1] == pytest.approx(SpotColumns(COINS).at("SOL", panel.t[last : last + 1])[0, 1])
    for market in (1, 2):  # no candles of that coin, and no coin at all
        assert set(own[market * 5 + last].row(0)) == {None}
    assert frame["spot_btc_return_24h"][market * 5 + last] is not None
    assert [coin_of(text) for text in ("Will ETH flip?", "Bitcoin Up or Down", "Netherlands win?", "$SOL at 5?")] == [
        "ETH", "BTC", "", "SOL",
    ]  # fmt: skip


def test_gaps_and_old_candles_are_unknown(panel):
    whole = COINS["BTC"]
    keep = np.ones(len(whole.t), bool)
    keep[600:640] = False
    holed = History(*(getattr(whole, name)[keep] for name in ("t", "open", "high", "low", "close")), whole.step)
    columns = SpotColumns({"BTC": holed})
    t = START + np.array([603, 620, 642, 660, 700]) * HOUR
    found = dict(zip(FIELDS, columns.at("BTC", t).T, strict=True))
    assert found["age_hours"] == pytest.approx([3, 20, 0, 0, 0])
    assert np.isnan(found["return_1h"]).tolist() == [False, True, False, False, False]
    assert np.isnan(found["return_24h"]).tolist() == [False, True, True, True, False]
    assert np.isnan(found["volatility_7d"]).tolist() == [False, True, True, True, True]
    assert columns.lacks(int(t[0])) == "there are no ETH candles by then"
    both = SpotColumns({"BTC": holed, "ETH": COINS["ETH"]})
    assert both.lacks(int(t[0])) == ""
    assert both.lacks(int(t[1])).startswith("the newest BTC candle closed at ")


def test_candles_that_close_later_change_nothing_and_one_row_is_as_many(panel):
    cut = START + 700 * HOUR + 7 * MINUTE
    rows = np.flatnonzero(panel.t <= cut)
    before = SpotColumns(COINS)(panel, rows)
    scrambled = {}
    for name, history in COINS.items():
        later = history.known_at > cut
        noise = np.exp(stream(3, "scramble", name).normal(0, 0.3, int(later.sum())))
        close = history.close.copy()
        close[later] *= noise
        scrambled[name] = dataclasses.replace(history, close=close)
    assert SpotColumns(scrambled)(panel, rows).equals(before)
    for place in range(len(rows)):
        assert SpotColumns(COINS)(panel, rows[place : place + 1]).equals(before[place])


def test_the_meaning_is_in_the_fingerprint_and_the_data_are_not(panel):
    assert SpotColumns(COINS).fingerprint == SpotColumns({}).fingerprint
    assert SpotColumns(COINS).fingerprint != SpotColumns(COINS, max_age=DAY).fingerprint
    assert SpotColumns({})(panel, np.arange(2)).null_count().sum_horizontal()[0] == 2 * len(NAMES)
