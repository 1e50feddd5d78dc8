"""Technical columns of a market's price against values worked out by hand."""

import math

import numpy as np
import pytest
from tests.support.panels import day, hourly, make_panel

from edgeworth.core.units import HOUR
from edgeworth.features import price_technical
from edgeworth.features.definitions import FEATURES, feature
from edgeworth.features.registry import compute
from edgeworth.research.dataset import DEFAULT_FEATURES, FULL_FEATURES, parse_features

WALK = [0.5 + 0.3 * math.sin(k / 5) * math.cos(k / 17) for k in range(120)]


def column(name, prices=WALK, step=HOUR, **options):
    panel, _ = make_panel([{"prices": hourly(prices, step=step), **options}])
    return [math.nan if value is None else value for value in compute(panel, [name])[name].to_list()]


def averages(values, size):
    out = [values[0]]
    for value in values[1:]:
        out.append(out[-1] + (value - out[-1]) * 2 / (size + 1))
    return np.array(out)


def test_bands_are_of_the_last_twenty_prices():
    prices = [round(p, 4) for p in WALK]
    z, width = column("bollinger_z"), column("bollinger_width")
    assert all(math.isnan(value) for value in z[:19] + width[:19])
    window = np.array(prices[50 - 19 : 51])
    assert z[50] == pytest.approx((window[-1] - window.mean()) / window.std())
    assert width[50] == pytest.approx(4 * window.std())
    assert column("bollinger_z", [0.4] * 25)[-1] == 0.0


def test_macd_is_the_textbooks():
    prices = np.array([round(p, 4) for p in WALK])
    line = averages(prices, 12) - averages(prices, 26)
    found = column("macd")
    assert np.isnan(found[:25]).all()
    assert found[25:] == pytest.approx(line[25:].tolist())
    signal = averages(line[25:], 9)
    histogram = column("macd_histogram")
    assert np.isnan(histogram[:33]).all()
    assert histogram[33:] == pytest.approx((line[25:] - signal)[8:].tolist())


def test_averages_decay_with_time_and_crossings_are_dated():
    prices = [0.3] * 10 + [0.6] * 30 + [0.3] * 30
    gap, cross = column("ema_gap_6h_1d", prices), column("ema_cross_hours", prices)
    assert gap[:10] == [0.0] * 10
    jump = math.log(0.6 / 0.4) - math.log(0.3 / 0.7)
    assert gap[10] == pytest.approx(jump * (0.5 ** (1 / 24) - 0.5 ** (1 / 6)))
    assert all(math.isnan(value) for value in cross[:40])
    crossed = next(k for k, value in enumerate(cross) if not math.isnan(value))
    assert gap[crossed - 1] > 0 > gap[crossed]
    assert cross[crossed : crossed + 3] == pytest.approx([0, -1, -2])
    rare = column("ema_gap_1d_7d", prices[8:12], step=24 * HOUR)
    assert rare[2] == pytest.approx(jump * (0.5 ** (1 / 7) - 0.5))


def test_frames_see_their_own_window():
    trend, place = column("trend_1d", [0.1 + k / 200 for k in range(60)]), column("range_position_7d")
    assert trend[30] == pytest.approx(1, abs=5e-3)
    assert column("trend_1d", [0.5] * 10)[-1] == 0.0
    assert column("range_position_1d", [0.5] * 10)[-1] == 0.5
    logit = np.log(np.round(WALK, 4) / (1 - np.round(WALK, 4)))
    window = logit[60 - 24 : 61]
    assert column("zscore_1d")[60] == pytest.approx((window[-1] - window.mean()) / window.std())
    low, high = logit[:101].min(), logit[:101].max()
    assert place[100] == pytest.approx((logit[100] - low) / (high - low))
    assert np.isnan(trend[:4]).all()
    assert column("average_move_14")[40] == pytest.approx(np.abs(np.diff(np.round(WALK, 4)[26:41])).mean())


def test_calendar_lies_on_its_circle_and_events_share():
    panel, _ = make_panel(
        [
            {"prices": hourly([0.2] * 30), "event": "e", "end": day(2), "created_at": day(0)},
            {"prices": hourly([0.6] * 30), "event": "e"},
        ]
    )
    frame = compute(
        panel, ["hour", "hour_sin", "hour_cos", "weekday", "weekday_sin", "weekend", "life_share", "event_share"]
    )
    angle = 2 * np.pi * frame["hour"].to_numpy() / 24
    assert frame["hour_sin"].to_numpy() == pytest.approx(np.sin(angle))
    assert frame["hour_cos"].to_numpy() == pytest.approx(np.cos(angle))
    assert (frame["weekend"].to_numpy() == (frame["weekday"].to_numpy() >= 6)).all()
    assert frame["life_share"][12] == pytest.approx(0.25)
    assert frame["life_share"][30:].null_count() == 30
    assert frame["event_share"][5] == pytest.approx(0.25)


def test_the_full_set_holds_numbers_only():
    assert set(price_technical.NAMES) <= set(FULL_FEATURES)
    assert len(set(FULL_FEATURES)) == len(FULL_FEATURES) == len(DEFAULT_FEATURES) + 21
    assert all(feature(name).dtype in {"Float64", "Int8", "Int32", "Int64"} for name in FULL_FEATURES)
    assert parse_features("full") == FULL_FEATURES
    assert parse_features("") == parse_features("default") == DEFAULT_FEATURES
    assert parse_features("logit, macd,logit") == ("logit", "macd")
    assert FEATURES["macd"].group == "averages"
