"""Features against values worked out by hand."""

import math

import numpy as np
import polars as pl
import pytest
from tests.support.panels import day, hour, hourly, make_panel

from edgeworth.core.units import HOUR, MINUTE
from edgeworth.features.registry import compute, compute_tail


def column(panel, name):
    return compute(panel, [name])[name].to_list()


def test_keys_are_the_market_index_and_the_instant_of_each_point():
    panel, _ = make_panel([{"prices": hourly([0.1, 0.2])}, {"prices": []}, {"prices": [(day(3), 0.7)]}])
    frame = compute(panel, ["price"])
    assert frame.schema["market"] == pl.Int32
    assert frame.rows() == [(0, hour(0), 0.1), (0, hour(1), 0.2), (2, day(3), 0.7)]


def test_price_levels_and_their_complement_are_exact():
    panel, _ = make_panel([{"prices": hourly([0.7, 0.01])}])
    assert column(panel, "price") == [0.7, 0.01]
    assert column(panel, "no_price") == [0.3, 0.99]
    assert column(panel, "previous_price") == [None, 0.7]
    assert column(panel, "certainty") == pytest.approx([0.2, 0.49])


def test_logit_is_clipped_at_the_ends():
    panel, _ = make_panel([{"prices": hourly([0.0, 0.5, 1.0])}])
    assert column(panel, "logit") == pytest.approx([math.log(0.001 / 0.999), 0.0, math.log(0.999 / 0.001)])


def test_momentum_compares_with_the_price_as_of_then():
    points = [(hour(0), 0.10), (hour(0.5), 0.20), (hour(1.2), 0.35), (hour(9), 0.50)]
    panel, _ = make_panel([{"prices": points}])
    # At 0.5 h nothing is an hour old; at 1.2 h the point of 0 h stands; at 9 h the newest old one is 6.8 h too stale.
    assert column(panel, "momentum_1h") == [None, None, pytest.approx(0.25), None]


def test_momentum_takes_a_point_exactly_as_old_and_one_exactly_twice_as_old():
    panel, _ = make_panel(
        [{"prices": [(hour(0), 0.10), (hour(1), 0.30)]}, {"prices": [(hour(0), 0.2), (hour(2), 0.3)]}]
    )
    assert column(panel, "momentum_1h") == [None, pytest.approx(0.2), None, pytest.approx(0.1)]
    late, _ = make_panel([{"prices": [(hour(0), 0.2), (hour(2) + 1, 0.3)]}])
    assert column(late, "momentum_1h") == [None, None]


def test_volatility_is_the_deviation_of_changes_inside_the_window():
    panel, _ = make_panel([{"prices": hourly([0.10, 0.20, 0.40, 0.30], step=6 * HOUR)}])
    assert column(panel, "volatility_1d")[:3] == [None, None, None]
    assert column(panel, "volatility_1d")[3] == pytest.approx(np.std([0.1, 0.2, -0.1]))
    spread = [math.log(p / (1 - p)) for p in (0.10, 0.20, 0.40, 0.30)]
    assert column(panel, "logit_volatility_1d")[3] == pytest.approx(np.std(np.diff(spread)))


def test_price_volatility_uses_six_prices_and_needs_three():
    prices = [0.1, 0.2, 0.3, 0.5, 0.4, 0.6, 0.9]
    panel, _ = make_panel([{"prices": hourly(prices)}])
    expected = [None, None] + [pytest.approx(np.std(prices[max(0, i - 5) : i + 1])) for i in range(2, 7)]
    assert column(panel, "price_volatility") == expected


def test_rsi_warms_up_and_reads_flat_as_fifty():
    flat, _ = make_panel([{"prices": hourly([0.4] * 16)}])
    assert column(flat, "rsi_14") == [None] * 14 + [50.0, 50.0]
    assert column(flat, "rsi_14_wilder") == [None] * 14 + [50.0, 50.0]
    rising, _ = make_panel([{"prices": hourly([0.01 * i for i in range(1, 17)])}])
    assert column(rising, "rsi_14")[14:] == [100.0, 100.0]


def test_rsi_of_mixed_changes_and_wilders_smoothing_after_the_first_fourteen():
    prices = [0.50 + 0.02 * (i % 2) for i in range(15)] + [0.60]
    panel, _ = make_panel([{"prices": hourly(prices)}])
    assert column(panel, "rsi_14")[14] == pytest.approx(50.0)
    assert column(panel, "rsi_14")[15] == pytest.approx(100 * (6 * 0.02 + 0.10) / (13 * 0.02 + 0.10))
    gain, loss = 0.01 * 13 / 14 + 0.10 / 14, 0.01 * 13 / 14
    assert column(panel, "rsi_14_wilder")[15] == pytest.approx(100 * gain / (gain + loss))


