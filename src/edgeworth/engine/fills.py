"""Executable prices from a stated spread, for data without order books: *low fidelity*, and labelled so.

The observed price is taken as the mid. A buyer pays mid + half spread, a seller gets mid - half spread, rounded to the
tick against us and kept within [tick, 1 - tick], but never better than the mid. With a half spread of zero trades
happen at the mid itself. The NO leg has mid 1 - p and the same spread. All prices are 1e-4 dollars of the traded leg.
"""

from typing import Final

import numpy as np

from edgeworth.core.panel import Int32s, Int64s
from edgeworth.engine.compiled import kernel

ONE: Final = 10_000


@kernel
def half_spread_e4(mid_e4: int, half_e8: int, share_e6: int) -> int:
    """Return half the spread at a mid price: a constant (1e-8 dollars) plus a share (1e-6) of p(1-p), rounded up."""
    extra_e8 = (share_e6 * mid_e4 * (ONE - mid_e4) + 999_999) // 1_000_000
    return (half_e8 + extra_e8 + 9_999) // 10_000


@kernel
def ask_e4(mid_e4: int, half_e4: int, tick_e4: int) -> int:
    """Return what a buyer pays per share."""
    if half_e4 == 0:
        return max(mid_e4, tick_e4)
    price = -((-(mid_e4 + half_e4)) // tick_e4) * tick_e4
    return max(min(price, ONE - tick_e4), mid_e4, tick_e4)


@kernel
def bid_e4(mid_e4: int, half_e4: int, tick_e4: int) -> int:
    """Return what a seller gets per share."""
    if half_e4 == 0:
        return mid_e4
    price = (mid_e4 - half_e4) // tick_e4 * tick_e4
    return min(max(price, tick_e4), mid_e4)


@kernel
def leg_price_e4(price_e4: int, side: int) -> int:
    """Return the mid of the leg: p for YES (+1), 1 - p for NO (-1)."""
    return price_e4 if side > 0 else ONE - price_e4


@kernel
def quote_table(ticks: Int64s, half_e8: int, share_e6: int, buy: bool) -> Int32s:
    """Return executable prices of every mid for each tick size, shape (len(ticks), 10001)."""
    table = np.empty((len(ticks), ONE + 1), dtype=np.int32)
    for k in range(len(ticks)):
        for mid in range(ONE + 1):
            half = half_spread_e4(mid, half_e8, share_e6)
            table[k, mid] = ask_e4(mid, half, ticks[k]) if buy else bid_e4(mid, half, ticks[k])
    return table
