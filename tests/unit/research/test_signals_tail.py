"""Looks that read only what is new see what a process that starts anew would see."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from tests.support.homes import still_open, store_panel, write_snapshots
from tests.support.panels import START, make_panel
from tests.support.worlds import efficient_world

from edgeworth.core.config import Settings
from edgeworth.core.paths import Home
from edgeworth.core.random import stream
from edgeworth.core.units import DAY, HOUR, MINUTE
from edgeworth.research.batch_signals.lookout import Board, Lookout
from edgeworth.research.batch_signals.panels import Points, append_points, join_quotes, read_points
from edgeworth.research.batch_signals.tail import LASTS
from edgeworth.store.snapshots import SnapshotRow
from edgeworth.store.versions import Ends

NOW = START + 450 * DAY


@pytest.fixture
def home(tmp_path: Path) -> tuple[Home, list[int]]:
    place = Home(tmp_path)
    numbers = store_panel(place, *still_open(efficient_world(21, 80), 30, NOW))
    return place, sorted(numbers.values())[-30:]


def quotes(numbers: list[int], t: int, seed: int, known: int = 0) -> list[SnapshotRow]:
    mid = stream(seed, "tail").integers(600, 9_300, len(numbers)).tolist()
    return [
        SnapshotRow(t, number, source, t, (known or t) + place, bid_e4=m - 50, ask_e4=m + 50, last_e4=m, depth_e6=10**7)
        for place, source in enumerate(("polymarket", "other"))
        for number, m in zip(numbers, mid, strict=True)
    ]  # fmt: skip


def same(left: Board, right: Board) -> None:
    assert len(left) == len(right) > 10
    for name in ("row", "market", "age", "end", "bid_e4", "ask_e4", "depth_e6"):
        assert np.array_equal(getattr(left, name), getattr(right, name)), name
    assert (left.states, left.newest, left.category) == (right.states, right.newest, right.category)
    for name in ("offsets", "t", "price_e4", "end_offsets", "end_known_at", "end_value"):
        assert np.array_equal(getattr(left.panel, name), getattr(right.panel, name)), name
    assert left.panel.markets["market_no"].equals(right.panel.markets["market_no"])


def test_looks_one_after_the_other_are_as_looks_by_newcomers(home: tuple[Home, list[int]]) -> None:
    place, numbers = home
    for hours in (50, 20, 3, 1):
        write_snapshots(place, quotes(numbers, NOW - hours * HOUR, hours))
    watching = Lookout(place, [], Settings())
    same(watching.look(NOW), Lookout(place, [], Settings()).look(NOW))
    steps = [15 * MINUTE, 30 * MINUTE, 3 * HOUR, LASTS + HOUR]
    for number, after in enumerate(steps, 100):
        now = NOW + after
        write_snapshots(place, quotes(numbers[: 20 + number % 7], now - 2 * MINUTE, number))
        write_snapshots(place, quotes(numbers[:5], now - 25 * MINUTE, number + 50, known=now - MINUTE))  # late words
        same(watching.look(now), Lookout(place, [], Settings()).look(now))


def test_a_snapshot_written_after_a_look_but_known_before_it_is_seen_by_the_next(home: tuple[Home, list[int]]) -> None:
    place, numbers = home
    write_snapshots(place, quotes(numbers, NOW - HOUR, 1))
    watching = Lookout(place, [], Settings())
    watching.look(NOW)
    write_snapshots(place, quotes(numbers, NOW - MINUTE, 2))
    same(watching.look(NOW + MINUTE), Lookout(place, [], Settings()).look(NOW + MINUTE))


def test_points_go_behind_their_markets_and_quotes_are_the_newest() -> None:
    columns = ("market_no", "source", "event_time", "known_at", "bid_e4", "ask_e4", "last_e4", "depth_e6")
    schema = dict.fromkeys(columns, pl.Int64) | {"source": pl.String}

    def points(*rows: tuple[int, int, int]) -> Points:
        return read_points(pl.DataFrame([(m, "a", t, t, p - 1, p + 1, p, 7) for m, t, p in rows], schema, orient="row"))

    old, new = points((1, 5, 100), (1, 9, 200), (4, 5, 300)), points((4, 11, 400), (1, 12, 500), (1, 4, 600))
    assert [array.tolist() for array in old.markets()] == [[1, 4], [0, 2]]
    both = join_quotes(old.quotes, new.quotes)
    assert (both.market_no.tolist(), both.t.tolist(), both.bid_e4.tolist()) == ([1, 4], [12, 11], [499, 399])
    panel, _ = make_panel([{"prices": [(3, 0.5)]}, {"prices": [(2, 0.1), (3, 0.2)]}, {"prices": []}, {"prices": []}])
    none = np.empty(0, np.int64)
    facts = (panel.markets, Ends(np.zeros(panel.market_count + 1, np.int64), none, none))
    first = append_points(panel, old, facts)
    grown = append_points(first, new, facts)
    assert grown.offsets.tolist() == [0, 4, 6, 6, 8]
    assert grown.t.tolist() == [3, 5, 9, 12, 2, 3, 5, 11]
    assert grown.price_e4.tolist() == [5_000, 100, 200, 500, 1_000, 2_000, 300, 400]
