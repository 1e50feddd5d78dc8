"""What a closed market paid, by strict rules; anything less clear is no resolution.

Rules (the venue's own data, checked against resolved markets): closed, exactly two outcomes and prices, one price at
least 0.999 and the other at most 0.001 -> the first side won or lost; both exactly 0.5 -> half; both exactly 0 (markets
of 2020 whose pool was emptied) -> void. Prices are compared as text decimals, so 0.9989999 is not rounded up.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from edgeworth.core.types import Payout
from edgeworth.venues import convert

_WON: Final = Decimal("0.999")
_LOST: Final = Decimal("0.001")
_HALF: Final = Decimal("0.5")


def payout_of_prices(prices: Sequence[object] | None) -> Payout | None:
    """Return what one share of outcome 0 paid, None when the two final prices do not say."""
    if prices is None or len(prices) != 2:
        return None
    yes, no = convert.decimal(prices[0]), convert.decimal(prices[1])
    if yes is None or no is None or not (0 <= yes <= 1 and 0 <= no <= 1):
        return None
    if yes >= _WON and no <= _LOST:
        return Payout.YES
    if no >= _WON and yes <= _LOST:
        return Payout.NO
    if yes == no == _HALF:
        return Payout.HALF
    if yes == no == 0:
        return Payout.VOID
    return None


def payout_of_winners(winners: Sequence[bool | None], *, half: bool) -> Payout | None:
    """Return the payout from two winner flags; `half` says that the venue called it 50-50."""
    if half:
        return Payout.HALF
    if len(winners) == 2 and winners[0] is not winners[1] and None not in winners:
        return Payout.YES if winners[0] else Payout.NO
    return None
