"""Purchases from real books in integers, against published values and brute force."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeworth.core.units import DAY
from edgeworth.engine.book_sizing import (
    BookSize,
    Levels,
    discounted,
    drawn,
    growth_per_day,
    in_lots,
    size_on_book,
)
from edgeworth.engine.cost import LOT_E6, FeeTerms, buy_cost_e6
from edgeworth.engine.sizing import kelly, shrink

BOOK = [(5_000, 200_000_000), (5_100, 300_000_000), (5_200, 500_000_000), (5_400, 800_000_000), (5_700, 2_000_000_000)]
RATES = (0, 20_000, 40_000, 70_000)


@pytest.mark.parametrize(
    ("wealth", "shares"),
    [
        (1_000, (360.864, 340.995, 321.169, 291.489)),
        (3_000, (963.782, 904.455, 845.190, 756.332)),
        (10_000, (1_800, 1_800, 1_800, 1_731.881)),
        (100_000, (3_800, 3_800, 3_800, 3_800)),
    ],
)
def test_published_book_walk_in_hundredths(wealth: int, shares: tuple[float, ...]) -> None:
    for rate, expected in zip(RATES, shares, strict=True):
        found = size_on_book(0.60, wealth * 10**6, Levels.of(BOOK, FeeTerms(rate, 1)), wealth * 10**6)
        assert found.shares_e6 == pytest.approx(expected * 1e6, abs=6 * LOT_E6)
        assert found.shares_e6 <= expected * 1e6 + 1_000
        assert found.shares_e6 % LOT_E6 == 0


def test_the_limit_is_the_last_level_that_is_needed() -> None:
    found = size_on_book(0.60, 1_000_000_000, Levels.of(BOOK), 10**9)
    assert (found.limit_e4, found.taken_e6[:3]) == (5_100, (200_000_000, 160_860_000, 0))
    assert found.cost_e6 == 100_000_000 + 160_860_000 * 51 // 100


def test_a_share_of_the_levels_is_offered() -> None:
    assert Levels.of([(5_000, 1_019_999), (5_100, 10_000)], share=0.5).size_e6 == (500_000,)


@given(st.floats(0.02, 0.98), st.floats(0.01, 0.9), st.floats(0, 0.2), st.floats(0.05, 1.0))
def test_at_one_level_a_drawn_probability_is_the_fractional_stake(
    p: float, c: float, se: float, fraction: float
) -> None:
    expected = fraction * shrink(p - c, se) * kelly(p, c) if p > c else 0.0
    assert kelly(drawn(p, c, se, fraction), c) == pytest.approx(expected, abs=1e-9)


def test_an_unusable_error_leaves_no_edge() -> None:
    assert drawn(0.6, 0.5, math.nan, 1.0) == drawn(0.6, 0.5, math.inf, 1.0) == drawn(0.4, 0.5, 0.0, 1.0) == 0.5


levels = st.lists(st.tuples(st.integers(1, 14), st.integers(1, 600)), min_size=1, max_size=4).map(
    lambda rows: [(300 * k + 20 * step, lots * LOT_E6) for k, (step, lots) in enumerate(rows, start=4)]
)
terms = st.builds(FeeTerms, st.sampled_from(RATES), st.just(1))


@given(levels, terms, st.floats(0.05, 0.95), st.integers(1, 500), st.integers(0, 500))
def test_optimum_against_every_number_of_hundredths(book, fee, p, wealth, cash) -> None:
    """Greedy from the best level is optimal, so every total of hundredths within the cash is tried."""
    side = Levels.of(book, fee)
    found = size_on_book(p, wealth * 10**6, side, cash * 10**6)
    assert found.cost_e6 <= min(wealth, cash) * 10**6
    assert all(0 <= taken <= size for taken, size in zip(found.taken_e6, side.size_e6, strict=False))
    lots = np.concatenate([np.full(size // LOT_E6, cost) for cost, size in zip(side.cost, side.size_e6, strict=True)])
    spent = np.concatenate([[0.0], np.cumsum(lots)]) * 0.01
    count = np.arange(len(spent)) * 0.01
    possible = (spent <= cash) & (spent < wealth)
    rate = np.full(len(spent), -np.inf)
    rate[possible] = p * np.log1p((count - spent)[possible] / wealth) + (1 - p) * np.log1p(-spent[possible] / wealth)
    ours = found.shares_e6 / 1e6
    got = (
        p * math.log1p((ours - found.cost_e6 / 1e6) / wealth) + (1 - p) * math.log1p(-found.cost_e6 / 1e6 / wealth)
        if ours
        else 0.0
    )
    # a hundredth too few at each level, and the steps of the fee, cost at most this much growth
    assert got >= rate.max() - 0.06 / wealth


@given(levels, terms, st.floats(0.05, 0.9), st.floats(0, 0.09), st.integers(1, 500))
def test_more_edge_never_buys_less(book, fee, p, more, wealth) -> None:
    side = Levels.of(book, fee)
    less = size_on_book(p, wealth * 10**6, side, 10**12)
    assert size_on_book(p + more, wealth * 10**6, side, 10**12).shares_e6 >= less.shares_e6 - LOT_E6


@given(levels, terms, st.integers(0, 10**8))
def test_a_budget_cuts_the_dear_end_and_holds_exactly(book, fee, budget) -> None:
    side = Levels.of(book, fee)
    found = in_lots(side.size.tolist(), side, budget)
    exact = sum(buy_cost_e6(side.price_e4[k], x, fee) for k, x in enumerate(found.taken_e6) if x)
    assert found.cost_e6 == exact <= budget
    partly = [k for k, x in enumerate(found.taken_e6) if x < side.size_e6[k]]
    assert all(x == 0 for x in found.taken_e6[partly[0] + 1 :]) if partly else True


def test_money_that_is_locked_up_longer_must_grow_more() -> None:
    near, far = growth_per_day(0.002, DAY), growth_per_day(0.010, 30 * DAY)
    assert near > far
    assert growth_per_day(0.002, 0) == 0.002 * 24


@pytest.mark.parametrize(("p", "fair"), [(0.015, 0.95033), (0.028, 0.93779), (0.072, 0.89533), (0.020, 0.94550)])
def test_carry_of_a_far_deadline(p: float, fair: float) -> None:
    assert discounted(1 - p, 0.04, 327 * DAY) == pytest.approx(fair, abs=6e-6)
    assert discounted(1 - p, 0.04, 30 * DAY) == 1 - p


def test_without_wealth_or_levels_nothing_is_bought() -> None:
    assert size_on_book(0.6, 0, Levels.of(BOOK), 10**9) == BookSize()
    assert size_on_book(0.6, 10**9, Levels.of([]), 10**9) == BookSize()
