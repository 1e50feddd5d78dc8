"""Scores of probabilities, always beside the market price's own, with errors clustered by event.

`y` is the payout of YES in {0, 1}, `m` the market price, `f` a forecast, all of shape (N,); `event` holds any integer
labels of shape (N,). Logarithms are natural. Probabilities are clipped to [1e-6, 1 - 1e-6] inside logarithms only.
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_TINY: Final = 1e-6
_NEWTON_STEPS: Final = 60


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean with its event-cluster standard error and interval; `events` is the number of clusters."""

    value: float
    error: float
    low: float
    high: float
    events: int


@dataclass(frozen=True, slots=True)
class Skill:
    """How a forecast compares with the market price on the same rows; positive = better than the price."""

    log_loss_gain: Estimate
    brier_skill: Estimate
    brier_forecast: float
    brier_market: float
    log_loss_forecast: float
    log_loss_market: float


@dataclass(frozen=True, slots=True)
class Parts:
    """A decomposed Brier score: `total` = reliability - resolution + uncertainty."""

    reliability: float
    resolution: float
    uncertainty: float

    @property
    def total(self) -> float:
        """Return the Brier score the parts add up to."""
        return self.reliability - self.resolution + self.uncertainty


@dataclass(frozen=True, slots=True)
class Recalibration:
    """The fit logit P(y) = a + b logit f, with the test of (a, b) = (0, 1).

    `likelihood_ratio` and `p_value` (2 degrees of freedom) take rows as independent; `wald_p` uses the event sandwich.
    `slope` above 1 says that prices lie too close to one half.
    """

    intercept: float
    slope: float
    slope_error: float
    likelihood_ratio: float
    p_value: float
    wald_p: float


def clip(values: Floats) -> Floats:
    """Keep probabilities off 0 and 1, for logarithms."""
    return np.clip(values, _TINY, 1.0 - _TINY)


def logit(values: Floats) -> Floats:
    """Return log-odds of clipped probabilities."""
    safe = clip(values)
    return np.log(safe) - np.log1p(-safe)


def normal_quantile(probability: float) -> float:
    """Return the standard normal quantile."""
    from statistics import NormalDist

    return NormalDist().inv_cdf(probability)


def normal_tail(z: float) -> float:
    """Return P(Z > z) of a standard normal, accurate far out."""
    return 0.5 * math.erfc(z / math.sqrt(2.0))


def brier(f: Floats, y: Floats) -> float:
    """Return the mean squared error of probabilities."""
    return float(np.mean((f - y) ** 2))


def log_losses(f: Floats, y: Floats) -> Floats:
    """Return the log-loss of every row in nats, shape (N,)."""
    safe = clip(f)
    return np.asarray(-(y * np.log(safe) + (1.0 - y) * np.log1p(-safe)))


def log_loss(f: Floats, y: Floats) -> float:
    """Return the mean log-loss in nats."""
    return float(np.mean(log_losses(f, y)))


def dense(event: npt.NDArray[np.integer]) -> tuple[Ints, int]:
    """Number event labels 0..G-1; returns the numbers (N,) and G."""
    labels, numbers = np.unique(event, return_inverse=True)
    return numbers.astype(np.int64), len(labels)


def cluster_mean(d: Floats, event: npt.NDArray[np.integer], confidence: float = 0.95) -> Estimate:
    """Return a mean with the cluster-robust error Var = G/(G-1) sum_g (sum_{i in g} (d_i - mean))^2 / n^2.

    With one cluster the error is infinite: nothing is known about its variation.
    """
    numbers, count = dense(event)
    mean = float(np.mean(d))
    if count < 2:
        return Estimate(mean, math.inf, -math.inf, math.inf, count)
    sums = np.bincount(numbers, d - mean, count)
    error = math.sqrt(count / (count - 1) * float(sums @ sums)) / len(d)
    reach = normal_quantile(0.5 + confidence / 2) * error
    return Estimate(mean, error, mean - reach, mean + reach, count)


def log_loss_gain(f: Floats, m: Floats, y: Floats) -> Floats:
    """Return per row y ln(f/m) + (1-y) ln((1-f)/(1-m)): positive where the forecast beats the price."""
    return log_losses(m, y) - log_losses(f, y)


