"""Integer money and time."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeworth.core import units

ints = st.integers(-(10**18), 10**18)


@given(ints, st.integers(1, 10**9))
def test_divide_brackets_the_exact_quotient(numerator: int, denominator: int) -> None:
    down = units.divide(numerator, denominator, "down")
    up = units.divide(numerator, denominator, "up")
    even = units.divide(numerator, denominator, "half-even")
    assert down * denominator <= numerator <= up * denominator
    assert up - down == (0 if numerator % denominator == 0 else 1)
    assert even == round(Decimal(numerator) / Decimal(denominator)) or abs(numerator) > 10**17
    assert down <= even <= up


def test_divide_half_even_takes_the_even_neighbour() -> None:
    assert [units.divide(n, 2, "half-even") for n in (1, 3, 5, -1, -3)] == [0, 2, 2, 0, -2]


def test_divide_refuses_a_denominator_that_is_not_positive() -> None:
    with pytest.raises(ValueError, match="positive"):
        units.divide(1, 0, "down")


@given(st.integers(0, 10_000))
def test_price_round_trips_through_text_and_float(ticks: int) -> None:
    text = f"{ticks / 10_000:.4f}"
    assert units.price(text) == units.price(float(text)) == units.price(Decimal(text)) == ticks
    assert units.complement(units.PriceE4(ticks)) + ticks == units.ONE_PRICE


@pytest.mark.parametrize("value", ["1.5", "-0.1", "nan", "inf", "abc", float("nan"), "", None])
def test_price_refuses_what_is_not_a_price(value: object) -> None:
    with pytest.raises(ValueError, match=r"price|number"):
        units.price(value)  # type: ignore[arg-type]


def test_float_prices_use_their_shortest_text_not_their_binary_tail() -> None:
    assert units.price(0.1 + 0.2) == 3000
    assert units.scale(0.285, 1000, "down") == 285


@given(st.integers(0, 10_000), st.integers(0, 10**12))
def test_cost_rounding_direction_never_favours_the_wrong_side(price: int, quantity: int) -> None:
    low = units.cost(units.PriceE4(price), units.SharesE6(quantity), "down")
    high = units.cost(units.PriceE4(price), units.SharesE6(quantity), "up")
    assert low * 10_000 <= price * quantity <= high * 10_000
    assert high - low <= 1


def test_decimal_usd_is_exact() -> None:
    assert units.decimal_usd(units.usd("0.000001")) == Decimal("0.000001")
