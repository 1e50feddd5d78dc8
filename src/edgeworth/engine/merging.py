"""Merge the markets' points into one tape by time: two short radix passes over packed words, no order array.

A point travels as one word (low bits of its time | slot of its market | price). Where it came from need not travel with
it: the points of a market arrive in their own order, so counting them tells.
"""

from typing import Any, Final

import numpy as np

from edgeworth.core.panel import Int32s, Int64s
from edgeworth.engine.compiled import kernel
from edgeworth.engine.layout import PRICE_BITS
from edgeworth.engine.ordering import step_of

_BITS: Final = np.uint64(32)  # of slot and price together
_LOW: Final = np.uint64(2**32 - 1)
_IN_A_BUCKET: Final = 12  # about 2**12 points, which fit into the processor's nearest cache
_MOST_BUCKETS: Final = 1 << 17
_DIGIT: Final = 8


def merge_markets(t: Int64s, price: Int32s, offsets: Int64s, first: Int64s) -> "tuple[Any, Any, Any, Int32s] | None":
    """Return (instants, words, positions, slot_market) as a `Tape` holds them, or None: not made for such data.

    `t` and `price` (N,) market by market, `offsets` (M+1,), `first` (M,) the instant of each market's first point. It
    is made for times that ascend within each market, in steps that 32 bits can number.
    """
    if not len(t):
        return None
    slot_market = np.argsort(first, kind="stable").astype(np.int32)
    slot = np.empty(len(first), np.uint32)
    slot[slot_market] = np.arange(len(first), dtype=np.uint32)
    last = offsets[1:][np.diff(offsets) > 0] - 1
    low, span = int(first.min()), int(t[last].max()) - int(first.min())
    if not 0 <= span < 2**62:
        return None
    unit = step_of(t, low)
    top = span // unit
    low_bits = min(max(top.bit_length() - max(len(t).bit_length() - _IN_A_BUCKET, 1), 1), 2 * _DIGIT)
    if (top >> low_bits) >= _MOST_BUCKETS:
        return None
    scale = (low, unit, low_bits)
    starts = np.zeros((top >> low_bits) + 2, np.int64)
    if not _count(t, offsets, scale, starts):
        return None
    items = np.empty(len(t), np.uint64)
    _spread(t, price, offsets, slot, scale, (starts[:-1].copy(), items))
    out = np.empty(len(t), np.int64), np.empty(len(t), np.uint32), np.empty(len(t), np.int32)
    next_row = np.empty(len(slot), np.int64)
    next_row[slot] = offsets[:-1]
    _finish(items, starts, scale, next_row, np.empty((2, int(np.diff(starts).max())), np.uint64), out)
    return *out, slot_market


@kernel
def _steps(t: int, low: int, unit: int) -> int:
    """Return how many steps `t` lies after `low`: a division by a constant costs a tenth of one by a variable."""
    if unit == 60_000_000:
        return (t - low) // 60_000_000
    if unit == 1_000_000:
        return (t - low) // 1_000_000
    return (t - low) // unit


@kernel
def _count(t: Int64s, offsets: Int64s, scale: Any, starts: Int64s) -> bool:
    """Turn `starts` into the first place of every bucket; False when the times of a market do not ascend."""
    low, unit, shift = scale
    for m in range(len(offsets) - 1):
        last = low
        for k in range(offsets[m], offsets[m + 1]):
            if t[k] < last:
                return False
            last = t[k]
        for k in range(offsets[m], offsets[m + 1]):
            starts[np.uint64((_steps(t[k], low, unit) >> shift) + 1)] += 1
    for k in range(len(starts) - 1):
        starts[k + 1] += starts[k]
    return True


@kernel
def _spread(t: Int64s, price: Any, offsets: Int64s, slot: Any, scale: Any, out: Any) -> None:
    """Write every point into its bucket, market by market."""
    (low, unit, shift), (place, items) = scale, out
    mask = np.uint64((1 << shift) - 1)
    for m in range(len(offsets) - 1):
        high = np.uint64(slot[m]) << np.uint64(PRICE_BITS)
        for k in range(offsets[m], offsets[m + 1]):
            steps = np.uint64(_steps(t[k], low, unit))
            bucket = steps >> np.uint64(shift)
            to = np.uint64(place[bucket])
            items[to] = (steps & mask) << _BITS | high | np.uint64(price[k])
            place[bucket] += 1


@kernel
def _finish(items: Any, starts: Int64s, scale: Any, next_row: Int64s, room: Any, out: Any) -> None:
    """Sort each bucket by the low bits of time and write it to the tape."""
    (low, unit, shift), (when, word, position) = scale, out
    counts = np.empty((2, 1 << _DIGIT), np.int64)
    first, second = room[0], room[1]
    for bucket in range(len(starts) - 1):
        begin, size = starts[bucket], starts[bucket + 1] - starts[bucket]
        _sort(items[begin : begin + size], first, second, counts)
        base = bucket << shift
        for k in range(size):
            item, place = second[k], begin + k
            short = np.uint32(item & _LOW)
            word[place] = short
            when[place] = low + (base + np.int64(item >> _BITS)) * unit
            market = np.uint64(short >> np.uint32(PRICE_BITS))
            position[np.uint64(next_row[market])] = place
            next_row[market] += 1


@kernel
def _sort(items: Any, first: Any, second: Any, counts: Any) -> None:
    """Sort one bucket into `second`, by two digits of eight bits; points of one instant keep their order."""
    mask, digit = np.uint64((1 << _DIGIT) - 1), np.uint64(_DIGIT)
    counts[:] = 0
    for item in items:
        counts[0, np.uint64(item >> _BITS & mask)] += 1
        counts[1, np.uint64(item >> _BITS >> digit)] += 1
    for row in range(2):
        total = 0
        for k in range(counts.shape[1]):
            own = counts[row, k]
            counts[row, k] = total
            total += own
    for item in items:
        key = np.uint64(item >> _BITS & mask)
        first[np.uint64(counts[0, key])] = item
        counts[0, key] += 1
    for k in range(len(items)):
        item = first[k]
        key = np.uint64(item >> _BITS >> digit)
        second[np.uint64(counts[1, key])] = item
        counts[1, key] += 1
