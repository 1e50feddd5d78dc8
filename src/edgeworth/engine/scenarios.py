"""What can happen to a group of markets together: scenarios with their probabilities and what each market pays.

Three shapes cover the venue: exactly one winner (exclusive outcomes), nested touches (a level is reached only if every
nearer one is), and intervals of one underlying value. Probabilities are the caller's, already shrunk for estimation
error; they are made coherent, never sharpened. All arrays are floats; a YES share pays 0, 1/2 or 1.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from edgeworth.core.panel import Floats


class Scenarios(NamedTuple):
    """`weight`: (S,) probabilities that sum to 1; `pays`: (S, M) dollars per YES share of each market."""

    weight: Floats
    pays: Floats

    def leg(self, market: int, *, is_yes: bool) -> Floats:
        """Return what one share of a token pays in each scenario, shape (S,)."""
        column: Floats = self.pays[:, market]
        return column if is_yes else 1.0 - column

    def probability(self, market: int, *, is_yes: bool) -> float:
        """Return the expected pay-out of one share of a token."""
        return float(self.weight @ self.leg(market, is_yes=is_yes))


def one_winner(p: Floats, *, complete: bool = False) -> Scenarios:
    """Return the scenarios of exclusive outcomes with win probabilities `p` (M,).

    What is missing to 1 goes to an outcome that is not listed, unless the list is `complete`; more than 1 is scaled
    down. Raises ValueError for a probability outside [0, 1], or a complete list without any chance.
    """
    p = _checked(p)
    total = float(p.sum())
    if complete or total > 1.0:
        if total <= 0.0:
            raise ValueError("one of the outcomes must be possible")
        return Scenarios(p / total, np.eye(len(p)))
    return Scenarios(np.append(p, 1.0 - total), np.vstack([np.eye(len(p)), np.zeros((1, len(p)))]))


def nested(p: Floats) -> Scenarios:
    """Return the scenarios of nested events, the widest first: touches of ever farther levels, or ever nearer dates.

    Scenario k is that exactly the first k happen. Probabilities that rise along the chain are pooled (least squares).
    """
    p = _falling(_checked(p))
    edges = np.concatenate([[1.0], p, [0.0]])
    weight = np.maximum(edges[:-1] - edges[1:], 0.0)
    count = len(p)
    pays = (np.arange(count)[None, :] < np.arange(count + 1)[:, None]).astype(np.float64)
    return Scenarios(weight / weight.sum(), pays)


def intervals(bounds: Sequence[tuple[float, float]], below: Callable[[float], float]) -> Scenarios:
    """Return the scenarios of contracts on one value: contract k pays if low <= value < high (either may be infinite).

    `below(x)` is the probability that the value lies below x. Raises ValueError where it falls, or leaves [0, 1].
    """
    cuts = sorted({edge for pair in bounds for edge in pair if np.isfinite(edge)})
    reach = np.array([0.0, *(below(cut) for cut in cuts), 1.0])
    if bool((np.diff(reach) < 0.0).any()):
        raise ValueError("a distribution function does not fall")
    inside = np.array([-np.inf, *cuts])  # the lower end of each cell
    pays = np.array([[float(low <= cell < high) for low, high in bounds] for cell in inside])
    return Scenarios(np.diff(reach), pays)


def _checked(p: Floats) -> Floats:
    p = np.asarray(p, np.float64)
    if not bool(((p >= 0.0) & (p <= 1.0)).all()):
        raise ValueError("a probability lies in [0, 1]")
    return p


def _falling(p: Floats) -> Floats:
    """Return the nearest sequence that never rises (pool adjacent violators, equal weights)."""
    blocks: list[tuple[float, int]] = []
    for value in p.tolist():
        total, count = value, 1
        while blocks and blocks[-1][0] / blocks[-1][1] < total / count:
            before = blocks.pop()
            total, count = total + before[0], count + before[1]
        blocks.append((total, count))
    return np.array([total / count for total, count in blocks for _ in range(count)])
