"""Fees: the published vectors, rounding against us, sizes far beyond int64 products, dated schedules."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeworth.core.errors import DataError
from edgeworth.core.panel import UNKNOWN_TIME
from edgeworth.engine.cost import FeeTerms
from edgeworth.engine.fees import MAX_FEE_SHARES_E6, FeeTable, fee_era, taker_fee_e6


def exact(shares_e6: int, price_e4: int, rate_e6: int, exponent: int) -> int:
    p = Fraction(price_e4, 10_000)
    steps = Fraction(shares_e6, 10**6) * Fraction(rate_e6, 10**6) * (p * (1 - p)) ** exponent * 100_000
    return 0 if steps < 1 else math.ceil(steps) * 10


@pytest.mark.parametrize(
    ("shares", "price", "rate", "exponent", "fee"),
    [
        (100, 5_000, 70_000, 1, 1_750_000),
        (100, 9_000, 70_000, 1, 630_000),
        (100, 5_000, 50_000, 1, 1_250_000),
        (100, 1_000, 40_000, 1, 360_000),
        (100, 5_000, 250_000, 2, 1_562_500),
        (100, 5_000, 0, 1, 0),
        (100, 0, 70_000, 1, 0),
        (100, 10_000, 70_000, 1, 0),
    ],
)
def test_published_vectors(shares: int, price: int, rate: int, exponent: int, fee: int) -> None:
    assert taker_fee_e6(shares * 1_000_000, price, rate, exponent) == fee


def test_less_than_one_step_is_free_and_a_part_of_a_step_is_rounded_up() -> None:
    assert exact(390, 5_000, 100_000, 1) == taker_fee_e6(390, 5_000, 100_000, 1) == 0
    assert taker_fee_e6(400, 5_000, 100_000, 1) == 10
    assert taker_fee_e6(401, 5_000, 100_000, 1) == 20


@given(st.integers(0, MAX_FEE_SHARES_E6), st.integers(0, 10_000), st.integers(0, 1_000_000), st.integers(0, 2))
def test_equal_to_exact_fractions(shares: int, price: int, rate: int, exponent: int) -> None:
    assert taker_fee_e6(shares, price, rate, exponent) == exact(shares, price, rate, exponent)
    assert taker_fee_e6.py_func(shares, price, rate, exponent) == exact(shares, price, rate, exponent)
    assert FeeTerms(rate, exponent).fee_e6(price, shares) == exact(shares, price, rate, exponent)


def test_the_largest_case() -> None:
    for exponent in (0, 1, 2):
        largest = (MAX_FEE_SHARES_E6, 5_000, 1_000_000, exponent)
        assert taker_fee_e6(*largest) == exact(*largest)


def test_eras() -> None:
    table = FeeTable(
        np.array([0, 0, 2]), np.array([100, 200]), np.array([50_000, 70_000]), np.array([1, 1])
    )  # market 0 has no schedule, market 1 two
    assert fee_era(table.offsets, table.since, 0, 500) == -1
    assert [fee_era(table.offsets, table.since, 1, t) for t in (99, 100, 199, 200)] == [-1, 0, 0, 1]
    assert fee_era.py_func(table.offsets, table.since, 1, 150) == 0


def test_constant_table_is_always_in_force_and_scales() -> None:
    table = FeeTable.constant(np.array([70_000, 3]), np.array([1, 2]))
    assert (table.since == UNKNOWN_TIME).all()
    assert table.scaled(2.0).rate_e6.tolist() == [140_000, 6]
    assert table.scaled(0.5).rate_e6.tolist() == [35_000, 2]
    assert table.scaled(0.0).rate_e6.tolist() == [0, 0]


def test_a_schedule_the_formula_does_not_cover_is_refused() -> None:
    with pytest.raises(DataError, match="exponent"):
        FeeTable.constant(np.array([70_000]), np.array([3]))
    with pytest.raises(DataError, match="rate"):
        FeeTable.constant(np.array([2_000_000]), np.array([1]))
