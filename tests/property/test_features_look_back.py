"""Batch, tail and one point at a time give the same features; what comes later changes nothing before it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.panels import random_panel, scramble, truncate

from edgeworth.features.definitions import FEATURES, Kind
from edgeworth.features.registry import compute, compute_tail

NAMES = list(FEATURES)


def assert_same_row(left: dict, right: dict) -> None:
    for name, value in right.items():
        if isinstance(value, float):
            assert left[name] == pytest.approx(value, rel=1e-9, abs=1e-9), name
        else:
            assert left[name] == value, name


@settings(max_examples=25)
@given(seed=st.integers(0, 5), pick=st.floats(0, 1))
def test_batch_equals_tail_at_any_cut(seed, pick):
    panel, _ = random_panel(seed, markets=10, points=40)
    point = int(pick * (panel.point_count - 1))
    batch = compute(panel, NAMES)
    tail = compute_tail(truncate(panel, int(panel.t[point])), NAMES)
    market = batch["market"][point]
    assert_same_row(tail.filter(tail["market"] == market).to_dicts()[0], batch[point].to_dicts()[0])


def test_batch_equals_incremental_point_by_point():
    panel, _ = random_panel(11, markets=5, points=14)
    batch = compute(panel, NAMES)
    for point in np.argsort(panel.t, kind="stable"):
        tail = compute_tail(truncate(panel, int(panel.t[point])), NAMES)
        row = tail.filter(tail["market"] == batch["market"][int(point)])
        assert_same_row(row.to_dicts()[0], batch[int(point)].to_dicts()[0])


@pytest.mark.parametrize("name", [found.name for found in FEATURES.values() if found.kind is Kind.RECURRENCE])
def test_a_recurrence_fed_one_point_at_a_time_equals_batch(name):
    panel, _ = random_panel(12, markets=6, points=40)
    batch = compute(panel, [name])[name].fill_null(np.nan).to_numpy()
    found = FEATURES[name]
    seen = compute(panel, list(found.inputs))[found.inputs[0]].to_numpy()
    for first, last in zip(panel.offsets[:-1], panel.offsets[1:], strict=True):
        state = np.full(found.state, np.nan)
        for point in range(first, last):
            value = found.function(state, panel.t[point], seen[point])
            assert value == pytest.approx(batch[point], rel=1e-9, abs=1e-9, nan_ok=True)


@settings(max_examples=15)
@given(seed=st.integers(0, 3), pick=st.floats(0, 1), how=st.sampled_from(["noise", "constant"]))
def test_the_future_does_not_reach_back(seed, pick, how):
    panel, outcomes = random_panel(seed, markets=10, points=40)
    cut = int(np.quantile(panel.t, pick))
    other, _ = scramble(panel, outcomes, cut, how, seed)
    before = panel.t <= cut
    assert compute(other, NAMES).filter(before).equals(compute(panel, NAMES).filter(before))
