"""What a side is worth: the posterior agrees with the learned fair value, with simulation, and with known values."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from tests.support.worlds import efficient_world

from edgeworth.core.config import Settings
from edgeworth.core.panel import NEVER, UNKNOWN_TIME
from edgeworth.forecasting.firing import fire_all
from edgeworth.forecasting.learning import learn
from edgeworth.forecasting.odds import learned, stated
from edgeworth.forecasting.speaking import RuleSpeaker, listen
from edgeworth.research.batch_signals.past import learn_rules
from edgeworth.research.batch_signals.types import band_of
from edgeworth.research.collecting import decision_points
from edgeworth.strategies.registry import find

SHARE = st.floats(0.02, 0.98)


def test_a_learned_win_rate_is_the_beta_posterior_of_the_events_shrunk_to_the_price() -> None:
    odds = learned((164, 154 / 164, 0.9027), np.array([0.9027]), 100.0)
    assert odds.mean[0] == pytest.approx(0.92527, abs=1e-5)
    posterior = stats.beta(154 + 90.27, 10 + 9.73)
    assert odds.exceeds(np.array([0.91]))[0] == pytest.approx(posterior.sf(0.91), abs=1e-12)
    low, high = odds.interval()
    assert (low[0], high[0]) == pytest.approx(posterior.ppf([0.025, 0.975]))
    assert odds.error()[0] == pytest.approx(posterior.std())


def test_without_a_past_the_price_stands_and_a_fee_makes_the_edge_unlikely() -> None:
    odds = learned((0, float("nan"), float("nan")), np.array([0.6, 0.2]), 100.0)
    assert odds.fair().tolist() == pytest.approx([0.6, 0.2])
    assert odds.exceeds(np.array([0.6, 0.2])) == pytest.approx(0.5, abs=0.03)
    assert (odds.exceeds(np.array([0.62, 0.22])) < 0.5).all()


@given(SHARE, SHARE, SHARE, st.integers(1, 500))
def test_today_s_price_shifts_the_learned_edge_and_nothing_else(
    rate: float, paid: float, price: float, events: int
) -> None:
    odds = learned((events, rate, paid), np.array([price, paid]), 100.0)
    edge = odds.mean + odds.shift - np.array([price, paid])
    assert edge[0] == pytest.approx(edge[1])
    costs = np.array([price, paid]) + 0.01
    assert odds.exceeds(costs)[0] == pytest.approx(odds.exceeds(costs)[1], abs=1e-9)


@given(SHARE, st.floats(0.001, 0.3), SHARE)
def test_a_stated_probability_keeps_its_mean_and_error(p: float, error: float, cost: float) -> None:
    count = np.zeros(1, np.int64)
    odds = stated(np.array([p]), np.array([error]), count, np.array([p]))
    assert odds.fair()[0] == pytest.approx(p)
    if error**2 < p * (1 - p) / 1.01:
        assert odds.error()[0] == pytest.approx(error)
    assert 0.0 <= odds.exceeds(np.array([cost]))[0] <= 1.0


def test_certainty_has_no_doubt() -> None:
    odds = stated(np.array([0.4, 0.4]), np.zeros(2), np.zeros(2, np.int64), np.full(2, 0.4))
    assert odds.exceeds(np.array([0.39, 0.4])).tolist() == [1.0, 0.0]
    assert odds.error().tolist() == [0.0, 0.0]


def test_bands_have_the_documented_borders() -> None:
    assert [band_of(p) for p in (0.9, 0.8999, 0.75, 0.7499, 0.6, 0.5999)] == [
        "AUTO-TRADE", "ALERT", "ALERT", "WATCH", "WATCH", "IGNORE",
    ]  # fmt: skip


def test_a_rule_believes_here_what_the_backtest_lets_it_believe() -> None:
    panel, outcomes = efficient_world(3, 400, planted=0.1)
    settings, rule = Settings(), find("crypto-favorite-fade")
    rows = decision_points(panel, outcomes, UNKNOWN_TIME, NEVER)
    firings = fire_all(panel, [rule], rows)[0]
    costs = settings.costs
    theirs = learn(firings, panel, outcomes, settings.proof.prior_events, half_spread=costs.half_spread)
    last = int(firings.row[-1])
    as_of = int(panel.t[last])
    speaker = learn_rules([rule], (panel, outcomes), settings, as_of)[0]
    said = listen(panel, np.array([last]), [speaker], as_of)[0]
    assert said.index.tolist() == [0]
    assert said.odds.fair()[0] == pytest.approx(theirs.p[-1])
    assert said.odds.error()[0] == pytest.approx(theirs.se[-1])
    assert said.odds.events[0] == theirs.evidence[-1] > 20


def test_a_rule_that_states_its_probability_is_taken_at_its_word() -> None:
    panel, _ = efficient_world(3, 8)
    speaker = RuleSpeaker(find("follow-the-market"), None, Settings())
    rows = panel.offsets[1:] - 1
    said = listen(panel, rows, [speaker], int(panel.t.max()))[0]
    price = panel.price_e4[rows] / 1e4
    assert said.odds.fair() == pytest.approx(np.clip(np.maximum(price, 1 - price), 0.001, 0.999))
    assert not said.odds.exceeds(np.maximum(price, 1 - price)).any()
