"""Train forecasters of the market's mispricing: purged folds, lint, stack, scores against the price, one model card.

The last share of time stays locked: no fold and no search of settings reads it. A model whose lint failed is not handed
out. With a search, settings are chosen on the first half of the development time, and only rows decided after it are
scored.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from edgeworth.core.errors import LeakError, UsageError
from edgeworth.core.units import DAY
from edgeworth.models.blas import one_thread
from edgeworth.models.crossfit import Folds, Model, Scheme, cross_fit, fit_model
from edgeworth.models.examples import Examples
from edgeworth.models.learners import Learner, make
from edgeworth.research import schemes, training_lint, tuning
from edgeworth.research.splits import path_counts
from edgeworth.research.training_scores import ENSEMBLE, Score, score, score_all
from edgeworth.research.types import LintLine

if TYPE_CHECKING:
    from edgeworth.research.dataset import Dataset

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Step = Callable[[str, int, int], None]
LEARNERS = ("logistic", "xgb", "lgbm")
_LINT_LEARNER = "xgb"


@dataclass(frozen=True, slots=True)
class Options:
    """How to train. `models`: learners to fit, each reported alone and together as the ensemble; `cv` `walk-forward-N`,
    `purged-N` (combinatorial, one group tested), `cpcv` (six groups, two tested) or `cpcv-N-K`; `holdout` the locked
    share of time; `tune` configurations to try of every learner, 0 = none; `threads` of a fit change no result.
    """

    models: tuple[str, ...] = LEARNERS
    cv: str = "walk-forward-6"
    seed: int = 7
    holdout: float = 0.2
    threads: int = 1
    embargo: int = DAY
    tune: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Return what decides the result, JSON-ready: the number of threads does not."""
        return {name: value for name, value in asdict(self).items() if name != "threads"}


@dataclass(frozen=True, slots=True)
class Training:
    """What a training found: the model of everything, its scores, the lint and the card's facts."""

    model: Model
    scores: tuple[Score, ...]
    holdout: tuple[Score, ...]
    lint: tuple[LintLine, ...]
    card: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Search:
    """Where a search of settings keeps its study (None = in memory), and who counts what it evaluates."""

    study: Path | None = None
    count: tuning.Count = tuning.uncounted


@dataclass(frozen=True, slots=True)
class _Tools:
    """Who is told of progress, and how settings are searched."""

    step: Step
    search: Search


@dataclass(slots=True)
class _Work:
    """Count the steps of one training and tell of them."""

    step: Step
    total: int
    done: int = 0

    def said(self, what: str, amount: int = 1) -> None:
        self.done += amount
        self.step(what, self.done, self.total)


@dataclass(frozen=True, slots=True)
class _Parts:
    """What the card tells of."""

    digest: str
    development: Examples
    locked: Examples
    scheme: Scheme
    judged: Bools | None
    tuned: Mapping[str, tuning.Tuned] = field(default_factory=dict)


def train(
    dataset: "Dataset", options: Options, step: Step, *, open_holdout: bool = False, search: Search | None = None
) -> Training:
    """Train on a dataset; `step(what, done, total)` is told of progress.

    Raises UsageError unknown-model | bad-option | extra-missing, DataError too-few-rows, LeakError leaky-training with
    what failed. Linear algebra takes one thread meanwhile, so that no number depends on the cores of the machine.
    """
    with one_thread():
        return _train(dataset, options, _Tools(step, search or Search()), open_holdout=open_holdout)


