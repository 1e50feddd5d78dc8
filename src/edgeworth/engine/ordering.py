"""Order points by time: a stable radix sort, because the points of a panel need no comparison to be merged."""

from typing import Any, Final

import numpy as np

from edgeworth.core.panel import Int32s, Int64s
from edgeworth.core.units import MINUTE, SECOND
from edgeworth.engine.compiled import kernel

_BITS: Final = 11
_BUCKETS: Final = 1 << _BITS


def stable_time_order(t: Int64s) -> Int32s:
    """Return the stable ascending order of `t`, shape (N,) int32; equal to `np.argsort(t, kind="stable")`."""
    if not len(t):
        return np.empty(0, np.int32)
    low = int(t.min())
    span = int(t.max()) - low
    if span < 0 or span >= 2**62:
        return np.argsort(t, kind="stable").astype(np.int32)
    unit = step_of(t, low)
    return _radix(t, low, unit, span // unit)


@kernel
def step_of(t: Int64s, low: int) -> int:
    """Return the largest of minute, second, microsecond that divides every distance from `low`."""
    k, count = 0, len(t)
    while k < count and (t[k] - low) % MINUTE == 0:  # a division by a constant costs a tenth of one by a variable
        k += 1
    if k == count:
        return MINUTE
    k = 0
    while k < count and (t[k] - low) % SECOND == 0:
        k += 1
    return SECOND if k == count else 1


@kernel
def _radix(t: Int64s, low: int, unit: int, top: int) -> Int32s:
    """Sort pairs of key and place, least digits first: packed into one word, or else as two arrays."""
    count = len(t)
    place_bits, key_bits = _bits(count - 1), _bits(top)
    if place_bits + key_bits > 63:
        return _radix_wide(t, low, unit, top)
    items, other = _packed(t, low, unit, place_bits), np.empty(count, np.int64)
    shift = place_bits
    while shift < place_bits + key_bits:
        starts = np.zeros(_BUCKETS + 1, np.int64)
        for k in range(count):
            starts[((items[k] >> shift) & (_BUCKETS - 1)) + 1] += 1
        for k in range(_BUCKETS):
            starts[k + 1] += starts[k]
        for k in range(count):
            bucket = (items[k] >> shift) & (_BUCKETS - 1)
            other[starts[bucket]] = items[k]
            starts[bucket] += 1
        items, other = other, items
        shift += _BITS
    order, mask = np.empty(count, np.int32), (1 << place_bits) - 1
    for k in range(count):
        order[k] = items[k] & mask
    return order


@kernel
def _bits(value: int) -> int:
    bits = 0
    while (value >> bits) > 0:
        bits += 1
    return bits


@kernel
def _packed(t: Int64s, low: int, unit: int, place_bits: int) -> Int64s:
    items = np.empty(len(t), np.int64)
    if unit == MINUTE:
        for k in range(len(t)):
            items[k] = (t[k] - low) // MINUTE << place_bits | k
    elif unit == SECOND:
        for k in range(len(t)):
            items[k] = (t[k] - low) // SECOND << place_bits | k
    else:
        for k in range(len(t)):
            items[k] = (t[k] - low) << place_bits | k
    return items


@kernel
def _radix_wide(t: Int64s, low: int, unit: int, top: int) -> Int32s:
    count = len(t)
    keys = np.empty(count, np.int64)
    for k in range(count):
        keys[k] = (t[k] - low) // unit
    order, other = np.empty(count, np.int32), np.empty(count, np.int32)
    for k in range(count):
        order[k] = k
    shift = 0
    while (top >> shift) > 0:
        starts = np.zeros(_BUCKETS + 1, np.int64)
        for k in range(count):
            starts[((keys[k] >> shift) & (_BUCKETS - 1)) + 1] += 1
        for k in range(_BUCKETS):
            starts[k + 1] += starts[k]
        for k in range(count):
            bucket = (keys[order[k]] >> shift) & (_BUCKETS - 1)
            other[starts[bucket]] = order[k]
            starts[bucket] += 1
        order, other = other, order
        shift += _BITS
    return order


@kernel
def inverse(order: Int32s) -> Int32s:
    """Return where each item stands in an order, shape (N,)."""
    position = np.empty_like(order)
    for k in range(len(order)):
        position[order[k]] = k
    return position


@kernel
def scatter(t: Int64s, price: Int32s, offsets: Int64s, position: Int32s, high: Any) -> Any:
    """Return instants and words (`high` bits of the market | price) in time order; one pass over the panel's points."""
    when, word = np.empty_like(t), np.empty(len(t), high.dtype)
    for m in range(len(offsets) - 1):
        for k in range(offsets[m], offsets[m + 1]):
            when[position[k]] = t[k]
            word[position[k]] = high[m] | high.dtype.type(price[k])
    return when, word
