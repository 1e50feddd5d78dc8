"""As-of reads: what the panel holds, since when, and what must not enter it."""

import subprocess
import sys

import numpy as np
import pytest
from tests.store_world import T0, ids_of, market, resolution, write_all

from edgeworth.core.errors import DataError, UsageError
from edgeworth.core.panel import NEVER, UNKNOWN_TIME
from edgeworth.core.records import EventRecord, MarketRecord
from edgeworth.core.schema import MARKETS, check_feature_frame, check_frame
from edgeworth.core.types import Payout, ResolutionState
from edgeworth.core.units import DAY, HOUR
from edgeworth.store.asof import (
    load_panel,
    market_as_of,
    price_sources,
    prices_as_of,
    scheduled_end_as_of,
    scheduled_ends,
)
from edgeworth.store.lake import Lake


def add_prices(place, number, hours, prices, source="alpha", key="k", **more):
    t = T0 + np.array(hours, dtype=np.int64) * HOUR
    count = np.full(len(t), number)
    return Lake(place.lake).append_prices(source, count, t, np.array(prices, np.int32), key=key, **more)


def test_the_shape_of_a_panel(filled):
    panel, outcomes = load_panel(filled)
    check_frame(panel.markets, MARKETS)
    check_feature_frame(panel.markets)
    assert panel.source == "alpha"
    assert (panel.market_count, panel.point_count) == (6, 288)
    assert panel.markets["event_no"].to_list() == [1, 1, 2, 2, -5, -6]
    assert panel.markets["event_title"].to_list() == ["Rain", "Rain", "Storm", "Storm", "", ""]
    assert outcomes.payout_e4.tolist() == [10_000, 0, 10_000, 0, -1, -1]
    assert outcomes.resolved_at.tolist() == [T0 + 9 * DAY] * 4 + [NEVER] * 2
    assert outcomes.known_at.tolist() == outcomes.resolved_at.tolist()
    first_outside = next(i for i, price in enumerate(np.linspace(4000, 9900, 48).astype(int)) if price > 9700)
    assert outcomes.event_known_at.tolist() == [T0 + first_outside * HOUR] * 4 + [NEVER] * 2


def test_warm_equals_cold_and_changes_with_the_data(filled):
    cold, cold_outcomes = load_panel(filled)
    warm, warm_outcomes = load_panel(filled)
    assert cold.fingerprint == warm.fingerprint
    assert cold.markets.equals(warm.markets)
    for name in ("offsets", "t", "price_e4", "end_offsets", "end_known_at", "end_value"):
        assert np.array_equal(getattr(cold, name), getattr(warm, name))
        assert getattr(cold, name).dtype == getattr(warm, name).dtype
    for name in ("payout_e4", "resolved_at", "known_at", "event_known_at"):
        assert np.array_equal(getattr(cold_outcomes, name), getattr(warm_outcomes, name))
    assert type(warm.t) is np.ndarray
    add_prices(filled, 5, [60], [70])
    assert load_panel(filled)[0].point_count == 289
    write_all(filled, [resolution(5, Payout.HALF)])
    assert load_panel(filled)[1].payout_e4[4] == 5_000


