"""Search settings of a learner inside the training rows: resumable, repeatable, every configuration counted.

The rows that choose are cut off in time from the rows that are scored later, so no score knows of the choice. Within
them every configuration is fitted on the same walk-forward folds, in bins that are made once. The first configuration
is the learner's default, so the chosen one is never worse on these rows. Each suggestion has a random stream of its own
that depends on the seed and on how many configurations are done: a search that was interrupted and continued tries what
an uninterrupted one does. Needs the `tune` extra (Optuna, tree-structured Parzen estimator: Bergstra et al. 2011).
"""

import contextlib
import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol, cast

import numpy as np
import numpy.typing as npt

from edgeworth.core.errors import DataError, UsageError
from edgeworth.core.random import stream
from edgeworth.core.units import DAY
from edgeworth.models.examples import Examples, expit
from edgeworth.models.learners import Fitted, Learner, Preparing, make
from edgeworth.models.scores import log_loss_gain
from edgeworth.models.spaces import SPACES, Range, defaults
from edgeworth.research.splits import Rows, walk_forward

if TYPE_CHECKING:
    from optuna import Study

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Told = Callable[[int, int], None]
FOLDS: Final = 3
_LEAST_ROWS: Final = 100
_DIGITS: Final = 4  # settings are stated with that many digits, so that a card repeats them exactly

__all__ = ["FOLDS", "SPACES", "Bench", "Count", "Plan", "Tuned", "split", "tune", "uncounted"]


class Count(Protocol):
    """Write down one evaluated configuration."""

    def __call__(self, kind: str, settings: Mapping[str, Any], status: str, events: int) -> None:
        """Count settings of a learner that were `done` or `failed` on so many events."""


def uncounted(kind: str, settings: Mapping[str, Any], status: str, events: int) -> None:
    """Count nothing."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How to search: `trials` configurations, the seed of the learners and of the suggestions, threads of one fit."""

    trials: int
    seed: int = 7
    threads: int = 1
    embargo: int = DAY


@dataclass(frozen=True, slots=True)
class Tuned:
    """What a search found: settings, configurations evaluated and of them in earlier runs, gains in nats a row."""

    kind: str
    settings: dict[str, Any]
    trials: int
    resumed: int
    gain: float
    default_gain: float
    best: int
    rows: int
    events: int

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready values."""
        return asdict(self)


def split(examples: Examples, embargo: int) -> tuple[Examples, Bools]:
    """Return the rows that choose settings, and which of all rows (N,) may be scored afterwards.

    Half of the rows lie before the cut; those whose event was settled `embargo` before it choose, those decided after
    it, of other events, are scored. Raises DataError too-few-rows.
    """
    cut = int(np.quantile(examples.t, 0.5)) if len(examples) else 0
    numbers, _, known = Rows(examples.t, examples.event, examples.known_at).spans()
    choosing = (examples.t < cut) & (known[numbers] <= cut - embargo)
    judged = (examples.t >= cut) & ~np.isin(examples.event, examples.event[choosing])
    if choosing.sum() < _LEAST_ROWS or not judged.any():
        raise DataError("too-few-rows", f"{int(choosing.sum())} rows are too few to choose settings by")
    return examples.choose(choosing), judged


class Bench:
    """Folds of the rows that choose, each in the learner's own form, made once for all configurations."""

    def __init__(self, kind: str, examples: Examples, plan: Plan) -> None:
        rows = Rows(examples.t, examples.event, examples.known_at)
        folds = [(a, b) for a, b in walk_forward(rows, FOLDS, plan.embargo) if len(a) >= _LEAST_ROWS // 2 and len(b)]
        if not folds:
            raise DataError("too-few-rows", "no fold is left to choose settings by")
        self._kind, self._examples, self._plan = kind, examples, plan
        self._folds = folds
        self._made: list[Any] = [None] * len(folds)

    @property
    def events(self) -> int:
        """How many events are tested."""
        return len(np.unique(self._examples.event[np.concatenate([test for _, test in self._folds])]))

    def gain(self, settings: Mapping[str, Any]) -> float:
        """Return the weighted gain over the price of one configuration, nats a row."""
        learner = make(self._kind, self._plan.threads, settings)
        total = weight = 0.0
        for number, (_, test) in enumerate(self._folds):
            fitted = self._fit(learner, number)
            asked = self._examples.choose(test)
            gains = log_loss_gain(expit(asked.offset + fitted.correct(asked.x)), asked.price, asked.label)
            total, weight = total + float(asked.weight @ gains), weight + float(asked.weight.sum())
        return total / weight

    def _fit(self, learner: Learner, number: int) -> Fitted:
        train = self._folds[number][0]
        if not isinstance(learner, Preparing):
            if self._made[number] is None:
                self._made[number] = self._examples.choose(train)
            return learner.fit(self._made[number], self._plan.seed)
        if self._made[number] is None:
            self._made[number] = learner.prepare(self._examples.choose(train))
        return learner.fit_prepared(self._made[number], self._plan.seed)


def tune(kind: str, examples: Examples, plan: Plan, study: Path | None, tools: tuple[Told, Count]) -> Tuned:
    """Search settings of a learner on rows that choose; `study` is an SQLite file that remembers what was tried.

    `tools`: who is told of (done, all), and who counts. A configuration that was being fitted when an earlier run was
    stopped counts as failed and is tried again. Raises UsageError extra-missing without Optuna, DataError too-few-rows.
    """
    told, count = tools
    bench = Bench(kind, examples, plan)
    with _quiet(need_optuna()) as optuna:
        found = _study(optuna, study, f"{kind}-{_digest(kind, examples, plan)}")
        events = bench.events
        for stale in found.get_trials(deepcopy=False, states=(optuna.trial.TrialState.RUNNING,)):
            count(kind, stale.params, "failed", events)
            found.tell(stale.number, state=optuna.trial.TrialState.FAIL)
        resumed = min(len(_complete(optuna, found)), plan.trials)
        if resumed:
            told(resumed, plan.trials)
        for number in range(resumed, plan.trials):
            _evaluate(optuna, found, bench, (kind, plan, number, count))
            told(number + 1, plan.trials)
        done = _complete(optuna, found)[: plan.trials]
        best = max(range(len(done)), key=lambda i: (done[i][1], -i))
    settings, gain = done[best]
    return Tuned(kind, settings, len(done), resumed, gain, done[0][1], best, len(examples), events)


def _evaluate(optuna: Any, study: "Study", bench: Bench, job: tuple[str, Plan, int, Count]) -> None:
    """Ask for a configuration, fit it, count it and write it down."""
    kind, plan, number, count = job
    seed = int(stream(plan.seed, "tune", kind, number).integers(2**31))
    study.sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=8)
    if number == 0:
        study.enqueue_trial(defaults(kind))
    trial = study.ask(_distributions(optuna, SPACES[kind]))
    settings = _stated(trial.params)
    try:
        gain = bench.gain(settings)
    except BaseException:
        # whatever stopped the fit: it was tried, and the study must not wait for it
        count(kind, settings, "failed", bench.events)
        study.tell(trial, state=optuna.trial.TrialState.FAIL)
        raise
    count(kind, settings, "done", bench.events)
    study.tell(trial, gain)


