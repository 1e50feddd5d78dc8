"""Taker fees in integers, and which schedule of a market was in force when.

    fee = shares x rate x (p(1-p))**exponent dollars

is charged to takers in steps of 0.00001 dollars: an exact fee below one step is zero, every other one is rounded **up**
to the next step (the venue does not document the direction, so it is rounded against us). A buyer pays it on top, a
seller has it deducted. Source: the venue's published fee formula. The same functions serve backtest, paper and live.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from edgeworth.core.errors import DataError
from edgeworth.core.panel import UNKNOWN_TIME, Int32s, Int64s
from edgeworth.engine.compiled import kernel

if TYPE_CHECKING:
    from edgeworth.core.panel import Panel

STEP_E6: Final = 10  # the venue charges in 0.00001 dollars
MAX_EXPONENT: Final = 2
MAX_RATE_E6: Final = 1_000_000
MAX_FEE_SHARES_E6: Final = 10**14  # a hundred million shares; beyond it the limbs below could overflow

_LIMB: Final = 1_000_000_000
_PLAIN: Final = 9e18


@kernel
def taker_fee_e6(shares_e6: int, price_e4: int, rate_e6: int, exponent: int) -> int:
    """Return the taker fee in 1e-6 dollars, a multiple of 10; exact, whatever the size up to `MAX_FEE_SHARES_E6`.

    Works on limbs of nine decimal digits, because the product needs up to 37 digits and int64 wraps silently.
    """
    if rate_e6 <= 0 or shares_e6 <= 0:
        return 0
    variance = price_e4 * (10_000 - price_e4)
    if exponent == 1 and shares_e6 % 10_000 == 0:
        lots = shares_e6 // 10_000
        if float(lots) * float(rate_e6) * float(variance) < _PLAIN:  # fits: no limbs needed
            exact = lots * rate_e6 * variance
            whole = exact // 100_000_000_000
            return 0 if whole == 0 else (whole + 1 if exact % 100_000_000_000 > 0 else whole) * STEP_E6
    low, mid, high, top = shares_e6 % _LIMB, shares_e6 // _LIMB, 0, 0
    for turn in range(exponent + 1):
        factor = rate_e6 if turn == 0 else variance
        low *= factor
        mid = mid * factor + low // _LIMB
        high = high * factor + mid // _LIMB
        top = top * factor + high // _LIMB
        low, mid, high = low % _LIMB, mid % _LIMB, high % _LIMB
    # the number is in units of 1e-12 * 1e-8**exponent dollars; one step is 10**7, 10**15 or 10**23 of them
    if exponent == 0:
        steps = (mid + high * _LIMB + top * _LIMB * _LIMB) * 100 + low // 10_000_000
        rest = low % 10_000_000
    elif exponent == 1:
        whole = mid + high * _LIMB + top * _LIMB * _LIMB
        steps, rest = whole // 1_000_000, whole % 1_000_000 + low
    else:
        whole = high + top * _LIMB
        steps, rest = whole // 100_000, whole % 100_000 + mid + low
    if steps == 0:
        return 0
    return (steps + 1 if rest > 0 else steps) * STEP_E6


@dataclass(frozen=True, slots=True)
class FeeTable:
    """Dated fee schedules: market i owns the eras `offsets[i]:offsets[i+1]`, ascending in `since`.

    `offsets`: (M+1,). `since` (microseconds), `rate_e6`, `exponent`: (K,). Before its first era a market is free.
    """

    offsets: Int64s
    since: Int64s
    rate_e6: Int64s
    exponent: Int64s

    @staticmethod
    def constant(rate_e6: Int32s | Int64s, exponent: Int32s | Int64s, since: int | Int64s = UNKNOWN_TIME) -> "FeeTable":
        """Return one schedule per market, in force from `since` (default: always); checks ranges."""
        count = len(rate_e6)
        start = np.broadcast_to(np.asarray(since, np.int64), (count,))
        return FeeTable(
            np.arange(count + 1, dtype=np.int64),
            np.ascontiguousarray(start),
            np.asarray(rate_e6, np.int64),
            np.asarray(exponent, np.int64),
        ).checked()

    @staticmethod
    def of_panel(panel: "Panel", since: int | Int64s = UNKNOWN_TIME) -> "FeeTable":
        """Return the markets' own schedules, in force from `since` (default: always)."""
        markets = panel.markets
        return FeeTable.constant(markets["fee_rate_e6"].to_numpy(), markets["fee_exponent"].to_numpy(), since)

    def scaled(self, multiplier: float) -> "FeeTable":
        """Return the table with every rate multiplied, rounded up to a millionth."""
        rate = np.minimum(np.ceil(self.rate_e6 * multiplier - 1e-9), MAX_RATE_E6).astype(np.int64)
        return FeeTable(self.offsets, self.since, rate, self.exponent)

    def checked(self) -> "FeeTable":
        """Return itself; raise DataError `schema-mismatch` for a rate or exponent outside what the formula covers."""
        if len(self.rate_e6) and (self.rate_e6.min() < 0 or self.rate_e6.max() > MAX_RATE_E6):
            raise DataError("schema-mismatch", "a fee rate lies outside [0, 1]")
        if len(self.exponent) and (self.exponent.min() < 0 or self.exponent.max() > MAX_EXPONENT):
            raise DataError("schema-mismatch", "a fee exponent is not 0, 1 or 2")
        return self


@kernel
def fee_era(offsets: Int64s, since: Int64s, market: int, t: int) -> int:
    """Return the index of the era in force for a market at `t`, or -1 when it was free."""
    found = -1
    for k in range(offsets[market], offsets[market + 1]):
        if since[k] <= t:
            found = k
    return found
