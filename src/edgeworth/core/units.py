"""Integer money and time: prices in 1e-4 dollars, shares and dollars in 1e-6, instants in UTC microseconds.

The `NewType`s exist so that mypy keeps the units apart; at run time they are plain ints.
"""

from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal, InvalidOperation
from typing import Final, Literal, NewType

PriceE4 = NewType("PriceE4", int)
SharesE6 = NewType("SharesE6", int)
UsdE6 = NewType("UsdE6", int)
Micros = NewType("Micros", int)

Rounding = Literal["down", "up", "half-even"]

ONE_PRICE: Final = PriceE4(10_000)
ONE_SHARE: Final = SharesE6(1_000_000)
ONE_USD: Final = UsdE6(1_000_000)
SECOND: Final = 1_000_000
MINUTE: Final = 60 * SECOND
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR

_MODES = {"down": ROUND_FLOOR, "up": ROUND_CEILING, "half-even": ROUND_HALF_EVEN}


def divide(numerator: int, denominator: int, rounding: Rounding) -> int:
    """Divide integers; `down` is towards minus infinity, `up` towards plus infinity. `denominator` must be positive."""
    if denominator <= 0:
        raise ValueError("denominator must be positive")
    quotient, rest = divmod(numerator, denominator)
    if rounding == "down" or rest == 0:
        return quotient
    if rounding == "up":
        return quotient + 1
    twice = 2 * rest
    return quotient + (1 if twice > denominator or (twice == denominator and quotient % 2) else 0)


def scale(value: Decimal | str | int | float, factor: int, rounding: Rounding) -> int:
    """Scale a decimal value to an integer of `1/factor` units; raises ValueError for NaN, infinity or text."""
    try:
        number = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    except (InvalidOperation, TypeError) as error:
        raise ValueError(f"not a decimal number: {value!r}") from error
    if not number.is_finite():
        raise ValueError(f"not a finite number: {value!r}")
    return int((number * factor).to_integral_value(rounding=_MODES[rounding]))


def price(value: Decimal | str | int | float, rounding: Rounding = "half-even") -> PriceE4:
    """Convert dollars per share in [0, 1] to `PriceE4`; raises ValueError outside that range."""
    result = scale(value, ONE_PRICE, rounding)
    if not 0 <= result <= ONE_PRICE:
        raise ValueError(f"price outside [0, 1]: {value!r}")
    return PriceE4(result)


def shares(value: Decimal | str | int | float, rounding: Rounding = "down") -> SharesE6:
    """Convert a number of shares to `SharesE6`."""
    return SharesE6(scale(value, ONE_SHARE, rounding))


def usd(value: Decimal | str | int | float, rounding: Rounding = "half-even") -> UsdE6:
    """Convert dollars to `UsdE6`."""
    return UsdE6(scale(value, ONE_USD, rounding))


def cost(price_e4: PriceE4, shares_e6: SharesE6, rounding: Rounding) -> UsdE6:
    """Multiply a price by a quantity; the product is exact up to the final division by 1e4."""
    return UsdE6(divide(price_e4 * shares_e6, ONE_PRICE, rounding))


def complement(price_e4: PriceE4) -> PriceE4:
    """Return the price of the other leg: NO = 1 - YES."""
    return PriceE4(ONE_PRICE - price_e4)


def decimal_usd(amount: UsdE6) -> Decimal:
    """Return dollars as an exact Decimal, for display."""
    return Decimal(amount) / ONE_USD