def test_hours_to_end_uses_the_version_known_at_the_row():
    end = [(hour(0), hour(10)), (hour(2), hour(20)), (hour(4), None)]
    panel, _ = make_panel([{"prices": hourly([0.5] * 5), "end": end}, {"prices": hourly([0.5])}])
    assert column(panel, "hours_to_end") == [10.0, 9.0, 18.0, 17.0, None, None]


def test_an_end_that_became_known_after_the_row_is_not_known():
    panel, _ = make_panel([{"prices": hourly([0.5, 0.5]), "end": [(hour(1), hour(5))]}])
    assert column(panel, "hours_to_end") == [None, 4.0]


def test_age_counts_from_the_listing_or_from_the_first_point():
    listed = {"prices": hourly([0.5, 0.5], start=hour(10)), "created_at": hour(4)}
    late = {"prices": hourly([0.5, 0.5], start=hour(10)), "created_at": hour(30)}
    panel, _ = make_panel([listed, {"prices": hourly([0.5])}, late])
    assert column(panel, "age_hours") == [6.0, 7.0, 0.0, 0.0, 1.0]
    assert column(panel, "staleness_hours") == [None, 1.0, None, None, 1.0]


def test_path_extremes_and_drawdown():
    panel, _ = make_panel([{"prices": hourly([0.4, 0.6, 0.3])}, {"prices": hourly([0.9])}])
    assert column(panel, "path_high") == [0.4, 0.6, 0.6, 0.9]
    assert column(panel, "path_low") == [0.4, 0.4, 0.3, 0.9]
    assert column(panel, "drawdown") == pytest.approx([0.0, 0.0, 0.3, 0.0])


def test_event_features_see_the_other_markets_as_of_the_row():
    first = {"event": "e", "prices": [(hour(0), 0.2), (hour(2), 0.3)]}
    second = {"event": "e", "prices": [(hour(2), 0.6), (hour(3), 0.1)]}
    third = {"event": "e", "prices": [(hour(9), 0.9)], "created_at": hour(1)}
    panel, _ = make_panel([first, second, third, {"prices": [(hour(2), 0.8)]}])
    assert column(panel, "event_price_sum") == pytest.approx([0.2, 0.9, 0.9, 0.4, 1.3, 0.8])
    assert column(panel, "event_markets") == [1, 3, 3, 3, 3, 1]
    assert column(panel, "event_priced") == [1, 2, 2, 2, 3, 1]
    assert column(panel, "event_rank") == [1, 2, 1, 2, 1, 1]


def test_calendar_is_utc_and_new_york_follows_daylight_saving():
    spring = 1_710_054_000_000_000  # 2024-03-10T07:00:00Z, the hour New York moves its clocks from 2 to 3
    panel, _ = make_panel([{"prices": [(spring - HOUR, 0.5), (spring - MINUTE, 0.5), (spring, 0.5)]}])
    assert column(panel, "hour") == [6, 6, 7]
    assert column(panel, "weekday") == [7, 7, 7]
    assert column(panel, "hour_eastern") == [1, 1, 3]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Bitcoin Up or Down - July 5, 7AM ET", 7),
        ("Bitcoin Up or Down - July 5, 12AM ET", 0),
        ("Bitcoin Up or Down - July 5, 12:15PM-12:30PM ET", 12),
        ("Bitcoin Up or Down - July 5, 9:00 p.m.", 21),
        ("Bitcoin Up or Down on July 5?", None),
        ("Will 13PM happen?", None),
        ("Will it be 7 amperes?", None),
    ],
)
def test_question_hour_reads_a_stated_clock_hour(text, expected):
    panel, _ = make_panel([{"question": text, "prices": hourly([0.5])}])
    assert column(panel, "question_hour") == [expected]


def test_static_text_is_repeated_for_every_row():
    market = {
        "question": "Will Bitcoin reach $90,000 in May?",
        "prices": hourly([0.5, 0.6]),
        "outcomes": ("Up", "Down"),
        "tags": ["crypto"],
        "neg_risk": True,
        "event": "may",
    }
    panel, _ = make_panel([market])
    frame = compute(panel, ["question", "outcome0", "outcome1", "tags", "neg_risk", "event_title", "category"])
    assert frame.select("outcome0", "outcome1", "neg_risk", "event_title").rows() == [("Up", "Down", True, "may")] * 2
    assert frame["tags"].to_list() == [["crypto"]] * 2
    assert frame["category"].to_list() == ["crypto/btc-price"] * 2
    assert column(panel, "top_category") == ["crypto", "crypto"]


def test_the_tail_is_the_newest_row_of_every_market_with_points():
    panel, _ = make_panel([{"prices": hourly([0.1, 0.2])}, {"prices": []}, {"prices": hourly([0.9])}])
    assert compute_tail(panel, ["price", "previous_price"]).rows() == [(0, hour(1), 0.2, 0.1), (2, hour(0), 0.9, None)]