def test_the_warm_path_imports_no_database_library(filled):
    load_panel(filled)
    script = (
        "import sys; from pathlib import Path; from edgeworth.core.paths import Home;"
        "from edgeworth.store.asof import load_panel; load_panel(Home(Path(sys.argv[1])));"
        "assert not {'sqlalchemy', 'alembic', 'aiosqlite'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script, filled.root], check=True)


def test_a_broken_cache_is_rebuilt(filled):
    before = load_panel(filled)[0].fingerprint
    (folder,) = filled.cache.glob("panel-*")
    (folder / "t.npy").write_bytes(b"x")
    assert load_panel(filled)[0].fingerprint == before
    (folder / "markets.arrow").write_bytes(b"x")
    assert load_panel(filled)[0].fingerprint == before


def test_sources_and_windows(filled):
    assert [(s.name, s.points, s.markets, s.resolved_markets) for s in price_sources(filled)] == [
        ("alpha", 288, 6, 4),
        ("beta", 2, 1, 0),
    ]
    assert load_panel(filled, source="beta")[0].price_e4.tolist() == [100, 200]
    pooled = load_panel(filled, source="all")[0]
    assert pooled.point_count == 288  # the first stored of two prices at one instant wins
    some = load_panel(filled, market_nos=[2, 4], start=T0 + HOUR, end=T0 + 3 * HOUR)[0]
    assert some.markets["market_no"].to_list() == [2, 4]
    assert some.t.tolist() == [T0 + HOUR, T0 + 2 * HOUR] * 2
    with pytest.raises(DataError) as failure:
        load_panel(filled, min_points=49)
    assert failure.value.code == "no-prices"
    with pytest.raises(UsageError) as unknown:
        load_panel(filled, source="nowhere")
    assert unknown.value.code == "unknown-source"


def test_a_window_does_not_move_what_was_known_when(filled):
    whole, narrow = load_panel(filled)[1], load_panel(filled, end=T0 + 3 * HOUR)[1]
    assert narrow.event_known_at.tolist() == whole.event_known_at.tolist()


def test_an_empty_home(place):
    with pytest.raises(DataError) as failure:
        load_panel(place)
    assert failure.value.code == "store-empty"
    write_all(place, [market(1)])
    with pytest.raises(DataError) as failure:
        load_panel(place)
    assert failure.value.code == "store-empty"


@pytest.mark.parametrize(
    ("prices", "records", "expected"),
    [
        ([5000, 9800, 5000, 9800, 9900], [resolution(1)], T0 + 3 * HOUR),
        ([5000, 9800, 5000], [resolution(1)], NEVER),
        ([9800, 9900, 9990], [resolution(1)], T0),
        ([5000, 299, 100], [resolution(1)], T0 + HOUR),
        ([5000, 300, 300], [resolution(1)], NEVER),
        ([5000, 9800, 9900], [], NEVER),
        ([5000, 9800, 9900], [resolution(1, resolved_at=None)], NEVER),
        ([5000, 9800, 9900], [resolution(1, proposed_at=T0 + 5)], T0 + 5),
        ([5000, 9800, 9900], [resolution(1, state=ResolutionState.PROPOSED, proposed_at=T0 + 7)], T0 + 7),
        ([5000, 9800, 5000], [resolution(1, resolved_at=T0 + HOUR)], T0 + HOUR),
        ([5000, 5000, 5000], [resolution(1, resolved_at=T0 + HOUR)], T0 + 2 * HOUR),
    ],
)
def test_when_the_outcome_was_known(place, prices, records, expected):
    write_all(place, [market(1)], records)
    add_prices(place, 1, range(len(prices)), prices)
    assert load_panel(place)[1].event_known_at.tolist() == [expected]


def test_which_resolution_counts(place):
    early = resolution(1, Payout.NO, source="beta", resolved_at=T0 + DAY)
    earlier = resolution(1, Payout.HALF, source="gamma", resolved_at=T0 + 2 * DAY, known_at=T0)
    own = resolution(1, Payout.YES, resolved_at=T0 + 3 * DAY, known_at=T0 + 4 * DAY)
    unfinished = resolution(1, Payout.NO, source="delta", state=ResolutionState.DISPUTED, resolved_at=T0)
    write_all(place, [market(1), early, earlier, unfinished])
    add_prices(place, 1, [0, 1], [5000, 5100])
    outcomes = load_panel(place)[1]
    assert (outcomes.payout_e4[0], outcomes.known_at[0]) == (0, T0 + DAY)
    write_all(place, [own])
    outcomes = load_panel(place)[1]
    assert (outcomes.payout_e4[0], outcomes.resolved_at[0], outcomes.known_at[0]) == (
        10_000,
        T0 + 3 * DAY,
        T0 + 4 * DAY,
    )


def test_late_and_outdated_points(place):
    write_all(place, [market(1)])
    known = T0 + np.array([0, 5, 3, 5, 9]) * HOUR  # the second came after the third and is outdated then
    add_prices(place, 1, [0, 1, 2, 4, 6], [10, 20, 30, 40, 50], known_at=known)
    panel = load_panel(place)[0]
    assert panel.price_e4.tolist() == [10, 30, 40, 50]
    assert panel.t.tolist() == (T0 + np.array([0, 3, 5, 9]) * HOUR).tolist()
    assert prices_as_of(place, 1, T0 + 4 * HOUR)["price_e4"].to_list() == [10, 30]


def test_versions_of_the_scheduled_end(place):
    moved = [
        market(1, known_at=T0 + HOUR // 2),
        market(1, known_at=None, scheduled_end=T0 + 99 * DAY),  # undated beside dated ones: never counts
        market(1, backdated=False, known_at=T0 + HOUR, scheduled_end=T0 + 20 * DAY),
        market(1, backdated=False, known_at=T0 + 2 * HOUR, scheduled_end=None),
        market(1, source="beta", backdated=False, known_at=T0 + 3 * HOUR, scheduled_end=None),
        market(2, created_at=None, scheduled_end=T0 + DAY),
        market(3, scheduled_end=None),
    ]
    write_all(place, moved)
    for number in (1, 2, 3):
        add_prices(place, number, [0, 1, 2], [5, 6, 7], key=str(number))
    panel = load_panel(place)[0]
    ends = [scheduled_end_as_of(panel, 0, T0 + at) for at in (-2 * DAY, -DAY, 0, HOUR, 2 * HOUR, DAY)]
    assert ends == [UNKNOWN_TIME, T0 + 10 * DAY, T0 + 10 * DAY, T0 + 20 * DAY, UNKNOWN_TIME, UNKNOWN_TIME]
    assert scheduled_end_as_of(panel, 1, T0 - 1) == UNKNOWN_TIME
    assert scheduled_end_as_of(panel, 1, T0) == T0 + DAY
    assert scheduled_end_as_of(panel, 2, T0 + DAY) == UNKNOWN_TIME
    many = scheduled_ends(panel, np.array([0, 1, 2]), np.array([T0 + HOUR] * 3))
    assert many.tolist() == [T0 + 20 * DAY, T0 + DAY, UNKNOWN_TIME]


def test_a_later_dump_is_not_dated_back(place):
    first = market(1, known_at=T0 + 5 * HOUR)
    later = market(1, known_at=T0 + 9 * HOUR, scheduled_end=T0 + 30 * DAY, question="Reworded?")
    write_all(place, [later], [first])
    add_prices(place, 1, range(12), [5] * 12)
    panel = load_panel(place)[0]
    assert scheduled_end_as_of(panel, 0, T0 + 8 * HOUR) == T0 + 10 * DAY
    assert scheduled_end_as_of(panel, 0, T0 + 9 * HOUR) == T0 + 30 * DAY
    assert panel.markets["question"].to_list() == ["Will it rain in Town 1?"]
    assert market_as_of(place, 1, T0).question == "Will it rain in Town 1?"
    assert market_as_of(place, 1, T0 + 10 * HOUR).question == "Reworded?"
    assert market_as_of(place, 1, T0 - 2 * DAY) is None
    with pytest.raises(UsageError):
        market_as_of(place, 9, T0)


def test_a_market_of_prices_only(place):
    write_all(place, [resolution(1)])
    add_prices(place, 1, [0, 1], [5, 6])
    panel = load_panel(place)[0]
    check_frame(panel.markets, MARKETS)
    assert panel.end_offsets.tolist() == [0, 0]
    assert panel.markets["event_no"].to_list() == [-1]
    row = panel.markets.row(0, named=True)
    assert (row["question"], row["created_at"], row["tags"], row["fee_exponent"]) == ("", None, [], 1)


def test_nothing_of_a_panel_comes_from_the_resolution(filled):
    before = load_panel(filled)[0]
    write_all(
        filled, [resolution(5, resolved_at=T0), resolution(6, resolved_at=T0 + 1), resolution(1, Payout.NO, source="z")]
    )
    assert load_panel(filled)[0].fingerprint == before.fingerprint


def test_facts_of_events_and_first_statements(place):
    facts = {"tags": ("Weather",), "tick_e4": 10, "neg_risk": False}
    event = EventRecord(source="g", venue="polymarket", native_id="e", title="Rain", neg_risk=True)
    poor = MarketRecord(source="b", venue="polymarket", ids=ids_of(1), question="Rain?", known_at=T0)
    write_all(place, [poor], [event, market(1, event_native_id="e", known_at=T0 + DAY, backdated=False, **facts)])
    add_prices(place, 1, [0, 1], [5, 6])
    row = load_panel(place)[0].markets.row(0, named=True)
    assert (row["question"], row["tags"], row["tick_e4"], row["neg_risk"]) == ("Rain?", ["Weather"], 10, True)
    assert row["event_title"] == "Rain"
    assert not row["backdated"]
