"""Merging markets into a tape: the radix merge equals a comparison sort, and steps aside where it is not made for."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeworth.core.panel import NEVER
from edgeworth.core.units import DAY, MINUTE, SECOND
from edgeworth.engine.layout import PRICE_BITS
from edgeworth.engine.merging import merge_markets
from edgeworth.engine.types import _fixed


def merged(lists: list[list[int]]) -> tuple[object, np.ndarray, np.ndarray, np.ndarray]:
    offsets = np.concatenate(([0], np.cumsum([len(times) for times in lists]))).astype(np.int64)
    t = np.array([when for times in lists for when in times], np.int64)
    price = (np.arange(len(t), dtype=np.int32) * 7) % 10_001
    first = np.array([times[0] if times else NEVER for times in lists], np.int64)
    return merge_markets(_fixed(t), _fixed(price), offsets, first), t, price, offsets


def expected(t: np.ndarray, price: np.ndarray, offsets: np.ndarray) -> tuple[np.ndarray, ...]:
    order = np.argsort(t, kind="stable")
    market = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))[order]
    position = np.empty(len(t), np.int32)
    position[order] = np.arange(len(t))
    return t[order], market, price[order], position


@settings(max_examples=60, deadline=None)
@given(st.data(), st.sampled_from([1, 1_000, SECOND, MINUTE]), st.sampled_from([0, 5, 400, 20_000]))
def test_equals_a_comparison_sort(data: st.DataObject, step: int, span: int) -> None:
    start = data.draw(st.sampled_from([-5 * DAY, 0, 1_700_000_000_000_000]))
    times = st.lists(st.integers(0, span), max_size=30).map(lambda found: [start + step * k for k in sorted(found)])
    lists = data.draw(st.lists(times, min_size=1, max_size=12))
    found, t, price, offsets = merged(lists)
    if not len(t):
        assert found is None
        return
    when, word, position, slot_market = found
    e_when, e_market, e_price, e_position = expected(t, price, offsets)
    np.testing.assert_array_equal(when, e_when)
    np.testing.assert_array_equal(slot_market[word >> PRICE_BITS], e_market)
    np.testing.assert_array_equal(word & ((1 << PRICE_BITS) - 1), e_price)
    np.testing.assert_array_equal(position, e_position)
    slots = (word >> PRICE_BITS)[np.sort(np.unique(word >> PRICE_BITS, return_index=True)[1])]
    np.testing.assert_array_equal(slots, np.arange(len(slots)))  # numbered by first appearance


@pytest.mark.parametrize(
    "lists",
    [
        [[5, 4], [6]],  # a market whose times do not ascend
        [[0, 1], [2**60]],  # steps beyond what the buckets number
        [[-(2**62), 2**62]],
    ],
)
def test_steps_aside(lists: list[list[int]]) -> None:
    assert merged(lists)[0] is None


def test_many_points_of_one_instant_keep_the_order_of_markets() -> None:
    found, t, price, offsets = merged([[7] * 300, [], [7] * 500, [3, 7, 7, 9]])
    np.testing.assert_array_equal(found[2], expected(t, price, offsets)[3])
