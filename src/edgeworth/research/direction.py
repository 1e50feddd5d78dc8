"""Which way a coin goes next, asked of candles: rows without a price to beat, models, and a suspicion of good results.

A direction has no market: the price of every row is one half, and that is what a model must beat. Accuracy out of
sample above 56 % on quarter-hours or hours has not been seen by anybody who did not leak; a claim of it is answered
with a report of what to check, not with a model.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from edgeworth.core.errors import DataError
from edgeworth.core.units import DAY
from edgeworth.features.fairvalue.path import History
from edgeworth.models.crossfit import Folds, Scheme, cross_fit, forecast_in_turn
from edgeworth.models.examples import Examples
from edgeworth.models.learners import Learner, make
from edgeworth.models.scores import Estimate, cluster_mean, log_loss_gain
from edgeworth.research import training_lint
from edgeworth.research.leaks import claims, samples
from edgeworth.research.splits import Rows, walk_forward
from edgeworth.research.types import LintLine

Floats = npt.NDArray[np.float64]
Float32s = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
Columns = Callable[[History, Floats], tuple[tuple[str, ...], Float32s]]

LIMIT: Final = 0.56  # accuracy out of sample above which a leak is likelier than a discovery
MODELS: Final = ("logistic", "lgbm")
FOLDS: Final = 4
_STRONGEST: Final = 5
_SHARP: Final = 0.56  # area under the curve of one column alone that no honest column of candles reaches
_MOST_SHUFFLED: Final = 20_000  # rows of the shuffle canary, the latest
_MOST_ROWS: Final = 60_000  # of the further fits of a suspicion; a leak that needs more rows to show is none


@dataclass(frozen=True, slots=True)
class Question:
    """Whether the close `horizon` candles later is higher, asked every `every` candles."""

    horizon: int = 4
    every: int = 4


@dataclass(frozen=True, slots=True)
class Decisions:
    """Rows of several coins: examples with price one half, and which coin each row belongs to (N,)."""

    examples: Examples
    coin: Ints


@dataclass(frozen=True, slots=True)
class Claim:
    """What one model says of directions out of sample, intervals clustered by day.

    `hold`: accuracy of always naming the commoner way of the rows before. `gain`: nats a row over one half.
    """

    model: str
    rows: int
    accuracy: Estimate
    gain: Estimate
    hold: float

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready values."""
        return {**asdict(self)}


@dataclass(frozen=True, slots=True)
class Driver:
    """A column: its share in the model's importance, and the area under the curve it reaches alone (0.5: nothing)."""

    column: str
    importance: float
    alone: float


@dataclass(frozen=True, slots=True)
class Suspicion:
    """Why a claim is not believed, and where to look.

    `older`: accuracy when every column is one decision older; a column that holds its own answer loses it, a slow one
    does not. `without`: accuracy without the `dropped` columns.
    """

    claim: Claim
    limit: float
    lint: tuple[LintLine, ...]
    drivers: tuple[Driver, ...]
    older: float
    without: float
    dropped: tuple[str, ...]

    @property
    def sentence(self) -> str:
        """Say what is suspected."""
        found = self.claim.accuracy
        words = f"{self.claim.model} claims {found.value:.1%} [{found.low:.1%}, {found.high:.1%}] of directions"
        best = self.drivers[0].column if self.drivers else "no column"
        return (
            f"leak suspected: {words}, above {self.limit:.0%}; '{best}' carries most of it; with columns one decision "
            f"older {self.older:.1%}, without {', '.join(self.dropped) or 'any column'} {self.without:.1%}"
        )

    @property
    def checks(self) -> tuple[str, ...]:
        """Say what to look at, most likely first."""
        told = [f"{line.code}: {line.note}" for line in self.lint if line.passed is False]
        sharp = [driver for driver in self.drivers if driver.alone > _SHARP]
        told += [f"`{d.column}` alone ranks outcomes at {d.alone:.3f}: when was it known?" for d in sharp]
        if self.older < self.limit:
            told.append("older columns know nothing: the newest values reach into the time they should foretell")
        return (
            *told,
            "is a column computed over a candle that had not closed, or merged by its open time",
            "are candles filled, smoothed or corrected with later ones",
            "do rows of one time lie on both sides of a split, or copies of them",
            "was a model, a scale or a column chosen on the rows it is judged on",
            "are the candles a traded price at all",
        )

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready values."""
        return {**asdict(self), "sentence": self.sentence, "checks": self.checks}


@dataclass(frozen=True, slots=True)
class Found:
    """Claims of all models, the lint of the rows and splits, and a suspicion where one claims too much."""

    claims: tuple[Claim, ...]
    lint: tuple[LintLine, ...]
    suspicion: Suspicion | None

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready values."""
        return {
            "claims": [claim.to_dict() for claim in self.claims],
            "lint": [asdict(line) for line in self.lint],
            "suspicion": None if self.suspicion is None else self.suspicion.to_dict(),
        }


