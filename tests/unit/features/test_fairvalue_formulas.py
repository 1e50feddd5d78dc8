"""Fair values against published check values, Monte Carlo with bridge monitoring, and the laws they must obey."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeworth.core.random import stream
from edgeworth.features.fairvalue import formulas as f
from edgeworth.features.fairvalue.ladder import count_moments, maximum_law, non_increasing, sum_to_one
from edgeworth.features.fairvalue.mixture import mix

DAY = 1 / 365
MINUTE = DAY / 1440
SECOND = MINUTE / 60


@pytest.mark.parametrize(
    ("spot", "level", "days", "sigma", "drift", "touch", "terminal", "discrete"),
    [
        (70e3, 100e3, 326, 0.50, 0.0, 0.372250, 0.160823, 0.355390),
        (70e3, 150e3, 326, 0.50, 0.0, 0.071566, 0.032218, 0.066948),
        (70e3, 50e3, 60, 0.60, 0.10, 0.179390, 0.091909, 0.170234),
        (70e3, 72e3, 7, 0.45, 0.0, 0.642033, 0.314474, 0.620915),
    ],
)
def test_touch_terminal_and_discrete_monitoring(spot, level, days, sigma, drift, touch, terminal, discrete):
    years = days * DAY
    assert f.touch(spot, level, years, sigma, drift) == pytest.approx(touch, abs=5e-7)
    ends = f.above(spot, level, years, sigma, drift)
    assert (ends if level > spot else 1 - ends) == pytest.approx(terminal, abs=5e-7)
    moved = f.discrete_level(level, spot, sigma, years / 400)
    assert f.touch(spot, moved, years, sigma, drift) == pytest.approx(discrete, abs=6e-7)


def test_closes_instead_of_highs_and_a_range():
    for days, high, close in ((1, 0.277791, 0.271026), (7, 0.674444, 0.670112)):
        assert f.touch(70e3, 72e3, days * DAY, 0.5) == pytest.approx(high, abs=5e-7)
        moved = f.discrete_level(72e3, 70e3, 0.5, MINUTE)
        assert f.touch(70e3, moved, days * DAY, 0.5) == pytest.approx(close, abs=5e-7)
    assert f.between(70e3, (68e3, 72e3), 7 * DAY, 0.45) == pytest.approx(0.353380, abs=5e-7)


def test_first_of_two():
    levels = (60e3, 80e3)
    assert f.first_of_two(70e3, levels, 0.5) == pytest.approx(0.5, abs=1e-12)
    assert f.first_of_two(70e3, levels, 0.5, 0.125) == pytest.approx(0.535837, abs=5e-7)
    assert f.first_of_two(70e3, levels, 0.5, 0.20) == pytest.approx(0.557245, abs=5e-7)
    table = {7: (0.050301, 0.028068), 30: (0.326530, 0.300832), 90: (0.485156, 0.482859), 365: (0.5, None)}
    for days, (up, down) in table.items():
        upper, lower = f.first_of_two_by(70e3, levels, days * DAY, 0.5)
        assert upper == pytest.approx(up, abs=2e-6 if days < 365 else 5e-5)
        if down is not None:
            assert lower == pytest.approx(down, abs=2e-6)


LADDER = {
    100e3: (0.28700, 0.37281, 0.43665, 0.48485, 0.36785, (0.26154, 0.37281, 0.49980, 0.62985), 0.16102),
    120e3: (0.11669, 0.19150, 0.25635, 0.30980, 0.19452, (0.11364, 0.19150, 0.29774, 0.42696), 0.08448),
    150e3: (0.02973, 0.07192, 0.11965, 0.16554, 0.08201, (0.03505, 0.07192, 0.13395, 0.22637), 0.03237),
    170e3: (0.01208, 0.03823, 0.07382, 0.11195, 0.04904, (0.01673, 0.03823, 0.07877, 0.14628), 0.01736),
    200e3: (0.00324, 0.01536, 0.03707, 0.06447, 0.02460, (0.00586, 0.01536, 0.03607, 0.07582), 0.00705),
}


@pytest.mark.parametrize("level", LADDER)
def test_ladder_by_volatility_mixture_and_drift(level):
    *by_sigma, mixed, by_drift, terminal = LADDER[level]
    years = 327 * DAY
    assert f.touch(70e3, level, years, [0.4, 0.5, 0.6, 0.7]) == pytest.approx(by_sigma, abs=6e-6)
    assert f.touch(70e3, level, years, 0.5, [-0.2, 0.0, 0.2, 0.4]) == pytest.approx(by_drift, abs=6e-6)
    assert f.above(70e3, level, years, 0.5) == pytest.approx(terminal, abs=6e-6)
    result = mix(lambda sigma: f.touch(70e3, level, years, sigma), 0.5, 0.25)
    assert result.p[0] == pytest.approx(mixed, abs=6e-6)
    assert result.low[0] < result.p[0] < result.high[0]
    assert result.se[0] > 0


def test_six_nested_bets_are_one():
    touches = f.touch(70e3, [150e3, 160e3, 170e3, 180e3, 190e3, 200e3], 327 * DAY, 0.5)
    assert maximum_law(touches)[0] == pytest.approx(0.92808, abs=6e-6)
    assert np.prod(1 - touches) == pytest.approx(0.79275, abs=6e-6)
    mean, deviation = count_moments(touches)
    assert mean == pytest.approx(0.22663, abs=6e-6)
    assert deviation == pytest.approx(0.95950, abs=6e-6)
    assert math.sqrt(float((touches * (1 - touches)).sum())) == pytest.approx(0.46455, abs=6e-6)
    with pytest.raises(ValueError, match="increase"):
        maximum_law([0.1, 0.2])


def test_up_or_down_with_some_of_the_window_left():
    spot = 100e3 * math.exp(5e-4)
    for seconds, value in ((450, 0.587300), (300, 0.606491), (60, 0.727129)):
        assert f.up_or_down(spot, 100e3, seconds * SECOND, 0.6, 0.18) == pytest.approx(value, abs=5e-7)
    whole = (60 * SECOND, 0.0, 0.0)
    for seconds, value in ((300, 0.614178), (60, 0.852317)):
        assert f.up_or_down_average(spot, 100e3, seconds * SECOND, 0.6, whole) == pytest.approx(value, abs=2e-6)
    shares = {300: 0.86667, 900: 0.95556, 14_400: 0.99722}
    for seconds, share in shares.items():
        assert f.average_variance_years(seconds, 60) / seconds == pytest.approx(share, abs=6e-6)


def test_an_average_half_known_counts_what_has_passed():
    spot, reference, w = 100.0, 100.0, 60 * SECOND
    high = f.up_or_down_average(spot, reference, w / 2, 0.6, (w, w / 2, 100.02))
    level = f.up_or_down_average(spot, reference, w / 2, 0.6, (w, w / 2, 100.0))
    assert high > level == pytest.approx(0.5)
    assert f.up_or_down_average(spot, reference, 0.0, 0.6, (w, w, 100.02)) == 1.0


def test_ties_and_carry():
    assert f.tie_probability(100e3, 0.01, DAY / 24, 0.6) == pytest.approx(6e-6, rel=0.05)
    assert f.tie_probability(2, 0.0001, DAY / 24, 0.9) == pytest.approx(0.0021, abs=5e-5)
    years = 327 / 365
    for p, no, yearly, fair in (
        (0.015, 0.97, 0.0173, 0.95033),
        (0.028, 0.95, 0.0259, 0.93779),
        (0.072, 0.9, 0.0347, 0.89533),
    ):
        assert f.annual_return(1 - p, no, years) == pytest.approx(yearly, abs=2e-4)
        assert f.fair_no(p, years, 0.04) == pytest.approx(fair, abs=6e-6)


def test_monte_carlo_agrees_within_three_standard_errors():
    """Daily steps, and between them the exact probability that a Brownian bridge touches."""
    draw, paths, steps = stream(5, "bridge"), 20_000, 60
    spot, level, sigma, drift, years = 70e3, 50e3, 0.6, 0.10, 60 * DAY
    dt = years / steps
    moves = (drift - sigma**2 / 2) * dt + sigma * math.sqrt(dt) * draw.standard_normal((paths, steps))
    x = np.concatenate([np.zeros((paths, 1)), np.cumsum(moves, axis=1)], axis=1) - math.log(level / spot)
    stays = np.where((x[:, :-1] > 0) & (x[:, 1:] > 0), 1 - np.exp(-2 * x[:, :-1] * x[:, 1:] / (sigma**2 * dt)), 0.0)
    touched = 1 - stays.prod(axis=1)
    error = touched.std() / math.sqrt(paths)
    assert abs(touched.mean() - float(f.touch(spot, level, years, sigma, drift))) < 3 * error


@given(st.floats(0.3, 3.0), st.floats(0.001, 3.0), st.floats(0.05, 2.0), st.floats(-0.5, 0.5), st.floats(1.001, 1.5))
def test_laws(ratio, years, sigma, drift, wider):
    touched = float(f.touch(1.0, ratio, years, sigma, drift))
    ends = float(f.above(1.0, ratio, years, sigma, drift))
    assert touched >= (ends if ratio > 1 else 1 - ends) - 1e-12
    assert 0 <= touched <= 1
    further = ratio * wider if ratio > 1 else ratio / wider
    assert float(f.touch(1.0, further, years, sigma, drift)) <= touched + 1e-12
    assert float(f.touch(1.0, ratio, years * wider, sigma, drift)) >= touched - 1e-12
    if ratio > 1 and drift == 0:
        assert float(f.touch(1.0, ratio, years, sigma * wider)) >= touched - 1e-12


@given(st.floats(0.4, 0.99), st.floats(1.01, 2.0), st.floats(1e-5, 3.0), st.floats(0.1, 1.5), st.floats(-0.5, 0.5))
def test_one_of_two_or_neither(low, high, years, sigma, drift):
    up, down = (float(value) for value in f.first_of_two_by(1.0, (low, high), years, sigma, drift))
    assert -1e-9 <= up <= float(f.touch(1.0, high, years, sigma, drift)) + 1e-9
    assert -1e-9 <= down <= float(f.touch(1.0, low, years, sigma, drift)) + 1e-9
    assert up + down <= 1 + 1e-9
    forever = float(f.first_of_two(1.0, (low, high), sigma, drift))
    assert up <= forever + 1e-9
    assert float(f.first_of_two(1.0, (low, high), sigma)) == pytest.approx((1 - low) / (high - low), abs=1e-9)


def test_limits():
    assert f.touch(100, 100, 1, 0.5) == 1.0
    assert f.touch(100, 120, 0, 0.5) == 0.0
    assert f.touch(100, 120, 1, 0.0) == 0.0
    assert f.touch(100, 120, 1, 0.0, 0.3) == 1.0
    assert f.above(100, 120, 0, 0.5) == 0.0
    assert f.above(120, 100, 0, 0.5) == 1.0
    assert f.touched_already(100, 120, [121, 110], up=True).tolist() == [True, False]
    assert f.touched_already([100, 79], 80, 85, up=False).tolist() == [False, True]
    edges = np.array([50.0, 80.0, 100.0, 130.0, 200.0])
    legs = [float(f.between(100, pair, 0.3, 0.6)) for pair in itertools.pairwise(edges)]
    tails = 1 - float(f.above(100, 50.0, 0.3, 0.6)) + float(f.above(100, 200.0, 0.3, 0.6))
    assert sum(legs) + tails == pytest.approx(1.0, abs=1e-12)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_coherent_quotes(quotes):
    sorted_ = non_increasing(quotes)
    assert (np.diff(sorted_) <= 1e-12).all()
    assert sorted_.sum() == pytest.approx(sum(quotes))
    assert non_increasing(sorted_) == pytest.approx(sorted_)
    one = sum_to_one(quotes)
    assert one.sum() == pytest.approx(1.0)
    assert (one >= 0).all()
    assert sum_to_one(one) == pytest.approx(one, abs=1e-9)
