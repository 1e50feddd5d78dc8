"""Technical columns of a market's own price series: bands, z-scores, ranges, trends, averages and their crossings.

Kernels see what `features.kernels` says. Points are unevenly spaced, so averages named by a time decay with time
elapsed, and those named by a number count points, as charts of snapshots do. Sources of the indicators: Bollinger on
Bollinger Bands (2001); Appel, Technical Analysis (2005), for MACD; Wilder, New Concepts in Technical Trading (1978).
"""

import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from edgeworth.core.units import DAY
from edgeworth.features import expressions, kernels  # noqa: F401  (their features are read here)
from edgeworth.features.definitions import expression_feature, kernel_feature

if TYPE_CHECKING:
    import polars as pl

Array = npt.NDArray[Any]

_FRAMES: Final = (("1d", DAY), ("7d", 7 * DAY))
_BAND: Final = 20
NAMES: Final = (
    "bollinger_z", "bollinger_width", "zscore_1d", "zscore_7d", "range_position_1d", "range_position_7d", "trend_1d",
    "trend_7d", "average_move_14", "macd", "macd_histogram", "ema_gap_6h_1d", "ema_gap_1d_7d", "ema_cross_hours",
)  # fmt: skip


def z_score(t: Array, x: Array, least: int) -> float:  # noqa: ARG001  (one signature for all windows)
    """Return (last - mean) / population deviation; NaN below `least` values, 0 when nothing moved."""
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
    if total <= 1e-18 * count:
        return 0.0
    return float((x[-1] - mean) / math.sqrt(total / count))


def range_position(t: Array, x: Array, least: int) -> float:  # noqa: ARG001
    """Return (last - lowest) / (highest - lowest); NaN below `least` values, one half when nothing moved."""
    if len(x) < least:
        return math.nan
    low, high = x[0], x[0]
    for value in x:
        low = min(low, value)
        high = max(high, value)
    if high == low:
        return 0.5
    return float((x[-1] - low) / (high - low))


def trend(t: Array, x: Array, least: int) -> float:
    """Return the correlation of values with time; NaN below `least` values, 0 when nothing moved."""
    count = len(x)
    if count < least:
        return math.nan
    first = t[0]
    mean_t, mean_x = 0.0, 0.0
    for index in range(count):
        mean_t += float(t[index] - first)
        mean_x += x[index]
    mean_t /= count
    mean_x /= count
    both, times, values = 0.0, 0.0, 0.0
    for index in range(count):
        dt, dx = float(t[index] - first) - mean_t, x[index] - mean_x
        both += dt * dx
        times += dt * dt
        values += dx * dx
    if times <= 0.0 or values <= 1e-18 * count:
        return 0.0
    return float(both / math.sqrt(times * values))


def average_move(t: Array, x: Array, changes: int) -> float:  # noqa: ARG001
    """Return the mean size of the last `changes` changes; NaN until there are as many."""
    if len(x) <= changes:
        return math.nan
    total = 0.0
    for index in range(len(x) - changes, len(x)):
        total += abs(x[index] - x[index - 1])
    return total / changes


def macd(state: Array, t: int, x: float) -> float:  # noqa: ARG001
    """Return EMA(12) - EMA(26) over points, from the first value on; NaN for 25 points.

    State: number of points, both averages; all NaN before the first point.
    """
    if np.isnan(state[0]):
        state[0], state[1], state[2] = 0.0, x, x
    state[0] += 1.0
    state[1] += (x - state[1]) * (2.0 / 13.0)
    state[2] += (x - state[2]) * (2.0 / 27.0)
    if state[0] < 26.0:
        return math.nan
    return float(state[1] - state[2])


def macd_histogram(state: Array, t: int, x: float) -> float:  # noqa: ARG001
    """Return MACD minus its EMA(9), which begins at the 26th point; NaN for 33 points.

    State: number of points, both averages, the signal.
    """
    if np.isnan(state[0]):
        state[0], state[1], state[2], state[3] = 0.0, x, x, np.nan
    state[0] += 1.0
    state[1] += (x - state[1]) * (2.0 / 13.0)
    state[2] += (x - state[2]) * (2.0 / 27.0)
    line = state[1] - state[2]
    if state[0] < 26.0:
        return math.nan
    state[3] = line if np.isnan(state[3]) else state[3] + (line - state[3]) * 0.2
    if state[0] < 34.0:
        return math.nan
    return float(line - state[3])


def ema_gap_fast(state: Array, t: int, x: float) -> float:
    """Return the average with a half-life of 6 hours minus that of a day; 0 at the first point.

    State: last instant, both averages, in microseconds since the epoch and units of x.
    """
    if np.isnan(state[0]):
        state[0], state[1], state[2] = float(t), x, x
        return 0.0
    days = (float(t) - state[0]) / 86_400_000_000.0
    state[0] = float(t)
    state[1] = x + (state[1] - x) * 0.5 ** (days * 4.0)
    state[2] = x + (state[2] - x) * 0.5**days
    return float(state[1] - state[2])


def ema_gap_slow(state: Array, t: int, x: float) -> float:
    """Return the average with a half-life of a day minus that of a week; state as of `ema_gap_fast`."""
    if np.isnan(state[0]):
        state[0], state[1], state[2] = float(t), x, x
        return 0.0
    days = (float(t) - state[0]) / 86_400_000_000.0
    state[0] = float(t)
    state[1] = x + (state[1] - x) * 0.5**days
    state[2] = x + (state[2] - x) * 0.5 ** (days / 7.0)
    return float(state[1] - state[2])