def decisions(series: Sequence[tuple[str, History, Floats]], question: Question, columns: Columns) -> Decisions:
    """Return the rows of some coins, in order of time; raises DataError too-few-rows.

    A row is decided when its candle has closed; candles without the one `horizon` later, and closes that end where they
    began, are left out. Rows of one day are one event: coins move together.
    """
    names: tuple[str, ...] = ()
    parts = []
    for number, (_, history, volume) in enumerate(series):
        rows, label = answers(history, question)
        names, found = columns(history, volume)
        t = history.known_at[rows]
        parts.append((found[rows], t, label, t + question.horizon * history.step, np.full(len(rows), number)))
    if not sum(len(part[1]) for part in parts):
        raise DataError("too-few-rows", "no candle has its answer")
    x, t, label, known, coin = (np.concatenate(column) for column in zip(*parts, strict=True))
    order = np.lexsort((coin, t))
    half, even = np.full(len(t), 0.5), np.ones(len(t))
    examples = Examples(x[order], names, half, label[order], t[order] // DAY, even, t[order], known[order])
    return Decisions(examples, coin[order].astype(np.int64))


def answers(history: History, question: Question) -> tuple[Ints, Floats]:
    """Return the candles at whose close the question is asked, and 1 where the close is higher then, else 0.

    Asked on whole multiples of `every` candles since 1970, so that coins are asked at the same instants.
    """
    size = question.horizon
    rows = np.flatnonzero(history.known_at[:-size] // history.step % question.every == 0)
    whole = history.t[rows + size] - history.t[rows] == size * history.step
    moved = history.close[rows + size] != history.close[rows]
    rows = rows[whole & moved]
    return rows, (history.close[rows + size] > history.close[rows]).astype(np.float64)


def study(asked: Decisions, seed: int, models: Sequence[str] = MODELS, folds: int = FOLDS) -> Found:
    """Judge models on rows after those they were fitted on; raises DataError too-few-rows."""
    rows = asked.examples
    split = list(walk_forward(Rows(rows.t, rows.event, rows.known_at), folds))
    members = {kind: make(kind) for kind in models}
    found = [claim(name, rows, *_told({name: learner}, rows, split, seed)) for name, learner in members.items()]
    lint = lint_rows(rows, split, seed)
    best = max(found, key=lambda each: each.accuracy.value)
    doubted = suspect(asked, best, members[best.model], seed, lint) if best.accuracy.value > LIMIT else None
    return Found(tuple(found), lint, doubted)


def claim(model: str, rows: Examples, p: Floats, share: Floats) -> Claim:
    """Return what forecasts p (N,), NaN where there is none, claim; `share` of ups among the rows known before each."""
    told = np.isfinite(p) & (p != 0.5)  # one half is no direction: a stack with too few days behind it says nothing
    if not told.any():
        raise DataError("too-few-rows", "no direction was foretold")
    label, event = rows.label[told], rows.event[told]
    right = ((p[told] > 0.5) == (label > 0.5)).astype(np.float64)
    gain = log_loss_gain(p[told], rows.price[told], label)
    hold = float(((share[told] > 0.5) == (label > 0.5)).mean())
    return Claim(model, int(told.sum()), cluster_mean(right, event), cluster_mean(gain, event), hold)


def _told(members: dict[str, Learner], rows: Examples, folds: Folds, seed: int) -> tuple[Floats, Floats]:
    """Return calibrated forecasts (N,) and the share of ups in the training rows of each row's fold (N,)."""
    p = forecast_in_turn(cross_fit(members, rows, folds, seed), rows, list(range(len(members)))).p
    share = np.full(len(rows), 0.5)
    for train, test in folds:
        share[test] = rows.label[train].mean() if len(train) else 0.5
    return p, share


def lint_rows(rows: Examples, folds: Folds, seed: int, kind: str = "logistic") -> tuple[LintLine, ...]:
    """Return what the lint of a training says of rows and splits: names, prices, splits, and the shuffle canary."""
    lines = [claims.hindsight_column(rows.names), training_lint.settled_price(rows.price, rows.label, rows.event)]
    for train, test in folds:
        if len(train) and len(test):
            late = samples.label_open(rows.known_at[train], rows.t[test])
            lines += [samples.split_random(rows.event, train, test), late]
    fewer = rows.choose(np.arange(len(rows)) >= len(rows) - _MOST_SHUFFLED)
    again = list(walk_forward(Rows(fewer.t, fewer.event, fewer.known_at), len(folds)))
    lines.append(training_lint.canary(fewer, Scheme("walk-forward", again), seed, make(kind)))
    worst: dict[str, LintLine] = {}
    for line in lines:
        if line.code not in worst or line.passed is False:
            worst[line.code] = line
    return tuple(worst.values())


def suspect(asked: Decisions, found: Claim, learner: Learner, seed: int, lint: tuple[LintLine, ...]) -> Suspicion:
    """Return why a claim is not believed: which columns carry it, and what is left without them or with older ones."""
    asked = _latest(asked)
    rows = asked.examples
    drivers = _drivers(rows, learner, seed)
    dropped = tuple(driver.column for driver in drivers[:1]) + tuple(d.column for d in drivers[1:] if d.alone > _SHARP)
    kept = [number for number, name in enumerate(rows.names) if name not in dropped]
    less = replace(rows, x=np.ascontiguousarray(rows.x[:, kept]), names=tuple(rows.names[k] for k in kept))
    without = _accuracy(less, learner, seed) if kept else 0.5
    return Suspicion(found, LIMIT, lint, drivers, _accuracy(_older(asked), learner, seed), without, dropped)


def _latest(asked: Decisions) -> Decisions:
    rows = asked.examples
    keep = np.arange(len(rows)) >= len(rows) - _MOST_ROWS
    return Decisions(rows.choose(keep), asked.coin[keep])


def _drivers(rows: Examples, learner: Learner, seed: int) -> tuple[Driver, ...]:
    importance = learner.fit(rows, seed).importance()
    order = np.argsort(-importance, kind="stable")[:_STRONGEST]
    return tuple(Driver(rows.names[k], float(importance[k]), _alone(rows.x[:, k], rows.label)) for k in order)


def _alone(column: Float32s, label: Floats) -> float:
    """Return the area under the curve of one column, whichever way it points; one half where it is not known."""
    from edgeworth.research.training_scores import auc

    known = np.isfinite(column)
    area = auc(column[known].astype(np.float64), label[known])
    return max(area, 1.0 - area) if np.isfinite(area) else 0.5


def _older(asked: Decisions) -> Examples:
    """Return the rows with the columns of their coin's row before; the first of a coin is left out."""
    rows = asked.examples
    order = np.lexsort((rows.t, asked.coin))
    before = np.full(len(rows), -1, dtype=np.int64)
    same = asked.coin[order][1:] == asked.coin[order][:-1]
    before[order[1:][same]] = order[:-1][same]
    shifted = replace(rows, x=rows.x[np.maximum(before, 0)])
    return shifted.choose(before >= 0)


def _accuracy(rows: Examples, learner: Learner, seed: int) -> float:
    folds = list(walk_forward(Rows(rows.t, rows.event, rows.known_at), FOLDS))
    try:
        return claim("", rows, *_told({learner.kind: learner}, rows, folds, seed)).accuracy.value
    except DataError:
        return float("nan")
