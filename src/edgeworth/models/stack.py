"""From corrections to a forecast: stacked in log-odds on out-of-fold rows, with an interval from what those showed.

logit p = logit m + a + sum_j b_j d_j, where d_j are the members' corrections of rows they were not trained on. The
market is a member by construction: all b = 0 is the price itself, and the prior pulls there. One member is calibration,
several are an ensemble. Source: Wolpert, Neural Networks 5(2), 1992; the sandwich covariance by event, Liang and Zeger,
Biometrika 73(1), 1986.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgeworth.core.errors import DataError
from edgeworth.models.blas import one_thread
from edgeworth.models.examples import expit, market_logit
from edgeworth.models.linear import fit_offset_logistic
from edgeworth.models.scores import dense, normal_quantile

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
_SLOPE_PRECISION = 1.0  # prior b ~ N(0, 1)
_LEVEL_PRECISION = 25.0  # prior a ~ N(0, 0.2^2)
_LEAST_EVENTS = 30


@dataclass(frozen=True, slots=True)
class Evidence:
    """Out-of-fold rows: members' `corrections` (n, J), market `price`, `label`, `event`, `weight`, all (n,)."""

    corrections: Floats
    price: Floats
    label: Floats
    event: Ints
    weight: Floats


@dataclass(frozen=True, slots=True)
class Forecast:
    """Probabilities of YES with an interval, shape (n,)."""

    p: Floats
    low: Floats
    high: Floats
    se: Floats


@dataclass(frozen=True, slots=True)
class Stack:
    """Weights of the members (J,), the level, and their covariance (J + 1, J + 1); `events` they were learned from."""

    members: tuple[str, ...]
    weights: Floats
    level: float
    covariance: Floats
    events: int

    def forecast(self, corrections: Floats, price: Floats, confidence: float = 0.95) -> Forecast:
        """Return forecasts for rows of corrections (n, J) and market prices (n,)."""
        design = np.column_stack([corrections, np.ones(len(price))])
        z = market_logit(price) + design @ np.append(self.weights, self.level)
        error = np.sqrt(np.maximum(np.einsum("ij,jk,ik->i", design, self.covariance, design), 0.0))
        reach = normal_quantile(0.5 + confidence / 2) * error
        p = expit(z)
        return Forecast(p, expit(z - reach), expit(z + reach), p * (1.0 - p) * error)

    def to_json(self) -> str:
        """Return the stack as JSON; floats read back bit for bit."""
        values = {"weights": self.weights.tolist(), "covariance": self.covariance.tolist()}
        return json.dumps({"members": self.members, "level": self.level, "events": self.events, **values})

    @classmethod
    def from_json(cls, text: str) -> "Stack":
        """Read what `to_json` wrote; raises DataError model-corrupt."""
        try:
            row = json.loads(text)
            weights, covariance = (np.array(row[name], dtype=np.float64) for name in ("weights", "covariance"))
            return cls(tuple(row["members"]), weights, float(row["level"]), covariance, int(row["events"]))
        except (ValueError, KeyError, TypeError) as error:
            raise DataError("model-corrupt", f"not a stack of forecasts: {error}") from error


def no_evidence(members: Sequence[str]) -> Stack:
    """Return the stack that trusts the market alone; its interval is the prior's."""
    size = len(members)
    precision = np.array([_SLOPE_PRECISION] * size + [_LEVEL_PRECISION])
    return Stack(tuple(members), np.zeros(size), 0.0, np.diag(1.0 / precision), 0)


def fit_stack(members: Sequence[str], evidence: Evidence) -> Stack:
    """Fit weights >= 0 and the level; below 30 events the market alone is trusted.

    A member whose weight would be negative is left out: an ensemble does not bet against its own members.
    """
    if len(np.unique(evidence.event)) < _LEAST_EVENTS:
        return no_evidence(members)
    size = len(members)
    kept = list(range(size))
    while True:
        columns = np.array([*kept, size])
        design = np.column_stack([evidence.corrections, np.ones(len(evidence.price))])[:, columns]
        penalty = np.array([_SLOPE_PRECISION] * len(kept) + [_LEVEL_PRECISION])
        offset = market_logit(evidence.price)
        beta = fit_offset_logistic(design, evidence.label, offset, evidence.weight, penalty)
        worst = int(np.argmin(beta[:-1])) if kept else -1
        if worst < 0 or beta[worst] >= 0:
            break
        del kept[worst]
    weights, covariance = np.zeros(size), np.zeros((size + 1, size + 1))
    weights[kept] = beta[:-1]
    with one_thread():
        covariance[np.ix_(columns, columns)] = _sandwich(design, beta, offset, evidence, penalty)
    return Stack(tuple(members), weights, float(beta[-1]), covariance, len(np.unique(evidence.event)))


def _sandwich(design: Floats, beta: Floats, offset: Floats, evidence: Evidence, penalty: Floats) -> Floats:
    """Return the event-clustered covariance of a penalised fit, never below the model-based one on its diagonal."""
    p = expit(offset + design @ beta)
    weight = evidence.weight
    bread = np.linalg.inv((design * (weight * p * (1.0 - p))[:, None]).T @ design + np.diag(penalty))
    numbers, count = dense(evidence.event)
    scores = np.zeros((count, design.shape[1]))
    np.add.at(scores, numbers, design * (weight * (evidence.label - p))[:, None])
    robust = bread @ (scores.T @ scores) @ bread * count / max(count - 1, 1)
    return np.asarray(robust, dtype=np.float64)
