"""Features of this very moment: the registry's own values as if the price just seen were the market's newest point.

Between two ticks a book may move a hundred times. What a model reads is then computed here, by the registry's kernels
over the market's points and one provisional point behind them, in one compiled call for all columns. What needs more
than the market's own prices (texts, siblings, other sources) is not a matter of microseconds: a plan refuses it, or is
told to keep the values of the last tick for it.
"""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from edgeworth.core.errors import UsageError
from edgeworth.core.panel import UNKNOWN_TIME, Floats, Int64s, Panel
from edgeworth.core.units import DAY, HOUR
from edgeworth.features import kernels
from edgeworth.features.columns import listings
from edgeworth.features.definitions import FEATURES
from edgeworth.features.drivers import stamped

_PLAIN: Final = (
    "price", "no_price", "previous_price", "logit", "certainty", "path_high", "path_low", "drawdown", "hours_to_end",
    "age_hours", "staleness_hours", "hour", "weekday",
)  # fmt: skip
_PRICE, _NO, _PREVIOUS, _LOGIT, _CERTAINTY, _HIGH, _LOW, _DRAWDOWN, _TO_END, _AGE, _STALE, _HOUR, _WEEKDAY = range(13)
SLOW: Final = -1
_MOMENTUM, _DEVIATION, _LOGIT_DEVIATION, _LEVEL, _STRENGTH = range(13, 18)
_WINDOWED: Final = {
    kernels.momentum: _MOMENTUM,
    kernels.change_deviation: _DEVIATION,
    kernels.level_deviation: _LEVEL,
    kernels.relative_strength: _STRENGTH,
}
_THURSDAY: Final = 3  # 1970-01-01, counted from Monday
STAMP: Final = hashlib.sha256(
    b"".join((Path(__file__).parent / name).read_bytes() for name in ("live.py", "kernels.py", "drivers.py"))
).hexdigest()


def _compiled(function: Any) -> Any:
    return stamped(numba.njit(function, cache=True, nogil=True), STAMP)


_momentum, _deviation = _compiled(kernels.momentum), _compiled(kernels.change_deviation)
_level, _strength = _compiled(kernels.level_deviation), _compiled(kernels.relative_strength)


class LiveState(NamedTuple):
    """The markets' points with room for one more each, flat arrays: market k owns [first[k], last[k]) and last[k].

    `t` (microseconds), `x` (dollars of YES) and `z` (its logit); `high` and `low` of its path, `end` scheduled
    (UNKNOWN_TIME = none), `listed`, by market.
    """

    t: Int64s
    x: Floats
    z: Floats
    first: Int64s
    last: Int64s
    high: Floats
    low: Floats
    end: Int64s
    listed: Int64s


@dataclass(frozen=True, slots=True)
class LivePlan:
    """The columns to compute, in order: `codes` (K, 3) says how, with lookback (negative: points) and parameter; a code
    of SLOW keeps what `out` holds.
    """

    names: tuple[str, ...]
    codes: Int64s

    @classmethod
    def of(cls, names: Sequence[str], *, slow: bool = False) -> "LivePlan":
        """Return the plan of features; one that cannot be done is SLOW, or raises UsageError feature-not-live."""
        codes = [(SLOW, 0, 0) if slow and not supported(name) else _code(name) for name in names]
        return cls(tuple(names), np.array(codes, np.int64).reshape(-1, 3))


def supported(name: str) -> bool:
    """Tell whether a feature can be computed from the market's own points alone."""
    try:
        _code(name)
    except UsageError:
        return False
    return True


def _code(name: str) -> tuple[int, int, int]:
    if name in _PLAIN:
        return _PLAIN.index(name), 0, 0
    found = FEATURES.get(name)
    code = None if found is None else _WINDOWED.get(found.function)
    if (
        found is None
        or code is None
        or found.inputs not in {("price",), ("logit",)}
        or (found.lookback is None and not found.points)
    ):
        raise UsageError("feature-not-live", f"'{name}' cannot be computed from a market's own prices alone")
    logit = found.inputs == ("logit",)
    if logit and code != _DEVIATION:
        raise UsageError("feature-not-live", f"'{name}' cannot be computed from a market's own prices alone")
    reach = -found.points if found.points else found.lookback
    assert reach is not None
    return (_LOGIT_DEVIATION if logit else code), reach, int(found.parameter or 0)


