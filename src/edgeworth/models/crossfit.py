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
Bools = npt.NDArray[np.bool_]
Folds = Sequence[tuple[Ints, Ints]]
Said = Callable[[str, int], None]
_LEAST_ROWS = 50


@dataclass(frozen=True, slots=True)
class OutOfFold:
    """What models said of rows they were not trained on, one telling each.

    `corrections` (M, J) of the members for `row` (M,), told by the models of `fold` (M,). Folds that follow each other
    in time tell of a row once at most, combinatorial ones several times.
    """

    members: tuple[str, ...]
    corrections: Floats
    row: Ints
    fold: Ints

    def choose(self, told: Bools, columns: Sequence[int] | None = None) -> "OutOfFold":
        """Return some of the tellings, of all members or of those in `columns`."""
        chosen = list(range(len(self.members)) if columns is None else columns)
        names = tuple(self.members[column] for column in chosen)
        return OutOfFold(names, self.corrections[told][:, chosen], self.row[told], self.fold[told])

    def evidence(self, examples: Examples) -> Evidence:
        """Return the tellings as evidence for a stack; those of one row share its weight."""
        times = np.bincount(self.row, minlength=len(examples))
        rows = self.row
        return Evidence(
            self.corrections,
            examples.price[rows],
            examples.label[rows],
            examples.event[rows],
            examples.weight[rows] / times[rows],
        )


@dataclass(frozen=True, slots=True)
class Scheme:
    """How rows are split for scoring. `folds` are (train, test) row indices.

    Without `groups` the folds follow each other in time. With them, fold i tests the groups `tests[i]`; `groups[g]` are
    the rows of group g and `clear[g]` the rows that may teach when g is scored: no event among them overlaps one of g.
    The first `scored` folds make up the paths, each of which tells of every row once; the others only teach.
    """

    name: str
    folds: Folds
    groups: tuple[Ints, ...] = ()
    clear: tuple[Ints, ...] = ()
    tests: tuple[tuple[int, ...], ...] = ()
    scored: int = 0

    @property
    def paths(self) -> int:
        """Return how many forecasts every row gets: C(N - 1, k - 1) of N groups tested k at a time."""
        return sum(0 in tested for tested in self.tests[: self.scored]) if self.groups else 1


def cross_fit(
    members: Mapping[str, Learner], examples: Examples, folds: Folds, seed: int, said: Said = lambda _name, _fold: None
) -> OutOfFold:
    """Fit every member on every fold's training rows and keep what it says of the test rows.

    `said(member, fold)` is told of each fit. A fold with fewer than 50 training rows tells nothing. Raises DataError
    too-few-rows when no fold is left.
    """
    rows, numbers, told = [], [], []
    for number, (train, test) in enumerate(folds):
        if len(train) < _LEAST_ROWS or not len(test):
            continue
        known, asked = examples.choose(train), examples.x[test]
        corrections = np.empty((len(test), len(members)))
        for column, (name, learner) in enumerate(members.items()):
            corrections[:, column] = learner.fit(known, seed).correct(asked)
            said(name, number)
        rows.append(test)
        numbers.append(np.full(len(test), number, dtype=np.int64))
        told.append(corrections)
    if not rows:
        raise DataError("too-few-rows", f"{len(examples)} rows are too few for any fold")
    return OutOfFold(tuple(members), np.concatenate(told), np.concatenate(rows), np.concatenate(numbers))


def forecast_paths(out: OutOfFold, scheme: Scheme, examples: Examples, columns: Sequence[int]) -> tuple[Forecast, ...]:
    """Return one forecast of all rows per path of a scheme; NaN where nothing could be said. `columns` choose members.

    No label of a scored row, or of an event that overlaps one, has a part in its forecast: neither in the members, nor
    in the stack that weighs them.
    """
    if not scheme.groups:
        return (forecast_in_turn(out, examples, columns),)
    stacks = [_apart(out, scheme, examples, group, columns) for group in range(len(scheme.groups))]
    paths = tuple(_nothing(len(examples)) for _ in range(scheme.paths))
    begun = [0] * len(scheme.groups)
    own = out.choose(np.ones(len(out.row), dtype=bool), columns)
    for fold in range(scheme.scored):
        told = np.flatnonzero(own.fold == fold)
        for group in scheme.tests[fold]:
            path, begun[group] = paths[begun[group]], begun[group] + 1
            piece = told[np.isin(own.row[told], scheme.groups[group])]
            if len(piece):
                rows = own.row[piece]
                _put(path, rows, stacks[group].forecast(own.corrections[piece], examples.price[rows]))
    return paths


def _apart(out: OutOfFold, scheme: Scheme, examples: Examples, group: int, columns: Sequence[int]) -> Stack:
    """Return the stack for scoring a group, learned where neither the teaching row nor its model knew of the group.

    Folds that test the group and another one were fitted without both: what they said of the other one is evidence.
    """
    folds = [fold for fold, tested in enumerate(scheme.tests) if group in tested and len(tested) > 1]
    told = np.isin(out.fold, folds) & np.isin(out.row, scheme.clear[group])
    if not told.any():
        return no_evidence([out.members[column] for column in columns])
    chosen = out.choose(told, columns)
    return fit_stack(chosen.members, chosen.evidence(examples))


def forecast_in_turn(out: OutOfFold, examples: Examples, columns: Sequence[int]) -> Forecast:
    """Return forecasts of the tested rows where also the stack knew only earlier folds' labels; NaN elsewhere.

    The folds follow each other in time. The first tested one only teaches the stack and is NaN. Where no label was
    known in time, the market alone is trusted. `columns` choose members.
    """
    result = _nothing(len(examples))
    chosen = out.choose(np.ones(len(out.row), dtype=bool), columns)
    for number in np.unique(out.fold)[1:]:
        told = out.fold == number
        rows = out.row[told]
        before = (out.fold < number) & (examples.known_at[out.row] <= examples.t[rows].min())
        before &= ~np.isin(examples.event[out.row], examples.event[rows])
        earlier = chosen.choose(before)
        stack = fit_stack(chosen.members, earlier.evidence(examples)) if before.any() else no_evidence(chosen.members)
        _put(result, rows, stack.forecast(chosen.corrections[told], examples.price[rows]))
    return result


def _nothing(size: int) -> Forecast:
    return Forecast(*(np.full(size, np.nan) for _ in range(4)))


def _put(whole: Forecast, rows: Ints, part: Forecast) -> None:
    """Write forecasts of some rows into a forecast of all."""
    whole.p[rows], whole.low[rows], whole.high[rows], whole.se[rows] = part.p, part.low, part.high, part.se


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
    stack = fit_stack(tuple(members), out.evidence(examples))
    return Model(examples.names, fitted, stack)
