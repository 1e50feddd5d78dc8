"""When a position is left before its market resolves: stop, then target, then edge gone, then time.

One rule for backtest, paper and live. Bids and prices are 1e-4 dollars of the held leg, shares of price in millionths.
"""

from typing import Final

from edgeworth.engine.compiled import piece
from edgeworth.engine.layout import ALWAYS, FillKind, Limits, i64

STAY: Final = 0
_STOP_LOSS: Final = int(FillKind.STOP_LOSS)
_TAKE_PROFIT: Final = int(FillKind.TAKE_PROFIT)
_EDGE_GONE: Final = int(FillKind.EDGE_GONE)
_TIME: Final = int(FillKind.TIME)


@piece
def stop_bid_e4(limits: Limits, paid_e4: int) -> int:
    """Return the bid at or below which a position bought at `paid_e4` is stopped, -1 for never."""
    return i64(paid_e4 * (1_000_000 - limits.stop_loss) // 1_000_000) if limits.stop_loss > 0 else i64(-1)


@piece
def take_bid_e4(limits: Limits, paid_e4: int, fair_e6: int) -> int:
    """Return the bid from which a position is sold: its target, or its fair value, whichever is lower."""
    take = i64(-(-paid_e4 * (1_000_000 + limits.take_profit) // 1_000_000) if limits.take_profit > 0 else ALWAYS)
    if limits.exit_on_edge_gone:
        take = min(take, i64((fair_e6 + 99) // 100))
    return take


@piece
def exit_reason(limits: Limits, what: tuple[int, int, int, int], t: int, deadline: int) -> int:
    """Return the FillKind that ends a position, or STAY; what = (bid, paid, stop bid, take bid)."""
    bid, paid, stop, take = what
    if bid <= stop:
        return _STOP_LOSS
    if limits.take_profit > 0 and bid * 1_000_000 >= paid * (1_000_000 + limits.take_profit):
        return _TAKE_PROFIT
    if bid >= take:
        return _EDGE_GONE
    if limits.max_hold > 0 and t >= deadline:
        return _TIME
    return STAY
