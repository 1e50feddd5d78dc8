"""Amounts on the wire and in the book: decimal text of integers, tick and size rules, the taker fee."""

from typing import Final, NamedTuple

from edgeworth.core.types import FeeSchedule
from edgeworth.core.units import ONE_PRICE, divide

FEE_STEP_E6: Final = 10  # the venue charges in 0.00001 dollars


class Places(NamedTuple):
    """Decimal places the venue's client rounds to at one tick size."""

    price: int
    size: int
    amount: int


PLACES: Final = {
    1000: Places(1, 2, 3),
    100: Places(2, 2, 4),
    50: Places(3, 2, 5),
    25: Places(4, 2, 6),
    10: Places(3, 2, 5),
    1: Places(4, 2, 6),
}


def decimal(value: int, places: int) -> str:
    """Print `value` / 10**places without trailing zeros: `decimal(5300, 4)` is `0.53`."""
    whole, rest = divmod(abs(value), 10**places)
    sign = "-" if value < 0 else ""
    return f"{sign}{whole}.{rest:0{places}d}".rstrip("0") if rest else f"{sign}{whole}"


def price_text(price_e4: int) -> str:
    """Print a price."""
    return decimal(price_e4, 4)


def amount_text(amount_e6: int) -> str:
    """Print shares or dollars."""
    return decimal(amount_e6, 6)


def taker_fee_e6(shares_e6: int, price_e4: int, fee: FeeSchedule) -> int:
    """Return shares x rate x (p(1-p))**exponent in steps of 0.00001 dollars.

    Less than one step is zero; anything else is rounded up, because the venue does not document the direction and this
    is the dearer one. Source: the venue's published formula.
    """
    variance = price_e4 * (ONE_PRICE - price_e4)
    exact = shares_e6 * fee.rate_e6 * variance**fee.exponent
    unit = 1_000_000 * ONE_PRICE ** (2 * fee.exponent) * FEE_STEP_E6
    return 0 if exact < unit else divide(exact, unit, "up") * FEE_STEP_E6


def cash_e6(shares_e6: int, price_e4: int) -> int:
    """Return what shares cost at a price, rounded down to 1e-6 dollars."""
    return shares_e6 * price_e4 // ONE_PRICE


class Limit(NamedTuple):
    """What an order's two amounts say: a price, a number of shares, and dollars to spend where that is the order."""

    price_e4: int
    shares_e6: int
    budget_e6: int | None


def read_amounts(maker_e6: int, taker_e6: int, buy: bool, market: bool, tick_e4: int) -> Limit | None:
    """Return price and size of an order, None when its price is not a multiple of the tick inside [tick, 1 - tick].

    `maker_e6` is what is given, `taker_e6` what is asked for. The amounts of a limit order give its price exactly; a
    market order's other amount was rounded down, so its price may lie above (below, when it sells) the tick by less
    than that rounding.
    """
    cash, shares = (maker_e6, taker_e6) if buy else (taker_e6, maker_e6)
    if cash <= 0 or shares <= 0:
        return None
    price, rest = divmod(cash * ONE_PRICE, shares)
    if market:
        price = price // tick_e4 * tick_e4 if buy else -(-cash * ONE_PRICE // (shares * tick_e4)) * tick_e4
        slack = 10 ** (6 - PLACES[tick_e4].amount) if tick_e4 in PLACES else 1
        if abs(cash * ONE_PRICE - price * shares) > slack * ONE_PRICE:
            return None
    elif rest:
        return None
    if price % tick_e4 or not tick_e4 <= price <= ONE_PRICE - tick_e4:
        return None
    return Limit(price, shares, maker_e6 if market and buy else None)