def _stated(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings rounded to the digits a card shows."""
    return {k: v if isinstance(v, int) else float(f"{v:.{_DIGITS}g}") for k, v in sorted(params.items())}


def _complete(optuna: Any, study: "Study") -> list[tuple[dict[str, Any], float]]:
    """Return (settings, gain) of what was evaluated, in order."""
    done = study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.COMPLETE,))
    return [(_stated(trial.params), float(trial.value or 0.0)) for trial in sorted(done, key=lambda t: t.number)]


def _distributions(optuna: Any, space: Mapping[str, Range]) -> dict[str, Any]:
    made = {}
    for name, span in space.items():
        if span.whole:
            made[name] = optuna.distributions.IntDistribution(int(span.low), int(span.high), log=span.log)
        else:
            made[name] = optuna.distributions.FloatDistribution(span.low, span.high, log=span.log)
    return made


def _study(optuna: Any, path: Path | None, name: str) -> "Study":
    storage = None
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        storage = optuna.storages.RDBStorage(f"sqlite:///{path}")
    made = optuna.create_study(study_name=name, storage=storage, direction="maximize", load_if_exists=True)
    return cast("Study", made)


def _digest(kind: str, examples: Examples, plan: Plan) -> str:
    """Return a digest of everything but the number of trials that decides what a search finds."""
    words = repr((kind, SPACES[kind], FOLDS, plan.seed, plan.embargo, examples.digest()))
    return hashlib.blake2b(words.encode(), digest_size=8).hexdigest()


def need_optuna() -> Any:
    """Return the optuna module; raises UsageError extra-missing without it."""
    try:
        import optuna
    except ImportError as error:
        words = "searching settings needs Optuna"
        raise UsageError("extra-missing", words, "pip install 'edgeworth[tune]'") from error
    return optuna


@contextlib.contextmanager
def _quiet(optuna: Any) -> Iterator[Any]:
    """Keep the library from writing to the terminal, and put its loudness back."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        yield optuna
    finally:
        optuna.logging.set_verbosity(before)
