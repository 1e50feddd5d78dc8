"""Kernels: plain numeric functions, compiled on first use, that see only what had happened by their row.

Each is registered once per window; `parameter` carries the window where the function needs it. NaN means no value.
"""

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from edgeworth.core.units import DAY, HOUR, MINUTE
from edgeworth.features import columns  # noqa: F401  (their features are read here)
from edgeworth.features.definitions import expression_feature, kernel_feature

if TYPE_CHECKING:
    import polars as pl

Array = npt.NDArray[Any]

_WINDOWS = {"15m": 15 * MINUTE, "1h": HOUR, "6h": 6 * HOUR, "1d": DAY, "3d": 3 * DAY, "7d": 7 * DAY}
_RSI_CHANGES = 14


@expression_feature(
    "logit", inputs=["price"], group="price", unit="log-odds", nullable=False,
    doc="ln(p / (1 - p)), with p clipped to [0.001, 0.999].",
)  # fmt: skip
def logit(price: "pl.Expr") -> "pl.Expr":
    """Return the log-odds of the clipped price; kernels read it, so it is defined before them."""
    clipped = price.clip(0.001, 0.999)
    return (clipped / (1.0 - clipped)).log()


def momentum(t: Array, x: Array, window: int) -> float:
    """Return x now minus x as of `window` earlier; NaN when no point is that old.

    The slice reaches two windows back, so an older point than that counts as too stale to compare with.
    """
    now = t[-1]
    low, high = 0, len(t)
    while low < high:  # first point later than now - window
        middle = (low + high) // 2
        if t[middle] <= now - window:
            low = middle + 1
        else:
            high = middle
    if low == 0:
        return math.nan
    return float(x[-1] - x[low - 1])


def change_deviation(t: Array, x: Array, least: int) -> float:  # noqa: ARG001  (one signature for all windows)
    """Return the population standard deviation of successive changes; NaN below `least` changes."""
    count = len(x) - 1
    if count < least:
        return math.nan
    mean = (x[-1] - x[0]) / count
    total = 0.0
    for index in range(count):
        difference = x[index + 1] - x[index] - mean
        total += difference * difference
    return math.sqrt(total / count)


def level_deviation(t: Array, x: Array, least: int) -> float:  # noqa: ARG001
    """Return the population standard deviation of the values; NaN below `least` values."""
    count = len(x)
    if count < least:
        return math.nan
    mean = 0.0
    for value in x:
        mean += value
    mean /= count
    total = 0.0
    for value in x:
        total += (value - mean) * (value - mean)
    return math.sqrt(total / count)


def relative_strength(t: Array, x: Array, changes: int) -> float:  # noqa: ARG001
    """Return the RSI over the last `changes` changes with simple means; NaN until warm, 50 when nothing moved.

    100 * gains / (gains + losses), which equals Wilder's 100 - 100 / (1 + gains / losses).
    """
    if len(x) <= changes:
        return math.nan
    gains, losses = 0.0, 0.0
    for index in range(len(x) - changes, len(x)):
        change = x[index] - x[index - 1]
        if change > 0:
            gains += change
        else:
            losses -= change
    if gains + losses == 0.0:
        return 50.0
    return 100.0 * gains / (gains + losses)


def wilder_strength(state: Array, t: int, x: float) -> float:  # noqa: ARG001
    """Return Wilder's RSI: simple means of the first 14 changes, then avg = (13 avg + change) / 14.

    State: number of changes, last value, average gain, average loss; all NaN before the first point.
    """
    if np.isnan(state[0]):
        state[0], state[1], state[2], state[3] = 0.0, x, 0.0, 0.0
        return math.nan
    change = x - state[1]
    state[0] += 1.0
    state[1] = x
    weight = 1.0 / min(state[0], 14.0)
    state[2] += (max(change, 0.0) - state[2]) * weight
    state[3] += (max(-change, 0.0) - state[3]) * weight
    if state[0] < 14.0:
        return math.nan
    if state[2] + state[3] == 0.0:
        return 50.0
    return float(100.0 * state[2] / (state[2] + state[3]))