def live_state(panel: Panel, as_of: int) -> LiveState:
    """Lay out a panel's points with room for one provisional point a market; ends are those known at `as_of`."""
    count = panel.market_count
    sizes = np.diff(panel.offsets)
    first = panel.offsets[:-1] + np.arange(count)
    t, x = np.zeros(panel.point_count + count, np.int64), np.full(panel.point_count + count, np.nan)
    places = np.arange(panel.point_count) + np.repeat(np.arange(count), sizes)
    t[places], x[places] = panel.t, panel.price_e4 / 10_000.0
    clipped = np.clip(x, 0.001, 0.999)
    high, low, end = np.full(count, -np.inf), np.full(count, np.inf), np.full(count, UNKNOWN_TIME, np.int64)
    for market in range(count):
        own = x[first[market] : first[market] + sizes[market]]
        if len(own):
            high[market], low[market] = own.max(), own.min()
        for k in range(panel.end_offsets[market], panel.end_offsets[market + 1]):
            if panel.end_known_at[k] <= as_of:
                end[market] = panel.end_value[k]
    z = np.log(clipped / (1.0 - clipped))
    return LiveState(t, x, z, first, first + sizes, high, low, end, listings(panel))


def _hours(duration: int) -> float:
    return float(duration // HOUR) + float(duration % HOUR) / HOUR


def _oldest(t: Any, first: int, row: int, lookback: int) -> int:
    """Return the first place of [first, row] whose time lies within the lookback of the row's."""
    oldest = t[row] - lookback
    low, high = first, row
    while low < high:
        middle = (low + high) // 2
        if t[middle] < oldest:
            low = middle + 1
        else:
            high = middle
    return low


_hours, _oldest = _compiled(_hours), _compiled(_oldest)


def live_row(state: Any, codes: Any, where: tuple[int, int, float], out: Any) -> bool:  # noqa: C901, PLR0912, PLR0915
    """Write the features of (market, now, price) to `out` (K,); False when `now` is not after the last point."""
    market, now, price = where
    first, row = state.first[market], state.last[market]
    if row > first and state.t[row - 1] >= now:
        return False
    clipped = min(max(price, 0.001), 0.999)
    t, x, z = state.t, state.x, state.z
    t[row], x[row], z[row] = now, price, math.log(clipped / (1.0 - clipped))
    high, low = max(state.high[market], price), min(state.low[market], price)
    for k in range(len(codes)):
        code, reach, parameter = codes[k, 0], codes[k, 1], codes[k, 2]
        if code == SLOW:
            continue
        value = math.nan
        if code == _PRICE:
            value = price
        elif code == _NO:
            value = (10_000 - round(price * 10_000.0)) / 10_000.0
        elif code == _LOGIT:
            value = z[row]
        elif code == _CERTAINTY:
            value = abs(price - 0.5)
        elif code == _HIGH:
            value = high
        elif code == _LOW:
            value = low
        elif code == _DRAWDOWN:
            value = high - price
        elif code == _TO_END:
            if state.end[market] != UNKNOWN_TIME:
                value = _hours(state.end[market] - now)
        elif code == _AGE:
            value = _hours(now - min(state.listed[market], t[first]))
        elif code == _HOUR:
            value = float(now % DAY // HOUR)
        elif code == _WEEKDAY:
            value = float((now // DAY + _THURSDAY) % 7 + 1)
        elif code in (_PREVIOUS, _STALE):
            if row > first:
                value = x[row - 1] if code == _PREVIOUS else _hours(now - t[row - 1])
        else:
            begin = max(first, row + reach + 1) if reach < 0 else _oldest(t, first, row, reach)
            if code == _MOMENTUM:
                value = _momentum(t[begin : row + 1], x[begin : row + 1], parameter)
            elif code == _DEVIATION:
                value = _deviation(t[begin : row + 1], x[begin : row + 1], parameter)
            elif code == _LOGIT_DEVIATION:
                value = _deviation(t[begin : row + 1], z[begin : row + 1], parameter)
            elif code == _LEVEL:
                value = _level(t[begin : row + 1], x[begin : row + 1], parameter)
            else:
                value = _strength(t[begin : row + 1], x[begin : row + 1], parameter)
        out[k] = value
    return True


live_row = _compiled(live_row)


def row_of(state: LiveState, plan: LivePlan, market: int, now: int, price: float) -> npt.NDArray[np.float64] | None:
    """Return the features of one market at one price, shape (K,); None when `now` is not after its last point."""
    out = np.empty(len(plan.names))
    done = live_row(state, plan.codes, (market, now, price), out)
    return out if done else None
