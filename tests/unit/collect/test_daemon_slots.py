"""Slots are a fixed UTC grid; a slot is met within its window, missed with its cause, and never made up."""

import asyncio
import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.collecting import EVERY, T0, Room, ScriptedJob, in_room

from edgeworth.collect.daemon.runner import Runner
from edgeworth.collect.daemon.scheduler import Scheduler, Timetable
from edgeworth.collect.daemon.slots import Grid
from edgeworth.core.errors import AccessError, Fatal, Retryable
from edgeworth.core.paths import Home
from edgeworth.core.random import stream
from edgeworth.core.units import DAY, HOUR, MINUTE, SECOND
from edgeworth.store import engines

GRID = Grid(EVERY)
DOWN = Retryable("venue-unreachable", "down")


@pytest.fixture
def place(home):
    return Home(home)


@given(st.integers(0, 2**51), st.integers(SECOND, 2 * DAY))
def test_every_instant_has_one_slot_and_a_window_inside_it(now, every):
    grid = Grid(every)
    slot = grid.at(now)
    assert slot <= now < grid.after(slot)
    assert slot % every == 0
    assert slot < grid.deadline(slot) < grid.after(slot)
    assert grid.between(slot, grid.after(slot)) == []
    assert grid.between(slot, slot + 3 * every) == [slot + every, slot + 2 * every]
    assert grid.between(slot + 3 * every, slot) == []


def test_a_grid_finer_than_a_second_is_refused():
    with pytest.raises(ValueError, match="second"):
        Grid(SECOND - 1)


def scheduler(room: Room, job: ScriptedJob, stop: asyncio.Event) -> Scheduler:
    runner = Runner(room.books, room.clock, room.notes, stop)
    return Scheduler(Timetable(job, GRID), runner, room.books, room.clock, stop)


async def served(room: Room, job: ScriptedJob, seconds: float) -> None:
    stop = asyncio.Event()
    task = asyncio.create_task(scheduler(room, job, stop).serve())
    await room.clock.sleep(seconds)
    stop.set()
    await task


def test_it_runs_at_once_and_then_on_the_grid(place):
    async def work(room: Room):
        job = ScriptedJob(room.clock)
        await served(room, job, 3_601)
        return job.taken, await room.slots()

    taken, slots = in_room(place, work, start=T0 + 7 * MINUTE)
    assert taken == [(T0, T0 + 7 * MINUTE), *((T0 + i * EVERY, T0 + i * EVERY) for i in range(1, 5))]
    assert slots == [(i, "met", "") for i in range(5)]


def test_an_outage_of_five_minutes_loses_no_slot(place):
    def script(slot):
        return [DOWN] * 8 if slot == T0 + EVERY else []

    async def work(room: Room):
        job = ScriptedJob(room.clock, script)
        await served(room, job, 3_601)
        runs = await room.store.rows("collection_runs")
        return await room.slots(), [(run["errors"], run["finished_at"] - run["started_at"]) for run in runs]

    slots, runs = in_room(place, work)
    assert [state for _, state, _ in slots] == ["met"] * 5
    errors, took = runs[1]
    assert errors == 8
    assert 4 * MINUTE < took < 6 * MINUTE


def test_an_outage_longer_than_the_window_is_a_miss_with_its_cause(place):
    async def work(room: Room):
        job = ScriptedJob(room.clock, lambda slot: [DOWN] * 99 if slot == T0 + EVERY else [])
        await served(room, job, 3_000)
        return await room.slots(), room.notes.events("warning")

    slots, warnings = in_room(place, work)
    assert slots == [(0, "met", ""), (1, "missed", "venue-unreachable"), (2, "met", ""), (3, "met", "")]
    assert warnings == ["attempt-failed", "slot-missed"]


def test_an_observation_that_never_ends_is_cancelled_at_the_deadline(place):
    async def work(room: Room):
        job = ScriptedJob(room.clock, lambda slot: [1e9] if slot == T0 else [])
        await served(room, job, 2 * 900 - 1)
        return job.taken, await room.slots()

    taken, slots = in_room(place, work)
    assert slots == [(0, "missed", "too-slow"), (1, "met", "")]
    assert taken[1] == (T0 + EVERY, T0 + EVERY)


def test_what_a_market_lacked_is_listed_with_it(place):
    async def work(room: Room):
        await served(room, ScriptedJob(room.clock, lambda slot: [False] * 99 if slot == T0 else []), 1_000)
        return [(row["market_no"], row["state"], row["cause"]) for row in await room.store.rows("collection_slots")]

    assert in_room(place, work) == [(0, "missed", ""), (1, "missed", "no-book"), (0, "met", "")]


def test_a_refusal_is_followed_by_a_long_silence(place):
    refusal = Fatal("venue-forbidden", "not from here")
    later = Fatal("venue-forbidden", "not from here", open_for_s=500.0)

    async def work(room: Room):
        await served(
            room, ScriptedJob(room.clock, lambda slot: [refusal, later] if slot == T0 else [refusal] * 9), 1_790
        )
        runs = await room.store.rows("collection_runs")
        return await room.slots(), [run["errors"] for run in runs]

    slots, errors = in_room(place, work)
    assert slots == [(0, "met", ""), (1, "missed", "venue-forbidden")]
    assert errors[0] == 2
    assert errors[1] <= 4


