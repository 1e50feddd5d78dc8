"""Volume and liquidity as of then: what was stated by then, changes over a day and a week, unknown is not zero."""

import numpy as np
import polars as pl
import pytest
from tests.support.panels import START, day, hour, make_panel

from edgeworth.core.units import DAY, HOUR
from edgeworth.features.flow import NAMES, begin_flow, read_flow

SCHEMA = {"market_no": pl.Int32, "source": pl.String} | dict.fromkeys(
    ("event_time", "known_at", "bid_e4", "ask_e4", "volume_e6", "volume_24h_e6", "liquidity_e6", "depth_e6"), pl.Int64
)


def snapshots(rows):
    blank = dict.fromkeys(SCHEMA)
    full = [{**blank, "source": "venue", "known_at": row["event_time"], **row} for row in rows]
    return pl.DataFrame(full, schema=SCHEMA, orient="row")


def hourly(market, hours, volume, **fields):
    return [
        {"market_no": market, "event_time": hour(h), "volume_e6": int(volume * h * 1e6), **fields} for h in range(hours)
    ]


def row(columns, market, t):
    return dict(zip(NAMES, columns.at(np.array([market]), np.array([t]))[0], strict=True))


def test_levels_and_trends_by_hand():
    rows = hourly(1, 400, 10.0, liquidity_e6=5_000_000_000, depth_e6=99_000_000, bid_e4=4_000, ask_e4=4_200)
    found = row(read_flow(snapshots(rows)), 1, hour(200) + 60)
    assert found["flow_volume_log"] == pytest.approx(np.log1p(2_000))
    assert found["flow_volume_1d"] == pytest.approx(np.log1p(240))
    assert found["flow_volume_7d"] == pytest.approx(np.log1p(1_680))
    assert found["flow_volume_trend"] == pytest.approx(0)
    assert found["flow_liquidity_log"] == pytest.approx(np.log1p(5_000))
    assert found["flow_liquidity_change_1d"] == found["flow_depth_change_7d"] == found["flow_spread_change_1d"] == 0
    assert found["flow_depth_log"] == pytest.approx(np.log1p(99))
    assert found["flow_spread"] == pytest.approx(0.02)
    assert np.isnan(found["flow_volume_24h_log"])  # never stated
    assert found["flow_age_hours"] == pytest.approx(60 / HOUR)


def test_unknown_stale_and_revised_totals_are_unknown_not_zero():
    rows = hourly(1, 30, 10.0)
    columns = read_flow(snapshots(rows))
    assert np.isnan(columns.at(np.array([2]), np.array([hour(10)]))).all()
    early = row(columns, 1, hour(20))
    assert np.isnan(early["flow_volume_1d"])  # nobody knows what was traded a day before the first statement
    assert np.isnan(row(columns, 1, hour(29) + 3 * DAY)["flow_volume_log"])
    fallen = read_flow(snapshots([*rows, {"market_no": 1, "event_time": hour(30), "volume_e6": 1_000_000}]))
    assert np.isnan(row(fallen, 1, hour(30))["flow_volume_1d"])
    assert row(fallen, 1, hour(30))["flow_volume_log"] == pytest.approx(np.log(2))
    assert columns.volume(np.array([1, 1, 9]), np.array([START - 1, hour(12), hour(12)])) == pytest.approx(
        [np.nan, 120.0, np.nan], nan_ok=True
    )
    assert columns.lacks(START - 1).startswith("no snapshot")
    assert columns.lacks(hour(30)) == ""
    assert columns.lacks(day(30)).startswith("the newest snapshot is of ")
    assert read_flow(snapshots([])).lacks(day(1)).startswith("no snapshot")


def test_what_comes_late_does_not_replace_what_is_newer_and_is_not_known_before():
    rows = [
        {"market_no": 1, "event_time": hour(0), "volume_e6": 1_000_000},
        {"market_no": 1, "event_time": hour(2), "known_at": hour(2.5), "volume_e6": 2_000_000},
        {"market_no": 1, "event_time": hour(1), "known_at": hour(3), "volume_e6": 9_000_000},
        {"market_no": 1, "event_time": hour(2), "known_at": hour(5), "volume_e6": 3_000_000},
    ]
    columns = read_flow(snapshots(rows))
    asked = np.array([hour(2.4), hour(2.5), hour(3.5), hour(6)])
    assert columns.volume(np.ones(4, np.int64), asked).tolist() == [1, 2, 2, 3]


def test_snapshots_of_the_future_change_nothing_and_one_row_is_as_many():
    rows = [each for market in (1, 2, 4) for each in hourly(market, 300, market, liquidity_e6=market * 10**9)]
    panel, _ = make_panel([{"prices": [(hour(h), 0.5) for h in range(5, 320, 13)]} for _ in range(4)])
    whole = read_flow(snapshots(rows))(panel, np.arange(panel.point_count))
    assert whole.columns == list(NAMES)
    cut = hour(150)
    past = read_flow(snapshots([each for each in rows if each["event_time"] <= cut]))
    inside = np.flatnonzero(panel.t <= cut)
    assert past(panel, inside).equals(whole[inside])
    for place in range(0, panel.point_count, 17):
        assert read_flow(snapshots(rows))(panel, np.array([place])).equals(whole[place])
    assert whole["flow_volume_log"].null_count() == (panel.market_of_point() == 2).sum() + 0


def test_a_tail_with_new_snapshots_is_as_all_of_them_at_once():
    rows = [each for market in (1, 2, 4) for each in hourly(market, 300, market, liquidity_e6=market * 10**9)]
    rows += [{"market_no": 2, "event_time": hour(190), "known_at": hour(205), "volume_e6": 7}]  # late: dropped
    rows += [{"market_no": 9, "event_time": hour(206), "volume_e6": 10**6, "depth_e6": 10**6}]
    whole, tail = read_flow(snapshots(rows)), begin_flow(snapshots(rows), hour(200))
    both = tail.followed_by(snapshots(rows))
    t = np.array([hour(h) for h in (100, 199, 200, 204.5, 205, 210, 260, 330)])
    for market in (1, 2, 3, 4, 9):
        numbers = np.full(len(t), market)
        assert np.array_equal(both.at(numbers, t), whole.at(numbers, t), equal_nan=True)
    assert both.newest == whole.newest
    assert [both.lacks(int(at)) for at in t] == [whole.lacks(int(at)) for at in t]
    assert tail.followed_by(snapshots([])).at(np.array([1]), np.array([hour(199)]))[0, 0] > 0


def test_the_stamp_is_of_the_data_and_the_fingerprint_is_not():
    one, two = (read_flow(snapshots(hourly(1, hours, 1.0))) for hours in (5, 6))
    assert one.fingerprint == two.fingerprint
    assert one.stamp != two.stamp
    assert one.stamp == read_flow(snapshots(hourly(1, 5, 1.0)).reverse()).stamp
