"""What a side is worth as a distribution: every belief is a Beta of a win rate, shifted to today's price.

A rule's win rate is learned from its own resolved past as `forecasting.learning` does: with K independent events won at
the rate w at a mean price c, and a prior that believes the price with the weight of n0 events,

    win rate ~ Beta(K w + n0 c, K (1 - w) + n0 (1 - c))        fair value = price now + (win rate - c)

so P(edge > 0) is the chance that the shifted win rate exceeds the all-in cost. A forecast with its own probability and
standard error is a Beta of the same mean and variance without a shift; a model can therefore join on equal terms.
"""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from edgeworth.core.panel import Floats, Int64s

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_SURE: Final = 1e-9  # a standard error below it is certainty
_LOWEST, _HIGHEST = 0.001, 0.999


@dataclass(frozen=True, slots=True)
class Odds:
    """Beliefs about F sides, all arrays (F,): Beta(a, b) + shift; `a + b` is infinite where the mean is certain.

    `events`: independent resolved events behind each; `paid`: mean price at which those were bought.
    """

    mean: Floats
    weight: Floats
    shift: Floats
    events: Int64s
    paid: Floats

    def take(self, index: Int64s) -> "Odds":
        """Return the beliefs at some positions."""
        return joined([self], index)

    def fair(self) -> Floats:
        """Return the win probability of the side today, kept within [0.001, 0.999]."""
        import numpy as np

        return np.clip(self.mean + self.shift, _LOWEST, _HIGHEST)

    def error(self) -> Floats:
        """Return the standard error of the fair value."""
        import numpy as np

        return np.sqrt(self.mean * (1.0 - self.mean) / (self.weight + 1.0))

    def exceeds(self, cost: Floats) -> Floats:
        """Return the posterior probability that the win probability exceeds `cost`, elementwise."""
        import numpy as np
        from scipy import special

        level = cost - self.shift
        a, b = self._parameters()
        inside = np.clip(level, 0.0, 1.0)
        chance = 1.0 - special.betainc(a, b, inside)
        sure = ~self._spread()
        certain = (self.mean > level).astype(float)
        return np.where(sure, certain, np.where(level <= 0.0, 1.0, np.where(level >= 1.0, 0.0, chance)))

    def interval(self, confidence: float = 0.95) -> tuple[Floats, Floats]:
        """Return the equal-tailed interval of the win rate, before the shift."""
        import numpy as np
        from scipy import special

        a, b = self._parameters()
        tail = (1.0 - confidence) / 2
        spread = self._spread()
        low, high = (np.where(spread, special.betaincinv(a, b, q), self.mean) for q in (tail, 1.0 - tail))
        return low, high

    def _spread(self) -> "npt.NDArray[np.bool_]":
        import numpy as np

        return np.isfinite(self.weight) & (self.mean > 0.0) & (self.mean < 1.0)

    def _parameters(self) -> tuple[Floats, Floats]:
        """Return a and b, harmless ones where the mean is certain."""
        import numpy as np

        spread = self._spread()
        weight = np.where(spread, self.weight, 2.0)
        mean = np.where(spread, self.mean, 0.5)
        return weight * mean, weight * (1.0 - mean)


def learned(past: tuple[int, float, float], price: Floats, prior: float) -> Odds:
    """Return the odds of a rule at today's prices; `past` = (events, win rate, price paid), the latter NaN for none."""
    import numpy as np

    events, rate, cost = past
    count = len(price)
    paid = np.full(count, cost) if events else np.asarray(price, float)
    won = np.full(count, rate) if events else paid
    mean = np.clip((events * won + prior * paid) / (events + prior), 0.0, 1.0)
    return Odds(mean, np.full(count, events + prior), price - paid, np.full(count, events, np.int64), paid)


def stated(p: Floats, error: Floats, events: Int64s, paid: Floats) -> Odds:
    """Return the odds of forecasts that state their probability and its standard error (0 = certain)."""
    import numpy as np

    with np.errstate(divide="ignore", invalid="ignore"):
        weight = p * (1.0 - p) / error**2 - 1.0
    certain = (error <= _SURE) | ~np.isfinite(weight)
    # an error beyond that of a fair coin's own variance says nothing at all: the flattest Beta of that mean
    return Odds(p, np.where(certain, math.inf, np.maximum(weight, 1e-3)), np.zeros(len(p)), events, paid)


def joined(parts: list[Odds], index: Int64s | None = None) -> Odds:
    """Put several odds end to end, or only those at `index` of the whole."""
    import numpy as np

    names = ("mean", "weight", "shift", "events", "paid")
    whole = (np.concatenate([getattr(part, name) for part in parts]) for name in names)
    return Odds(*(column if index is None else column[index] for column in whole))
