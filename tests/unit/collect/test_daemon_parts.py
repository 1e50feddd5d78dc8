"""The collector's small parts: the lock, the log, the supervisor, the counting of calls, waiting."""

import asyncio
import io
import json
import multiprocessing
from pathlib import Path

import pytest
from tests.support.collecting import T0, Notes, Room, in_room

from edgeworth.collect.daemon.logs import TurningFile, make_log, silent_log
from edgeworth.collect.daemon.supervisor import GRACE_S, Service, Supervisor
from edgeworth.collect.daemon.usage import MeteredUsage, metered
from edgeworth.collect.daemon.waiting import Overdue, pause, within
from edgeworth.core.clock import ManualClock, VirtualClock
from edgeworth.core.errors import AccessError, DataError, InstanceError
from edgeworth.core.paths import Home
from edgeworth.core.virtual_loop import run_virtual
from edgeworth.store.collecting import SlotResult
from edgeworth.store.instance import holder, one_instance


@pytest.fixture
def place(home):
    return Home(home)


def hold(root: str, ready, done) -> None:
    with one_instance(Home(Path(root))):
        ready.set()
        done.wait(30)


def test_one_process_holds_a_home_and_the_refusal_names_it(place):
    context = multiprocessing.get_context("spawn")
    ready, done = context.Event(), context.Event()
    other = context.Process(target=hold, args=(str(place.root), ready, done))
    other.start()
    assert ready.wait(30)
    try:
        assert holder(place) == other.pid
        with pytest.raises(InstanceError) as refusal, one_instance(place):
            pass
        assert refusal.value.code == "another-instance"
        assert f"PID {other.pid}" in refusal.value.message
        assert f"kill {other.pid}" in refusal.value.hint
    finally:
        other.kill()
        other.join()
    with one_instance(place):  # what a killed process left behind is taken over
        assert place.lock.read_text().strip().isdigit()
    assert holder(place) is None
    assert place.lock.read_text() == ""


