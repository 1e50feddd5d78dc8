"""Look-ups as of an instant beside numpy's search of each market."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from edgeworth.features.asof import rows_as_of

TIMES = st.lists(st.integers(-(10**6), 10**6), max_size=30).map(sorted)


@given(
    st.lists(TIMES, min_size=1, max_size=5),
    st.lists(st.tuples(st.integers(0, 4), st.integers(-(2 * 10**6), 2 * 10**6)), max_size=60),
)
def test_rows_are_the_newest_known(markets: list[list[int]], asked: list[tuple[int, int]]) -> None:
    known_at = np.array([t for times in markets for t in times], dtype=np.int64)
    offsets = np.concatenate(([0], np.cumsum([len(times) for times in markets]))).astype(np.int64)
    asked += [(number, t + shift) for number, times in enumerate(markets) for t in times for shift in (-1, 0)]
    market = np.array([number % len(markets) for number, _ in asked], dtype=np.int64)
    t = np.array([instant for _, instant in asked], dtype=np.int64)
    expected = []
    for number, instant in zip(market, t, strict=True):
        count = np.searchsorted(markets[number], instant, side="right")
        expected.append(offsets[number] + count - 1 if count else -1)
    assert rows_as_of(known_at, offsets, market, t).tolist() == expected


def test_uneven_times_and_equal_ones() -> None:
    known_at = np.array([0, 1, 1, 1, 2, 10**15, 10**15 + 1])
    offsets = np.array([0, 7])
    t = np.array([-1, 0, 1, 2, 10**15 - 1, 10**15, 10**18])
    assert rows_as_of(known_at, offsets, np.zeros(7, dtype=np.int64), t).tolist() == [-1, 0, 3, 4, 4, 5, 6]
