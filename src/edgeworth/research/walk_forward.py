"""Models that follow each other in time, so that a forecast at t comes only from outcomes known by t.

Every `refit_days` of data time the learners are fitted anew on all rows whose label was known by then, and the stack
that weighs them on what earlier models had said of rows they could not know, labels known by then again. The model in
force at t is the last one fitted at or before t. Nothing here reads an outcome before it was known: weights are counted
over the rows known at the refit, and a label known later than a refit is not in it, whatever it is.
"""

import hashlib
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from edgeworth.core.errors import DataError, UsageError
from edgeworth.core.panel import Floats, Int64s, Outcomes, Panel
from edgeworth.core.units import DAY
from edgeworth.models.crossfit import Model
from edgeworth.models.examples import Examples
from edgeworth.models.learners import Learner, make
from edgeworth.models.scores import dense
from edgeworth.models.stack import Evidence, fit_stack, no_evidence
from edgeworth.research.dataset import ExtraColumns, Plan, VolumeAsOf, build, features_digest, live_inputs, weigh

if TYPE_CHECKING:
    import polars as pl

LEAST_ROWS: Final = 50  # below which nothing is fitted, as in cross_fit
_MOST_REFITS: Final = 500
_DIGITS: Final = 6  # forecasts are stated in millionths, as the engine counts them
Step = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Course:
    """How models follow each other: learners by name, days of data time between fits, rows to learn from, seed."""

    learners: tuple[str, ...] = ("logistic", "xgb", "lgbm")
    refit_days: float = 30.0
    plan: Plan = field(default_factory=Plan)
    seed: int = 7
    threads: int = 1


@dataclass(frozen=True, slots=True)
class Beside:
    """What a course reads from beyond the panel: `extra` columns, volumes as of then, and the `stamp` of their data."""

    extra: ExtraColumns | None = None
    volume: VolumeAsOf | None = None
    stamp: str = ""


