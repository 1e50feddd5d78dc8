"""Look-ups as of an instant: the newest point of a market that was known by then."""

from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

Int64s = npt.NDArray[np.int64]


def _find(known_at: Any, first: Any, last: Any, t: Any, out: Any) -> None:
    """Write the last place in [first, last) known at t, else first - 1.

    Points come at nearly even times, so the first guess is a proportion; doubling steps bracket the place from there,
    halving finds it. Even in the worst case that is no more than twice the steps of halving alone.
    """
    for query in range(len(t)):
        low, high, instant = first[query], last[query], t[query]
        if low >= high or known_at[low] > instant:
            out[query] = low - 1
            continue
        oldest, newest = known_at[low], known_at[high - 1]
        if newest <= instant:
            out[query] = high - 1
            continue
        guess = low + int((instant - oldest) / (newest - oldest) * (high - 1 - low))
        step = 1
        if known_at[guess] <= instant:
            low = guess
            while low + step < high and known_at[low + step] <= instant:
                low += step
                step *= 2
            high = min(high, low + step)
        else:
            high = guess
            while high - step > low and known_at[high - step] > instant:
                high -= step
                step *= 2
            low = max(low, high - step)
        while high - low > 1:  # known_at[low] <= instant < known_at[high]
            middle = (low + high) >> 1
            if known_at[middle] <= instant:
                low = middle
            else:
                high = middle
        out[query] = low


_places: Any = njit(cache=True, nogil=True)(_find)


def last_known(known_at: Int64s, first: Int64s, last: Int64s, t: Int64s) -> Int64s:
    """Return the last place in [first, last) whose `known_at` is at most t, first - 1 for none; all of shape (n,).

    `known_at` ascends within every such stretch.
    """
    out = np.empty(len(t), dtype=np.int64)
    _places(_plain(known_at), _plain(first), _plain(last), _plain(t), out)
    return out


def rows_as_of(known_at: Int64s, offsets: Int64s, market: Int64s, t: Int64s) -> Int64s:
    """Return the row of the newest point of each market index known at each instant, -1 for none; shape of `t`.

    Market i owns the points offsets[i] to offsets[i + 1], ascending in `known_at`, microseconds like `t`.
    """
    first = offsets[market]
    found = last_known(known_at, first, offsets[market + 1], t)
    return np.where(found >= first, found, -1)


def _plain(array: npt.NDArray[Any]) -> Int64s:
    """Return a read-only view, so that one version is compiled for arrays in memory and for mapped files."""
    view = np.ascontiguousarray(array, dtype=np.int64).view()
    view.flags.writeable = False
    return view
