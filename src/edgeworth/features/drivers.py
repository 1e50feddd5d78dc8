"""The loops around kernels: they decide what a kernel sees, so that no kernel can look ahead.

A driver is a template below, bound to one kernel and compiled by numba. Binding gives the template's code a name of its
own and the kernel's file, so that numba's disk cache keeps each pair apart and drops it when the kernel's file changes.
`rows` are ascending point numbers; `starts` the first point of each row's market; everything is one slice of markets.
"""

import functools
import hashlib
import inspect
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np

from edgeworth.features.definitions import Feature, Kind


def kernel(*seen: Any) -> float:
    """Stand for the bound kernel inside the templates."""
    raise NotImplementedError(seen)


def window_template(t: Any, x: Any, rows: Any, starts: Any, bounds: tuple[int, int, int], out: Any) -> None:
    """Hand each row the points of its market in [t - lookback, t], or its last `points`; write R values."""
    lookback, points, parameter = bounds
    current, low = -1, 0
    for k in range(len(rows)):
        row = rows[k]
        if points > 0:
            low = max(starts[k], row - points + 1)
        elif lookback < 0:
            low = starts[k]
        else:
            oldest = t[row] - lookback
            if starts[k] != current:
                current = starts[k]
                low, high = current, row
                while low < high:
                    middle = (low + high) // 2
                    if t[middle] < oldest:
                        low = middle + 1
                    else:
                        high = middle
            else:
                while t[low] < oldest:
                    low += 1
        out[k] = kernel(t[low : row + 1], x[low : row + 1], parameter)


def recurrence_template(t: Any, x: Any, rows: Any, starts: Any, size: int, out: Any) -> None:
    """Walk each market from its first point, one point at a time; write the value at the asked rows."""
    state = np.full(size, np.nan)
    current, reached = -1, 0
    value = np.nan
    for k in range(len(rows)):
        if starts[k] != current:
            current = starts[k]
            reached = current
            state[:] = np.nan
        while reached <= rows[k]:
            value = kernel(state, t[reached], x[reached])
            reached += 1
        out[k] = value


def cross_template(panel: Any, groups: Any, listed_at: Any, rows: Any, owners: Any, out: Any) -> None:
    """Hand each row the latest price of every market of its event as of the row's instant, and which are listed.

    `panel` is (t, price_e4, offsets); `groups` is (event of market, offsets, members): members of event e are
    members[offsets[e]:offsets[e + 1]].
    """
    t, price_e4, offsets = panel
    event_of, group_offsets, members = groups
    widest = 0
    for event in range(len(group_offsets) - 1):
        widest = max(widest, group_offsets[event + 1] - group_offsets[event])
    pointers = np.zeros(widest, np.int64)
    prices = np.empty(widest)
    listed = np.zeros(widest, np.bool_)
    current = -1
    own = 0
    for k in range(len(rows)):
        market, now = owners[k], t[rows[k]]
        first = group_offsets[event_of[market]]
        count = group_offsets[event_of[market] + 1] - first
        for j in range(count):
            member = members[first + j]
            if member == market:
                own = j
            begin, end = offsets[member], offsets[member + 1]
            if market != current:  # number of the member's points known by now, found by bisection once
                low, high = begin, end
                while low < high:
                    middle = (low + high) // 2
                    if t[middle] <= now:
                        low = middle + 1
                    else:
                        high = middle
                pointers[j] = low
            while pointers[j] < end and t[pointers[j]] <= now:
                pointers[j] += 1
            last = pointers[j] - 1
            prices[j] = price_e4[last] / 10000.0 if last >= begin else np.nan
            listed[j] = listed_at[member] <= now
        prices[own] = price_e4[rows[k]] / 10000.0
        current = market
        out[k] = kernel(prices[:count], listed[:count], own)


_TEMPLATES = {
    Kind.WINDOW: window_template,
    Kind.RECURRENCE: recurrence_template,
    Kind.CROSS_SECTION: cross_template,
}


def driver(feature: Feature, *, compiled: bool = True) -> Callable[..., None]:
    """Return the loop bound to the feature's kernel; `compiled=False` gives the same in plain Python."""
    return _bind(feature.kind, feature.function, compiled)


@functools.cache
def _bind(kind: Kind, function: Callable[..., Any], compiled: bool) -> Callable[..., None]:
    template = _TEMPLATES[kind]
    file = inspect.getsourcefile(function)
    name = f"{kind.name.lower()}_of_{function.__name__}"
    code = template.__code__
    if file:
        code = code.replace(co_filename=file, co_name=name, co_qualname=name)
    names: dict[str, Any] = {"__name__": function.__module__, "np": np, "kernel": function}
    bound = types.FunctionType(code, names, name)
    if not compiled:
        return bound
    import numba

    cached = bool(file) and Path(str(file)).is_file()
    stamp = hashlib.sha256(Path(__file__).read_bytes() + (Path(str(file)).read_bytes() if cached else b"")).hexdigest()
    names["kernel"] = stamped(numba.njit(function, cache=cached, nogil=True), stamp)
    return cast("Callable[..., None]", stamped(numba.njit(bound, cache=cached, nogil=True), stamp))


def stamped(compiled: Any, stamp: str) -> Any:
    """Bind the disk cache to what the code depends on: numba alone looks only at the kernel's file, not at this one."""
    file = getattr(getattr(compiled, "_cache", None), "_cache_file", None)
    if file is not None:
        file._source_stamp = stamp
    return compiled