@dataclass(frozen=True, slots=True)
class Epoch:
    """One model: in force from `begins` on, fitted on `rows` of `events`; `told` rows taught its stack."""

    begins: int
    model: Model
    rows: int
    events: int
    told: int

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready values."""
        weights = dict(zip(self.model.stack.members, self.model.stack.weights.tolist(), strict=True))
        return {
            "begins": self.begins, "rows": self.rows, "events": self.events, "told": self.told,
            "stack_events": self.model.stack.events, "weights": weights, "digest": self.model.digest(),
        }  # fmt: skip


class WalkForward:
    """Forecasts of any rows by the model in force at each; the forecaster of `features.forecasts`."""

    def __init__(
        self, features: tuple[str, ...], epochs: tuple[Epoch, ...], extra: ExtraColumns | None = None, stamp: str = ""
    ) -> None:
        """Take the models of a course; `stamp` names the data that the `extra` columns were read from."""
        self.features, self.epochs, self.extra = features, epochs, extra
        self._begins = np.array([epoch.begins for epoch in epochs], np.int64)
        self._last = threading.local()
        told = [features_digest(features, extra), *([stamp] if stamp else [])]
        told += [f"{epoch.begins}|{epoch.model.digest()}" for epoch in epochs]
        self._fingerprint = hashlib.blake2b("\n".join(told).encode(), digest_size=16).hexdigest()

    @property
    def fingerprint(self) -> str:
        """Return the digest of all models and their instants."""
        return self._fingerprint

    def columns(self, panel: Panel, rows: Int64s) -> tuple[Floats, Floats, Floats]:
        """Return p, low and high of YES on ascending points, NaN before the first model; each (R,)."""
        kept = getattr(self._last, "kept", None)
        if kept is None or kept[0] is not panel or kept[1] is not rows:
            self._last.kept = kept = (panel, rows, self._forecast(panel, rows))  # three columns are asked for in turn
        found: tuple[Floats, Floats, Floats] = kept[2]
        return found

    def _forecast(self, panel: Panel, rows: Int64s) -> tuple[Floats, Floats, Floats]:
        out = np.full((3, len(rows)), np.nan)
        number = np.searchsorted(self._begins, panel.t[rows], side="right") - 1
        spoken = np.flatnonzero(number >= 0)
        if len(spoken):
            x = live_inputs(panel, rows[spoken], self.features, self.extra)
            price = panel.price_e4[rows[spoken]] / 10_000.0
            for epoch in np.unique(number[spoken]).tolist():
                own = np.flatnonzero(number[spoken] == epoch)
                said = self.epochs[epoch].model.forecast(x[own], price[own])
                out[:, spoken[own]] = np.round((said.p, said.low, said.high), _DIGITS)
        return out[0], out[1], out[2]


def train_in_turn(
    panel: Panel, outcomes: Outcomes, course: Course, until: int, step: Step, beside: Beside | None = None
) -> WalkForward:
    """Return the models of a course over a panel, the last one fitted before `until`; `step(what, done, total)`.

    `beside` holds what the course's plan asks for from beyond the panel.

    Raises UsageError unknown-model | bad-option, DataError too-few-rows when no row can be learned from.
    """
    members = {kind: make(kind, course.threads) for kind in dict.fromkeys(course.learners)}
    if not members or not course.refit_days > 0:
        raise UsageError("bad-option", "name at least one learner, and a refit of more than 0 days")
    beside = beside or Beside()
    dataset = build(panel, outcomes, course.plan, beside.extra, beside.volume, course.threads)
    frame = dataset.frame.sort("t", "market_id", "point")
    instants = _instants(frame, course, min(until, int(panel.t.max()) + 1))
    rows = _Rows(frame, dataset.names, tuple(members))
    epochs: list[Epoch] = []
    for done, now in enumerate(instants):
        step("refit", done, len(instants))
        epoch = rows.learn(members, now, course.seed)
        if epoch is not None:
            epochs.append(epoch)
    step("refit", len(instants), len(instants))
    if not epochs:
        raise DataError("too-few-rows", f"fewer than {LEAST_ROWS} rows were known in time: no model could be fitted")
    return WalkForward(course.plan.features, tuple(epochs), beside.extra, beside.stamp)


def _instants(frame: "pl.DataFrame", course: Course, until: int) -> list[int]:
    """Return when to fit: every so many days from the first label known, on a grid of whole steps since 1970."""
    pace = round(course.refit_days * DAY)
    first = -(-int(frame.select("known_at").to_series().to_numpy().min()) // pace) * pace
    instants = list(range(first, until, pace))
    if len(instants) > _MOST_REFITS:
        words = f"{len(instants):,} fits are more than {_MOST_REFITS}"
        raise UsageError("bad-option", words, "take more --refit-days, or a shorter range")
    return instants


class _Rows:
    """The rows to learn from, with what earlier models said of them."""

    def __init__(self, frame: "pl.DataFrame", names: tuple[str, ...], members: tuple[str, ...]) -> None:
        self.frame, self.names, self.members = frame, names, members
        self.known_at = frame["known_at"].to_numpy()
        self.t = frame["t"].to_numpy()
        self.said = np.full((frame.height, len(members)), np.nan)
        self._fitted: Model | None = None
        self._known, self._since = 0, 0

    def learn(self, members: dict[str, Learner], now: int, seed: int) -> Epoch | None:
        """Return the model of what is known by `now`; None where nothing new is, or too little."""
        self._listen(now)
        known = self.known_at <= now
        count = int(known.sum())
        if count < LEAST_ROWS or count == self._known:
            return None
        examples = self._examples(known)
        fitted = {name: learner.fit(examples, seed) for name, learner in members.items()}
        told = ~np.isnan(self.said[known]).any(axis=1)
        stack = fit_stack(self.members, self._evidence(examples, known, told)) if told.any() else None
        model = Model(self.names, fitted, stack or no_evidence(self.members))
        self._fitted, self._known, self._since = model, count, now
        return Epoch(now, model, count, len(np.unique(examples.event)), int(told.sum()))

    def _listen(self, now: int) -> None:
        """Keep what the model in force said of the rows between its fit and `now`."""
        rows = (self.t >= self._since) & (self.t < now)
        if self._fitted is not None and rows.any():
            x = self.frame.filter(rows).select(self.names).to_numpy().astype(np.float32)
            self.said[rows] = self._fitted.corrections(np.ascontiguousarray(x))
            self._since = now

    def _examples(self, known: "np.ndarray[Any, np.dtype[np.bool_]]") -> Examples:
        frame = weigh(self.frame.filter(known).drop("weight"))
        event, _ = dense(frame["event"].to_numpy())
        return Examples(
            np.ascontiguousarray(frame.select(self.names).to_numpy().astype(np.float32)), self.names,
            frame["price"].to_numpy().astype(np.float64), frame["label"].to_numpy().astype(np.float64), event,
            frame["weight"].to_numpy().astype(np.float64), frame["t"].to_numpy().astype(np.int64),
            frame["known_at"].to_numpy().astype(np.int64),
        )  # fmt: skip

    def _evidence(
        self,
        examples: Examples,
        known: "np.ndarray[Any, np.dtype[np.bool_]]",
        told: "np.ndarray[Any, np.dtype[np.bool_]]",
    ) -> Evidence:
        chosen = examples.choose(told)
        return Evidence(self.said[known][told], chosen.price, chosen.label, chosen.event, chosen.weight)
