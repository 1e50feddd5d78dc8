"""Selection bias: deflated Sharpe, probability of backtest overfitting, tests of the best of many.

Sharpe ratios are per event return, never annualised. Sources: Bailey and Lopez de Prado 2014 (PSR, DSR); Bailey,
Borwein, Lopez de Prado and Zhu 2015 (PBO by CSCV); Hansen 2005 (SPA); Romano and Wolf 2005 (step-down).
"""

import math
from itertools import combinations
from typing import Final

import numpy as np
import numpy.typing as npt

from edgeworth.core.random import stream
from edgeworth.models.scores import normal_quantile

Floats = npt.NDArray[np.float64]
EULER: Final = 0.5772156649
_FEWEST = 3


def expected_maximum(trials: int) -> float:
    """Return SR0 / sqrt(V): the expected largest of `trials` independent standard normals; 0 for a single trial."""
    if trials <= 1:
        return 0.0
    return (1 - EULER) * normal_quantile(1 - 1 / trials) + EULER * normal_quantile(1 - 1 / (trials * math.e))


def probabilistic_sharpe(sharpe: float, against: float, size: int, skew: float = 0.0, kurtosis: float = 3.0) -> float:
    """Return the probability that the true Sharpe ratio exceeds `against`; `kurtosis` is raw (3 for a normal)."""
    if size < _FEWEST:
        return 0.0
    spread = 1 - skew * sharpe + (kurtosis - 1) * sharpe**2 / 4
    if spread <= 0:
        return 0.0
    return 0.5 * math.erfc(-(sharpe - against) * math.sqrt(size - 1) / math.sqrt(spread) / math.sqrt(2))


def moments(returns: Floats) -> tuple[float, float, float]:
    """Return Sharpe ratio (mean over standard deviation, ddof 1), skewness and raw kurtosis of event returns."""
    if len(returns) < _FEWEST:
        return 0.0, 0.0, 3.0
    spread = float(returns.std(ddof=1))
    if spread <= 1e-15:
        return 0.0, 0.0, 3.0
    centred = returns - returns.mean()
    variance = float((centred**2).mean())
    return (
        float(returns.mean()) / spread,
        float((centred**3).mean()) / variance**1.5,
        float((centred**4).mean()) / variance**2,
    )


def deflated_sharpe(returns: Floats, trials: int, variance: float) -> float:
    """Return the probability that the Sharpe ratio of event returns (T,) beats the best of `trials` by chance.

    `variance` is that of the Sharpe ratios over the trials.
    """
    sharpe, skew, kurtosis = moments(returns)
    return probabilistic_sharpe(sharpe, math.sqrt(variance) * expected_maximum(trials), len(returns), skew, kurtosis)


def overfitting_logits(performance: Floats, blocks: int = 10) -> Floats:
    """Return lambda per split of CSCV for returns (T, N): logit of the out-of-sample rank of the in-sample best.

    The T rows are cut into `blocks` (even) consecutive parts; every half of them is in sample once, in the order of
    `itertools.combinations`. Score is mean over standard deviation (ddof 0); ties count half.
    """
    rows, width = performance.shape
    if blocks % 2 or blocks > rows or width < 2:
        raise ValueError("blocks must be even and at most T, with two strategies or more")
    edges = np.linspace(0, rows, blocks + 1).astype(np.int64)
    sizes = np.diff(edges).astype(np.float64)
    sums = np.add.reduceat(performance, edges[:-1], axis=0)
    squares = np.add.reduceat(performance**2, edges[:-1], axis=0)
    chosen = np.zeros((math.comb(blocks, blocks // 2), blocks))
    for row, picked in enumerate(combinations(range(blocks), blocks // 2)):
        chosen[row, list(picked)] = 1.0
    inside = _scores(chosen, sizes, sums, squares)
    outside = _scores(1.0 - chosen, sizes, sums, squares)
    best = inside.argmax(axis=1)
    own = outside[np.arange(len(best)), best][:, None]
    below = (outside < own).sum(axis=1)
    ties = (outside == own).sum(axis=1) - 1
    share = (below + 1 + ties / 2) / (width + 1)
    return np.asarray(np.log(share / (1 - share)))


def _scores(chosen: Floats, sizes: Floats, sums: Floats, squares: Floats) -> Floats:
    n = (chosen @ sizes)[:, None]
    mean = chosen @ sums / n
    spread = np.sqrt(np.maximum(chosen @ squares / n - mean**2, 0.0))
    return np.asarray(np.divide(mean, spread, out=np.zeros_like(mean), where=spread > 1e-12))


def overfitting_probability(performance: Floats, blocks: int = 10) -> float:
    """Return PBO: the share of CSCV splits whose in-sample best lies in the lower half out of sample."""
    return float((overfitting_logits(performance, blocks) <= 1e-12).mean())


def _bootstrap_means(differences: Floats, repetitions: int, seed: int) -> Floats:
    """Return means of resampled rows, shape (repetitions, N), by multinomial weights: rows are events."""
    rows = len(differences)
    generator = stream(seed, "best-of-many")
    drawn = generator.integers(0, rows, (repetitions, rows))
    offset = np.arange(repetitions)[:, None] * rows
    weights = np.bincount((drawn + offset).ravel(), minlength=repetitions * rows).reshape(repetitions, rows)
    return np.asarray(weights @ differences / rows)


def superior_ability(differences: Floats, repetitions: int = 1000, seed: int = 7) -> float:
    """Return Hansen's SPA p-value that no column of per-event gains over the benchmark (T, N) has a positive mean."""
    rows = len(differences)
    means = differences.mean(axis=0)
    errors = differences.std(axis=0, ddof=1) / math.sqrt(rows)
    usable = errors > 0
    if not usable.any():
        return 1.0
    t = means[usable] / errors[usable]
    observed = max(0.0, float(t.max()))
    keep = t >= -math.sqrt(2 * math.log(math.log(max(rows, 3))))
    drawn = _bootstrap_means(differences[:, usable], repetitions, seed)
    recentred = (drawn - means[usable]) / errors[usable] + np.where(keep, 0.0, t)
    largest = np.maximum(recentred.max(axis=1), 0.0)
    return float((1 + (largest >= observed).sum()) / (repetitions + 1))


def step_down(differences: Floats, alpha: float = 0.05, repetitions: int = 1000, seed: int = 7) -> list[int]:
    """Return the columns with a positive mean at family-wise level `alpha` (Romano and Wolf), strongest first."""
    means = differences.mean(axis=0)
    errors = np.maximum(differences.std(axis=0, ddof=1) / math.sqrt(len(differences)), 1e-300)
    t = means / errors
    null = (_bootstrap_means(differences, repetitions, seed) - means) / errors
    found: list[int] = []
    remaining = list(range(len(t)))
    while remaining:
        best = max(remaining, key=lambda index: t[index])
        if t[best] <= np.quantile(null[:, remaining].max(axis=1), 1 - alpha):
            break
        found.append(best)
        remaining.remove(best)
    return found
