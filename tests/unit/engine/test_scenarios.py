"""What can happen to a group of markets together."""

import math
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeworth.engine.scenarios import Scenarios, intervals, nested, one_winner

chances = st.lists(st.floats(0, 1), min_size=1, max_size=8)


def _probabilities(found: Scenarios) -> list[float]:
    return [found.probability(k, is_yes=True) for k in range(found.pays.shape[1])]


def test_one_winner_leaves_the_rest_to_an_outcome_that_is_not_listed() -> None:
    open_ended = one_winner(np.array([0.5, 0.3]))
    np.testing.assert_allclose(open_ended.weight, [0.5, 0.3, 0.2])
    np.testing.assert_array_equal(open_ended.leg(0, is_yes=False), [0, 1, 1])
    np.testing.assert_allclose(one_winner(np.array([0.5, 0.3]), complete=True).weight, [0.625, 0.375])
    np.testing.assert_allclose(one_winner(np.array([0.8, 0.8])).weight, [0.5, 0.5])


def test_nested_touches_of_the_ladder_example() -> None:
    """Volatility .5, no drift, 327 days, spot 100: P(max >= K) = 2 N(-ln(K/S)/(s sqrt T)); six NO bets are one bet."""
    strikes = [150, 160, 170, 180, 190, 200]
    scale = 0.5 * math.sqrt(327 / 365)
    p = np.array([2 * NormalDist().cdf(-math.log(k / 100) / scale) for k in strikes])
    found = nested(p)
    np.testing.assert_allclose(_probabilities(found), p, atol=1e-15)
    assert found.weight[0] == pytest.approx(1 - p[0])  # none of the six
    independent = float(np.prod(1 - p))
    assert independent < found.weight[0]


def test_rising_probabilities_along_a_chain_are_pooled() -> None:
    np.testing.assert_allclose(_probabilities(nested(np.array([0.5, 0.2, 0.4, 0.1]))), [0.5, 0.3, 0.3, 0.1])


def test_intervals_of_one_value() -> None:
    found = intervals([(90.0, math.inf), (110.0, math.inf), (90.0, 110.0)], NormalDist(100, 10).cdf)
    inside = NormalDist().cdf(1) - NormalDist().cdf(-1)
    np.testing.assert_allclose(_probabilities(found), [NormalDist().cdf(1), NormalDist().cdf(-1), inside])
    np.testing.assert_array_equal(found.pays, [[0, 0, 0], [1, 0, 1], [1, 1, 0]])


@pytest.mark.parametrize(
    "build",
    [
        lambda: one_winner(np.array([1.2])),
        lambda: nested(np.array([np.nan])),
        lambda: one_winner(np.array([0.0, 0.0]), complete=True),
        lambda: intervals([(1.0, 2.0)], lambda x: 2.0 - x),
    ],
)
def test_impossible_probabilities_are_refused(build) -> None:
    with pytest.raises(ValueError, match=r"probability|possible|fall"):
        build()


@given(chances, st.booleans())
def test_scenarios_are_a_probability_over_coherent_outcomes(p: list[float], chain: bool) -> None:
    found = nested(np.array(p)) if chain else one_winner(np.array(p))
    assert found.weight.sum() == pytest.approx(1.0)
    assert (found.weight >= 0).all()
    if chain:
        assert (np.diff(found.pays, axis=1) <= 0).all()
        assert (np.diff(_probabilities(found)) <= 1e-12).all()
    else:
        assert (found.pays.sum(axis=1) <= 1).all()
