"""Pack sorted points as small differences and unpack them: per market, first absolute, then deltas.

Times are counted in the largest unit of second, millisecond, microsecond that is exact for the whole part, from the
part's own base. Pure array arithmetic; every function expects rows sorted by (group, t).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeworth.core.panel import Int32s, Int64s

UNITS = (1_000_000, 1_000, 1)
_INT32 = np.iinfo(np.int32)


@dataclass(frozen=True, slots=True)
class PackedTimes:
    """Times as deltas: t = base_us + unit_us x (running sum of `delta` within the group)."""

    delta: "npt.NDArray[np.int32] | Int64s"
    unit_us: int
    base_us: int


def starts_of(group: "npt.NDArray[np.integer]") -> Int64s:
    """Return the first position of every run of equal values."""
    if not len(group):
        return np.zeros(0, dtype=np.int64)
    changes = np.flatnonzero(group[1:] != group[:-1]) + 1
    return np.concatenate((np.zeros(1, dtype=np.int64), changes.astype(np.int64)))


def exact_unit(*arrays: Int64s) -> int:
    """Return the largest unit that divides every value."""
    for unit in UNITS[:-1]:
        if all(not len(array) or not np.any(array % unit) for array in arrays):
            return unit
    return 1


def differences(values: "npt.NDArray[np.integer]", starts: Int64s) -> Int64s:
    """Return first differences within groups; the first of each group stays as it is."""
    result = values.astype(np.int64)
    result[1:] -= values[:-1].astype(np.int64)
    result[starts] = values[starts]
    return result


def running_sums(deltas: "npt.NDArray[np.integer]", starts: Int64s, scale: int = 1, base: int = 0) -> Int64s:
    """Undo `differences`, times `scale`, plus `base`."""
    steps = _steps(deltas, starts, np.int64)
    if scale != 1:
        steps *= scale
    if len(steps):
        steps[0] += base
    return np.cumsum(steps, out=steps)


def running_prices(deltas: "npt.NDArray[np.integer]", starts: Int64s) -> Int32s:
    """Undo `differences` of prices."""
    steps = _steps(deltas, starts, np.int32)
    return np.cumsum(steps, out=steps)


def _steps(deltas: "npt.NDArray[np.integer]", starts: Int64s, kind: type[np.integer]) -> "npt.NDArray[Any]":
    """Return differences from row to row across groups: each group takes back what the one before added up to."""
    steps = deltas.astype(kind)
    if len(starts) > 1:
        steps[starts[1:]] -= np.add.reduceat(steps, starts)[:-1]
    return steps


def pack_times(t: Int64s, starts: Int64s, unit: int) -> PackedTimes:
    """Pack instants (microseconds), sorted within groups."""
    base = int(t.min()) if len(t) else 0
    deltas = differences((t - base) // unit, starts)
    fits = not len(deltas) or (deltas.min() >= _INT32.min and deltas.max() <= _INT32.max)
    return PackedTimes(deltas.astype(np.int32) if fits else deltas, unit, base)


def unpack_times(deltas: "npt.NDArray[np.integer]", starts: Int64s, unit: int, base: int) -> Int64s:
    """Undo `pack_times`."""
    return running_sums(deltas, starts, unit, base)


def is_sorted(group: "npt.NDArray[np.integer]", t: Int64s) -> bool:
    """Tell whether rows ascend strictly in (group, t)."""
    if len(t) < 2:
        return True
    same = group[1:] == group[:-1]
    return bool(np.all((group[1:] > group[:-1]) | (same & (t[1:] > t[:-1]))))


def sort_first_wins(group: "npt.NDArray[np.integer]", t: Int64s) -> Int64s:
    """Return the positions of rows sorted by (group, t), of equal ones only the first in the input's order."""
    if is_sorted(group, t):
        return np.arange(len(t), dtype=np.int64)
    order = np.argsort(_combined(group, t), kind="stable")
    repeated = (group[order[1:]] == group[order[:-1]]) & (t[order[1:]] == t[order[:-1]])
    chosen: Int64s = order[np.concatenate((np.ones(1, dtype=np.bool_), ~repeated))]
    return chosen


def _combined(group: "npt.NDArray[np.integer]", t: Int64s) -> Int64s:
    """Return one sortable key per row; stable sorting of one key is quick on data made of sorted runs."""
    times = t - t.min()
    times //= exact_unit(times)
    span = int(times.max()) + 1
    groups = group.astype(np.int64) - int(group.min())
    if (int(groups.max()) + 1) * span < np.iinfo(np.int64).max:
        combined: Int64s = groups * span + times
        return combined
    ranks = np.empty(len(t), dtype=np.int64)
    same = np.lexsort((t, group))
    new = np.concatenate((np.ones(1, np.bool_), (np.diff(group[same]) != 0) | (np.diff(t[same]) != 0)))
    ranks[same] = np.cumsum(new)
    return ranks
