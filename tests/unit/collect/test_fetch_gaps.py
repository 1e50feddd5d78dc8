"""Missed slots are filled from what the venue still has, marked as such, known only from now on."""

import polars as pl
import pytest

from edgeworth.app.sandboxed import BASE, SandboxTransport
from edgeworth.collect.fetching.gaps import SOURCE, GapRequest, GapTools, fill_gaps
from edgeworth.collect.sealing import Work, seal
from edgeworth.core.clock import VirtualClock
from edgeworth.core.paths import Home
from edgeworth.core.units import DAY, HOUR, MINUTE
from edgeworth.core.virtual_loop import run_virtual
from edgeworth.sandbox.server.sandbox import Sandbox
from edgeworth.sandbox.world import generate
from edgeworth.store.collecting import CollectionLedger, SlotResult
from edgeworth.store.lake_snapshots import Wanted, read_snapshots
from edgeworth.store.market_db import MarketStore
from edgeworth.store.snapshots import SnapshotRow
from edgeworth.venues.endpoints import Endpoints
from edgeworth.venues.http.client import HttpClient
from edgeworth.venues.polymarket.data_api import DataApi

QUARTER = 15 * MINUTE


@pytest.fixture(scope="module")
def world():
    return generate("tiny", 5)


class Room:
    """A sandbox at an instant with open markets, and a home that tracked three of them."""

    def __init__(self, home, world):
        self.home, self.world = Home(home), world
        self.now = int(world.arrays.t.max()) // DAY * DAY - 20 * DAY + 9 * HOUR
        self.clock = VirtualClock(self.now)
        self.sandbox = Sandbox(world, self.clock, start=self.now - 30 * DAY)
        live = self.sandbox.live
        old = [int(i) for i in live.open_markets(self.now) if live.created_at[i] < self.now - 5 * DAY]
        self.markets = old[:3]
        assert len(self.markets) == 3
        self.http = HttpClient(Endpoints.sandbox(BASE), self.clock, transport=SandboxTransport(self.sandbox))

    def slot(self, number):
        return self.now // QUARTER * QUARTER - (40 - number) * QUARTER

    def run(self, work):
        async def inner():
            async with await MarketStore.open(self.home, clock=self.clock) as store:
                return await work(store)

        return run_virtual(self.clock, inner())

    async def setting(self, store):
        """Three markets; slots 0 met, 1 missed market 2, 2 and 3 wholly missed, 4 met."""
        names = self.sandbox.live.names
        ids = [(("token", names.tokens(i)[0]), ("condition", names.condition_id(i))) for i in self.markets]
        self.numbers = await store.ensure_markets(ids, source="t")
        ledger = CollectionLedger(store)
        for number, missing in ((0, {}), (1, {self.numbers[1]: "no-book"}), (4, {})):
            slot = self.slot(number)
            seen = [n for n in self.numbers if n not in missing]
            await store.write_snapshots([SnapshotRow(slot, n, "live", slot, slot + 5, 4_000, 4_200) for n in seen])
            run_no = await ledger.begin("track", slot, slot)
            await ledger.finish(run_no, SlotResult("track", slot, 3, len(seen), missing), slot)
        await ledger.miss("track", [self.slot(2), self.slot(3)], "offline", due=3)

    async def fill(self, store):
        tools = GapTools(store, self.home, DataApi(self.http), self.clock)
        return await fill_gaps(tools, GapRequest(self.now - DAY, self.now))


@pytest.fixture
def room(home, world):
    room = Room(home, world)
    room.run(room.setting)
    return room


def filled(room):
    return read_snapshots(room.home, Wanted(sources=[SOURCE]))


def test_every_missed_observation_is_filled_with_what_the_world_knew(room):
    report = room.run(room.fill)
    assert (report.missed, report.filled, report.nothing, report.unnamed) == (7, 7, 0, 0)  # 1 + 2 slots x 3 markets
    rows = filled(room)
    assert set(rows.select("slot", "market_no").iter_rows()) == {
        (room.slot(1), room.numbers[1]),
        *((room.slot(n), number) for n in (2, 3) for number in room.numbers),
    }
    by_number = dict(zip(room.numbers, room.markets, strict=True))
    arrays = room.world.arrays
    for row in rows.iter_rows(named=True):
        i = by_number[row["market_no"]]
        first, stop = arrays.offsets[i], arrays.offsets[i + 1]
        known = arrays.t[first:stop].searchsorted(row["event_time"], side="right") - 1
        assert row["last_e4"] == arrays.price_e4[first + max(known, 0)]
        assert row["slot"] - 2 * MINUTE <= row["event_time"] <= row["slot"]  # minutes are still kept


def test_nothing_pretends_to_have_been_seen_live(room):
    room.run(room.fill)
    rows = filled(room)
    assert rows["known_at"].min() >= room.now
    assert rows["bid_e4"].null_count() == rows["ask_e4"].null_count() == rows.height
    assert rows["quality_e4"].to_list() == [0] * rows.height
    assert read_snapshots(room.home, Wanted(sources=[SOURCE], as_of=room.now - 1)).is_empty()

    async def states(store):
        return {(row["slot"], row["state"]) for row in await store.rows("collection_slots") if not row["market_no"]}

    assert (room.slot(2), "missed") in room.run(states)  # the ledger keeps the miss


def test_filling_twice_asks_and_stores_nothing_more(room):
    room.run(room.fill)
    before, calls = filled(room), room.http.usage.calls()
    report = room.run(room.fill)
    assert (report.filled, report.known, report.missed) == (0, 7, 7)
    assert room.http.usage.calls() == calls
    assert filled(room).equals(before)


def test_what_was_filled_and_sealed_is_not_filled_again(room):
    room.run(room.fill)
    room.run(lambda store: seal(store, room.home, Work(room.now)))
    report = room.run(room.fill)
    assert (report.filled, report.known) == (0, 7)
    again = room.run(lambda store: seal(store, room.home, Work(room.now)))
    assert (again.rows, again.differing) == (0, 0)


def test_a_slot_nobody_can_name_the_markets_of_is_said(home, world):
    room = Room(home, world)

    async def work(store):
        await CollectionLedger(store).miss("track", [room.slot(2)], "offline", due=3)
        return await room.fill(store)

    report = room.run(work)
    assert (report.missed, report.unnamed) == (0, 1)


def test_slots_that_another_job_met_are_not_missed(room):
    async def work(store):
        slot = room.slot(2)
        await store.write_snapshots([SnapshotRow(slot, n, "live", slot, slot + 5, 4_000, 4_200) for n in room.numbers])
        return await room.fill(store)

    assert room.run(work).missed == 4
    assert filled(room).filter(pl.col("slot") == room.slot(2)).is_empty()