def ema_cross(state: Array, t: int, x: float) -> float:
    """Return the hours since the 6-hour average crossed that of a day, negative after a crossing downwards.

    NaN until the first crossing. State: last instant, both averages, side (-1, 0, 1), instant of the crossing.
    """
    if np.isnan(state[0]):
        state[0], state[1], state[2], state[3] = float(t), x, x, 0.0
        return math.nan
    days = (float(t) - state[0]) / 86_400_000_000.0
    state[0] = float(t)
    state[1] = x + (state[1] - x) * 0.5 ** (days * 4.0)
    state[2] = x + (state[2] - x) * 0.5**days
    gap = state[1] - state[2]
    side = 1.0 if gap > 1e-12 else -1.0 if gap < -1e-12 else state[3]
    if side != state[3]:
        if state[3] != 0.0:
            state[4] = float(t)
        state[3] = side
    if np.isnan(state[4]):
        return math.nan
    return float(side * (float(t) - state[4]) / 3_600_000_000.0)


@expression_feature(
    "life_share", inputs=["age_hours", "hours_to_end"], group="horizon", unit="0..1",
    doc="Share of the market's life that has passed: age / (age + hours to the scheduled end as known then).",
)  # fmt: skip
def life_share(age: "pl.Expr", left: "pl.Expr") -> "pl.Expr":
    """Return the share that has passed; 1 after the end, null without one."""
    ahead = left.clip(0.0)
    return age / (age + ahead).clip(1e-9)


@expression_feature(
    "event_share", inputs=["price", "event_price_sum"], group="event", unit="0..1", nullable=False,
    doc="The price's share of the sum of YES prices of the event's markets as of the row.",
)  # fmt: skip
def event_share(price: "pl.Expr", total: "pl.Expr") -> "pl.Expr":
    """Return price / sum, 0 where the sum is."""
    return price / total.clip(1e-9)


@expression_feature(
    "weekend", inputs=["weekday"], group="calendar", unit="0 or 1", nullable=False, doc="1 on Saturday and Sunday, UTC."
)
def weekend(weekday: "pl.Expr") -> "pl.Expr":
    """Return 1 or 0."""
    return (weekday >= 6).cast(float)


def _circle(name: str, source: str, period: int, sine: bool) -> None:
    word = "Sine" if sine else "Cosine"

    @expression_feature(
        name, inputs=[source], group="calendar", unit="-1..1", nullable=False,
        provenance=lambda: f"{source} {period} {sine}", doc=f"{word} of the {source} on its circle, UTC.",
    )  # fmt: skip
    def column(value: "pl.Expr") -> "pl.Expr":
        angle = value.cast(float) * (2.0 * math.pi / period)
        return angle.sin() if sine else angle.cos()


def _register() -> None:
    for name, source, period in (("hour", "hour", 24), ("weekday", "weekday", 7)):
        _circle(f"{name}_sin", source, period, sine=True)
        _circle(f"{name}_cos", source, period, sine=False)
    kernel_feature(
        "bollinger_z", points=_BAND, parameter=_BAND, group="bands", unit="deviations",
        doc="Price minus the mean of the last 20 prices, in their deviations; the bands lie at -2 and 2.",
    )(z_score)  # fmt: skip
    kernel_feature(
        "deviation_20", points=_BAND, parameter=_BAND, group="volatility", unit="$",
        doc="Population standard deviation of the last 20 prices; null below 20.",
    )(kernels.level_deviation)  # fmt: skip
    expression_feature(
        "bollinger_width", inputs=["deviation_20"], group="bands", unit="$",
        doc="Distance between the bands: four deviations of the last 20 prices.",
    )(_four_times)  # fmt: skip
    for label, window in _FRAMES:
        for name, function, unit, doc in (
            ("zscore", z_score, "deviations", "Logit minus its mean within {}, in its deviations"),
            ("range_position", range_position, "0..1", "Where the logit lies between its lowest and highest of {}"),
            ("trend", trend, "-1..1", "Correlation of the logit with time within {}"),
        ):
            kernel_feature(
                f"{name}_{label}", lookback=window, parameter=5, inputs=["logit"], group="bands", unit=unit,
                doc=f"{doc.format(label)}; null below five points.",
            )(function)  # fmt: skip
    kernel_feature(
        "average_move_14", points=15, parameter=14, group="volatility", unit="$",
        doc="Mean size of the last 14 changes of the price: the average true range of a series of points.",
    )(average_move)  # fmt: skip
    for name, average, state, inputs, unit, doc in (
        ("macd", macd, 3, "price", "$", "EMA(12) - EMA(26) of the price over points; null for 25 points."),
        ("macd_histogram", macd_histogram, 4, "price", "$", "MACD minus its EMA(9); null for 33 points."),
        ("ema_gap_6h_1d", ema_gap_fast, 3, "logit", "log-odds",
         "Averages of the logit with half-lives of 6 hours and a day, the first minus the second."),
        ("ema_gap_1d_7d", ema_gap_slow, 3, "logit", "log-odds", "As ema_gap_6h_1d, half-lives of a day and a week."),
        ("ema_cross_hours", ema_cross, 5, "logit", "h",
         "Hours since the average of 6 hours crossed that of a day, negative after a crossing downwards; null before."),
    ):  # fmt: skip
        kernel_feature(name, "recurrence", state=state, inputs=[inputs], group="averages", unit=unit, doc=doc)(average)


def _four_times(deviation: "pl.Expr") -> "pl.Expr":
    return 4.0 * deviation


_register()
