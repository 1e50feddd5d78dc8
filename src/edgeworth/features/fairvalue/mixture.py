"""Fair values when the volatility itself is uncertain: ln sigma ~ N(ln sigma_hat, s^2), integrated without chance."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Formula = Callable[[Floats], Floats]  # volatility of shape (n, nodes) -> value of the same shape

NODES = 32
_TENTH = 1.2815515655446004  # 90 % quantile of the standard normal


@dataclass(frozen=True, slots=True)
class Mixed:
    """A fair value with what the uncertainty of volatility does to it; arrays of shape (n,).

    `p` is the mean over volatilities, `low` and `high` the values at its 10 % and 90 % quantiles (in order of size),
    `se` the standard deviation over volatilities.
    """

    p: Floats
    low: Floats
    high: Floats
    se: Floats


def mix(formula: Formula, sigma: npt.ArrayLike, spread: npt.ArrayLike, nodes: int = NODES) -> Mixed:
    """Integrate a formula over ln sigma ~ N(ln sigma, spread^2) by Gauss-Hermite quadrature.

    `sigma` and `spread` have shape (n,) or are numbers; `formula` must be elementwise in the volatility.
    Source: Abramowitz and Stegun 25.4.46.
    """
    centre = np.atleast_1d(np.asarray(sigma, dtype=np.float64))
    width = np.broadcast_to(np.asarray(spread, dtype=np.float64), centre.shape)
    points, weights = np.polynomial.hermite_e.hermegauss(nodes)
    weights = weights / weights.sum()
    values = formula(centre[:, None] * np.exp(width[:, None] * points))
    mean = values @ weights
    variance = np.maximum((values - mean[:, None]) ** 2 @ weights, 0.0)
    edges = formula(centre[:, None] * np.exp(width[:, None] * np.array([-_TENTH, _TENTH])))
    return Mixed(mean, edges.min(axis=1), edges.max(axis=1), np.sqrt(variance))