def test_slots_that_passed_while_nobody_ran_are_missed_and_the_current_one_is_met(place):
    async def first(room: Room):
        await served(room, ScriptedJob(room.clock), 60)

    async def second(room: Room):
        job = ScriptedJob(room.clock)
        await served(room, job, 60)
        return job.taken, await room.slots()

    in_room(place, first)
    taken, slots = in_room(place, second, start=T0 + 4 * EVERY + 3 * MINUTE)
    assert taken == [(T0 + 4 * EVERY, T0 + 4 * EVERY + 3 * MINUTE)]
    assert slots == [(0, "met", ""), *((i, "missed", "not-running") for i in (1, 2, 3)), (4, "met", "")]


def test_a_restart_in_a_slot_that_was_met_waits_for_the_next(place):
    async def work(room: Room):
        job = ScriptedJob(room.clock)
        await served(room, job, 60)
        await served(room, job, 60)
        return len(job.taken)

    assert in_room(place, work) == 1


def test_a_slot_left_in_the_middle_is_taken_up_again_or_else_missed(place):
    async def left(room: Room):
        await served(room, ScriptedJob(room.clock, lambda _slot: [DOWN] * 99), 60)
        return await room.slots(), [row["status"] for row in await room.store.rows("collection_runs")]

    async def again(room: Room):
        await served(room, ScriptedJob(room.clock), 60)
        return await room.slots()

    assert in_room(place, left) == ([(0, "due", "")], ["failed"])
    assert in_room(place, again, start=T0 + 5 * MINUTE) == [(0, "met", "")]


def test_a_slot_left_in_the_middle_whose_window_is_over_is_missed(place):
    async def left(room: Room):
        await room.books.begin("track", T0)  # and then the power was cut

    async def again(room: Room):
        await room.ledger.recover(room.clock.now())
        await served(room, ScriptedJob(room.clock), 60)
        return await room.slots(), [row["status"] for row in await room.store.rows("collection_runs")]

    in_room(place, left)
    slots, runs = in_room(place, again, start=T0 + EVERY)
    assert slots == [(0, "missed", "interrupted"), (1, "met", "")]
    assert runs == ["failed", "completed"]


def test_a_wall_clock_that_jumps_ahead_leaves_honest_gaps(place):
    async def work(room: Room):
        job = ScriptedJob(room.clock)
        task = asyncio.create_task(served(room, job, 3 * 3_600))
        await room.clock.sleep(60)
        room.clock.advance(HOUR)
        await task
        return await room.slots()

    slots = in_room(place, work)
    assert slots[:7] == [
        (0, "met", ""), *((i, "missed", "overslept") for i in (1, 2, 3)), (4, "met", ""), (5, "met", ""), (6, "met", ""),
    ]  # fmt: skip


def test_a_full_disk_postpones_and_nothing_is_lost(place):
    full = AccessError("disk-full", "no space left")

    async def work(room: Room):
        failing = {"on": True}
        real = room.ledger.begin

        async def begin(job: str, slot: int | None, now: int) -> int:
            if failing["on"]:
                raise full
            return await real(job, slot, now)

        room.ledger.begin = begin  # type: ignore[method-assign]
        job = ScriptedJob(room.clock, lambda slot: [full] * 2 if slot == T0 else [])
        task = asyncio.create_task(served(room, job, 3_000))
        await room.clock.sleep(1_900)
        before = await room.slots()
        failing["on"] = False
        await task
        return before, await room.slots(), room.notes.events("error"), room.notes.events("info")

    before, after, errors, infos = in_room(place, work)
    assert before == []
    assert after == [(i, "met", "") for i in range(4)]
    assert errors == ["storage-unavailable"]
    assert "storage-back" in infos


def test_a_clock_that_runs_back_takes_no_slot_twice(place):
    async def work(room: Room):
        job = ScriptedJob(room.clock)
        await served(room, job, 3_601)
        return [slot for slot, _ in job.taken]

    in_room(place, work, start=T0 + HOUR)
    assert in_room(place, work, start=T0) == []


def test_a_locked_database_is_waited_for(place, monkeypatch):
    monkeypatch.setattr(engines, "BUSY_SECONDS", 0.02)

    async def work(room: Room):
        holder = sqlite3.connect(place.market_db, isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        task = asyncio.create_task(served(room, ScriptedJob(room.clock), 3_000))
        await room.clock.sleep(1_000)
        holder.execute("ROLLBACK")
        holder.close()
        await task
        return await room.slots(), set(room.notes.events("error"))

    slots, errors = in_room(place, work)
    assert slots == [(i, "met", "") for i in range(4)]
    assert errors == {"storage-unavailable"}


@pytest.mark.parametrize("number", range(20))
def test_stopped_at_any_instant_nothing_is_left_open(place, number):
    draw = float(stream(5, "stop", number).uniform(0, 3_600))

    async def work(room: Room):
        steps = lambda slot: [90.0, DOWN, 30.0, True] if slot % (2 * EVERY) else [5.0, True]
        await served(room, ScriptedJob(room.clock, steps), draw)
        running = [row for row in await room.store.rows("collection_runs") if row["status"] == "running"]
        return running, await room.slots()

    running, slots = in_room(place, work)
    assert running == []
    assert [state for _, state, _ in slots[:-1]] == ["met"] * (len(slots) - 1)
    assert slots[-1][1] in {"met", "due"}
