"""What an order costs at most, all included, in integers; and the most shares that an amount buys.

The all-in cost of a share, price + rate (p (1 - p))**exponent, rises with the price for every rate up to 1, so an order
never costs more than at its own limit, apart from the rounding of each fill's fee: `FEE_CUSHION_E6` covers a hundred.
"""

from typing import Final

import msgspec

from edgeworth.core.units import ONE_PRICE
from edgeworth.engine.fees import MAX_EXPONENT, STEP_E6

LOT_E6: Final = 10_000  # shares are traded in hundredths, so price x shares is exact in 1e-6 dollars
FEE_CUSHION_E6: Final = 100 * STEP_E6
MILLION: Final = 1_000_000
_A_STEP: Final = tuple(STEP_E6 * MILLION * 10 ** (8 * exponent) for exponent in range(MAX_EXPONENT + 1))


class FeeTerms(msgspec.Struct, frozen=True):
    """A taker's fee per share: rate x (p (1 - p))**exponent dollars, the rate in millionths."""

    rate_e6: int = 0
    exponent: int = 1

    @staticmethod
    def of(rate_e6: int, exponent_e6: int) -> "FeeTerms":
        """Take an exponent in millionths; a broken one is rounded down, which makes the fee larger."""
        return FeeTerms(rate_e6, min(max(exponent_e6 // MILLION, 0), MAX_EXPONENT))

    def fee_e6(self, price_e4: int, shares_e6: int) -> int:
        """Return the fee of one fill in 1e-6 dollars, rounded against us: what `fees.taker_fee_e6` gives.

        Python's integers have no limit, so nothing compiled is called for one order at a time.
        """
        if self.rate_e6 <= 0 or shares_e6 <= 0:
            return 0
        variance = int(price_e4) * (ONE_PRICE - int(price_e4))
        steps, rest = divmod(int(shares_e6) * self.rate_e6 * variance**self.exponent, _A_STEP[self.exponent])
        return (steps + (rest > 0)) * STEP_E6 if steps else 0

    def per_share(self, price: float) -> float:
        """Return the fee of a share in dollars, not rounded; `price` in dollars."""
        return self.rate_e6 / 1e6 * (price * (1.0 - price)) ** self.exponent


NO_FEE: Final = FeeTerms()


def lots_down(shares_e6: int) -> int:
    """Return a quantity rounded down to whole hundredths of a share; 0 for a negative one."""
    return max(shares_e6, 0) // LOT_E6 * LOT_E6


def buy_cost_e6(price_e4: int, shares_e6: int, fee: FeeTerms = NO_FEE) -> int:
    """Return what buying costs with the fee, rounded up."""
    return -(-price_e4 * shares_e6 // 10_000) + fee.fee_e6(price_e4, shares_e6)


def reserve_e6(price_e4: int, shares_e6: int, fee: FeeTerms = NO_FEE) -> int:
    """Return the most that a buy order can cost, however many fills it gets (see the module)."""
    if shares_e6 <= 0:
        return 0
    return buy_cost_e6(price_e4, shares_e6, fee) + (FEE_CUSHION_E6 if fee.rate_e6 else 0)


def sell_proceeds_e6(price_e4: int, shares_e6: int, fee: FeeTerms = NO_FEE) -> int:
    """Return what selling brings in after the fee, rounded down."""
    return price_e4 * shares_e6 // 10_000 - fee.fee_e6(price_e4, shares_e6)


def affordable_e6(budget_e6: int, price_e4: int, fee: FeeTerms = NO_FEE) -> int:
    """Return the most shares, in whole hundredths, whose `reserve_e6` lies within a budget; exact.

    `price_e4` must be positive, otherwise ValueError.
    """
    if price_e4 <= 0:
        raise ValueError("a share that costs nothing has no largest number")
    lots = max(budget_e6, 0) // price_e4
    while lots > 0:
        cost = reserve_e6(price_e4, lots * LOT_E6, fee)
        if cost <= budget_e6:
            break
        lots = min(lots - 1, lots * budget_e6 // cost)
    while reserve_e6(price_e4, (lots + 1) * LOT_E6, fee) <= budget_e6:  # the jumps are off by rounding at most
        lots += 1
    return lots * LOT_E6
