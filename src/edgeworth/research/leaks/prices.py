"""Checks of prices: were they there to trade, and did they already know the outcome?

Arrays have one entry per trade (N,) unless said otherwise; prices, costs and payouts are dollars of the side bought,
times microseconds.
"""

import math
from typing import Final

import numpy as np
import numpy.typing as npt

from edgeworth.models.scores import cluster_mean
from edgeworth.research.types import LintLine

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

ENOUGH: Final = 20


def post_event(t: Ints, event_known_at: Ints, note: str = "every decision came before the event was known") -> LintLine:
    """Fail when a decision lies at or after the instant at which its event was known."""
    code = "leak-post-event"
    late = int(np.count_nonzero(t >= event_known_at))
    if late:
        return LintLine(code, False, f"{late:,} trades decided after the event was known")
    return LintLine(code, True, note)


def loser_price(price: Floats, payout: Floats, event: Ints) -> LintLine:
    """Fail when losers were bought far below what calibrated prices imply: sum p(1-p) / sum (1-p).

    Winners are compared with sum p^2 / sum p in the note.
    """
    code = "leak-loser-price"
    lost, won = payout < 0.25, payout > 0.75
    if int(lost.sum()) < ENOUGH:
        return LintLine(code, None, "too few losing trades")
    expected = float((price * (1 - price)).sum() / (1 - price).sum())
    observed = float(price[lost].mean())
    # weight of each trade in the mean of the losers, so that the error is clustered by event
    gap = cluster_mean(np.where(lost, price - expected, 0.0), event)
    z = gap.value / gap.error if gap.error > 0 and math.isfinite(gap.error) else 0.0
    note = f"losers entered at {observed:.3f}, calibrated prices say {expected:.3f}"
    if won.any():
        note += f"; winners at {price[won].mean():.3f}, {(price**2).sum() / price.sum():.3f}"
    return LintLine(code, not (observed < 0.5 * expected and z < -6.0), note)


def price_label(
    payout_e4: npt.NDArray[np.integer], last_e4: npt.NDArray[np.integer], resolved_at: Ints, last_t: Ints
) -> LintLine:
    """Fail when outcomes look read off the last price: none disagrees, none is odd, none has a clock of its own.

    Per market (M,): payout (-1 unresolved), last price in 1e-4 dollars and its instant, instant of the resolution.
    """
    code = "leak-price-label"
    final = payout_e4 != -1
    if int(final.sum()) < 2 * ENOUGH:
        return LintLine(code, None, "too few resolved markets")
    extreme = (last_e4 > 9_000) | (last_e4 < 1_000)
    agrees = (payout_e4 == 10_000) == (last_e4 > 5_000)
    binary = np.isin(payout_e4, (0, 10_000))
    timeless = float((resolved_at[final] <= last_t[final]).mean())
    odd = int((final & (~binary | ~extreme | ~agrees)).sum())
    if not odd and timeless > 0.9:
        return LintLine(code, False, "every outcome follows from the last price and carries its instant")
    note = f"{odd:,} of {int(final.sum()):,} outcomes do not follow from the last price"
    return LintLine(code, True, note if odd else "resolutions have instants of their own")


def unfillable(mid: Floats, cost: Floats, t: Ints, t_fill: Ints) -> LintLine:
    """Fail when trades cost no more than the mid, or are filled no later than decided."""
    code = "bias-unfillable"
    if not len(mid):
        return LintLine(code, None, "no trades")
    early = int(np.count_nonzero(t_fill <= t))
    if early:
        return LintLine(code, False, f"{early:,} trades filled no later than decided")
    free = float((cost <= mid + 1e-9).mean())
    paid = float((cost - mid).mean())
    if free > 0.5:
        return LintLine(code, False, f"{free:.0%} of the trades cost no more than the mid: no spread, no fee")
    return LintLine(code, True, f"trades paid {100 * paid:.2f} cents beyond the mid on average")


def last_price(gap: Floats, executable_gap: Floats) -> LintLine:
    """Fail when violations on last prices vanish at executable quotes.

    `gap`: profit per share that last prices promise, `executable_gap`: what quotes at size leave after fees,
    not-a-number where there is no quote.
    """
    code = "bias-last-price"
    claimed = gap > 0.02
    if int(claimed.sum()) < ENOUGH:
        return LintLine(code, None, "too few violations are claimed")
    real = float((np.nan_to_num(executable_gap[claimed], nan=-1.0) > 0).mean())
    return LintLine(code, real >= 0.5, f"{real:.0%} of {int(claimed.sum()):,} violations remain at executable quotes")


def coarse_clock(horizon: Ints, clock_error: int) -> LintLine:
    """Fail when rows have horizons shorter than the error of the clock that dated them (microseconds)."""
    code = "leak-coarse-clock"
    if clock_error <= 0 or not len(horizon):
        return LintLine(code, None, "the clock is exact")
    short = int(np.count_nonzero(horizon < clock_error))
    if short:
        return LintLine(code, False, f"{short:,} rows lie closer to the outcome than their clock can tell")
    return LintLine(code, True, "every horizon is longer than the error of the clock")