def highest(state: Array, t: int, x: float) -> float:  # noqa: ARG001
    """Return the highest value so far."""
    if np.isnan(state[0]) or x > state[0]:
        state[0] = x
    return float(state[0])


def lowest(state: Array, t: int, x: float) -> float:  # noqa: ARG001
    """Return the lowest value so far."""
    if np.isnan(state[0]) or x < state[0]:
        state[0] = x
    return float(state[0])


def listed_count(prices: Array, listed: Array, own: int) -> float:  # noqa: ARG001
    """Return how many markets of the event are known."""
    count = 0
    for flag in listed:
        if flag:
            count += 1
    return float(count)


def priced_count(prices: Array, listed: Array, own: int) -> float:  # noqa: ARG001
    """Return how many markets of the event have a price."""
    count = 0
    for value in prices:
        if not np.isnan(value):
            count += 1
    return float(count)


def price_sum(prices: Array, listed: Array, own: int) -> float:  # noqa: ARG001
    """Return the sum of the latest YES prices of the event's markets."""
    total = 0.0
    for value in prices:
        if not np.isnan(value):
            total += value
    return total


def price_rank(prices: Array, listed: Array, own: int) -> float:  # noqa: ARG001
    """Return 1 plus the number of markets of the event with a higher price."""
    rank = 1
    for value in prices:
        if value > prices[own]:
            rank += 1
    return float(rank)


def _register() -> None:
    for label, window in _WINDOWS.items():
        kernel_feature(
            f"momentum_{label}", lookback=2 * window, parameter=window, group="momentum", unit="$",
            doc=f"Price minus the price as of {label} earlier; null when that price is missing or itself older than "
            f"twice {label}.",
        )(momentum)  # fmt: skip
    for label in ("1d", "7d"):
        kernel_feature(
            f"volatility_{label}", lookback=_WINDOWS[label], parameter=3, group="volatility", unit="$",
            doc=f"Population standard deviation of the price changes from point to point within {label}; null below "
            "three changes.",
        )(change_deviation)  # fmt: skip
        kernel_feature(
            f"logit_volatility_{label}", lookback=_WINDOWS[label], parameter=3, group="volatility", unit="log-odds",
            inputs=["logit"], doc=f"As volatility_{label}, of the changes of the logit.",
        )(change_deviation)  # fmt: skip
    kernel_feature(
        "price_volatility", points=6, parameter=3, group="volatility", unit="$",
        doc="Population standard deviation of the last six prices; null below three.",
    )(level_deviation)  # fmt: skip
    kernel_feature(
        "rsi_14", points=_RSI_CHANGES + 1, parameter=_RSI_CHANGES, group="momentum", unit="0-100",
        doc="Relative strength index: simple means of the last 14 changes; null until warm, 50 when nothing moved.",
    )(relative_strength)  # fmt: skip
    kernel_feature(
        "rsi_14_wilder", "recurrence", state=4, group="momentum", unit="0-100",
        doc="Relative strength index with Wilder's smoothing; null until 14 changes were seen.",
    )(wilder_strength)  # fmt: skip
    for name, function, word in (("path_high", highest, "Highest"), ("path_low", lowest, "Lowest")):
        kernel_feature(
            name, "recurrence", state=1, group="path", unit="$", nullable=False,
            doc=f"{word} price of the market so far.",
        )(function)  # fmt: skip
    for name, cross_section, unit, doc in (
        ("event_markets", listed_count, "markets", "Markets of the event that were known at the row."),
        ("event_priced", priced_count, "markets", "Markets of the event that had a price at the row."),
        ("event_price_sum", price_sum, "$", "Sum of the latest YES prices of the event's markets as of the row."),
        ("event_rank", price_rank, "", "1 for the dearest market of the event as of the row, ties share a rank."),
    ):
        kernel_feature(name, "cross-section", group="event", unit=unit, nullable=False, doc=doc)(cross_section)


_register()
