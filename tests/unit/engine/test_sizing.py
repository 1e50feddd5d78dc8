"""Sizing against its published check values."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeworth.engine.sizing import (
    decide,
    drawdown_scale_ppm,
    exclusive_stakes,
    growth,
    kelly,
    part,
    probability_e6,
    ratio_ppm,
    shrink,
    walk_book,
)

LEVELS = np.array([0.50, 0.51, 0.52, 0.54, 0.57])
SIZES = np.array([200.0, 300.0, 500.0, 800.0, 2_000.0])


@pytest.mark.parametrize(
    ("p", "c", "share", "rate"),
    [(0.60, 0.50, 0.2, 0.0201355), (0.55, 0.50, 0.1, 0.0050084), (0.90, 0.85, 0.3333, 0.0108961)],
)
def test_kelly_and_growth(p: float, c: float, share: float, rate: float) -> None:
    assert kelly(p, c) == pytest.approx(share, abs=5e-5)
    assert growth(p, c, kelly(p, c)) == pytest.approx(rate, abs=5e-8)


def test_kelly_at_all_in_cost() -> None:
    cost = 0.50 + 0.07 * 0.50 * 0.50
    assert kelly(0.60, cost) == pytest.approx(0.1709845, abs=5e-8)
    assert kelly(0.55, cost) == pytest.approx(0.0673575, abs=5e-8)
    assert kelly(0.971, 0.99) == 0.0


@pytest.mark.parametrize(
    ("p", "c", "se", "factor"),
    [(0.60, 0.50, 0.05, 0.80), (0.55, 0.50, 0.05, 0.50), (0.60, 0.50, 0.10, 0.50), (0.90, 0.85, 0.03, 0.735), (0.25, 0.15, 0.05, 0.80)],
)  # fmt: skip
def test_shrinkage_by_estimation_error(p: float, c: float, se: float, factor: float) -> None:
    assert shrink(p - c, se) == pytest.approx(factor, abs=5e-4)


def test_exclusive_outcomes() -> None:
    p, c = np.array([0.40, 0.28, 0.18, 0.09, 0.05]), np.array([0.35, 0.30, 0.20, 0.12, 0.08])
    f = exclusive_stakes(p, c)
    np.testing.assert_allclose(f, [0.08, 0.0057143, 0, 0, 0], atol=5e-8)
    spent = f.sum()
    wealth = 1 - spent + f / c
    rate = (p * np.log(wealth)).sum() + (1 - p.sum()) * math.log(1 - spent)
    assert rate == pytest.approx(0.00541866, abs=5e-9)


def test_three_way() -> None:
    p, c = np.array([0.50, 0.30, 0.20]), np.array([0.45, 0.33, 0.27])
    f = exclusive_stakes(p, c)
    wealth = 1 - f.sum() + f / c
    assert (p * np.log(wealth)).sum() == pytest.approx(0.00502517, abs=5e-9)


def test_a_single_leg_is_plain_kelly_and_incoherent_legs_stay_bounded() -> None:
    assert exclusive_stakes(np.array([0.6]), np.array([0.5]))[0] == pytest.approx(kelly(0.6, 0.5))
    wild = exclusive_stakes(np.array([0.9, 0.9, 0.9]), np.array([0.3, 0.3, 0.5]))
    assert (wild >= 0).all()
    assert wild[2] == 0.0


@pytest.mark.parametrize(
    ("wealth", "shares"),
    [
        (1_000, (360.864, 340.995, 321.169, 291.489)),
        (3_000, (963.782, 904.455, 845.190, 756.332)),
        (10_000, (1_800, 1_800, 1_800, 1_731.881)),
        (100_000, (3_800, 3_800, 3_800, 3_800)),
    ],
)
def test_book_walk(wealth: float, shares: tuple[float, ...]) -> None:
    for rate, expected in zip((0.0, 0.02, 0.04, 0.07), shares, strict=True):
        cost = LEVELS + rate * LEVELS * (1 - LEVELS)
        assert walk_book(0.60, wealth, cost, SIZES).sum() == pytest.approx(expected, abs=5e-4)


@given(
    st.lists(st.tuples(st.floats(0.001, 0.999), st.floats(0.001, 0.999)), min_size=1, max_size=8),
    st.floats(1, 1e6),
)
def test_compiled_forms_equal_their_python_forms(legs: list[tuple[float, float]], wealth: float) -> None:
    p, c = np.array([leg[0] for leg in legs]), np.array([leg[1] for leg in legs])
    np.testing.assert_array_equal(exclusive_stakes(p, c), exclusive_stakes.py_func(p, c))
    levels = np.sort(c)
    sizes = p * 1_000
    np.testing.assert_array_equal(
        walk_book(p[0], wealth, levels, sizes), walk_book.py_func(p[0], wealth, levels, sizes)
    )
    assert kelly(p[0], c[0]) == kelly.py_func(p[0], c[0])
    assert shrink(p[0] - c[0], 0.05) == shrink.py_func(p[0] - c[0], 0.05)
    edge = int(p[0] * 1e6) - int(c[0] * 1e6)
    assert decide(p[0], edge, 0.05, 0.25) == decide.py_func(p[0], edge, 0.05, 0.25)


@given(st.integers(0, 9 * 10**15), st.integers(0, 1_000_000))
def test_integer_shares_do_not_overflow(amount: int, ppm: int) -> None:
    assert part(amount, ppm) == amount * ppm // 1_000_000
    assert ratio_ppm(min(amount, 10**15), max(amount, 10**15)) == min(amount, 10**15) * 10**6 // max(amount, 10**15)


def test_an_unusable_opinion_stakes_nothing() -> None:
    assert decide(0.2, 100_000, math.inf, 0.25) == 0
    assert decide(0.2, 100_000, math.nan, 0.25) == 0
    assert probability_e6(math.nan) == probability_e6(1.1) == probability_e6(-0.1) == -1
    assert probability_e6(1.0) == 1_000_000


def test_drawdown_scale() -> None:
    steps = [drawdown_scale_ppm(d, 100_000, 200_000) for d in (0, 100_000, 150_000, 199_999, 200_000, 900_000)]
    assert steps == [1_000_000, 1_000_000, 500_000, 10, 0, 0]
