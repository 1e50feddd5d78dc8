"""What the collector's tables must do on every database: snapshots once, slots and runs that agree, honest migrations."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from sqlalchemy import text
from tests.contract.test_store_contract import empty_server
from tests.store_world import T0, ids_of, market, resolution

from edgeworth.core.clock import ManualClock
from edgeworth.core.paths import Home
from edgeworth.core.types import ResolutionState
from edgeworth.core.units import DAY, HOUR, MINUTE, Micros
from edgeworth.store.collecting import (
    CollectionLedger,
    SlotResult,
    claim_venue,
    day_of,
    refresh_coverage,
    unresolved,
    venue_of,
)
from edgeworth.store.collecting_status import collection_facts, latest_activity, snapshots_of
from edgeworth.store.market_db import MarketStore
from edgeworth.store.migrate import HEADS, current_revision, downgrade, upgrade
from edgeworth.store.snapshots import SnapshotRow

Open = Callable[[], Awaitable[MarketStore]]
SLOT = T0 - T0 % (15 * MINUTE)


@pytest.fixture(params=["sqlite", "postgresql"])
def open_store(request, home) -> Open:
    """A function that opens the same, at first empty, store every time."""
    clock = ManualClock(Micros(T0))
    if request.param == "sqlite":
        return lambda: MarketStore.open(Home(home), clock=clock)
    url = request.getfixturevalue("postgres_url")
    asyncio.run(empty_server(url))
    return lambda: MarketStore.open(Home(home), url=url, clock=clock)


def row(market_no: int, slot: int = SLOT, **changes: object) -> SnapshotRow:
    facts = {"event_time": slot + 7, "known_at": slot + 9, "bid_e4": 4000, "ask_e4": 4100, "spot_e4": 2**40}
    return SnapshotRow(slot=slot, market_no=market_no, source="track", **(facts | changes))


async def filled(store: MarketStore, count: int = 3) -> None:
    await store.write([market(i) for i in range(1, count + 1)])


@pytest.mark.asyncio
async def test_a_snapshot_of_a_slot_is_stored_once_and_the_first_stands(open_store):
    async with await open_store() as store:
        await filled(store)
        before = await store.fact_digest()
        assert await store.write_snapshots([]) == 0
        assert await store.write_snapshots([row(1), row(2)]) == 2
        assert await store.write_snapshots([row(1, bid_e4=1), row(3), row(1, slot=SLOT + 1)]) == 2
        stored = await store.rows("market_snapshots")
        assert await store.fact_digest() == before
    assert [(r["slot"], r["market_no"], r["bid_e4"]) for r in stored] == [
        (SLOT, 1, 4000),
        (SLOT, 2, 4000),
        (SLOT, 3, 4000),
        (SLOT + 1, 1, 4000),
    ]
    assert SnapshotRow(**stored[0]) == row(1)


@pytest.mark.asyncio
async def test_a_snapshot_of_an_unknown_market_is_refused_whole(open_store):
    async with await open_store() as store:
        await filled(store)
        with pytest.raises(Exception, match=r"(?i)foreign key"):
            await store.write_snapshots([row(1), row(99)])
        assert await store.rows("market_snapshots") == []


@pytest.mark.asyncio
async def test_a_slot_is_due_then_met_and_its_run_completed(open_store):
    async with await open_store() as store:
        books = CollectionLedger(store)
        assert await books.latest("track") is None
        run = await books.begin("track", SLOT, T0)
        latest = await books.latest("track")
        assert latest is not None
        assert (latest.slot, latest.state) == (SLOT, "due")
        result = SlotResult("track", SLOT, due=3, met=2, missed={2: "no-book"}, requests=4, errors=1, counts={"a": 1})
        await books.finish(run, result, T0 + 1, {("clob", "clob/books"): 2})
        slots, runs = await store.rows("collection_slots"), await store.rows("collection_runs")
    assert [(r["market_no"], r["state"], r["cause"], r["due"], r["met"]) for r in slots] == [
        (0, "missed", "", 3, 2),
        (2, "missed", "no-book", 1, 0),
    ]
    [only] = runs
    assert (only["status"], only["slot"], only["slots_due"], only["slots_met"], only["slots_missed"]) == (
        "completed", SLOT, 3, 2, 1,
    )  # fmt: skip
    assert (only["errors"], only["requests"], only["counts"]) == (1, 4, '{"a": 1}')


@pytest.mark.asyncio
async def test_a_slot_taken_again_replaces_what_was_said_of_it(open_store):
    async with await open_store() as store:
        books = CollectionLedger(store)
        first = await books.begin("track", SLOT, T0)
        await books.finish(first, SlotResult("track", SLOT, 2, 0, {1: "x", 2: "x"}), T0)
        second = await books.begin("track", SLOT, T0)
        await books.finish(second, SlotResult("track", SLOT, 2, 2), T0)
        [only] = await store.rows("collection_slots")
    assert (only["state"], only["run_no"]) == ("met", second)


@pytest.mark.asyncio
async def test_runs_left_by_the_dead_are_failed_by_the_next_start(open_store):
    async with await open_store() as store:
        books = CollectionLedger(store)
        left = await books.begin("scan", SLOT, T0)
        done = await books.begin("track", SLOT, T0)
        await books.finish(done, SlotResult("track", SLOT, 1, 1), T0)
        assert await books.recover(T0 + 5) == 1
        assert await books.recover(T0 + 6) == 0
        status = {r["run_no"]: (r["status"], r["finished_at"]) for r in await store.rows("collection_runs")}
    assert status == {left: ("failed", T0 + 5), done: ("completed", T0)}


@pytest.mark.asyncio
async def test_missed_slots_and_calls_are_counted(open_store):
    async with await open_store() as store:
        books = CollectionLedger(store)
        await books.begin("track", SLOT, T0)
        await books.miss("track", [SLOT, SLOT + 1, SLOT + 2], "not-running", due=5)
        await books.miss("track", [], "not-running")
        await books.add_usage({("gamma", "markets"): 3, ("clob", "books"): 0}, T0)
        await books.add_usage({("gamma", "markets"): 4}, T0 + DAY)
        await books.add_usage({("gamma", "markets"): 5}, T0)
        slots, usage = await store.rows("collection_slots"), await store.rows("api_usage")
    assert [(r["slot"] - SLOT, r["state"], r["cause"], r["due"]) for r in slots] == [
        (i, "missed", "not-running", 5) for i in range(3)
    ]
    assert [(r["day"], r["calls"]) for r in usage] == [(day_of(T0), 8), (day_of(T0) + DAY, 4)]


@pytest.mark.asyncio
async def test_migrating_down_and_up_keeps_the_rows_of_both_schemas(open_store):
    async with await open_store() as store:
        await filled(store)
        twice = row(1, slot=SLOT + 60, event_time=SLOT + 7)  # the first schema holds one row of an instant
        await store.write_snapshots([row(1), row(2, volume_e6=7), twice])
        await CollectionLedger(store).begin("track", SLOT, T0)
        await store.change(lambda connection: downgrade(connection, "market", "0001"))
        old = await store.run(
            lambda c: c.execute(text("SELECT * FROM market_snapshots ORDER BY market_no")).mappings().all()
        )
        assert [(r["event_time"], r["market_no"], r["bid_e4"], r["volume_e6"]) for r in old] == [
            (SLOT + 7, 1, 4000, None),
            (SLOT + 7, 2, 4000, 7),
        ]
        assert "slot" not in old[0]
        await store.change(lambda connection: upgrade(connection, "market"))
        again = await store.rows("market_snapshots")
        [run] = await store.rows("collection_runs")
        assert await store.run(current_revision) == HEADS["market"]
    assert [(r["slot"], r["event_time"], r["known_at"], r["volume_e6"]) for r in again] == [
        (SLOT + 7, SLOT + 7, SLOT + 9, None),
        (SLOT + 7, SLOT + 7, SLOT + 9, 7),
    ]
    assert (run["kind"], run["slots_due"]) == ("track", 0)


@pytest.mark.asyncio
async def test_a_reader_of_an_older_database_brings_it_up_first(home):
    place = Home(home)
    async with await MarketStore.open(place) as store:
        await store.write([market(1)])
        await store.change(lambda connection: downgrade(connection, "market", "0001"))
    async with await MarketStore.open(place, read_only=True) as store:
        assert await store.rows("market_snapshots") == []
        assert await store.resolve_ids([ids_of(1)]) == [1]


@pytest.mark.asyncio
async def test_the_status_is_read_from_the_books(open_store):
    async with await open_store() as store:
        await filled(store)
        books = CollectionLedger(store)
        assert await store.run(latest_activity) is None
        for number in range(3):
            slot = SLOT + number * 15 * MINUTE
            run = await books.begin("track", slot, slot)
            missed = {2: "no-book"} if number == 1 else {}
            result = SlotResult("track", slot, 3, 3 - len(missed), missed, requests=4)
            await books.finish(run, result, slot + 5, {("h", "clob/books"): 4})
        scan = await books.begin("scan", SLOT, SLOT)
        await books.finish(scan, SlotResult("scan", SLOT, 1, 0, cause="venue-timeout", requests=7, errors=2), SLOT + 9)
        await books.miss("track", [SLOT + 45 * MINUTE], "not-running", due=3)
        rows = [row(1, quality_e4=9_000), row(2, quality_e4=6_000), row(3, quality_e4=100), row(1, slot=SLOT + 60)]
        await store.write_snapshots(rows)
        now = SLOT + HOUR
        facts = await store.run(lambda connection: collection_facts(connection, now))
        latest = await store.run(latest_activity)
        seen = await store.run(lambda connection: snapshots_of(connection, 1, limit=1))
        nothing = await store.run(lambda connection: snapshots_of(connection, 99))
    assert (seen["count"], seen["first_slot"], seen["lowest_mid"], seen["highest_mid"]) == (2, SLOT, 0.405, 0.405)
    assert [(r["slot"], r["bid"], r["quality"]) for r in seen["newest"]] == [(SLOT + 60, 0.4, None)]
    assert (nothing["count"], nothing["lowest_mid"], nothing["newest"]) == (0, None, [])
    assert latest == SLOT + 30 * MINUTE + 5
    jobs = {job["job"]: job for job in facts["jobs"]}
    assert (jobs["track"]["status"], jobs["track"]["every_s"], jobs["track"]["lag_s"]) == ("completed", 900.0, 1800.0)
    assert (jobs["scan"]["last_met_slot"], jobs["scan"]["errors"]) == (None, 2)
    scan_slots, track_slots = facts["slots"]["in_all"]
    assert (track_slots["slots"], track_slots["slots_met"], track_slots["due"], track_slots["met"]) == (4, 2, 12, 8)
    assert track_slots["causes"] == {"no-book": 1, "not-running": 3}
    assert sum(track_slots["causes"].values()) == track_slots["missed"]
    assert scan_slots["causes"] == {"venue-timeout": 1}
    assert facts["requests_today"] == {"scan": 7, "track": 12}
    assert facts["usage_today"] == [{"host": "h", "route": "clob/books", "calls": 12}]
    assert facts["quality"]["in_all"] == {"snapshots": 4, "good": 1, "fair": 1, "poor": 1, "ungraded": 1}
    assert (facts["growth"]["snapshots"], facts["growth"]["markets"]) == (4, 3)


@pytest.mark.asyncio
async def test_coverage_counts_every_snapshot_once(open_store):
    async with await open_store() as store:
        await filled(store)
        books = CollectionLedger(store)
        await store.write_snapshots([row(1), row(2), row(1, slot=SLOT + 60)])
        assert await store.change(lambda connection: refresh_coverage(connection, SLOT)) == 2
        assert await store.change(lambda connection: refresh_coverage(connection, SLOT)) == 0
        run = await books.begin("track", SLOT + 60, T0)
        await books.finish(run, SlotResult("track", SLOT + 60, 3, 1, {2: "no-book", 3: "no-book"}), T0)
        await store.change(lambda connection: refresh_coverage(connection, SLOT + 60))
        found = {r["market_no"]: r for r in await store.rows("coverage")}
    assert {n: (r["status"], r["points"], r["first_t"], r["last_t"]) for n, r in found.items()} == {
        1: ("present", 2, SLOT, SLOT + 60),
        2: ("present", 1, SLOT, SLOT),
        3: ("missing", 0, None, None),
    }
    assert found[3]["note"] == "missed slots: no-book 1"


@pytest.mark.asyncio
async def test_what_has_no_final_word_is_unresolved(open_store):
    async with await open_store() as store:
        await filled(store)
        final = resolution(1, source="polymarket-agreed")
        proposed = resolution(2, source="polymarket-agreed", state=ResolutionState.PROPOSED, resolved_at=None)
        other = resolution(3, source="elsewhere")
        await store.write([final, proposed, other])
        found = await store.run(unresolved)
    assert [item.market_no for item in found] == [2]
    assert found[0].ids == ids_of(2)[:2]


@pytest.mark.asyncio
async def test_a_database_belongs_to_one_venue(open_store):
    async with await open_store() as store:
        assert await store.run(venue_of) == ""
        assert await store.change(lambda connection: claim_venue(connection, "sandbox")) == ""
        assert await store.change(lambda connection: claim_venue(connection, "sandbox")) == ""
        assert await store.change(lambda connection: claim_venue(connection, "polymarket")) == "sandbox"
        assert await store.run(venue_of) == "sandbox"


@pytest.mark.asyncio
async def test_imported_markets_are_never_mixed_with_simulated_ones(open_store):
    async with await open_store() as store:
        await filled(store)
        assert await store.change(lambda connection: claim_venue(connection, "sandbox")) == "polymarket"
        assert await store.change(lambda connection: claim_venue(connection, "polymarket")) == ""