def skill(f: Floats, m: Floats, y: Floats, event: npt.NDArray[np.integer], confidence: float = 0.95) -> Skill:
    """Score a forecast against the market price on the same rows, clustered by event.

    The Brier skill 1 - BS_f/BS_m gets its error by the delta method on the ratio of two means.
    """
    loss_f, loss_m = (f - y) ** 2, (m - y) ** 2
    mean_f, mean_m = float(loss_f.mean()), float(loss_m.mean())
    ratio = mean_f / mean_m if mean_m else math.nan
    influence = 1.0 - ratio - (loss_f - ratio * loss_m) / mean_m if mean_m else np.full(len(y), math.nan)
    return Skill(
        cluster_mean(log_loss_gain(f, m, y), event, confidence),
        cluster_mean(influence, event, confidence),
        mean_f,
        mean_m,
        log_loss(f, y),
        log_loss(m, y),
    )


def murphy(f: Floats, y: Floats) -> Parts:
    """Decompose the Brier score of discrete forecasts: BS = REL - RES + UNC (Murphy 1973), exact per distinct value."""
    values, groups = np.unique(f, return_inverse=True)
    counts = np.bincount(groups)
    hits = np.bincount(groups, y) / counts
    base = float(y.mean())
    total = len(y)
    reliability = float(counts @ (values - hits) ** 2) / total
    resolution = float(counts @ (hits - base) ** 2) / total
    return Parts(reliability, resolution, base * (1.0 - base))


def isotonic(x: Floats, y: Floats) -> Floats:
    """Return the non-decreasing least-squares fit of y on x (pool adjacent violators), ties in x pooled first."""
    values, groups = np.unique(x, return_inverse=True)
    weights = np.bincount(groups).astype(np.float64)
    means = np.bincount(groups, y) / weights
    level: list[float] = []
    weight: list[float] = []
    width: list[int] = []
    for mean, mass in zip(means.tolist(), weights.tolist(), strict=True):
        level.append(mean)
        weight.append(mass)
        width.append(1)
        while len(level) > 1 and level[-2] >= level[-1]:
            total = weight[-2] + weight[-1]
            level[-2] = (level[-2] * weight[-2] + level[-1] * weight[-1]) / total
            weight[-2] = total
            width[-2] += width[-1]
            del level[-1], weight[-1], width[-1]
    fitted = np.repeat(np.array(level), np.array(width, dtype=np.int64)) if len(values) else np.zeros(0)
    return np.asarray(fitted[groups])


def corp(f: Floats, y: Floats) -> Parts:
    """Decompose the Brier score by isotonic recalibration: BS = MCB - DSC + UNC, no bins to choose.

    Source: Dimitriadis, Gneiting and Jordan 2021. `reliability` is MCB, `resolution` DSC.
    """
    base = float(y.mean())
    recalibrated = brier(isotonic(f, y), y)
    uncertainty = base * (1.0 - base)
    return Parts(brier(f, y) - recalibrated, uncertainty - recalibrated, uncertainty)


def recalibrate(f: Floats, y: Floats, event: npt.NDArray[np.integer]) -> Recalibration | None:
    """Fit logit P(y) = a + b logit f by Newton steps; None when the outcomes do not vary or the fit runs away."""
    x = logit(f)
    if len(y) < 3 or float(np.ptp(x)) == 0.0 or not 0.0 < float(y.mean()) < 1.0:
        return None
    design = np.column_stack([np.ones_like(x), x])
    beta = np.array([0.0, 1.0])
    for _ in range(_NEWTON_STEPS):
        fitted = 1.0 / (1.0 + np.exp(-np.clip(design @ beta, -35, 35)))
        hessian = design.T @ (design * (fitted * (1.0 - fitted))[:, None])
        try:
            step = np.linalg.solve(hessian, design.T @ (y - fitted))
        except np.linalg.LinAlgError:
            return None
        beta = beta + np.clip(step, -2.0, 2.0)
        if float(np.abs(step).max()) < 1e-12:
            break
    else:
        return None
    return _recalibration(design, y, beta, event)


