"""Contracts cut from real candle paths, whose outcome is a fact of the path under the rule.

They train and test the layer from variance to probability, never the edge over a market: they have no quotes.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgeworth.core.random import stream
from edgeworth.core.units import DAY
from edgeworth.features.fairvalue.realised import Bars, later_variance, realised_variance

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
WINDOWS = (1.0, 7.0, 30.0)
_NEAREST, _FURTHEST = 0.3, 2.5  # distance of the level in units of sigma sqrt(T)


@dataclass(frozen=True, slots=True)
class Contracts:
    """One-touch contracts, shape (n,) each: `symbol` and `group` (symbol and month) as indices, `t0` when cut, `t1` the
    deadline, `spot`, `level`, `touched` 0/1; `realised` (n, 3) over WINDOWS and `later` variance over the contract.
    """

    symbol: Ints
    group: Ints
    t0: Ints
    t1: Ints
    spot: Floats
    level: Floats
    touched: Floats
    realised: Floats
    later: Floats

    def __len__(self) -> int:
        """Return the number of contracts."""
        return len(self.t0)

    @property
    def years(self) -> Floats:
        """Time to the deadline in years of 365 days."""
        return (self.t1 - self.t0) / (365.0 * DAY)

    def choose(self, rows: npt.NDArray[np.bool_]) -> "Contracts":
        """Return some of the contracts."""
        return Contracts(*(getattr(self, name)[rows] for name in self.__dataclass_fields__))


def cut_touches(series: Mapping[str, Bars], days: float, every: float, seed: int) -> Contracts:
    """Cut a touch contract of `days` from each symbol every `every` days, up and down in turn by chance.

    The level lies z sigma sqrt(T) away, z uniform in [0.3, 2.5], sigma realised over the 30 days before. The label is
    1 if a later high (low) reaches it by the deadline. Where a candle is missing, before or within, there is none.
    """
    parts = [_cut(index, name, series[name], (days, every, seed)) for index, name in enumerate(sorted(series))]
    joined = [np.concatenate(columns) for columns in zip(*parts, strict=True)]
    symbol, t0 = joined[0], joined[1]
    months = t0.astype("datetime64[us]").astype("datetime64[M]").astype(np.int64)
    _, group = np.unique(symbol * 100_000 + months, return_inverse=True)
    return Contracts(symbol, group.astype(np.int64), *joined[1:])


def _cut(index: int, name: str, bars: Bars, plan: tuple[float, float, int]) -> tuple[np.ndarray, ...]:
    days, every, seed = plan
    size, stride = round(days * DAY / bars.step), max(1, round(every * DAY / bars.step))
    realised, later = realised_variance(bars, WINDOWS), later_variance(bars, days)
    places = np.arange(0, max(len(bars.t) - size, 0), stride)
    places = places[np.isfinite(realised[places]).all(axis=1) & np.isfinite(later[places])]
    draw = stream(seed, "virtual-contracts", name)
    z, up = draw.uniform(_NEAREST, _FURTHEST, len(places)), draw.random(len(places)) < 0.5
    spot = bars.close[places]
    width = np.sqrt(realised[places, 2] * days / 365.0)
    level = spot * np.exp(np.where(up, z, -z) * width)
    highest, lowest = _later_extremes(bars, size)
    touched = np.where(up, highest[places] >= level, lowest[places] <= level).astype(np.float64)
    t0 = bars.known_at[places]
    fields = (t0, t0 + size * bars.step, spot, level, touched, realised[places], later[places])
    return (np.full(len(places), index, dtype=np.int64), *fields)


def _later_extremes(bars: Bars, size: int) -> tuple[Floats, Floats]:
    """Return the highest high and the lowest low of the `size` bars after each bar; NaN at the end. Shape (n,)."""
    from scipy.ndimage import maximum_filter1d, minimum_filter1d

    # a window of `size` centred at i + offset covers bars i+1 .. i+size
    highest, lowest = np.full(len(bars.t), np.nan), np.full(len(bars.t), np.nan)
    origin = (size - 1) // 2 - (size // 2)  # even windows lean to the left
    top = maximum_filter1d(bars.high, size, origin=origin, mode="nearest")
    bottom = minimum_filter1d(bars.low, size, origin=origin, mode="nearest")
    centre = np.arange(len(bars.t)) + 1 + (size - 1) // 2
    inside = np.arange(len(bars.t)) + size < len(bars.t)
    highest[inside], lowest[inside] = top[centre[inside]], bottom[centre[inside]]
    return highest, lowest
