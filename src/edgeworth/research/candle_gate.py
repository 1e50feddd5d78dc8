"""The noise gate: are these candles a traded price at all? Asked before anything is fitted on them.

Four numbers that a diffusing price fixes and invented candles miss: high and low enclose open and close in every
candle; the variance of 50-bar moves is 50 times that of one (independent draws: 1/50 of that); an hour moves by a tenth
of a per cent to a few per cent; the deviation of k-bar moves grows like the root of k. Four independent uniform draws
are a valid candle with probability 1/12. Source of the ratio: Lo and MacKinlay, Review of Financial Studies 1(1), 1988.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from edgeworth.core.errors import DataError
from edgeworth.core.units import HOUR
from edgeworth.features.fairvalue.path import History

Floats = npt.NDArray[np.float64]

RATIO_BARS: Final = 50
RATIO: Final = (0.3, 3.0)  # a random walk of 7,321 bars lies within .80-1.23 in 98 % of cases
HOURLY: Final = (0.001, 0.03)  # deviation of an hour: 45 recorded coins .5-2.3 %, invented candles 16 %
GROWTH: Final = (0.25, 0.75)  # exponent of the deviation of k-bar moves in k; 1/2 for a walk, 0 for independent draws
STEPS: Final = (1, 2, 5, 10, 20, 50)
LEAST_BARS: Final = 1_000  # below it the statistics say too little; the candles' own order is always checked


@dataclass(frozen=True, slots=True)
class Gate:
    """What was measured: candles, `broken` ones, variance ratio over 50 bars, hourly deviation, growth exponent.

    The statistics are NaN for short series. `reason` says why the candles are refused, empty where they are not.
    """

    bars: int
    broken: int
    ratio: float
    hourly: float
    growth: float
    reason: str


def judge(history: History) -> Gate:
    """Measure the candles of one pair and decide."""
    bars, broken = len(history.t), int(np.count_nonzero(broken_bars(history)))
    if broken:
        return Gate(bars, broken, np.nan, np.nan, np.nan, f"{broken} of {bars} candles contradict themselves")
    if bars < LEAST_BARS:
        return Gate(bars, 0, np.nan, np.nan, np.nan, "")
    deviations = np.array([_deviation(history, k) for k in STEPS])
    if not (np.isfinite(deviations).all() and (deviations > 0).all()):
        return Gate(bars, 0, np.nan, np.nan, np.nan, "the price never moves, or the candles hang together too little")
    one, many = deviations[0], deviations[STEPS.index(RATIO_BARS)]
    ratio = float(many**2 / (RATIO_BARS * one**2))
    hourly = float(one * np.sqrt(HOUR / history.step))
    growth = float(np.polyfit(np.log(STEPS), np.log(deviations), 1)[0])
    return Gate(bars, 0, ratio, hourly, growth, _why(ratio, hourly, growth))


def check(history: History, symbol: str) -> Gate:
    """Return what was measured; raises DataError implausible-candles when the candles are refused."""
    found = judge(history)
    if found.reason:
        raise DataError("implausible-candles", f"{symbol}: {found.reason}", symbols=[symbol])
    return found


def sound(histories: Mapping[str, History]) -> tuple[dict[str, History], dict[str, str]]:
    """Return the series that pass, and why the others do not, by symbol."""
    reasons = {symbol: judge(history).reason for symbol, history in histories.items()}
    passed = {symbol: history for symbol, history in histories.items() if not reasons[symbol]}
    return passed, {symbol: reason for symbol, reason in reasons.items() if reason}


def broken_bars(history: History) -> npt.NDArray[np.bool_]:
    """Return, per candle, whether a price is not positive or high and low do not enclose open and close; shape (n,)."""
    top, bottom = np.maximum(history.open, history.close), np.minimum(history.open, history.close)
    return np.asarray(~((history.high >= top) & (history.low <= bottom) & (history.low > 0)))


def _deviation(history: History, k: int) -> float:
    """Return the standard deviation of k-bar log moves without a hole in them; NaN with too few."""
    level = np.log(history.close)
    whole = history.t[k:] - history.t[:-k] == k * history.step
    moves = (level[k:] - level[:-k])[whole]
    return float(np.std(moves)) if len(moves) >= LEAST_BARS // 2 else float("nan")


def _why(ratio: float, hourly: float, growth: float) -> str:
    if not HOURLY[0] <= hourly <= HOURLY[1]:
        return f"an hour moves the price by {hourly:.2%}, a traded price by {HOURLY[0]:.3%} to {HOURLY[1]:.0%}"
    if not RATIO[0] <= ratio <= RATIO[1]:
        return f"variance ratio over {RATIO_BARS} bars {ratio:.3f}, a traded price near 1"
    if not GROWTH[0] <= growth <= GROWTH[1]:
        return f"moves over k bars grow like k^{growth:.2f}, a traded price like k^0.5"
    return ""