def _recalibration(design: Floats, y: Floats, beta: Floats, event: npt.NDArray[np.integer]) -> Recalibration:
    fitted = 1.0 / (1.0 + np.exp(-design @ beta))
    bread = np.linalg.inv(design.T @ (design * (fitted * (1.0 - fitted))[:, None]))
    numbers, count = dense(event)
    scores = np.column_stack([np.bincount(numbers, design[:, j] * (y - fitted), count) for j in range(2)])
    sandwich = bread @ (scores.T @ scores) @ bread * (count / max(count - 1, 1))
    base = 1.0 / (1.0 + np.exp(-design[:, 1]))
    ratio = 2.0 * len(y) * (log_loss(base, y) - log_loss(fitted, y))
    shift = beta - np.array([0.0, 1.0])
    try:
        wald = float(shift @ np.linalg.solve(sandwich, shift))
    except np.linalg.LinAlgError:
        wald = math.nan
    slope_error = math.sqrt(max(float(sandwich[1, 1]), 0.0))
    # the upper tail of chi-square with 2 degrees of freedom is exp(-x/2)
    return Recalibration(
        float(beta[0]),
        float(beta[1]),
        slope_error,
        ratio,
        math.exp(-max(ratio, 0.0) / 2),
        math.exp(-max(wald, 0.0) / 2),
    )


def spiegelhalter(f: Floats, y: Floats) -> float:
    """Return Z = sum (y-f)(1-2f) / sqrt(sum (1-2f)^2 f(1-f)), standard normal when f is calibrated."""
    lean = 1.0 - 2.0 * f
    spread = math.sqrt(float(np.sum(lean**2 * f * (1.0 - f))))
    total = float(np.sum((y - f) * lean))
    return total / spread if spread > 0.0 else 0.0


def wilson(hits: Floats, n: Floats, confidence: float = 0.95) -> tuple[Floats, Floats]:
    """Return Wilson's interval of proportions, elementwise; (0, 1) where n is 0."""
    z = normal_quantile(0.5 + confidence / 2)
    size = np.maximum(n, 1e-12)
    rate = hits / size
    centre = (rate + z * z / (2 * size)) / (1 + z * z / size)
    reach = z / (1 + z * z / size) * np.sqrt(rate * (1 - rate) / size + z * z / (4 * size * size))
    empty = n <= 0
    return np.where(empty, 0.0, np.maximum(centre - reach, 0.0)), np.where(empty, 1.0, np.minimum(centre + reach, 1.0))


def beta_twin(a: float, b: float) -> dict[str, float]:
    """Return what a calibrated market without any edge scores when its prices follow Beta(a, b).

    Keys auc, accuracy, brier, log_loss. Brier and log-loss are closed forms; AUC is P(a winner's price > a loser's),
    the winners' prices following Beta(a+1, b), the losers' Beta(a, b+1).
    """
    from scipy import integrate, special

    total = a + b
    loss = a / total * (special.psi(a + 1) - special.psi(total + 1))
    loss += b / total * (special.psi(b + 1) - special.psi(total + 1))
    above = special.betaincc(a, b, 0.5)  # share of prices above one half
    winners_above = special.betaincc(a + 1, b, 0.5) * a / total
    accuracy = winners_above + (1 - above) - (a / total - winners_above)

    def density(q: float) -> float:
        # substituting p = sin^2(q) removes the singular ends of the loser's density
        s, c = math.sin(q), math.cos(q)
        weight = 2.0 * s ** (2 * a - 1) * c ** (2 * b + 1) / special.beta(a, b + 1)
        return float(weight * special.betaincc(a + 1, b, s * s))

    auc, _ = integrate.quad(density, 0.0, math.pi / 2, epsabs=1e-10, epsrel=1e-10, limit=200)
    return {
        "auc": float(auc),
        "accuracy": float(accuracy),
        "brier": a * b / (total * (total + 1)),
        "log_loss": float(-loss),
    }


def twins(m: Floats, y: Floats, category: npt.NDArray[np.integer] | None = None) -> dict[str, dict[str, float]]:
    """Score the forecasts without skill: market, base rate, category base rate, market shrunk 25 % to the base rate.

    Base rates are taken from the same rows, which flatters them: they are lower bounds to beat, not forecasts.
    """
    base = np.full(len(y), float(y.mean()))
    rows = {"market": m, "base rate": base, "shrunk market": 0.75 * m + 0.25 * base}
    if category is not None:
        numbers, count = dense(category)
        rates = np.bincount(numbers, y, count) / np.bincount(numbers, minlength=count)
        rows["category base rate"] = rates[numbers]
    return {name: {"brier": brier(f, y), "log_loss": log_loss(f, y)} for name, f in rows.items()}
