"""Forecasts of rows by models that could not know them: fold by fold, and the model that all of it ends in."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgeworth.core.errors import DataError
from edgeworth.models import learners
from edgeworth.models.examples import Examples
from edgeworth.models.learners import Fitted, Learner
from edgeworth.models.stack import Evidence, Forecast, Stack, fit_stack, no_evidence

Floats = npt.NDArray[np.float64]
Float32s = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
Folds = Sequence[tuple[Ints, Ints]]
Said = Callable[[str, int], None]
_LEAST_ROWS = 50


@dataclass(frozen=True, slots=True)
class OutOfFold:
    """What models said of rows they were not trained on: `corrections` (N, J), NaN where no fold tested a row."""

    members: tuple[str, ...]
    corrections: Floats
    fold: Ints

    @property
    def tested(self) -> npt.NDArray[np.bool_]:
        """Which rows were tested, shape (N,)."""
        return self.fold >= 0

    def evidence(self, examples: Examples, rows: npt.NDArray[np.bool_]) -> Evidence:
        """Return the tested rows among `rows` as evidence for a stack."""
        chosen = rows & self.tested
        return Evidence(
            self.corrections[chosen],
            examples.price[chosen],
            examples.label[chosen],
            examples.event[chosen],
            examples.weight[chosen],
        )


def cross_fit(
    members: Mapping[str, Learner], examples: Examples, folds: Folds, seed: int, said: Said = lambda _name, _fold: None
) -> OutOfFold:
    """Fit every member on every fold's training rows and keep what it says of the test rows.

    `said(member, fold)` is told of each fit. A fold with fewer than 50 training rows is not tested. Raises DataError
    too-few-rows when no fold is left.
    """
    corrections = np.full((len(examples), len(members)), np.nan)
    fold_of = np.full(len(examples), -1, dtype=np.int64)
    for number, (train, test) in enumerate(folds):
        if len(train) < _LEAST_ROWS or not len(test):
            continue
        known = examples.choose(train)
        for column, (name, learner) in enumerate(members.items()):
            corrections[test, column] = learner.fit(known, seed).correct(examples.x[test])
            said(name, number)
        fold_of[test] = number
    if not (fold_of >= 0).any():
        raise DataError("too-few-rows", f"{len(examples)} rows are too few for any fold")
    return OutOfFold(tuple(members), corrections, fold_of)


def forecast_in_turn(out: OutOfFold, examples: Examples, columns: Sequence[int]) -> Forecast:
    """Return forecasts of the tested rows where also the stack knew only earlier folds' labels; NaN elsewhere.

    The first tested fold only teaches the stack and is NaN. Where no label was known in time, the market alone is
    trusted. `columns` choose members.
    """
    size = len(examples)
    result = Forecast(*(np.full(size, np.nan) for _ in range(4)))
    chosen = OutOfFold(tuple(out.members[c] for c in columns), out.corrections[:, list(columns)], out.fold)
    for number in np.unique(out.fold[out.tested])[1:]:
        rows = out.fold == number
        before = (out.fold >= 0) & (out.fold < number) & (examples.known_at <= examples.t[rows].min())
        before &= ~np.isin(examples.event, examples.event[rows])
        stack = fit_stack(chosen.members, chosen.evidence(examples, before)) if before.any() else None
        stack = stack or no_evidence(chosen.members)
        part = stack.forecast(chosen.corrections[rows], examples.price[rows])
        for whole, piece in zip(
            (result.p, result.low, result.high, result.se), (part.p, part.low, part.high, part.se), strict=True
        ):
            whole[rows] = piece
    return result


@dataclass(frozen=True, slots=True)
class Model:
    """What is saved and used: members fitted on all training rows, and the stack learned out of fold."""

    names: tuple[str, ...]
    members: Mapping[str, Fitted]
    stack: Stack

    def forecast(self, x: Float32s, price: Floats, confidence: float = 0.95) -> Forecast:
        """Return P(YES) with its interval for rows of features (n, K) and market prices (n,)."""
        return self.stack.forecast(self.corrections(x), price, confidence)

    def corrections(self, x: Float32s) -> Floats:
        """Return the members' corrections, shape (n, J)."""
        return np.column_stack([member.correct(x) for member in self.members.values()])

    def contributions(self, x: Float32s) -> Floats:
        """Return each feature's share of the change in log-odds, shape (n, K + 1); the last column is the level."""
        total = np.zeros((len(x), len(self.names) + 1))
        for weight, member in zip(self.stack.weights, self.members.values(), strict=True):
            total += weight * member.contributions(x)
        total[:, -1] += self.stack.level
        return total

    def importance(self) -> Floats:
        """Return how much each feature is used, weighted by the stack, shape (K,)."""
        parts = [w * m.importance() for w, m in zip(self.stack.weights, self.members.values(), strict=True)]
        total = np.sum(parts, axis=0)
        return np.asarray(total / total.sum() if total.sum() > 0 else total, dtype=np.float64)

    def save(self) -> dict[str, bytes]:
        """Return everything as named bytes: `MEMBER/FILE` and `stack.json`."""
        files = {
            f"{name}/{file}": data for name, member in self.members.items() for file, data in member.save().items()
        }
        return {**files, "stack.json": self.stack.to_json().encode()}

    @classmethod
    def load(cls, names: tuple[str, ...], files: Mapping[str, bytes]) -> "Model":
        """Read what `save` wrote; raises DataError model-corrupt."""
        if "stack.json" not in files:
            raise DataError("model-corrupt", "the saved model has no stack.json")
        stack = Stack.from_json(files["stack.json"].decode("utf-8", errors="replace"))
        members = {}
        for member in stack.members:
            own = {name.partition("/")[2]: data for name, data in files.items() if name.startswith(f"{member}/")}
            members[member] = learners.load(member, own)
        return cls(names, members, stack)

    def digest(self) -> str:
        """Return a digest of the saved bytes: equal data, seed and versions give an equal one."""
        state = hashlib.blake2b(digest_size=16)
        for name, data in sorted(self.save().items()):
            state.update(name.encode() + b"\0" + len(data).to_bytes(8, "little") + data)
        return state.hexdigest()


def fit_model(members: Mapping[str, Learner], examples: Examples, out: OutOfFold, seed: int) -> Model:
    """Fit the members on all rows, and the stack on what they said out of fold."""
    fitted = {name: learner.fit(examples, seed) for name, learner in members.items()}
    stack = fit_stack(tuple(members), out.evidence(examples, np.ones(len(examples), dtype=bool)))
    return Model(examples.names, fitted, stack)
