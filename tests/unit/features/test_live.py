"""Features of the moment equal the registry's own, had the price been the market's newest point."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.panels import START as T0
from tests.support.panels import make_panel

from edgeworth.core.errors import UsageError
from edgeworth.core.panel import Panel
from edgeworth.core.units import DAY, HOUR, MINUTE
from edgeworth.features.live import LivePlan, live_state, row_of, supported
from edgeworth.features.registry import FEATURES, compute
from edgeworth.trading.tail import Tail
from edgeworth.trading.ticks import MarketBook

NAMES = [name for name in sorted(FEATURES) if supported(name)]
STEPS = st.lists(
    st.tuples(st.sampled_from([1, 7 * MINUTE, HOUR, 9 * HOUR, 2 * DAY]), st.integers(1, 9_999)), min_size=0, max_size=40
)


def panel_of(*markets):
    """Markets of points (instant, price in 1e-4 dollars), the first with an end that moves."""
    rows = [{"prices": [(t, p / 10_000) for t, p in points], "event": str(k)} for k, points in enumerate(markets)]
    rows[0]["end"] = [(T0, T0 + 5 * DAY), (T0 + DAY, T0 + 9 * DAY)]
    return make_panel(rows)[0]


def with_point(panel: Panel, market_no: int, t: int, price_e4: int) -> Panel:
    tail = Tail(panel, [market_no])
    book = MarketBook(market_no, t, t, 10, ((price_e4 - 1, 10**6),), ((price_e4 + 1, 10**6),))
    assert len(tail.append(t, [book])) == 1
    return tail.panel


@given(steps=STEPS, gap=st.sampled_from([1, 5 * MINUTE, HOUR, 3 * DAY]), price=st.integers(2, 9_998))
def test_equals_the_registry_on_a_panel_with_that_point(steps, gap, price):
    points = []
    t = T0
    for step, value in steps:
        t += step
        points.append((t, value))
    panel = panel_of(points, [(T0 + HOUR, 5_000), (T0 + DAY, 5_100)])
    number = int(panel.markets["market_no"][0])
    now = t + gap
    frame = compute(with_point(panel, number, now, price), NAMES, None)
    theirs = frame.filter(frame["market"] == 0).tail(1).select(NAMES).row(0)
    plan = LivePlan.of(NAMES)
    mine = row_of(live_state(panel, now), plan, 0, now, price / 10_000.0)
    assert mine is not None
    expected = np.array([np.nan if value is None else float(value) for value in theirs])
    np.testing.assert_allclose(mine, expected, rtol=1e-12, atol=1e-12, err_msg=str(NAMES))


def test_a_moment_that_is_not_later_gives_nothing():
    panel = panel_of([(T0, 4_000), (T0 + HOUR, 4_100)])
    state = live_state(panel, T0 + HOUR)
    assert row_of(state, LivePlan.of(["price"]), 0, T0 + HOUR, 0.5) is None
    assert row_of(state, LivePlan.of(["price"]), 0, T0 + HOUR + 1, 0.5) is not None


def test_the_provisional_point_leaves_no_trace():
    panel = panel_of([(T0, 4_000), (T0 + HOUR, 4_100)])
    state, plan = live_state(panel, T0 + HOUR), LivePlan.of(["path_high", "momentum_1h", "volatility_1d"])
    alone = row_of(state, plan, 0, T0 + 2 * HOUR, 0.3)
    row_of(state, plan, 0, T0 + 90 * MINUTE, 0.9)
    np.testing.assert_array_equal(row_of(state, plan, 0, T0 + 2 * HOUR, 0.3), alone)


@pytest.mark.parametrize("name", ["event_price_sum", "category", "rsi_14_wilder", "question_hour"])
def test_what_needs_more_than_own_prices_is_refused(name):
    assert not supported(name)
    with pytest.raises(UsageError, match="own prices"):
        LivePlan.of([name])


def test_enough_is_supported():
    assert len(NAMES) >= 20
