"""Under any pattern of arrivals, no window of the length of a limit holds more requests than our share of it."""

import asyncio
import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.wires import client, json, run

from edgeworth.core.errors import VenueError
from edgeworth.core.units import SECOND
from edgeworth.venues.http.limits import DOCUMENTED, ROUTES, Limits

GAPS = st.one_of(st.just(0.0), st.floats(0, 0.05), st.floats(0, 3), st.floats(5, 30))
ROUTE_NAMES = sorted(ROUTES)


def most_in_a_window(taken, micros):
    """The largest number of tokens in any closed window of that length; `taken` is (instant, cost), in order."""
    most = used = low = 0
    for at, cost in taken:
        used += cost
        while taken[low][0] < at - micros:
            used -= taken[low][1]
            low += 1
        most = max(most, used)
    return most


def instants_by_bucket(wire, routes):
    """What each bucket was asked for, from the requests as they arrived: `routes` is their route, by path."""
    taken = {name: [] for name in DOCUMENTED}
    for at, request in wire.seen:
        for draw in ROUTES[routes[request.url.path]]:
            taken[draw.bucket].append((at, draw.cost))
    return taken


def arrivals(http, clock, plan):
    """Send each request of a plan (gap in seconds, route) at its time, whatever the others do."""

    async def one(index, route):
        service, name = route.split("/", 1)
        with contextlib.suppress(VenueError):
            await http.get(service, f"/{index}", route=name)

    async def all_of_them():
        tasks = []
        for index, (gap, route) in enumerate(plan):
            await clock.sleep(gap)
            tasks.append(asyncio.create_task(one(index, route)))
        await asyncio.gather(*tasks)

    return all_of_them()


def check(wire, plan, limits):
    routes = {f"/{route.split('/')[0]}/{index}": route for index, (_, route) in enumerate(plan)}
    for name, taken in instants_by_bucket(wire, routes).items():
        rate = limits.documented[name]
        allowed = max(1, int(rate.calls * limits.share))
        assert most_in_a_window(taken, round(rate.seconds * SECOND)) <= max(allowed, largest_cost(name)), name
        at_once = max(1, int(allowed * limits.burst))
        instants = {}
        for at, cost in taken:
            instants[at] = instants.get(at, 0) + cost
        assert max(instants.values(), default=0) <= max(at_once, largest_cost(name)), name


def largest_cost(bucket):
    """A call that costs more than its bucket holds leaves alone."""
    return max((draw.cost for draws in ROUTES.values() for draw in draws if draw.bucket == bucket), default=1)


@settings(max_examples=30)
@given(
    plan=st.lists(st.tuples(GAPS, st.sampled_from(ROUTE_NAMES)), min_size=1, max_size=150),
    share=st.sampled_from([0.01, 0.02, 0.1]),
    burst=st.sampled_from([0.1, 0.5, 1.0]),
)
def test_no_sliding_window_is_ever_overfull(plan, share, burst):
    limits = Limits(share=share, burst=burst)
    http, wire, clock = client(lambda request: json([]), limits)
    run(clock, arrivals(http, clock, plan))
    assert len(wire.seen) == len(plan)
    check(wire, plan, limits)


@settings(max_examples=20)
@given(
    plan=st.lists(st.tuples(GAPS, st.sampled_from(ROUTE_NAMES)), min_size=5, max_size=60),
    statuses=st.lists(st.sampled_from([200, 200, 200, 429, 503, 500, 425, 403]), min_size=1, max_size=12),
    wait=st.sampled_from([None, "1", "20", "200"]),
)
def test_failures_and_retries_keep_the_limits_too(plan, statuses, wait):
    limits = Limits(share=0.01, burst=0.5)
    turn = iter(range(10**9))

    def answer(request):
        status = statuses[next(turn) % len(statuses)]
        headers = {"retry_after": wait} if wait and status == 429 else {}
        return json([], status, **headers)

    http, wire, clock = client(answer, limits)
    run(clock, arrivals(http, clock, plan))
    check(wire, plan, limits)
    assert len(wire.seen) <= limits.tries * len(plan)


@pytest.mark.parametrize("route", ROUTE_NAMES)
def test_a_flood_of_one_route_is_served_at_the_rate_and_in_order(route):
    limits = Limits(share=0.01)
    http, wire, clock = client(lambda request: json([]), limits)
    plan = [(0.0, route)] * 40
    run(clock, arrivals(http, clock, plan))
    check(wire, plan, limits)
    order = [int(request.url.path.rsplit("/", 1)[1]) for _, request in wire.seen]
    assert order == list(range(40))
    bounds = [limits.documented[draw.bucket] for draw in ROUTES[route]]
    slowest = max(
        rate.seconds / max(1, max(1, int(rate.calls * 0.01)) // draw.cost)
        for draw, rate in zip(ROUTES[route], bounds, strict=True)
    )
    needed = (wire.seen[-1][0] - wire.seen[0][0]) / SECOND
    assert needed <= 40 * slowest + 1
