"""Properties of the lake and of as-of reads, for any points in any order."""

import tempfile
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st
from tests.store_world import market, resolution, write_all

from edgeworth.core.panel import NEVER, UNKNOWN_TIME
from edgeworth.core.paths import Home
from edgeworth.store import packing
from edgeworth.store.asof import load_panel, prices_as_of, scheduled_ends
from edgeworth.store.lake import Lake
from edgeworth.store.panel_build import Series, decided_at
from edgeworth.store.versions import Version, effective_times, end_changes

POINT = st.tuples(
    st.integers(1, 4),
    st.integers(0, 12).map(lambda h: 10**15 + h * 3_600_000_000) | st.integers(10**15, 10**15 + 40_000_000),
    st.integers(0, 10_000),
    st.integers(0, 10_000_000),
)
POINTS = st.lists(POINT, min_size=1, max_size=40)


def columns(points):
    numbers, t, prices, lags = (np.array(values, dtype=np.int64) for values in zip(*points, strict=True))
    return numbers, t, prices.astype(np.int32), t + lags


@given(st.lists(POINTS, min_size=1, max_size=4), st.booleans())
def test_the_lake_returns_the_first_of_each_instant(chunks, own_lag):
    expected: dict[tuple[int, int], tuple[int, int]] = {}
    with tempfile.TemporaryDirectory() as folder:
        lake = Lake(Path(folder))
        for index, points in enumerate(chunks):
            numbers, t, prices, known = columns(points)
            info = lake.append_prices(
                "s", numbers, t, prices, known_at=known if own_lag else None, lag_us=0 if own_lag else 3, key=str(index)
            )
            before = len(expected)
            for n, at, price, k in zip(numbers, t, prices, known if own_lag else t + 3, strict=True):
                expected.setdefault((int(n), int(at)), (int(k), int(price)))
            assert (info.stored, info.duplicates) == (len(expected) - before, len(t) - info.stored)
        found = lake.scan_prices().collect()
        assert {(n, at): (k, p) for n, at, k, p in found.rows()} == expected
        assert found.height == len(expected)


@given(POINTS, st.integers(10**15 - 1, 10**15 + 60 * 3_600_000_000))
def test_as_of_never_returns_what_was_not_known(points, t):
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder) / "home")
        write_all(home, [market(i) for i in range(1, 5)], [resolution(1, resolved_at=t)])
        numbers, times, prices, known = columns(points)
        Lake(home.lake).append_prices("s", numbers, times, prices, known_at=known, key="k")
        for number in set(numbers.tolist()):
            seen = prices_as_of(home, number, t)
            assert (seen["known_at"] <= t).all()
            assert seen["event_time"].is_sorted()
        panel, outcomes = load_panel(home)
        pairs = np.stack((panel.market_of_point(), panel.t), axis=1)
        assert len(np.unique(pairs, axis=0)) == panel.point_count
        for index, number in enumerate(panel.markets["market_no"].to_list()):
            mine = slice(panel.offsets[index], panel.offsets[index + 1])
            for at, price in zip(panel.t[mine].tolist(), panel.price_e4[mine].tolist(), strict=True):
                latest = prices_as_of(home, number, at).filter(pl.col("known_at") <= at)
                assert latest["price_e4"][-1] == price
        assert (outcomes.payout_e4[panel.markets["market_no"].to_numpy() != 1] == -1).all()


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 2**40)), max_size=60))
def test_packing_round_trip(rows):
    rows.sort()
    group = np.array([g for g, _ in rows], dtype=np.int64)
    t = np.array([v for _, v in rows], dtype=np.int64)
    starts = packing.starts_of(group)
    packed = packing.pack_times(t, starts, packing.exact_unit(t))
    assert packing.unpack_times(packed.delta, starts, packed.unit_us, packed.base_us).tolist() == t.tolist()


@given(st.lists(st.tuples(st.integers(-3, 3), st.integers(-(2**62), 2**62)), min_size=1, max_size=30))
def test_sorting_keeps_the_first_of_equals(rows):
    group = np.array([g for g, _ in rows], dtype=np.int64)
    t = np.array([v for _, v in rows], dtype=np.int64) // 2
    first: dict[tuple[int, int], int] = {}
    for index, key in enumerate(zip(group.tolist(), t.tolist(), strict=True)):
        first.setdefault(key, index)
    assert packing.sort_first_wins(group, t).tolist() == [first[key] for key in sorted(first)]


VERSION = st.builds(
    Version,
    version_no=st.integers(1, 100),
    source=st.sampled_from("ab"),
    known_at=st.none() | st.integers(0, 50),
    backdated=st.booleans(),
    end=st.none() | st.integers(100, 110),
)


@given(st.lists(VERSION, max_size=8, unique_by=lambda v: v.version_no), st.integers(0, 50))
def test_changes_of_the_end_ascend_and_do_not_repeat(versions, base):
    times = effective_times(versions, base)
    changes = end_changes(versions, times)
    assert [at for at, _ in changes] == sorted({at for at, _ in changes})
    assert all(left[1] != right[1] for left, right in pairwise(changes))
    assert not changes or changes[0][1] != UNKNOWN_TIME
    assert all(v.backdated or v.known_at is None or t >= v.known_at for v, t in zip(versions, times, strict=True))
    shuffled = versions[::-1]
    assert end_changes(shuffled, effective_times(shuffled, base)) == changes


@given(
    st.lists(st.lists(st.sampled_from([100, 300, 5000, 9700, 9900]), max_size=8), min_size=1, max_size=6),
    st.integers(-1, 9),
)
def test_decided_at_equals_its_definition(series, resolved):
    offsets = np.concatenate(([0], np.cumsum([len(s) for s in series]))).astype(np.int64)
    t = np.concatenate([np.arange(len(s), dtype=np.int64) for s in series])
    prices = np.array([p for s in series for p in s], dtype=np.int32)
    at = np.full(len(series), resolved, dtype=np.int64)
    found = decided_at(Series(np.arange(len(series)), offsets, t, prices), at)
    for market_prices, answer in zip(series, found.tolist(), strict=True):
        still = [i for i, p in enumerate(market_prices) if 300 <= p <= 9700 and i <= resolved]
        first = still[-1] + 1 if still else 0
        assert answer == (first if first < len(market_prices) else NEVER)


@given(st.data())
def test_scheduled_ends_equal_the_obvious_search(data):
    lists = data.draw(
        st.lists(
            st.lists(st.tuples(st.integers(0, 20), st.integers(0, 9)), max_size=5, unique_by=lambda c: c[0]), min_size=1
        )
    )
    lists = [sorted(changes) for changes in lists]
    panel = _panel_of(lists)
    rows = data.draw(st.lists(st.tuples(st.integers(0, len(lists) - 1), st.integers(-1, 21)), max_size=20))
    index, t = (np.array([row[i] for row in rows], dtype=np.int64) for i in (0, 1))
    expected = [next((v for k, v in reversed(lists[m]) if k <= at), UNKNOWN_TIME) for m, at in rows]
    assert scheduled_ends(panel, index, t).tolist() == expected


def _panel_of(lists):
    from edgeworth.core.panel import Panel
    from edgeworth.store.versions import pack_ends

    ends = pack_ends(lists)
    empty = np.zeros(0, dtype=np.int64)
    offsets = np.zeros(len(lists) + 1, dtype=np.int64)
    return Panel(
        pl.DataFrame(), offsets, empty, empty.astype(np.int32), ends.offsets, ends.known_at, ends.value, "s", "f"
    )
