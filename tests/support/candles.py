"""Candles for tests: invented walks, with pieces taken out or held flat."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from edgeworth.core.random import stream
from edgeworth.core.units import MINUTE

STEP = 15 * MINUTE
START = 1_700_000_100 * 1_000_000 // STEP * STEP


@dataclass(frozen=True)
class Walk:
    """Candles of one symbol, shape (n,) each."""

    t: Any
    open: Any
    high: Any
    low: Any
    close: Any
    volume: Any

    def take(self, rows: Any) -> "Walk":
        """Return some of the candles."""
        return Walk(*(getattr(self, name)[rows] for name in self.__dataclass_fields__))


def walk(count: int, seed: int = 1, *, price: float = 100.0, spread: float = 0.003, step: int = STEP) -> Walk:
    """Return a random walk of candles without gaps; a spread of 0 gives constant prices."""
    draw = stream(seed, "candles", count)
    close = price * np.exp(np.cumsum(draw.normal(0, 1, count)) * spread)
    opened = np.concatenate(([price], close[:-1]))
    high = np.maximum(opened, close) * np.exp(np.abs(draw.normal(0, 1, count)) * spread / 2)
    low = np.minimum(opened, close) * np.exp(-np.abs(draw.normal(0, 1, count)) * spread / 2)
    t = START // step * step + np.arange(count) * step
    return Walk(t, opened, high, low, close, draw.lognormal(3, 1, count))
