"""Planted biases as a fixed, strictly increasing map between the latent probability and the quoted price.

Inside a bias's band the latent probability is p(q) = q -+ delta(q), so whoever buys the cheap leg at the quoted price q
earns delta on average, whatever the path did before: the map is deterministic, hence E[outcome | q] = p(q) exactly.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgeworth.core.types import FeeSchedule, Side
from edgeworth.core.units import HOUR
from edgeworth.sandbox.scenario import Bias

Array = npt.NDArray[np.float64]
_GRID = np.linspace(0.0, 1.0, 4001)


def stated_cost(quoted: Array, half_spread: float, fee: FeeSchedule) -> Array:
    """Return the cost of buying either leg at a quoted mid: half the spread and the taker fee, dollars per share."""
    rate = fee.rate_e6 / 1e6
    cost: Array = half_spread + rate * (quoted * (1.0 - quoted)) ** fee.exponent
    return cost


def latent_of_quoted(quoted: Array, biases: tuple[Bias, ...], half_spread: float, fee: FeeSchedule) -> Array:
    """Return the true probability behind quoted prices under all `biases` at once."""
    latent = np.array(quoted, dtype=np.float64)
    for bias in biases:
        size = np.full_like(latent, bias.points / 100.0)
        if bias.net:
            size += stated_cost(quoted, half_spread, fee)
        latent -= int(bias.side is Side.NO) * size * _weight(quoted, bias)
        latent += int(bias.side is Side.YES) * size * _weight(quoted, bias)
    return latent


def _weight(quoted: Array, bias: Bias) -> Array:
    """Return 1 inside the band, fading linearly to 0 outside it and always 0 at prices 0 and 1."""
    ramp = 0.03 + 2.0 * bias.points / 100.0
    left = max(bias.low - ramp, 0.0)
    right = min(bias.high + ramp, 1.0)
    weight: Array = np.interp(quoted, [left, bias.low, bias.high, right], [0.0, 1.0, 1.0, 0.0])
    return weight


@dataclass(frozen=True, slots=True)
class Distortion:
    """Turn latent probabilities into quoted prices for one category and one fee schedule.

    Raises ValueError when the biases cannot keep prices strictly increasing inside (0, 1).
    """

    biases: tuple[Bias, ...]
    half_spread: float
    fee: FeeSchedule

    def quote(self, latent: Array, hours_to_end: Array) -> Array:
        """Return quoted prices; `hours_to_end` (same shape) selects the biases that apply at that horizon."""
        if not self.biases:
            return latent
        active = np.stack([(hours_to_end >= b.min_hours) & (hours_to_end <= b.max_hours) for b in self.biases])
        code = np.zeros(latent.shape, dtype=np.int64)
        for number in range(len(self.biases)):
            code |= active[number].astype(np.int64) << number
        quoted = latent.copy()
        for value in np.unique(code[code > 0]):
            chosen = tuple(b for number, b in enumerate(self.biases) if int(value) >> number & 1)
            where = code == value
            quoted[where] = np.interp(latent[where], self._table(chosen), _GRID)
        return quoted

    def _table(self, biases: tuple[Bias, ...]) -> Array:
        table = latent_of_quoted(_GRID, biases, self.half_spread, self.fee)
        if np.any(np.diff(table) <= 0) or abs(table[0]) > 1e-12 or abs(table[-1] - 1.0) > 1e-12:
            names = ", ".join(bias.name for bias in biases)
            raise ValueError(f"biases too large for their price band: {names}")
        return table


def matching(biases: tuple[Bias, ...], category: str) -> tuple[Bias, ...]:
    """Return the biases planted in a category."""
    return tuple(bias for bias in biases if bias.category == category)


def hours(micros: npt.NDArray[np.int64]) -> Array:
    """Convert microseconds to hours."""
    result: Array = micros / HOUR
    return result
