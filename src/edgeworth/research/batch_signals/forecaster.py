"""A saved model among the speakers: it states what YES is worth on each newest row, with an interval and its drivers.

A model speaks only where its columns mean today what they meant when it was trained, and only of instants after the
last outcome it learned from: a scan of the past (`--as-of`) never hears a model that knows what came later.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from edgeworth.core.config import Settings
from edgeworth.core.errors import DataError, EdgeworthError, UsageError
from edgeworth.core.instants import to_iso
from edgeworth.core.panel import Int64s
from edgeworth.core.paths import Home
from edgeworth.core.units import Micros
from edgeworth.features.providers import Bundle
from edgeworth.forecasting.odds import stated
from edgeworth.forecasting.speaking import Drivers, Rows, Said, Stated, stated_cost
from edgeworth.models.registry import Registry
from edgeworth.research.batch_signals.types import ModelNote
from edgeworth.research.dataset import Float32s, column_names, features_digest, model_inputs

if TYPE_CHECKING:
    from edgeworth.models.crossfit import Model

CHAMPION: Final = "champion"
_DRIVERS: Final = 3
_PRICED: Final = 10_000.0
_ABOVE, _BELOW = "forecast above the price", "forecast below the price"


ColumnsOf = Callable[[Sequence[str], int | None], Bundle]  # (keys, instant of a live look or None) -> columns


@dataclass(slots=True)
class Beside:
    """The columns from beyond the panel that a model reads, as of the look at hand; `meaning` is a bundle of them."""

    keys: tuple[str, ...]
    shelf: ColumnsOf
    meaning: Bundle
    _at: tuple[int, Bundle] | None = None

    def at(self, as_of: int) -> Bundle:
        """Return the columns for a look at an instant, read once for it; raises what the shelf raises."""
        if self._at is None or self._at[0] != as_of:
            self._at = (as_of, self.shelf(self.keys, as_of))
        return self._at[1]


@dataclass(frozen=True, slots=True)
class ModelSpeaker:
    """A saved model with what its card says: `features` it reads, `digest` of its columns, and `known_to`, the instant
    at which the last outcome it learned from was known (microseconds). `beside` brings columns from beyond the panel.
    """

    model_id: str
    model: "Model"
    features: tuple[str, ...]
    digest: str
    known_to: int
    settings: Settings
    beside: "Beside | None" = None

    @property
    def needs(self) -> tuple[str, ...]:
        """Return the features the model reads."""
        return tuple(dict.fromkeys((*self.features, "top_category")))

    @property
    def name(self) -> str:
        """Return `model:` and the id."""
        return f"model:{self.model_id}"

    def silent_because(self, as_of: int) -> tuple[str, str]:
        """Return (code, why) of what keeps the model silent at an instant, ("", "") where nothing does."""
        if as_of < self.known_to:
            last = to_iso(Micros(self.known_to))
            return "model-looks-ahead", f"it learned from outcomes known by {last}, which is after this instant"
        if self.beside is None:
            return "", ""
        try:
            lacking = self.beside.at(as_of).lacks(as_of)
        except DataError as error:  # the stores have lost what they held, or are locked: the rules still speak
            return error.code, error.message
        return ("columns-missing", f"it reads columns that cannot be made: {lacking}") if lacking else ("", "")

    def speak(self, rows: Rows, as_of: int) -> Said:
        """State the probability of YES on every row; propose the side whose forecast exceeds its stated cost."""
        if not rows.frame.height or self.silent_because(as_of)[0]:
            return _silence(self)
        frame, names = rows.frame, tuple[str, ...]()
        if self.beside is not None:
            extra = self.beside.at(as_of)
            frame, names = frame.hstack(extra(rows.panel, rows.row)), extra.names
        x, price = model_inputs(frame, self.features, names), rows.price_e4 / _PRICED
        found = self.model.forecast(x, price)
        side = np.where(found.p >= price, 1, -1).astype(np.int8)
        worth, leg = np.where(side > 0, found.p, 1.0 - found.p), np.where(side > 0, price, 1.0 - price)
        index = np.flatnonzero(worth > stated_cost(leg, self.settings)).astype(np.int64)
        told = Stated(self.model_id, self.digest, found.p, found.low, found.high, found.se, partial(self._explain, x))
        events = np.full(len(index), self.model.stack.events, np.int64)
        odds = stated(worth[index], found.se[index], events, leg[index])
        reasons = tuple(_ABOVE if lean > 0 else _BELOW for lean in side[index].tolist())
        return Said(self.name, 1, False, index, side[index], reasons, odds, told)

    def _explain(self, x: Float32s, rows: Int64s) -> tuple[Drivers, ...]:
        """Return per row the features with the largest shares of the change in log-odds of YES, largest first."""
        if not len(rows):
            return ()
        shares = self.model.contributions(x[rows])[:, :-1]
        order = np.argsort(-np.abs(shares), axis=1, kind="stable")[:, :_DRIVERS]
        names = self.model.names
        return tuple(
            tuple((names[k], round(float(row[k]), 4)) for k in best.tolist() if row[k])
            for row, best in zip(shares, order, strict=True)
        )


def _silence(speaker: ModelSpeaker) -> Said:
    none, whole = np.empty(0), np.empty(0, np.int64)
    nothing = Stated(speaker.model_id, speaker.digest, none, none, none, none, lambda _: ())
    return Said(speaker.name, 1, False, whole, whole.astype(np.int8), (), stated(none, none, whole, none), nothing)


@dataclass(frozen=True, slots=True)
class Voice:
    """The model that was asked for: it speaks, or `code` and `why` say what keeps it silent."""

    asked: str
    model_id: str
    card: dict[str, Any]
    speaker: ModelSpeaker | None
    code: str = ""
    why: str = ""

    def note(self, as_of: int) -> ModelNote:
        """Return what a batch as of an instant says of the model."""
        code, why = self.code, self.why
        if self.speaker is not None:
            code, why = self.speaker.silent_because(as_of)
        scores = self.card.get("scores") or [{}]
        best = scores[-1]
        return ModelNote(
            model=self.model_id, asked=self.asked, speaks=not code, code=code, why=why,
            events=int(best.get("events", 0)), gain=_finite(best.get("gain")),
            gain_low=_finite(best.get("gain_low")), gain_high=_finite(best.get("gain_high")),
        )  # fmt: skip


def _finite(value: float | None) -> float | None:
    """Return a number of a card, None where there is none: one event has no interval."""
    return None if value is None or not math.isfinite(value) else float(value)


def find_voice(
    home: Home, asked: str | None, settings: Settings, shelf: ColumnsOf | None = None, now: int | None = None
) -> Voice | None:
    """Return the model that speaks: `asked`, or the home's champion when None; None without any champion.

    `shelf(keys, as_of)` returns the columns from beyond the panel that a model's card names; it is tried once for a
    look at `now`. A champion that cannot be
    used is silent and says why; one asked for by name raises UsageError unknown-model, DataError model-corrupt |
    model-outdated | columns-missing.
    """
    models = Registry(home.root / "models")
    name = asked or CHAMPION
    if asked is None and CHAMPION not in models.aliases():
        return None
    model_id = models.find(name)
    try:
        model, card = models.load(name)
        return Voice(name, model_id, card, _speaker(model_id, model, card, (settings, shelf, now)))
    except EdgeworthError as error:
        if asked is not None:
            raise
        return Voice(name, model_id, {}, None, error.code, error.message)


def _speaker(
    model_id: str, model: "Model", card: dict[str, Any], how: tuple[Settings, ColumnsOf | None, int | None]
) -> ModelSpeaker:  # fmt: skip
    data, plan = card.get("data", {}), card.get("plan", {})
    settings, shelf, now = how
    features = tuple(plan.get("features", ()))
    beside = _beside(model_id, tuple(plan.get("providers", ())), shelf, now)
    extra = beside.meaning if beside else None
    try:
        today = features_digest(features, extra)
    except EdgeworthError as error:  # a feature that is no longer there
        raise DataError("model-outdated", f"{model_id}: {error.message}") from error
    if today != data.get("features") or model.names != column_names(features, extra):
        words = f"the features of model {model_id} are computed differently today than when it was trained"
        raise DataError("model-outdated", words)
    if "known_to" not in data:
        raise DataError("model-outdated", f"the card of {model_id} does not say until when outcomes were known to it")
    return ModelSpeaker(model_id, model, features, today, int(data["known_to"]), settings, beside)


def _beside(model_id: str, keys: tuple[str, ...], shelf: ColumnsOf | None, now: int | None) -> Beside | None:
    if not keys:
        return None
    if shelf is None:
        raise DataError("columns-missing", f"model {model_id} reads columns that nobody brings: {', '.join(keys)}")
    try:
        return Beside(keys, shelf, shelf(keys, now))
    except UsageError as error:
        raise DataError("model-outdated", f"{model_id}: {error.message}") from error
    except DataError as error:
        if error.code != "columns-missing":
            raise
        raise DataError(error.code, f"model {model_id} reads {error.message}", error.hint) from error
