"""What an order gives and what it asks for, in the integers the venue signs, and which orders it takes at all.

Shares have two decimals; the other amount has as many as the tick allows, and is rounded down (a buyer's price may
then lie above its limit by less than one unit of that rounding, never below, so a resting offer at the limit still
matches). An order that may rest is a price and a number of shares. One that may not (FAK, FOK) is, when it buys, a
number of *dollars*: shares x limit price, in whole cents, so it spends no more than was intended and gets more shares
where it fills better; when it sells, a number of shares. Source: the venue's own client, whose results these equal.
"""

from typing import Final, NamedTuple

from edgeworth.core.errors import Rejected
from edgeworth.core.orders import Intent, TimeInForce
from edgeworth.core.units import MINUTE, ONE_PRICE, ONE_USD, SECOND

LARGEST_SALT: Final = 1 << 53  # beyond it a JSON number is not exact everywhere
SHORTEST_LIFE: Final = 3 * MINUTE
EARLY: Final = MINUTE  # the venue drops an order this long before the expiry it states
_LOT_E6: Final = 10_000  # two decimals
_PLACES: Final = {1_000: 3, 100: 4, 50: 5, 25: 6, 10: 5, 1: 6}  # decimals of the rounded amount, by tick
RESTING: Final = frozenset({TimeInForce.GTC, TimeInForce.GTD})


class Amounts(NamedTuple):
    """What is given and what is asked for: a buy gives dollars for shares, a sell shares for dollars; 1e-6 each."""

    maker_e6: int
    taker_e6: int


def limit_amounts(price_e4: int, shares_e6: int, *, is_buy: bool) -> Amounts:
    """Return the amounts of an order that may rest; shares are rounded down to two decimals, and the rest is exact."""
    shares = shares_e6 // _LOT_E6 * _LOT_E6
    cash = shares * price_e4 // ONE_PRICE
    return Amounts(cash, shares) if is_buy else Amounts(shares, cash)


def market_amounts(price_e4: int, amount_e6: int, tick_e4: int, *, is_buy: bool) -> Amounts:
    """Return the amounts of an order that may not rest: `amount_e6` dollars to spend, or shares to sell."""
    maker = amount_e6 // _LOT_E6 * _LOT_E6
    if not is_buy:
        return Amounts(maker, maker * price_e4 // ONE_PRICE)
    places = _PLACES[tick_e4]
    # up to four places beyond the last one first, then down to it: so does the venue's client
    fine = -(-maker * ONE_PRICE * 10 ** (places - 2) // price_e4)
    return Amounts(maker, fine // 10_000 * 10 ** (6 - places))


def amounts_of(intent: Intent) -> Amounts:
    """Return the amounts of an intent; raises Rejected order-off-tick, order-too-small, order-bad-expiry,
    order-malformed."""
    _check_price(intent)
    _check_life(intent)
    if intent.time_in_force in RESTING:
        found = limit_amounts(intent.price_e4, intent.shares_e6, is_buy=intent.is_buy)
    else:
        amount: int = intent.shares_e6
        if intent.is_buy:
            amount = intent.shares_e6 * intent.price_e4 // ONE_PRICE
        found = market_amounts(intent.price_e4, amount, intent.instrument.tick_e4, is_buy=intent.is_buy)
    _check_size(intent, found)
    return found


def stated_expiry(intent: Intent) -> int:
    """Return the expiry that is stated to the venue, in seconds of the epoch; 0 for an order that has none."""
    return 0 if intent.expires_at is None else int(intent.expires_at // SECOND)


def _check_price(intent: Intent) -> None:
    tick, price = intent.instrument.tick_e4, intent.price_e4
    if tick not in _PLACES:
        raise Rejected("order-off-tick", f"no market has a tick of {tick} e-4")
    if price % tick or not tick <= price <= ONE_PRICE - tick:
        raise Rejected("order-off-tick", f"the price {price} e-4 is not on the grid of {tick} e-4", tick_e4=tick)


def _check_life(intent: Intent) -> None:
    timed = intent.time_in_force is TimeInForce.GTD
    if timed != (intent.expires_at is not None):
        raise Rejected("order-bad-expiry", f"{intent.time_in_force} and the expiry do not fit together")
    if timed and stated_expiry(intent) * SECOND < intent.created_at + SHORTEST_LIFE:
        raise Rejected("order-bad-expiry", "an order must be stated to live for three minutes at least")
    if intent.post_only and intent.time_in_force not in RESTING:
        raise Rejected("order-malformed", "only an order that may rest can be post-only")


def _check_size(intent: Intent, found: Amounts) -> None:
    if intent.time_in_force in RESTING:
        shares = found.taker_e6 if intent.is_buy else found.maker_e6
        if shares < intent.instrument.min_size_e6:
            raise Rejected("order-too-small", f"{shares / 1e6:g} shares are fewer than the market takes")
    elif intent.is_buy and found.maker_e6 < ONE_USD:
        raise Rejected("order-too-small", f"{found.maker_e6 / 1e6:g} dollars are less than an order may spend")
    if found.maker_e6 <= 0 or found.taker_e6 <= 0:
        raise Rejected("order-too-small", "nothing is left of the order after rounding")
