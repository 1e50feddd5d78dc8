"""What an order costs at most, and the most shares an amount buys."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeworth.engine.cost import (
    FEE_CUSHION_E6,
    LOT_E6,
    NO_FEE,
    FeeTerms,
    affordable_e6,
    buy_cost_e6,
    lots_down,
    reserve_e6,
    sell_proceeds_e6,
)

fees = st.builds(FeeTerms, st.sampled_from([0, 30_000, 70_000, 250_000, 1_000_000]), st.sampled_from([1, 2]))


def test_costs_of_the_venues_examples() -> None:
    crypto = FeeTerms.of(70_000, 1_000_000)
    assert buy_cost_e6(5_000, 100_000_000, crypto) == 51_750_000
    assert sell_proceeds_e6(9_000, 100_000_000, crypto) == 90_000_000 - 630_000
    assert reserve_e6(5_000, 100_000_000, crypto) == 51_750_000 + FEE_CUSHION_E6
    assert reserve_e6(5_000, 100_000_000) == 50_000_000
    assert reserve_e6(5_000, 0, crypto) == 0
    assert crypto.per_share(0.5) == pytest.approx(0.0175)


def test_a_broken_exponent_is_rounded_towards_the_larger_fee() -> None:
    assert FeeTerms.of(1, 1_999_999) == FeeTerms(1, 1)
    assert FeeTerms.of(1, 9_000_000) == FeeTerms(1, 2)
    assert FeeTerms.of(1, -5) == FeeTerms(1, 0)


def test_lots_are_rounded_down() -> None:
    assert [lots_down(x) for x in (-5, 0, 9_999, 10_000, 19_999)] == [0, 0, 0, 10_000, 10_000]


@given(st.integers(-10, 3 * 10**9), st.integers(1, 9_999), fees)
def test_what_is_affordable_is_exactly_the_most(budget: int, price: int, fee: FeeTerms) -> None:
    shares = affordable_e6(budget, price, fee)
    assert shares % LOT_E6 == 0
    assert shares == 0 or reserve_e6(price, shares, fee) <= budget
    assert reserve_e6(price, shares + LOT_E6, fee) > budget


@given(
    st.integers(1, 9_999),
    st.lists(st.tuples(st.integers(1, 9_999), st.integers(1, 5_000)), min_size=1, max_size=100),
    fees,
)
def test_no_split_into_fills_costs_more_than_the_reserve(
    limit: int, parts: list[tuple[int, int]], fee: FeeTerms
) -> None:
    """Whatever the prices below the limit and however many fills (up to a hundred), the reserve covers them."""
    fills = [(min(price, limit), lots * LOT_E6) for price, lots in parts]
    whole = sum(shares for _, shares in fills)
    assert sum(buy_cost_e6(price, shares, fee) for price, shares in fills) <= reserve_e6(limit, whole, fee)


def test_a_free_share_has_no_largest_number() -> None:
    with pytest.raises(ValueError, match="costs nothing"):
        affordable_e6(100, 0, NO_FEE)
