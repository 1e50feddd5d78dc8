"""Realised variance of a candle series, looking back only; a gap makes it unknown, never small."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgeworth.core.units import DAY

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

YEAR_DAYS = 365


@dataclass(frozen=True, slots=True)
class Bars:
    """Closed candles of one symbol in time order: `t` open times in microseconds, `step` their spacing; shape (n,)."""

    t: Ints
    high: Floats
    low: Floats
    close: Floats
    step: int

    @property
    def known_at(self) -> Ints:
        """When each candle was final: its close."""
        return self.t + self.step


def realised_variance(bars: Bars, days: Sequence[float]) -> Floats:
    """Return annualised realised variance over the last `days` at each bar's close, shape (n, len(days)).

    The sum of squared log returns of the window's bars, per day, times 365. NaN until the window is full, and wherever
    a bar is missing within it. Source: Andersen and Bollerslev, International Economic Review 39(4), 1998.
    """
    total, valid = _running(bars)
    result = np.full((len(bars.t), len(days)), np.nan)
    for column, length in enumerate(days):
        size = round(length * DAY / bars.step)
        if size < 1 or size >= len(bars.t):
            continue
        sums = total[size:] - total[:-size]
        full = valid[size:] - valid[:-size] == size
        result[size - 1 :, column] = np.where(full, sums, np.nan)[: len(bars.t) - size + 1] / length * YEAR_DAYS
    return result


def later_variance(bars: Bars, days: float) -> Floats:
    """Return annualised variance realised in the `days` after each bar's close, shape (n,): a label, never an input."""
    size = round(days * DAY / bars.step)
    result = np.full(len(bars.t), np.nan)
    if 0 < size < len(bars.t):
        behind = realised_variance(bars, [days])[:, 0]
        result[:-size] = behind[size:]
    return result


def ewma_variance(returns: Floats, start: float, decay: float = 0.94) -> Floats:
    """Return h_i = decay h_i-1 + (1 - decay) r_i^2 from `start`, shape of `returns` (RiskMetrics, 1996)."""
    from scipy.signal import lfilter

    squares = (1.0 - decay) * np.asarray(returns, dtype=np.float64) ** 2
    filtered, _ = lfilter([1.0], [1.0, -decay], squares, zi=[decay * start])
    return np.asarray(filtered, dtype=np.float64)


def qlike(realised: npt.ArrayLike, forecast: npt.ArrayLike) -> Floats:
    """Return RV/h - ln(RV/h) - 1, a loss robust to noise in RV (Patton, Journal of Econometrics 160(1), 2011)."""
    ratio = np.asarray(realised, dtype=np.float64) / np.asarray(forecast, dtype=np.float64)
    return np.asarray(ratio - np.log(ratio) - 1.0, dtype=np.float64)


def _running(bars: Bars) -> tuple[Floats, Ints]:
    """Return running sums of squared returns and of valid returns, with a leading zero; shape (n + 1,)."""
    steps = np.diff(bars.t) == bars.step
    squares = np.where(steps, np.diff(np.log(bars.close)) ** 2, 0.0)
    total = np.concatenate(([0.0, 0.0], np.cumsum(squares)))
    valid = np.concatenate(([0, 0], np.cumsum(steps))).astype(np.int64)
    return total, valid
