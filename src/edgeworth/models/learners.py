"""Learners of mispricing: each fits a correction to the market's log-odds, so no signal means "agree with the market".

A learner is settings; `fit` returns a `Fitted`, whose `correct` gives corrections in log-odds for rows of features, and
whose `save` gives named bytes that `load` turns back into an equal one, in any process, without running code.
"""

import difflib
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol, cast, runtime_checkable

import numpy as np
import numpy.typing as npt

from edgeworth.core.errors import DataError, UsageError
from edgeworth.models.examples import Examples

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Floats = npt.NDArray[np.float64]
Float32s = npt.NDArray[np.float32]
Files = Mapping[str, bytes]


@runtime_checkable
class Fitted(Protocol):
    """A fitted correction of the market's log-odds."""

    @property
    def kind(self) -> str:
        """Name of the learner that made it."""

    def correct(self, x: Float32s) -> Floats:
        """Return corrections for rows (n, K), in log-odds, shape (n,)."""

    def contributions(self, x: Float32s) -> Floats:
        """Return each feature's share in the correction, shape (n, K + 1); the last column is the base."""

    def importance(self) -> Floats:
        """Return how much each feature is used, shape (K,), summing to 1 (or all 0)."""

    def save(self) -> Files:
        """Return the model as named bytes."""


class Learner(Protocol):
    """Settings of a learner; `threads` is the number of threads of one fit."""

    @property
    def kind(self) -> str:
        """Name under which it is chosen and saved."""

    def fit(self, examples: Examples, seed: int) -> Fitted:
        """Fit on examples; equal examples, seed and versions give equal bytes."""


@runtime_checkable
class Preparing(Protocol):
    """A learner whose fits with different settings can share the examples in the form it needs them."""

    def prepare(self, examples: Examples) -> Any:
        """Return examples in the library's own form."""

    def fit_prepared(self, prepared: Any, seed: int) -> Fitted:
        """Fit on what `prepare` made; the same as `fit` on the examples."""


class MarketFitted:
    """The market itself as a forecaster: no correction."""

    kind = "market"

    def __init__(self, columns: int) -> None:
        self._columns = columns

    def correct(self, x: Float32s) -> Floats:
        """Return zeros."""
        return np.zeros(len(x))

    def contributions(self, x: Float32s) -> Floats:
        """Return zeros."""
        return np.zeros((len(x), self._columns + 1))

    def importance(self) -> Floats:
        """Return zeros."""
        return np.zeros(self._columns)

    def save(self) -> Files:
        """Return the number of columns."""
        return {"market.json": json.dumps({"columns": self._columns}).encode()}


class MarketLearner:
    """The market price as it is: what every other forecaster is measured against."""

    kind = "market"

    def fit(self, examples: Examples, seed: int) -> MarketFitted:  # noqa: ARG002  (one interface for all)
        """Return the market."""
        return MarketFitted(len(examples.names))


def _market(files: Files) -> Fitted:
    return MarketFitted(int(json.loads(files["market.json"])["columns"]))


def _linear(files: Files) -> Fitted:
    from edgeworth.models.linear import LinearFitted

    return LinearFitted.load(files)


def _xgb(files: Files) -> Fitted:
    from edgeworth.models.trees import XgbFitted

    return XgbFitted.load(files)


def _lgbm(files: Files) -> Fitted:
    from edgeworth.models.trees import LgbmFitted

    return LgbmFitted.load(files)


def _neural(files: Files) -> Fitted:
    from edgeworth.models.neural import NeuralFitted

    return NeuralFitted.load(files)


def _fair_value(files: Files) -> Fitted:
    from edgeworth.models.fairvalue import FairValueFitted

    return FairValueFitted.load(files)


_LOADERS: dict[str, Callable[[Files], Fitted]] = {
    "market": _market,
    "fair-value": _fair_value,
    "logistic": _linear,
    "xgb": _xgb,
    "lgbm": _lgbm,
    "nn": _neural,
}


def make(kind: str, threads: int = 1, settings: Mapping[str, Any] | None = None) -> Learner:
    """Return a learner with its default settings, or some of them changed; raises UsageError unknown-model.

    The number of threads changes no result, only the time. Trees are the same for any number; the network, whose
    library adds up long sums by thread, always takes one.
    """
    from edgeworth.models.fairvalue import FairValueLearner
    from edgeworth.models.linear import LinearLearner
    from edgeworth.models.neural import NeuralLearner
    from edgeworth.models.trees import LgbmLearner, XgbLearner

    makers: dict[str, Callable[[], Learner]] = {
        "market": MarketLearner,
        "fair-value": FairValueLearner,
        "logistic": LinearLearner,
        "xgb": lambda: XgbLearner(threads=threads),
        "lgbm": lambda: LgbmLearner(threads=threads),
        "nn": NeuralLearner,
    }
    if kind not in makers:
        close = difflib.get_close_matches(kind, makers, n=1)
        hint = f"did you mean '{close[0]}'?" if close else f"there are: {', '.join(makers)}"
        raise UsageError("unknown-model", f"no model is called '{kind}'", hint)
    learner = makers[kind]()
    return cast("Learner", replace(cast("DataclassInstance", learner), **settings)) if settings else learner


def load(kind: str, files: Files) -> Fitted:
    """Return what `save` wrote; raises DataError model-corrupt."""
    try:
        return _LOADERS[kind](files)
    except (DataError, UsageError):
        raise
    except Exception as error:  # whatever a library says of damaged bytes
        raise DataError("model-corrupt", f"the saved {kind} model cannot be read: {error}") from error