def test_an_unwritable_home_says_so(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(AccessError) as failure, one_instance(Home(tmp_path / "file" / "home")):
        pass
    assert failure.value.code == "home-unwritable"


def test_the_log_speaks_to_people_and_to_machines(tmp_path):
    console, file = io.StringIO(), TurningFile(tmp_path / "log" / "collect.jsonl")
    log = make_log(ManualClock(T0), file, console=console, threshold="warning")
    log.info("slot-met", job="track", met=3)
    log.warning("slot-missed", job="scan", cause="venue-timeout")
    log.error("crashed", exc_info=ValueError("broken"))
    file.close()
    lines = [json.loads(line) for line in (tmp_path / "log" / "collect.jsonl").read_text().splitlines()]
    assert [(line["level"], line["event"]) for line in lines] == [
        ("info", "slot-met"), ("warning", "slot-missed"), ("error", "crashed"),
    ]  # fmt: skip
    assert lines[0] | {"job": "track", "met": 3} == lines[0]
    assert lines[0]["at"].endswith("Z")
    assert "ValueError: broken" in lines[2]["exception"]
    assert "slot-missed" in console.getvalue()
    assert "slot-met" not in console.getvalue()
    silent_log(ManualClock(T0)).info("nothing", happens=True)


def test_log_files_turn_over_and_only_some_are_kept(tmp_path):
    file = TurningFile(tmp_path / "a.jsonl", each=100, kept=3)
    for number in range(30):
        file.write(f"line {number:020d}")
    file.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.jsonl", "a.jsonl.1", "a.jsonl.2"]
    assert all(path.stat().st_size <= 100 for path in tmp_path.iterdir())
    assert (tmp_path / "a.jsonl").read_text().endswith(f"{29:020d}\n")
    assert file.dropped == 0


def test_a_log_that_cannot_be_written_is_no_trouble(tmp_path):
    (tmp_path / "log").write_text("a file where a folder should be")
    file = TurningFile(tmp_path / "log" / "a.jsonl")
    file.write("lost")
    assert file.dropped == 1


def supervised(services, seconds, notes=None):
    clock = VirtualClock(T0)
    notes = notes or Notes()

    async def main():
        stop = asyncio.Event()
        task = asyncio.create_task(Supervisor(clock, notes, stop).run(services(clock, stop)))
        await clock.sleep(seconds)
        stop.set()
        begun = clock.monotonic()
        await task
        return clock.monotonic() - begun

    return run_virtual(clock, main())


def test_a_crashed_service_starts_again_and_others_never_notice():
    starts, beats = [], []
    notes = Notes()

    def services(clock, stop):
        async def broken():
            starts.append(clock.monotonic())
            if len(starts) < 3:
                raise ValueError("broken")
            await stop.wait()

        async def steady():
            while not await pause(clock, 1.0, stop):
                beats.append(clock.monotonic())

        return [Service("broken", broken), Service("steady", steady)]

    supervised(services, 60, notes)
    assert starts == [0, 1, 5]
    assert len(beats) >= 58
    assert notes.events() == ["crashed", "crashed"]


def test_too_many_crashes_open_the_circuit():
    starts = []

    def services(clock, _stop):
        async def broken():
            starts.append(clock.monotonic())
            raise ValueError("broken")

        return [Service("broken", broken)]

    supervised(services, 1_000)
    assert len(starts) <= 8
    assert starts[5] - starts[4] >= 900


def test_storage_trouble_is_no_crash():
    starts = []
    notes = Notes()

    def services(_clock, stop):
        async def locked():
            starts.append(1)
            if len(starts) < 20:
                raise DataError("store-locked", "locked")
            await stop.wait()

        return [Service("locked", locked)]

    supervised(services, 300, notes)
    assert len(starts) == 20
    assert set(notes.events()) == {"storage-unavailable"}


def test_a_service_that_does_not_stop_is_cancelled_after_the_grace():
    def services(clock, _stop):
        async def deaf():
            await clock.sleep(1e6)

        return [Service("deaf", deaf)]

    assert supervised(services, 10) == pytest.approx(GRACE_S, abs=0.1)


def test_calls_are_credited_to_the_job_that_made_them():
    usage = MeteredUsage(ManualClock(T0))

    async def job(calls):
        with metered() as meter:
            for _ in range(calls):
                usage.add("host", "clob/books", calls=1)
                await asyncio.sleep(0)
            usage.add("host", "clob/books", retries=1)
            return meter.requests

    async def main():
        return await asyncio.gather(job(3), job(5))

    assert asyncio.run(main()) == [3, 5]
    usage.add("host", "gamma/markets", calls=1)
    taken = usage.take()
    assert taken == {("host", "clob/books"): 8, ("host", "gamma/markets"): 1}
    assert usage.take() == {}
    usage.give_back(taken)
    usage.add("host", "gamma/markets", calls=1)
    assert usage.take() == {("host", "clob/books"): 8, ("host", "gamma/markets"): 2}


def test_calls_are_written_once_however_often_writing_fails(place):
    async def work(room: Room):
        room.usage.add("host", "gamma/markets", calls=4)
        real, failures = room.ledger.finish, [AccessError("disk-full", "full")] * 2

        async def finish(*args):
            if failures:
                raise failures.pop()
            await real(*args)

        room.ledger.finish = finish  # type: ignore[method-assign]
        number = await room.books.begin("track", T0)
        await room.books.finish(number, T0, SlotResult("track", T0, 1, 1))
        assert room.books.waiting == 1
        await room.books.finish(None, T0, SlotResult("track", T0 + 1, 1, 1))
        assert room.books.waiting == 2
        await room.books.flush()
        return [row["calls"] for row in await room.store.rows("api_usage")], room.books.waiting

    assert in_room(place, work) == ([4], 0)


def test_work_is_cut_off_when_its_time_is_over():
    clock = VirtualClock(T0)

    async def main():
        assert await within(clock, 10, asyncio.sleep(5, "done")) == "done"
        with pytest.raises(Overdue):
            await within(clock, 10, asyncio.sleep(11))
        with pytest.raises(KeyError):
            await within(clock, 10, broken())
        return clock.monotonic()

    async def broken():
        raise KeyError

    assert run_virtual(clock, main()) == pytest.approx(15)
