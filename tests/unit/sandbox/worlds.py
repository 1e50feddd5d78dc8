"""Worlds and cluster statistics that several sandbox tests share."""

from dataclasses import replace
from functools import cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from edgeworth.sandbox.scenario import SCENARIOS, Scenario
from edgeworth.sandbox.world import World, generate

Array = npt.NDArray[np.float64]


class Mean(NamedTuple):
    value: float
    error: float
    events: int

    @property
    def z(self) -> float:
        return self.value / self.error


@cache
def world(name: str, seed: int) -> World:
    return generate(name, seed)


def small(name: str = "t", **changes: object) -> Scenario:
    """Return a one-purpose scenario without detours: no gaps, disputes, 50-50s or voids unless asked for."""
    plain: dict[str, object] = {
        "biases": (),
        "half_share": 0.0,
        "void_share": 0.0,
        "dispute_share": 0.0,
        "gap_share": 0.0,
        "candle_files": "none",
        "snapshot_dumps": 0,
    }
    return replace(SCENARIOS["newcomer"], name=name, **{**plain, **changes})


def clustered(values: Array, groups: npt.NDArray[np.int64]) -> Mean:
    """Return the mean with its event-cluster standard error: sqrt(G/(G-1) sum_g (sum_i (d_i - mean))^2) / n."""
    _, inverse = np.unique(groups, return_inverse=True)
    size, total = np.bincount(inverse), np.bincount(inverse, weights=values)
    mean, events = float(values.mean()), len(size)
    spread = ((total - mean * size) ** 2).sum() * events / max(events - 1, 1)
    return Mean(mean, float(np.sqrt(spread)) / len(values), events)


def decisions(made: World) -> tuple[Array, Array, npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return (quoted, outcome, event, kind) of all points before the event in markets that pay 0 or 1."""
    arrays = made.panel_arrays()
    market = arrays.market_of_point()
    use = arrays.before_event() & np.isin(made.final_e4[market], (0, 10_000))
    chosen = market[use]
    return arrays.price_e4[use] / 1e4, made.final_e4[chosen] / 1e4, arrays.event[chosen], arrays.kind[chosen]
