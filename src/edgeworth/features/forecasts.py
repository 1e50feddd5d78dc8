"""What a model says, as columns of a row: `forecast` and its interval, filled by whoever makes forecasts at the time.

Outside `forecasts_by` there is no model and the columns are empty, so a rule that reads them says nothing. The seam is
here, below the models, so that a strategy reads a forecast like any other feature and the audits treat it as one.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, Protocol

import numpy as np

from edgeworth.core.panel import Floats, Int32s, Int64s, Panel
from edgeworth.features import columns, expressions, kernels  # noqa: F401  (register what the columns read)
from edgeworth.features.definitions import panel_feature

NAMES: Final = ("forecast", "forecast_low", "forecast_high")
_MEANING: Final = {
    "forecast": "Probability of YES that a model states, from what was known by the row; null without a model.",
    "forecast_low": "Lower end of the forecast's 95 % interval.",
    "forecast_high": "Upper end of the forecast's 95 % interval.",
}


class Forecaster(Protocol):
    """Whoever makes forecasts: a model, or models that followed each other in time."""

    @property
    def fingerprint(self) -> str:
        """Digest of everything that decides what it says, apart from the panel."""

    def columns(self, panel: Panel, rows: Int64s) -> tuple[Floats, Floats, Floats]:
        """Return p, low and high of YES on some ascending points, NaN where it says nothing, each of shape (R,)."""


_speaking: Forecaster | None = None
_changing = threading.Lock()


@contextmanager
def forecasts_by(forecaster: Forecaster) -> Iterator[None]:
    """Let a forecaster fill the columns, in all threads, until the block ends; raises ValueError for a second one."""
    global _speaking  # noqa: PLW0603  (features are computed in threads, which context variables do not reach)
    with _changing:
        if _speaking is not None:
            raise ValueError("forecasts are being made already")
        _speaking = forecaster
    try:
        yield
    finally:
        _speaking = None


def reads_forecasts(needs: tuple[str, ...]) -> bool:
    """Tell whether a rule with these needs says anything only where a model speaks."""
    return not set(NAMES).isdisjoint(needs)


def _fingerprint() -> str:
    return "" if _speaking is None else _speaking.fingerprint


def _column(place: int) -> Callable[[Panel, Int64s, Int32s], Floats]:
    def column(panel: Panel, rows: Int64s, market: Int32s) -> Floats:  # noqa: ARG001  (the shape of a panel column)
        if _speaking is None:
            return np.full(len(rows), np.nan)
        return _speaking.columns(panel, rows)[place]

    return column


for _place, _name in enumerate(NAMES):
    # a model may read a market's whole past: the input says so to the audits, and keeps cheap conditions before it
    panel_feature(
        _name, group="forecast", unit="probability", inputs=("path_high",), provenance=_fingerprint, doc=_MEANING[_name]
    )(_column(_place))