def _train(dataset: "Dataset", options: Options, tools: _Tools, *, open_holdout: bool) -> Training:
    check(options)
    kinds = kinds_of(options.models)
    lint = list(training_lint.lint_rows(dataset))
    _refuse(lint)
    everything = dataset.examples()
    development, locked = split_holdout(everything, options.holdout)
    scheme = schemes.make_scheme(development, options.cv, options.embargo, make_folds(development, options))
    lint += training_lint.lint_folds(development, scheme)
    _refuse(lint)
    work = _Work(tools.step, len(kinds) * (len(scheme.folds) + 1 + options.tune) + 2)
    tuned, judged = _search(kinds, development, options, (work, tools.search))
    members = {kind: make(kind, options.threads, tuned[kind].settings if kind in tuned else None) for kind in kinds}
    out = cross_fit(
        members, development, scheme.folds, options.seed, lambda name, fold: work.said(f"{name}, fold {fold + 1}")
    )
    checker = make(_LINT_LEARNER, options.threads)
    lint.append(training_lint.canary(development, scheme, options.seed, checker))
    work.said("shuffle canary")
    scores = score_all(out, scheme, development, judged)
    best = max(scores, key=lambda score: score.gain)
    lint.append(training_lint.random_gap(development, best.gain, options.seed, checker))
    _refuse(lint)
    model = fit_model(members, development, out.choose(out.fold < scheme.scored), options.seed)
    work.said("fitted on all development rows", work.total - work.done)
    opened = holdout_scores(model, locked) if open_holdout and len(locked) else ()
    parts = _Parts(everything.digest(), development, locked, scheme, judged, tuned)
    card = _card(dataset, options, parts, model)
    return Training(model, scores, opened, tuple(lint), card)


def check(options: Options) -> None:
    """Raise UsageError unknown-model | bad-option | extra-missing for options that cannot be met, before any work."""
    for kind in kinds_of(options.models):
        make(kind, options.threads)
    schemes.parse(options.cv)
    if options.tune < 0:
        raise UsageError("bad-option", "the number of configurations to try is 0 or more")
    if options.tune:
        tuning.need_optuna()


def _search(
    kinds: list[str], development: Examples, options: Options, tools: tuple[_Work, Search]
) -> tuple[dict[str, tuning.Tuned], Bools | None]:
    """Return the settings found for each learner that has any to choose, and the rows that may then be scored."""
    if not options.tune:
        return {}, None
    work, search = tools
    chosen, judged = tuning.split(development, options.embargo)
    plan = tuning.Plan(options.tune, options.seed, options.threads, options.embargo)
    found = {}
    for kind in kinds:
        if kind in tuning.SPACES:
            found[kind] = tuning.tune(kind, chosen, plan, search.study, (partial(_tried, work, kind), search.count))
    return found, judged


def _tried(work: _Work, kind: str, done: int, all_: int) -> None:
    work.said(f"tuning {kind}, configuration {done} of {all_}")


def split_holdout(examples: Examples, share: float) -> tuple[Examples, Examples]:
    """Return (development, locked): rows before the last `share` of time whose labels were known by then, and after.

    Events with a row in the locked part are not in development.
    """
    if not 0 <= share < 0.9:
        raise UsageError("bad-option", "the hold-out is a share of time in [0, 0.9)")
    if share == 0 or not len(examples):
        return examples, examples.choose(np.zeros(len(examples), dtype=bool))
    first, last = int(examples.t.min()), int(examples.t.max())
    cut = first + round((1.0 - share) * (last - first))
    late = examples.t >= cut
    mixed = np.isin(examples.event, examples.event[late])
    return examples.choose(~late & ~mixed & (examples.known_at < cut)), examples.choose(late)


def make_folds(examples: Examples, options: Options) -> Folds:
    """Return the folds of a scheme; raises UsageError bad-option for an unknown one."""
    return schemes.make_folds(examples, options.cv, options.embargo)


def holdout_scores(model: Model, locked: Examples) -> tuple[Score, ...]:
    """Score the saved model on the locked rows; the caller counts the opening."""
    name = ENSEMBLE if len(model.members) > 1 else next(iter(model.members))
    return (score(name, model.forecast(locked.x, locked.price).p, locked),)


def kinds_of(models: tuple[str, ...]) -> list[str]:
    """Return the learners to fit: `ensemble` stands for all, doubles count once."""
    chosen = [kind for kind in models if kind != ENSEMBLE] or list(LEARNERS)
    return list(dict.fromkeys(chosen))


