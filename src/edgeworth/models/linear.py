"""Ridge-penalised logistic regression of the outcome with the market's log-odds as offset."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from edgeworth.models.blas import one_thread
from edgeworth.models.examples import Examples, expit

Floats = npt.NDArray[np.float64]
Float32s = npt.NDArray[np.float32]
_STEPS = 50
_SMALL = 1e-10
FURTHEST: Final = 5.0  # standardised values beyond are cut: one wild row must not steer a line


@dataclass(frozen=True, slots=True)
class Scaling:
    """Standardise columns by what the training rows showed; unknown values become the training mean. Shapes (K,)."""

    centre: Floats
    width: Floats

    @classmethod
    def learn(cls, x: Float32s) -> "Scaling":
        """Learn from rows (N, K); a column without variation, or never known, keeps width 1."""
        known = np.isfinite(x)
        count = np.maximum(known.sum(axis=0), 1)
        clean = np.where(known, x, 0.0).astype(np.float64)
        centre = clean.sum(axis=0) / count
        spread = np.sqrt((np.where(known, x - centre, 0.0) ** 2).sum(axis=0) / count)
        return cls(centre, np.where(spread > _SMALL, spread, 1.0))

    def apply(self, x: Float32s) -> Floats:
        """Return standardised rows, unknown values at 0, cut at 5 standard deviations."""
        z = (x.astype(np.float64) - self.centre) / self.width
        return np.clip(np.where(np.isfinite(z), z, 0.0), -FURTHEST, FURTHEST)


class LinearFitted:
    """A straight line in standardised features."""

    kind = "logistic"

    def __init__(self, scaling: Scaling, beta: Floats) -> None:
        self._scaling, self._beta = scaling, beta

    def correct(self, x: Float32s) -> Floats:
        """Return corrections for rows (n, K), in log-odds."""
        with one_thread():
            return np.asarray(self._beta[-1] + self._scaling.apply(x) @ self._beta[:-1], dtype=np.float64)

    def contributions(self, x: Float32s) -> Floats:
        """Return each feature's share, shape (n, K + 1); the last column is the intercept."""
        shares = self._scaling.apply(x) * self._beta[:-1]
        return np.column_stack([shares, np.full(len(x), self._beta[-1])])

    def importance(self) -> Floats:
        """Return the absolute standardised coefficients, summing to 1."""
        size = np.abs(self._beta[:-1])
        return np.asarray(size / size.sum() if size.sum() > 0 else size, dtype=np.float64)

    def line(self) -> tuple[Floats, Floats, Floats, float]:
        """Return (centre, width, slope of the standardised value) per column, shapes (K,), and the intercept."""
        return self._scaling.centre, self._scaling.width, self._beta[:-1], float(self._beta[-1])

    def save(self) -> Mapping[str, bytes]:
        """Return the model as JSON; floats are written so that they read back bit for bit."""
        parts = {"centre": self._scaling.centre, "width": self._scaling.width, "beta": self._beta}
        return {"linear.json": json.dumps({name: values.tolist() for name, values in parts.items()}).encode()}

    @classmethod
    def load(cls, files: Mapping[str, bytes]) -> "LinearFitted":
        """Read what `save` wrote."""
        parts = {name: np.array(values, dtype=np.float64) for name, values in json.loads(files["linear.json"]).items()}
        return cls(Scaling(parts["centre"], parts["width"]), parts["beta"])


@dataclass(frozen=True, slots=True)
class LinearLearner:
    """Settings: `ridge` is the penalty on standardised coefficients, in effective rows."""

    ridge: float = 20.0
    kind: str = "logistic"

    def prepare(self, examples: Examples) -> tuple[Scaling, Floats, Examples]:
        """Return the examples with their standardised columns; fits with other settings share it."""
        scaling = Scaling.learn(examples.x)
        return scaling, np.column_stack([scaling.apply(examples.x), np.ones(len(examples))]), examples

    def fit(self, examples: Examples, seed: int) -> LinearFitted:
        """Fit by Newton's method from zero: the penalised likelihood is concave, so there is one answer."""
        return self.fit_prepared(self.prepare(examples), seed)

    def fit_prepared(self, prepared: tuple[Scaling, Floats, Examples], seed: int) -> LinearFitted:  # noqa: ARG002
        """Fit on what `prepare` made; the same as `fit`. Nothing in it is random."""
        scaling, design, examples = prepared
        penalty = np.full(design.shape[1], self.ridge)
        beta = fit_offset_logistic(design, examples.label, examples.offset, examples.weight, penalty)
        return LinearFitted(scaling, beta)


def fit_offset_logistic(design: Floats, label: Floats, offset: Floats, weight: Floats, penalty: Floats) -> Floats:
    """Return argmax of sum w log-likelihood(y | offset + X b) - penalty b^2 / 2, shape (K,); Newton with halving."""
    with one_thread():
        return _fit_offset_logistic(design, label, offset, weight, penalty)


def _fit_offset_logistic(design: Floats, label: Floats, offset: Floats, weight: Floats, penalty: Floats) -> Floats:
    beta = np.zeros(design.shape[1])
    best = _objective(design @ beta + offset, label, weight, beta, penalty)
    for _ in range(_STEPS):
        p = expit(offset + design @ beta)
        gradient = design.T @ (weight * (label - p)) - penalty * beta
        curvature = (design * (weight * p * (1.0 - p))[:, None]).T @ design + np.diag(penalty)
        step = np.linalg.solve(curvature + _SMALL * np.eye(len(beta)), gradient)
        size = 1.0
        while size > 1e-4:
            trial = beta + size * step
            value = _objective(design @ trial + offset, label, weight, trial, penalty)
            if value >= best:
                break
            size /= 2
        else:
            return beta
        gained, beta, best = value - best, trial, value
        if gained < _SMALL * (1 + abs(best)):
            break
    return beta


def _objective(z: Floats, label: Floats, weight: Floats, beta: Floats, penalty: Floats) -> float:
    return float(weight @ (label * z - np.logaddexp(0.0, z)) - 0.5 * penalty @ beta**2)
