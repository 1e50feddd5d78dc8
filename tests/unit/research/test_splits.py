import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeworth.core.units import DAY
from edgeworth.research.splits import Rows, combinatorial, path_counts, walk_forward


def make_rows(seed: int, events: int = 60) -> Rows:
    generator = np.random.Generator(np.random.PCG64(seed))
    opened = generator.integers(0, 300, events) * DAY
    length = generator.integers(1, 60, events) * DAY
    event = np.repeat(np.arange(events), 3)
    t = opened[event] + (generator.uniform(size=len(event)) * length[event]).astype(np.int64)
    return Rows(t, event, (opened + length)[event])


@pytest.mark.parametrize(
    ("n", "k", "splits", "paths"), [(6, 2, 15, 5), (8, 2, 28, 7), (10, 2, 45, 9), (6, 3, 20, 10), (12, 3, 220, 55)]
)
def test_path_counts(n: int, k: int, splits: int, paths: int) -> None:
    assert path_counts(n, k) == (splits, paths)


@given(st.integers(0, 10_000))
def test_walk_forward_never_trains_on_what_it_tests(seed: int) -> None:
    rows = make_rows(seed)
    seen: list[int] = []
    for train, test in walk_forward(rows, 4):
        assert not set(rows.event[train]) & set(rows.event[test])
        if len(train) and len(test):
            assert rows.t[train].max() < rows.t[test].min()
            assert rows.label_known_at[train].max() <= rows.t[test].min() - 0
        seen += test.tolist()
    assert len(seen) == len(set(seen))


@given(st.integers(0, 10_000))
def test_combinatorial_splits_do_not_overlap_and_cover_every_event_equally(seed: int) -> None:
    rows = make_rows(seed)
    counts = np.zeros(len(rows.t), dtype=int)
    number = 0
    for train, test in combinatorial(rows, 6, 2):
        number += 1
        counts[test] += 1
        assert not set(rows.event[train]) & set(rows.event[test])
        opened = {g: rows.t[rows.event == g].min() for g in set(rows.event)}
        known = {g: rows.label_known_at[rows.event == g].max() for g in set(rows.event)}
        for a in set(rows.event[train].tolist()):
            for b in set(rows.event[test].tolist()):
                assert known[a] < opened[b] or opened[a] > known[b]
    splits, paths = path_counts(6, 2)
    assert number == splits
    assert (counts == paths).all()
