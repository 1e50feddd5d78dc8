"""Look-ups as of an instant: the newest point of a market that was known by then."""

from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

Int64s = npt.NDArray[np.int64]


def _halve(known_at: Any, first: int, end: int, instant: int) -> int:
    """Return the last place in [first, end) known at the instant, first - 1 for none."""
    low, high = first - 1, end
    while high - low > 1:
        middle = (low + high) >> 1
        if known_at[middle] <= instant:
            low = middle
        else:
            high = middle
    return low


_halved: Any = njit(cache=True, nogil=True)(_halve)


def _find(known_at: Any, offsets: Any, market: Any, t: Any, out: Any) -> None:
    """Write the row of the newest point known at t, -1 for none.

    Points come at nearly even times: a proportion is mostly right to within one, and halving does the rest. Questions
    about one market that follow each other find its points in the cache.
    """
    asked, first, last, oldest, newest, pace = -1, 0, -1, 0, 0, 0.0
    for query in range(len(t)):
        instant = t[query]
        if market[query] != asked:
            asked = market[query]
            first, last = offsets[asked], offsets[asked + 1] - 1
            if last >= first:
                oldest, newest = known_at[first], known_at[last]
                pace = (last - first) / max(newest - oldest, 1)
        if last < first or instant < oldest:
            out[query] = -1
        elif instant >= newest:
            out[query] = last
        else:
            guess = min(first + int((instant - oldest) * pace), last - 1)
            place = guess + (known_at[guess + 1] <= instant) - (known_at[guess] > instant)
            if known_at[place] <= instant and known_at[place + 1] > instant:
                out[query] = place
            else:
                out[query] = _halved(known_at, first, last + 1, instant)


_found: Any = njit(cache=True, nogil=True, error_model="numpy")(_find)


def rows_as_of(known_at: Int64s, offsets: Int64s, market: Int64s, t: Int64s) -> Int64s:
    """Return the row of the newest point of each market index known at each instant, -1 for none; shape of `t`.

    Market i owns the points offsets[i] to offsets[i + 1], ascending in `known_at`, microseconds like `t`.
    """
    out = np.empty(len(t), dtype=np.int64)
    _found(_plain(known_at), _plain(offsets), _plain(market), _plain(t), out)
    return out


def _plain(array: npt.NDArray[Any]) -> Int64s:
    """Return a read-only view, so that one version is compiled for arrays in memory and for mapped files."""
    view = np.ascontiguousarray(array, dtype=np.int64).view()
    view.flags.writeable = False
    return view