def _refuse(lint: list[LintLine]) -> None:
    broken = training_lint.failed(lint)
    if broken:
        words = "; ".join(f"{line.code}: {line.note}" for line in broken)
        raise LeakError("leaky-training", f"no model is saved: {words}", codes=[line.code for line in broken])


def _card(dataset: "Dataset", options: Options, parts: _Parts, model: Model) -> dict[str, Any]:
    development, locked, scheme = parts.development, parts.locked, parts.scheme
    importance = model.importance()
    order = np.argsort(-importance, kind="stable")
    return {
        "options": options.to_dict(),
        "data": {
            "digest": parts.digest,
            "rows": len(development),
            "events": len(np.unique(development.event)),
            "locked_rows": len(locked),
            "locked_from": int(locked.t.min()) if len(locked) else None,
            "from": int(development.t.min()),
            "to": int(development.t.max()),
            "known_to": int(development.known_at.max()),
            "yes_share": float(development.label.mean()),
            "mean_price": float(development.price.mean()),
            **{key: dataset.meta[key] for key in ("features", "panel", "source") if key in dataset.meta},
        },
        "plan": dataset.meta.get("plan", {}),
        "features": _features(development),
        "scheme": _scheme(scheme, development),
        "folds": [_fold(development, train, test) for train, test in scheme.folds[: scheme.scored]],
        "tuning": _tuning(parts),
        "settings": {name: _settings(kind) for name, kind in _learners(options, parts).items()},
        "stack": {
            "weights": dict(zip(model.stack.members, model.stack.weights.tolist(), strict=True)),
            "level": model.stack.level,
            "events": model.stack.events,
        },
        "importance": [{"feature": model.names[i], "share": float(importance[i])} for i in order if importance[i] > 0],
        "digest": model.digest(),
    }


def _learners(options: Options, parts: _Parts) -> dict[str, Learner]:
    return {
        kind: make(kind, 1, parts.tuned[kind].settings if kind in parts.tuned else None)
        for kind in kinds_of(options.models)
    }


def _settings(learner: Learner) -> dict[str, Any]:
    """Return a learner's settings as they decide the result; threads do not."""
    names = getattr(learner, "__dataclass_fields__", {})
    return {name: getattr(learner, name) for name in names if name not in {"threads", "kind"}}


def _features(development: Examples) -> list[dict[str, Any]]:
    """Return every column with the share of rows where it is known."""
    known = np.isfinite(development.x).mean(axis=0)
    return [{"name": name, "known": float(share)} for name, share in zip(development.names, known, strict=True)]


def _scheme(scheme: Scheme, development: Examples) -> dict[str, Any]:
    name, size, tested = schemes.parse(scheme.name)
    splits, paths = (size, 1) if name == "walk-forward" else path_counts(size, tested)
    return {
        "name": scheme.name,
        "splits": splits,
        "paths": paths,
        "teaching_splits": len(scheme.folds) - scheme.scored,
        "rows": len(development),
    }


def _fold(development: Examples, train: npt.NDArray[np.int64], test: npt.NDArray[np.int64]) -> dict[str, Any]:
    """Return sizes and window of a fold, times in microseconds."""
    found: dict[str, Any] = {"train": len(train), "test": len(test)}
    found["test_events"] = len(np.unique(development.event[test]))
    if len(test):
        found |= {"test_from": int(development.t[test].min()), "test_to": int(development.t[test].max())}
    if len(train):
        found |= {"train_known_to": int(development.known_at[train].max())}
    return found


def _tuning(parts: _Parts) -> dict[str, Any] | None:
    if parts.judged is None:
        return None
    judged = parts.judged
    return {
        "scored_from": int(parts.development.t[judged].min()) if judged.any() else None,
        "scored_rows": int(judged.sum()),
        "learners": {kind: found.to_dict() for kind, found in parts.tuned.items()},
    }
