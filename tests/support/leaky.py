"""Deliberately broken features, registered for one test and taken away afterwards, and rules that read them."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import make_dataclass
from typing import Any

import numpy as np

from edgeworth.core.panel import Panel
from edgeworth.core.random import stream
from edgeworth.core.schema import Era
from edgeworth.features import registry
from edgeworth.features.definitions import FEATURES, Feature, Kind, register
from edgeworth.strategies.base import Row, Strategy, no, strategy, yes

NAME = "leaky_value"


@contextlib.contextmanager
def registered(function: Callable[..., Any], *, name: str = NAME, **fields: Any) -> Iterator[str]:
    """Register f(panel, rows, market) as a feature for the length of a `with` block."""
    fields = {"group": "test", "unit": "", "doc": "Broken on purpose.", "era": Era.AS_OF, **fields}
    register(Feature(name=name, kind=fields.pop("kind", Kind.PANEL), function=function, **fields))
    try:
        yield name
    finally:
        FEATURES.pop(name, None)
        registry._CHECKED.discard(name)


def price(panel: Panel, rows: np.ndarray, market: np.ndarray) -> np.ndarray:
    """Honest: the price of the row."""
    return panel.price_e4[rows] / 10_000


def next_price(panel: Panel, rows: np.ndarray, market: np.ndarray) -> np.ndarray:
    """Peek one step: the market's next price."""
    last = panel.offsets[market + 1] - 1
    return panel.price_e4[np.minimum(rows + 1, last)] / 10_000


def rarely_next_price(panel: Panel, rows: np.ndarray, market: np.ndarray) -> np.ndarray:
    """Peek one step on about 5 % of the rows, chosen by the instant; nothing elsewhere."""
    return np.where(_rarely(panel, rows), next_price(panel, rows, market), np.nan)


def sometimes_next_price(panel: Panel, rows: np.ndarray, market: np.ndarray) -> np.ndarray:
    """Peek one step on about 5 % of the rows, chosen by the instant; the row's own price elsewhere."""
    return np.where(_rarely(panel, rows), next_price(panel, rows, market), panel.price_e4[rows] / 10_000)


def _rarely(panel: Panel, rows: np.ndarray) -> np.ndarray:
    return (panel.t[rows] // 3_600_000_000) * 2_654_435_761 % 1_000 < 50


def in_range(panel: Panel, rows: np.ndarray, market: np.ndarray) -> np.ndarray:
    """Normalise by the full range of the market's series."""
    ends = np.append(panel.price_e4, 0)  # a market without points has the range of its neighbour, which no row reads
    lows = np.minimum.reduceat(ends, panel.offsets[:-1])
    highs = np.maximum.reduceat(ends, panel.offsets[:-1])
    return (panel.price_e4[rows] - lows[market]) / np.maximum(highs - lows, 1)[market]


def in_whole_range(panel: Panel, rows: np.ndarray, market: np.ndarray) -> np.ndarray:
    """Normalise by the full range of all series together."""
    low, high = int(panel.price_e4.min()), int(panel.price_e4.max())
    return (panel.price_e4[rows] - low) / max(high - low, 1)


def centred(panel: Panel, rows: np.ndarray, market: np.ndarray) -> np.ndarray:
    """Average the previous, this and the next price."""
    first, last = panel.offsets[market], panel.offsets[market + 1] - 1
    around = [panel.price_e4[np.clip(rows + step, first, last)] for step in (-1, 0, 1)]
    return np.mean(around, axis=0) / 10_000


def share_of_series(panel: Panel, rows: np.ndarray, market: np.ndarray) -> np.ndarray:
    """Say at which share of its complete series a row lies."""
    size = panel.offsets[market + 1] - panel.offsets[market]
    return (rows - panel.offsets[market]) / np.maximum(size - 1, 1)


def points_from_start_of_data(panel: Panel, rows: np.ndarray, market: np.ndarray) -> np.ndarray:
    """Count the market's points so far: depends on where the data begin, whatever the declared lookback."""
    return (rows - panel.offsets[market]).astype(float)


def live_differs(panel: Panel, rows: np.ndarray, market: np.ndarray) -> np.ndarray:
    """Give another value where only the newest row is asked for."""
    tail = np.array_equal(rows, panel.offsets[market + 1] - 1)
    return panel.price_e4[rows] / 10_000 + (0.01 if tail else 0.0)


def noise_of(rows: int, seed: int = 0) -> np.ndarray:
    """Invented numbers."""
    return stream(seed, "leaky").random(rows)


def reader(low: float = 0.6, *, feature: str = NAME, name: str = "reads-leaky", both: bool = False) -> Strategy:
    """Return a rule that buys YES where the feature exceeds `low`, and with `both` NO elsewhere."""

    def opinions(self: Any, row: Row) -> Any:
        value = getattr(row, feature)
        calls = (yes(when=value > low, reason="high"),)
        return (*calls, no(when=value <= low, reason="low")) if both else calls

    rule = make_dataclass(
        "Reader",
        [],
        frozen=True,
        namespace={"opinions": opinions, "name": name, "version": 1, "needs": (feature,)},
    )
    return strategy(rule)()
