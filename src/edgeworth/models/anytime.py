"""Evidence that may be looked at every day: e-values, e-CUSUM, confidence sequences.

A product over bets that are open at the same time is not a valid e-value: hand these functions one step per event, in
decision order, or the marked wealth of one self-financing book. Sources: Ville 1939; Choe and Ramdas
(arXiv 2110.00115) for the comparison of two models.
"""

import math
from typing import Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

KELLY_MIXTURE: Final = (0.125, 0.25, 0.5, 1.0)
COMPARISON_MIXTURE: Final = (0.05, 0.1, 0.2, 0.4)


def likelihood_ratios(f: Floats, m: Floats, y: Floats) -> Floats:
    """Return (f/m)^y ((1-f)/(1-m))^(1-y) per bet: what full Kelly against price m multiplies its wealth by."""
    return np.asarray(np.where(y > 0.5, f / m, (1.0 - f) / (1.0 - m)))


def wealth(ratios: Floats) -> Floats:
    """Return the path of the e-value, shape (N,): the running product of the likelihood ratios."""
    return np.asarray(np.exp(np.cumsum(np.log(ratios))))


def robust_wealth(ratios: Floats, fractions: tuple[float, ...] = KELLY_MIXTURE) -> Floats:
    """Return the mean over Kelly fractions k of the running product of 1 + k(L - 1), shape (N,)."""
    share = np.array(fractions)[:, None]
    return np.asarray(np.exp(np.cumsum(np.log1p(share * (ratios[None, :] - 1.0)), axis=1)).mean(axis=0))


def p_from_e(e: float) -> float:
    """Return the anytime-valid p-value min(1, 1/e) of the largest e-value seen."""
    return min(1.0, 1.0 / e) if e > 0 else 1.0


def comparison(d: Floats, bets: tuple[float, ...] = COMPARISON_MIXTURE) -> Floats:
    """Return the e-value path that model A beats model B, from score differences d in [-1, 1]."""
    return robust_wealth(1.0 + d, bets)


def cusum(ratios: Floats) -> Floats:
    """Return the e-CUSUM path M_t = max(M_{t-1}, 1) L_t, M_0 = 1; an alarm at 1/a has mean time >= 1/a when fine."""
    path = np.empty(len(ratios))
    level = 1.0
    for index, ratio in enumerate(ratios.tolist()):
        level = max(level, 1.0) * ratio
        path[index] = level
    return path


def shiryaev_roberts(ratios: Floats) -> Floats:
    """Return the Shiryaev-Roberts path R_t = (1 + R_{t-1}) L_t, R_0 = 0."""
    path = np.empty(len(ratios))
    level = 0.0
    for index, ratio in enumerate(ratios.tolist()):
        level = (1.0 + level) * ratio
        path[index] = level
    return path


def sequence_half_width(t: int, alpha: float = 0.05, rho: float = 0.1, sigma: float = 1.0) -> float:
    """Return the half-width at time t of the normal-mixture confidence sequence for sigma-sub-Gaussian differences."""
    scaled = t * rho * rho + 1.0
    return sigma * math.sqrt(2.0 * scaled / (t * rho) ** 2 * math.log(math.sqrt(scaled) / alpha))
