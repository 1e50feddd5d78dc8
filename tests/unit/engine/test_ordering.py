"""Time order equals a stable argsort."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeworth.engine.ordering import stable_time_order


@given(st.lists(st.integers(-(2**61), 2**61), max_size=50), st.sampled_from([1, 1_000_000, 60_000_000]))
def test_equal_to_a_stable_argsort(values: list[int], unit: int) -> None:
    t = np.array([value // unit * unit if abs(value) > 2**50 else value % 7 * unit for value in values], np.int64)
    np.testing.assert_array_equal(stable_time_order(t), np.argsort(t, kind="stable"))


@pytest.mark.parametrize("values", [[], [5], [3, 3, 3], [0, 2**63 - 1], [-(2**63), 2**63 - 1]])
def test_edges(values: list[int]) -> None:
    t = np.array(values, np.int64)
    np.testing.assert_array_equal(stable_time_order(t), np.argsort(t, kind="stable"))
