"""Beta-binomial shrinkage of a rule's record to the market price, over millions of firings: the compiled inner loop.

The formulas stand in `edgeworth.forecasting.learning`, which holds the record and decides what counts.
"""

from typing import Any

import numpy as np
from numba import njit

LOWEST, HIGHEST = 0.001, 0.999
_NEAR = 8  # steps to try one by one before bisecting: firings of a market follow each other in time


def _believe(points: Any, firings: Any, past: Any, how: Any, out: Any) -> None:
    """Write probability, standard error and evidence of each firing.

    `points` = (t, price_e4) of the panel; `firings` = (row, side); `past` = (at, events, win_rate, price_paid) as in
    `Record`; `how` = (prior_events, half_spread, spread_share, min_events); `out` = (p, se, evidence), all (F,).
    """
    t, price_e4 = points
    row, side = firings
    at, events_after, win_rate, price_paid = past
    prior, half, share, least = how
    p, se, evidence = out
    step = -1
    for k in range(len(row)):
        step = _last_by(at, t[row[k]], step)
        yes = price_e4[row[k]]
        mid = (yes if side[k] > 0 else 10_000 - yes) / 10_000
        price = min(mid + half + share * mid * (1.0 - mid), 1.0)
        events, won, paid = 0, price, price
        if step >= 0:
            events, won, paid = events_after[step], win_rate[step], price_paid[step]
        weight = events + prior
        mean = _within((events * won + prior * paid) / weight, 0.0, 1.0)
        edge = mean - paid if events >= max(least, 1) else 0.0
        p[k] = _within(price + edge, LOWEST, HIGHEST)
        se[k] = np.sqrt(mean * (1.0 - mean) / (weight + 1.0))
        evidence[k] = events


@njit(cache=True, nogil=True)
def _last_by(at: Any, now: int, step: int) -> int:
    """Return the last place whose instant is at most `now`, -1 before the first; `step` is where to look first."""
    low, high = -1, len(at)  # at[low] <= now < at[high], as far as they exist
    if step >= 0 and at[step] <= now:
        low = step
        for k in range(step + 1, min(step + 1 + _NEAR, len(at))):
            if at[k] > now:
                return k - 1
            low = k
    elif step >= 0:
        high = step
    while high - low > 1:
        middle = (low + high) // 2
        if at[middle] <= now:
            low = middle
        else:
            high = middle
    return low


@njit(cache=True, nogil=True)
def _within(value: float, low: float, high: float) -> float:
    """Return the value kept within bounds; NaN stays."""
    if value < low:
        return low
    return min(value, high) if value == value else value  # noqa: PLR0124  (only NaN differs from itself)


believe: Any = njit(cache=True, nogil=True, error_model="numpy")(_believe)
