"""Candles of invented coins: random walks with exact extremes, volatility constant or wandering, never a direction.

Under this measure every price is a martingale whose next step nobody can foresee, so whatever a model finds in a
direction was put there by the pipeline. High and low are drawn from the exact law of a Brownian bridge's extreme given
the candle's ends (each for itself), so closed forms for touching a level are exact on these candles too.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from edgeworth.core.random import stream
from edgeworth.core.units import DAY, MINUTE
from edgeworth.features.fairvalue.path import History
from edgeworth.features.fairvalue.realised import YEAR_DAYS

Floats = npt.NDArray[np.float64]

QUARTER: Final = 15 * MINUTE
_PERSISTENCE, _JOLT = 0.944, 0.11  # of the daily log volatility factor: half-life about twelve days
_OWN: Final = 0.5  # share of the common volatility factor that a coin adds of its own


@dataclass(frozen=True, slots=True)
class Walk:
    """How coins walk: `bars` candles of `step` from `start`, yearly volatility, `shared` correlation between coins;
    `wandering` lets volatility move slowly about its mean, as recorded coins' does.
    """

    bars: int
    start: int
    step: int = QUARTER
    volatility: float = 0.7
    shared: float = 0.6
    wandering: bool = True


def walk_candles(walk: Walk, names: list[str], seed: int) -> Iterator[tuple[str, History, Floats]]:
    """Yield each coin's name, candles and volume in coins, one at a time so that few are held.

    Equal walk, name and seed give equal candles whichever other coins are asked for.
    """
    common = stream(seed, "walk", "common").standard_normal(walk.bars)
    shared = _factor(walk, seed, "market")
    for name in names:
        own = stream(seed, "walk", name).standard_normal(walk.bars)
        shock = walk.shared * common + np.sqrt(1.0 - walk.shared**2) * own
        level = shared + _OWN * _factor(walk, seed, name)
        variance = (walk.volatility * np.exp(level)) ** 2 * walk.step / (YEAR_DAYS * DAY)
        yield name, *_candles(walk, name, seed, (shock, variance))


def _factor(walk: Walk, seed: int, name: str) -> Floats:
    """Return the log of a volatility factor per candle; zeros where volatility stands still. Shape (bars,)."""
    if not walk.wandering:
        return np.zeros(walk.bars)
    per_day = DAY // walk.step
    days = walk.bars // per_day + 2
    draws = _JOLT * stream(seed, "walk-volatility", name).standard_normal(days)
    path = np.zeros(days)
    for day in range(1, days):
        path[day] = _PERSISTENCE * path[day - 1] + draws[day]
    # the mean of the squared factor is one in the long run
    spread = _JOLT**2 / (1.0 - _PERSISTENCE**2)
    return np.asarray(np.interp(np.arange(walk.bars) / per_day, np.arange(days), path) - spread)


def _candles(walk: Walk, name: str, seed: int, drawn: tuple[Floats, Floats]) -> tuple[History, Floats]:
    shock, variance = drawn
    path = np.concatenate(([0.0], np.cumsum(np.sqrt(variance) * shock - variance / 2)))
    a, b = path[:-1], path[1:]
    draw = stream(seed, "walk-bridge", name)
    up, down = (np.sqrt((b - a) ** 2 - 2 * variance * np.log1p(-draw.random(walk.bars))) for _ in range(2))
    start = 10.0 ** stream(seed, "walk-level", name).uniform(0, 4)
    t = walk.start + np.arange(walk.bars, dtype=np.int64) * walk.step
    high, low = start * np.exp((a + b + up) / 2), start * np.exp((a + b - down) / 2)
    # turnover follows the range of a candle, as recorded turnover does, and knows nothing of what comes
    volume = 1e6 * (0.2 + 100.0 * (up + down)) * draw.lognormal(0.0, 0.5, walk.bars) / start
    return History(t, start * np.exp(a), high, low, start * np.exp(b), walk.step, "simulated"), volume
