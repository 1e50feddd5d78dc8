"""Train forecasters of the market's mispricing: purged folds, lint, stack, scores against the price, one model card.

The last share of time stays locked: no fold reads it. A model whose lint failed is not handed out.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from edgeworth.core.errors import DataError, LeakError, UsageError
from edgeworth.core.units import DAY
from edgeworth.models.crossfit import Folds, Model, OutOfFold, cross_fit, fit_model, forecast_in_turn
from edgeworth.models.examples import Examples
from edgeworth.models.learners import make
from edgeworth.models.scores import recalibrate, skill
from edgeworth.research import training_lint
from edgeworth.research.splits import Rows, combinatorial, walk_forward
from edgeworth.research.types import LintLine

if TYPE_CHECKING:
    from edgeworth.research.dataset import Dataset

Floats = npt.NDArray[np.float64]
Step = Callable[[str, int, int], None]
LEARNERS = ("logistic", "xgb", "lgbm")
ENSEMBLE = "ensemble"
_BINS = 10


@dataclass(frozen=True, slots=True)
class Options:
    """How to train. `models`: learners to fit, each reported alone and together as the ensemble; `cv` `walk-forward-N`,
    `purged-N` (combinatorial, one group tested) or `cpcv` (six groups, two tested); `holdout` the locked share of time.
    """

    models: tuple[str, ...] = LEARNERS
    cv: str = "walk-forward-6"
    seed: int = 7
    holdout: float = 0.2
    threads: int = 1
    embargo: int = DAY


@dataclass(frozen=True, slots=True)
class Score:
    """One forecaster on rows it did not know, against the market's price; intervals clustered by event."""

    model: str
    rows: int
    events: int
    gain: float
    gain_low: float
    gain_high: float
    log_loss: float
    market_log_loss: float
    brier: float
    market_brier: float
    brier_skill: float
    brier_skill_low: float
    brier_skill_high: float
    slope: float | None
    plain: dict[str, dict[str, float]]

    @property
    def sentence(self) -> str:
        """Say what the score means."""
        words = f"{self.gain:+.4f} nats a row against the price [{self.gain_low:+.4f}, {self.gain_high:+.4f}]"
        if self.gain_low > 0:
            return f"{self.model} knows more than the price: {words}, {self.events:,} events"
        if self.gain_high < 0:
            return f"{self.model} is worse than the price: {words}, {self.events:,} events"
        return f"nothing proven of {self.model}: {words}, {self.events:,} events"


@dataclass(frozen=True, slots=True)
class Training:
    """What a training found: the model of everything, its scores, the lint and the card's facts."""

    model: Model
    scores: tuple[Score, ...]
    holdout: tuple[Score, ...]
    lint: tuple[LintLine, ...]
    card: dict[str, Any]


def train(dataset: "Dataset", options: Options, step: Step, *, open_holdout: bool = False) -> Training:
    """Train on a dataset; `step(what, done, total)` is told of progress.

    Raises UsageError unknown-model | bad-option, DataError too-few-rows, LeakError leaky-training with what failed.
    """
    members = {kind: make(kind, options.threads) for kind in _kinds(options.models)}
    lint = list(training_lint.lint_rows(dataset))
    _refuse(lint)
    everything = dataset.examples()
    development, locked = split_holdout(everything, options.holdout)
    folds = make_folds(development, options)
    lint += training_lint.lint_folds(development, folds)
    _refuse(lint)
    total = len(members) * (len(folds) + 1) + 2
    done = 0

    def said(name: str, fold: int) -> None:
        nonlocal done
        done += 1
        step(f"{name}, fold {fold + 1}", done, total)

    out = cross_fit(members, development, folds, options.seed, said)
    lint.append(training_lint.canary(development, folds, options.seed))
    step("shuffle canary", total - 1 - len(members), total)
    scores = score_all(out, development)
    best = max(scores, key=lambda score: score.gain)
    lint.append(training_lint.random_gap(development, best.gain, options.seed))
    _refuse(lint)
    model = fit_model(members, development, out, options.seed)
    step("fitted on all development rows", total, total)
    opened = holdout_scores(model, locked) if open_holdout and len(locked) else ()
    return Training(model, scores, opened, tuple(lint), _card(dataset, options, (development, locked), folds, model))


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
    rows = Rows(examples.t, examples.event, examples.known_at)
    name, _, number = options.cv.rpartition("-")
    if options.cv == "cpcv":
        return list(combinatorial(rows, 6, 2, options.embargo))
    if not number.isdigit() or not 2 <= int(number) <= 50 or name not in {"walk-forward", "purged"}:
        raise UsageError("bad-option", f"--cv is walk-forward-N, purged-N or cpcv, not '{options.cv}'")
    if name == "walk-forward":
        return list(walk_forward(rows, int(number), options.embargo))
    return list(combinatorial(rows, int(number), 1, options.embargo))


