"""Buckets by hand-computed instants: when a call may leave, and what a complaint of the venue changes."""

import asyncio

import pytest

from edgeworth.core.clock import ManualClock, VirtualClock
from edgeworth.core.errors import Fatal
from edgeworth.core.units import MINUTE, SECOND, Micros
from edgeworth.core.virtual_loop import run_virtual
from edgeworth.venues.http.circuit import Circuit
from edgeworth.venues.http.limits import DOCUMENTED, ROUTES, Bucket, Limiter, Limits, Rate


def taken(bucket, count, cost=1, start=0):
    """The instants at which calls leave that all want to at once."""
    now, instants = start, []
    for _ in range(count):
        now += bucket.wait(now, cost)
        assert bucket.wait(now, cost) == 0
        bucket.take(now, cost)
        instants.append(now)
    return instants


def test_a_bucket_gives_its_share_at_once_and_again_one_window_later():
    bucket = Bucket(Rate(100, 10.0), 0.05, 1.0)
    assert bucket.size == 5
    window = 10 * SECOND + 1
    assert taken(bucket, 12) == [0] * 5 + [window] * 5 + [2 * window] * 2


def test_a_small_burst_spreads_the_same_rate():
    bucket = Bucket(Rate(100, 10.0), 0.1, 0.2)
    instants = taken(bucket, 31)
    assert instants[:3] == [0, 0, 2 * SECOND + 1]
    assert 29 * SECOND < instants[-1] < 31 * SECOND


def test_calls_cost_what_they_cost():
    bucket = Bucket(Rate(1_000, 60.0), 0.1, 1.0)
    assert taken(bucket, 3, cost=40) == [0, 0, 60 * SECOND + 1]
    assert bucket.wait(60 * SECOND + 1, 20) == 0
    assert taken(Bucket(Rate(100, 10.0), 0.1, 1.0), 2, cost=40) == [0, 10 * SECOND + 1]  # dearer than the bucket: alone


def test_a_share_below_one_call_is_one_call():
    assert Bucket(Rate(5, 10.0), 0.01, 0.1).size == 1


def test_a_complaint_halves_the_bucket_until_ten_calm_minutes_have_passed():
    bucket = Bucket(Rate(100, 10.0), 0.08, 1.0)
    bucket.halve(0)
    assert taken(bucket, 5) == [0] * 4 + [10 * SECOND + 1]
    bucket.halve(MINUTE)
    assert taken(bucket, 3, start=2 * MINUTE) == [2 * MINUTE] * 2 + [2 * MINUTE + 10 * SECOND + 1]
    for _ in range(9):
        bucket.halve(3 * MINUTE)
    assert taken(bucket, 2, start=4 * MINUTE) == [4 * MINUTE, 4 * MINUTE + 10 * SECOND + 1]
    assert taken(bucket, 8, start=14 * MINUTE) == [14 * MINUTE] * 8


def test_a_stated_pause_holds_one_route_and_not_its_neighbours():
    clock = ManualClock(Micros(0))
    limiter = Limiter(Limits(), clock)
    limiter.complain("gamma/markets", 30.0)
    assert limiter.blocked_for("gamma/markets") == 30.0
    assert limiter.blocked_for("gamma/events") == 0.0
    limiter.hold("gamma/markets", 10.0)
    assert limiter.blocked_for("gamma/markets") == 30.0  # the longer one counts


def test_every_route_draws_on_known_buckets_and_its_own_first():
    for route, draws in ROUTES.items():
        assert {draw.bucket for draw in draws} <= DOCUMENTED.keys()
        rates = [DOCUMENTED[draw.bucket] for draw in draws]
        assert rates == sorted(rates, key=lambda rate: rate.calls / rate.seconds), route


@pytest.mark.parametrize("wrong", [{"share": 0}, {"share": 1.1}, {"burst": 0}, {"burst": 2}, {"tries": 0}])
def test_manners_out_of_range(wrong):
    with pytest.raises(ValueError, match="share and burst"):
        Limits(**wrong)


def test_a_circuit_opens_longer_each_time_and_lets_one_call_find_out():
    limits = Limits(failures_to_open=2, open_s=5, open_cap_s=12)
    circuit = Circuit(limits)
    circuit.fail(0.0)
    assert (circuit.state, circuit.closed_for(0.0)) == ("closed", 0.0)
    circuit.fail(1.0)
    assert (circuit.state, circuit.closed_for(1.0)) == ("open", 5.0)
    assert circuit.closed_for(6.5) == 0.0  # the probe
    assert circuit.closed_for(6.5) == 5.0  # all others
    circuit.fail(7.0)
    assert circuit.closed_for(7.0) == 10.0
    assert circuit.closed_for(18.0) == 0.0
    circuit.fail(18.0)
    assert circuit.closed_for(18.0) == 12.0
    assert circuit.closed_for(31.0) == 0.0
    circuit.release()
    assert circuit.closed_for(31.0) == 0.0
    circuit.succeed()
    assert (circuit.state, circuit.closed_for(31.0), circuit.closed_for(31.0)) == ("closed", 0.0, 0.0)


def test_a_refusal_stays_the_answer_until_something_else_is_said():
    circuit = Circuit(Limits())
    error = Fatal("venue-forbidden", "no")
    circuit.refuse(0.0, error, 60.0)
    assert (circuit.state, circuit.closed_for(59.0), circuit.refusal()) == ("refused", 1.0, error)
    assert circuit.closed_for(61.0) == 0.0
    circuit.succeed()
    assert (circuit.state, circuit.refusal()) == ("closed", None)


def test_who_comes_while_others_wait_does_not_overtake_them():
    limits = Limits(share=1.0, documented={**DOCUMENTED, "clob/keys": Rate(1, 10.0)})

    async def story():
        limiter, left = Limiter(limits, clock), []

        async def call(name, after):
            await clock.sleep(after)
            await limiter.acquire("clob/keys")
            left.append((name, round(clock.monotonic())))

        names = (("first", 0.0), ("second", 1.0), ("third", 2.0), ("late", 10.5))
        await asyncio.gather(*(call(name, after) for name, after in names))
        assert left == [("first", 0), ("second", 10), ("third", 20), ("late", 30)]

    clock = VirtualClock(Micros(0))
    run_virtual(clock, story())
