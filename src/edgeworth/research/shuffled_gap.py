"""What shuffled folds claim where nothing is to be learned, beside folds grouped by market and the price itself.

500 markets whose price is right: p0 ~ U(0, 1) clipped to [.03, .97], the outcome drawn from it, five points whose
log-odds step by ln(.57 / .43) to the true side with probability .57. Features: price, log-odds, index, four normals
per market, five per row. Boosted trees, 120 of depth 4 at rate .08, five folds. A market's rows on both sides of a
split let the trees recognise it by its four normals: that is all the skill there is.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from edgeworth.core.random import stream
from edgeworth.models.crossfit import cross_fit
from edgeworth.models.examples import Examples, expit
from edgeworth.models.scores import brier, log_loss
from edgeworth.models.trees import XgbLearner
from edgeworth.research.training_scores import auc

if TYPE_CHECKING:
    from edgeworth.core.random import Generator

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

MARKETS, POINTS, FOLDS, RUNS = 500, 5, 5, 3
_TRUE_SIDE: Final = 0.57
# the learner of a training with the recipe's trees and the library's own defaults elsewhere
TREES: Final = XgbLearner(rounds=120, rate=0.08, depth=4, least_weight=4.0, ridge=1.0, rows=1.0, columns=1.0, bins=256)
# AUC, log-loss, Brier as first computed for this recipe, mean of three runs
STATED: Final = {
    "price": (0.8472, 0.4826, 0.1593),
    "random folds": (0.9700, 0.2648, 0.0754),
    "folds by market": (0.8003, 0.5759, 0.1900),
}
TOLERANCE: Final = (0.01, 0.02, 0.02)


@dataclass(frozen=True, slots=True)
class Gap:
    """AUC, log-loss and Brier (3,) of the price, of random folds and of folds by market: mean and error over runs."""

    mean: dict[str, Floats]
    error: dict[str, Floats]
    runs: int

    def to_rows(self) -> list[dict[str, Any]]:
        """Return one JSON-ready row per way of splitting."""
        return [
            {"split": name, "mean": self.mean[name].tolist(), "error": self.error[name].tolist(),
             "stated": list(STATED[name]), "inside": self.inside(name)}
            for name in STATED
        ]  # fmt: skip

    def inside(self, name: str) -> bool:
        """Tell whether the three scores lie within the tolerance of the stated ones."""
        return bool((np.abs(self.mean[name] - np.array(STATED[name])) <= np.array(TOLERANCE)).all())


def shuffled_gap(runs: int = RUNS) -> Gap:
    """Reproduce the gap with the learner and the cross-fit of a training; about a second a run."""
    found = [_run(number) for number in range(runs)]
    stacked = {name: np.array([one[name] for one in found]) for name in STATED}
    mean = {name: values.mean(axis=0) for name, values in stacked.items()}
    return Gap(mean, {name: _error(values) for name, values in stacked.items()}, runs)


def _error(values: Floats) -> Floats:
    return values.std(axis=0, ddof=1) / np.sqrt(len(values)) if len(values) > 1 else np.full(3, np.nan)


def market_walks(q: Floats, y: Floats, draw: "Generator", points: int = POINTS) -> Floats:
    """Return log-odds (M, points) from q on; steps point to the true side y with probability .57: prices are right."""
    step = np.log(_TRUE_SIDE / (1 - _TRUE_SIDE))
    right = draw.random((len(q), points - 1)) < _TRUE_SIDE
    up = np.where(right == (y[:, None] == 1), step, -step)
    start = np.log(q / (1 - q))
    return np.column_stack([start, start[:, None] + np.cumsum(up, axis=1)])


def _run(number: int) -> dict[str, tuple[float, float, float]]:
    draw = stream(number, "shuffled-gap")
    q = np.clip(draw.uniform(0, 1, MARKETS), 0.03, 0.97)
    y = (draw.random(MARKETS) < q).astype(np.float64)
    logit = market_walks(q, y, draw).ravel()
    static = np.repeat(draw.normal(size=(MARKETS, 4)), POINTS, axis=0)
    noise = draw.normal(size=(MARKETS * POINTS, 5))
    price, label = expit(logit), np.repeat(y, POINTS)
    x = np.column_stack([price, logit, np.tile(np.arange(POINTS), MARKETS), static, noise]).astype(np.float32)
    market = np.repeat(np.arange(MARKETS), POINTS)
    by_row = draw.permutation(np.arange(len(label)) % FOLDS)
    by_market = draw.permutation(np.arange(MARKETS) % FOLDS)[market]
    examples = _examples(x, label, market)
    return {
        "price": _scores(price, label),
        "random folds": _scores(_crossed(examples, by_row, number), label),
        "folds by market": _scores(_crossed(examples, by_market, number), label),
    }


def _examples(x: npt.NDArray[np.float32], label: Floats, market: Ints) -> Examples:
    count = len(label)
    # at one half the log-odds that learners start from are 0: the price is a feature among others, as in the recipe
    names = ("price", "logit", "index", *(f"market_{i}" for i in range(4)), *(f"row_{i}" for i in range(5)))
    zeros = np.zeros(count, dtype=np.int64)
    return Examples(x, names, np.full(count, 0.5), label, market, np.ones(count), zeros, zeros)


def _crossed(examples: Examples, fold: Ints, seed: int) -> Floats:
    folds = [(np.flatnonzero(fold != k), np.flatnonzero(fold == k)) for k in range(FOLDS)]
    out = cross_fit({"trees": TREES}, examples, folds, seed)
    p = np.empty(len(examples))
    p[out.row] = expit(out.corrections[:, 0])
    return p


def _scores(p: Floats, label: Floats) -> tuple[float, float, float]:
    return auc(p, label), log_loss(p, label), brier(p, label)