def score_all(out: OutOfFold, examples: Examples) -> tuple[Score, ...]:
    """Score every member alone (calibrated) and, with several, the ensemble, all on the same rows."""
    choices = {name: [column] for column, name in enumerate(out.members)}
    if len(out.members) > 1:
        choices[ENSEMBLE] = list(range(len(out.members)))
    forecasts = {name: forecast_in_turn(out, examples, columns).p for name, columns in choices.items()}
    scored = np.isfinite(next(iter(forecasts.values())))
    if not scored.any():
        raise DataError("too-few-rows", "no row was left to score: the labels of earlier folds were known too late")
    return tuple(score(name, p[scored], examples.choose(scored)) for name, p in forecasts.items())


def holdout_scores(model: Model, locked: Examples) -> tuple[Score, ...]:
    """Score the saved model on the locked rows; the caller counts the opening."""
    name = ENSEMBLE if len(model.members) > 1 else next(iter(model.members))
    return (score(name, model.forecast(locked.x, locked.price).p, locked),)


def score(name: str, p: Floats, rows: Examples) -> Score:
    """Score forecasts `p` on rows against their prices."""
    found = skill(p, rows.price, rows.label, rows.event)
    gain, brier = found.log_loss_gain, found.brier_skill
    fit = recalibrate(p, rows.label, rows.event)
    return Score(
        name,
        len(rows),
        len(np.unique(rows.event)),
        gain.value,
        gain.low,
        gain.high,
        found.log_loss_forecast,
        found.log_loss_market,
        found.brier_forecast,
        found.brier_market,
        brier.value,
        brier.low,
        brier.high,
        None if fit is None else fit.slope,
        {"model": plain_scores(p, rows.label), "market": plain_scores(rows.price, rows.label)},
    )


def plain_scores(p: Floats, label: Floats) -> dict[str, float]:
    """Return accuracy, precision, recall, F1, AUC and the confusion matrix at one half, for readers who expect them."""
    said, true = p > 0.5, label > 0.5
    hits, alarms = int((said & true).sum()), int((said & ~true).sum())
    misses, rejections = int((~said & true).sum()), int((~said & ~true).sum())
    precision = hits / (hits + alarms) if hits + alarms else float("nan")
    recall = hits / (hits + misses) if hits + misses else float("nan")
    both = precision + recall
    return {
        "accuracy": (hits + rejections) / max(len(p), 1),
        "precision": precision,
        "recall": recall,
        "f1": 2 * precision * recall / both if both else float("nan"),
        "auc": auc(p, label),
        "true_positive": hits,
        "false_positive": alarms,
        "false_negative": misses,
        "true_negative": rejections,
    }


def auc(p: Floats, label: Floats) -> float:
    """Return the area under the ROC curve by ranks, ties counted half; NaN with one class."""
    from scipy.stats import rankdata

    positive = label > 0.5
    count = int(positive.sum())
    other = len(label) - count
    if not count or not other:
        return float("nan")
    ranks = rankdata(p)
    return float((ranks[positive].sum() - count * (count + 1) / 2) / (count * other))


def reliability(p: Floats, label: Floats) -> list[dict[str, float]]:
    """Return bins of equal count: mean forecast, observed frequency, rows."""
    order = np.argsort(p, kind="stable")
    parts = [part for part in np.array_split(order, _BINS) if len(part)]
    return [{"forecast": float(p[i].mean()), "observed": float(label[i].mean()), "rows": len(i)} for i in parts]


def _kinds(models: tuple[str, ...]) -> list[str]:
    """Return the learners to fit: `ensemble` stands for all, doubles count once."""
    chosen = [kind for kind in models if kind != ENSEMBLE] or list(LEARNERS)
    return list(dict.fromkeys(chosen))


def _refuse(lint: list[LintLine]) -> None:
    broken = training_lint.failed(lint)
    if broken:
        words = "; ".join(f"{line.code}: {line.note}" for line in broken)
        raise LeakError("leaky-training", f"no model is saved: {words}", codes=[line.code for line in broken])


def _card(
    dataset: "Dataset", options: Options, parts: tuple[Examples, Examples], folds: Folds, model: Model
) -> dict[str, Any]:
    development, locked = parts
    importance = model.importance()
    order = np.argsort(-importance, kind="stable")
    return {
        "options": asdict(options),
        "data": {
            "rows": len(development),
            "events": len(np.unique(development.event)),
            "locked_rows": len(locked),
            "from": int(development.t.min()),
            "to": int(development.t.max()),
            "known_to": int(development.known_at.max()),
            "yes_share": float(development.label.mean()),
            **{key: dataset.meta[key] for key in ("features", "panel", "source") if key in dataset.meta},
        },
        "plan": dataset.meta.get("plan", {}),
        "folds": [{"train": len(train), "test": len(test)} for train, test in folds],
        "stack": {
            "weights": dict(zip(model.stack.members, model.stack.weights.tolist(), strict=True)),
            "level": model.stack.level,
            "events": model.stack.events,
        },
        "importance": [{"feature": model.names[i], "share": float(importance[i])} for i in order if importance[i] > 0],
        "digest": model.digest(),
    }
