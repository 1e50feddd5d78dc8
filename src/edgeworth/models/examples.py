"""What a model learns from: rows of features with the market's price, the label, its event and its weight."""

import hashlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgeworth.core.errors import DataError
from edgeworth.models.scores import logit

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
PRICE_FLOOR = 1e-3  # a price is never more certain than one tick


@dataclass(frozen=True, slots=True)
class Examples:
    """N rows: `x` float32 (N, K) with NaN where unknown, `names` of its columns, `price` of YES in [0, 1], `label` 0/1,
    `event` (rows of one event are one piece of evidence) and `weight` (N,), `t` when decided, `known_at` when the label
    was known, both in microseconds.
    """

    x: npt.NDArray[np.float32]
    names: tuple[str, ...]
    price: Floats
    label: Floats
    event: Ints
    weight: Floats
    t: Ints
    known_at: Ints

    def __post_init__(self) -> None:
        """Raise DataError bad-examples where lengths differ or values are not what they must be."""
        rows = len(self.price)
        columns = (self.label, self.event, self.weight, self.t, self.known_at)
        if self.x.shape != (rows, len(self.names)) or any(len(column) != rows for column in columns):
            raise DataError("bad-examples", "columns of examples differ in length")
        if rows and not (np.isin(self.label, (0.0, 1.0)).all() and ((self.price >= 0) & (self.price <= 1)).all()):
            raise DataError("bad-examples", "labels must be 0 or 1 and prices lie in [0, 1]")
        if rows and not ((self.weight > 0) & np.isfinite(self.weight)).all():
            raise DataError("bad-examples", "weights must be positive")

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.price)

    @property
    def offset(self) -> Floats:
        """Return the market's log-odds, shape (N,): where every model starts."""
        return market_logit(self.price)

    def digest(self) -> str:
        """Return a digest of everything in the rows."""
        state = hashlib.blake2b(repr(self.names).encode(), digest_size=16)
        for column in (self.x, self.price, self.label, self.event, self.weight, self.t, self.known_at):
            state.update(np.ascontiguousarray(column).data)
        return state.hexdigest()

    def choose(self, rows: "Ints | npt.NDArray[np.bool_]") -> "Examples":
        """Return some of the rows."""
        return Examples(
            self.x[rows],
            self.names,
            self.price[rows],
            self.label[rows],
            self.event[rows],
            self.weight[rows],
            self.t[rows],
            self.known_at[rows],
        )


def market_logit(price: Floats) -> Floats:
    """Return log-odds of prices kept one thousandth off 0 and 1."""
    return logit(np.clip(np.asarray(price, dtype=np.float64), PRICE_FLOOR, 1.0 - PRICE_FLOOR))


def expit(z: Floats) -> Floats:
    """Return probabilities of log-odds."""
    from scipy.special import expit as inverse

    return np.asarray(inverse(z), dtype=np.float64)
