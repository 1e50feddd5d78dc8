"""Remote control, counters and the documented limits."""

import json

import pytest
from tests.unit.sandbox.server.venue import Venue

from edgeworth.core.units import MINUTE, SECOND
from edgeworth.sandbox.protocol import Request
from edgeworth.sandbox.server.counters import Counters
from edgeworth.sandbox.server.faults import CATALOGUE
from edgeworth.sandbox.server.limits import LIMITS, route_class

LISTING = "/gamma/markets/keyset?limit=1"


def post(venue: Venue, path: str, body: object) -> tuple[int, dict[str, object]]:
    response = venue.ask(path, method="POST", body=json.dumps(body).encode())
    return response.status, json.loads(response.body)


def test_the_clock_can_be_read_and_moved() -> None:
    venue = Venue()
    assert venue.json("/control/clock")["iso"] == "2026-12-02T00:00:00Z"
    assert post(venue, "/control/advance", {"seconds": 90})[1]["iso"] == "2026-12-02T00:01:30Z"
    assert venue.json("/clob/time") == venue.now // SECOND
    for wrong in ({}, {"seconds": -1}, {"seconds": "1"}, {"seconds": True}, [1]):
        assert post(venue, "/control/advance", wrong)[0] == 400


def test_faults_are_listed_and_switched() -> None:
    venue = Venue()
    listing = venue.json("/control/faults")
    assert [row["name"] for row in listing["faults"]] == list(CATALOGUE)
    assert post(venue, "/control/faults", {"name": "slow", "parameters": {"seconds": 1.5}}) == (200, {"on": ["slow"]})
    assert venue.ask(LISTING).delay_s == 1.5
    assert post(venue, "/control/faults", {"name": "slow", "on": False}) == (200, {"on": []})
    status, body = post(venue, "/control/faults", {"name": "slo"})
    assert status == 400
    assert "slow" in str(body["hint"])
    assert post(venue, "/control/faults", {"name": "slow", "seconds": "soon"})[0] == 400
    assert post(venue, "/control/faults", {"name": "slow", "parameters": [1]})[0] == 400
    assert venue.ask("/control/nothing").status == 404


def test_the_world_is_described() -> None:
    world = Venue().json("/control/world")
    assert (world["scenario"], world["seed"]) == ("live-small", 7)
    assert 100 < world["open"] < world["markets"]


def test_requests_are_counted_by_service_and_class() -> None:
    venue = Venue()
    for url in (LISTING, LISTING, "/gamma/events/keyset", "/clob/time", "/data/v2/oi", "/binance/api/v3/ticker/price"):
        venue.ask(url)
    counted = venue.json("/control/counters")["requests"]
    assert counted["gamma"] == {"events": 1, "markets": 2}
    assert counted["binance"] == {"ticker/price": 1}
    counters = venue.sandbox.counters
    assert counters.total("gamma") == 3
    assert counters.times("gamma", "markets") == [venue.now, venue.now]


def test_peaks_are_those_of_the_worst_sliding_window() -> None:
    counters = Counters()
    for at in (0, 1, 9, 10, 11, 19, 30):
        counters.note("gamma", "markets", at * SECOND)
    counters.note("gamma", "events", 10 * SECOND)
    assert counters.peak("gamma", "markets", 10) == 3
    assert counters.peak("gamma", None, 10) == 4
    assert counters.peak("gamma", "markets", 1) == 1
    assert counters.peak("clob", None, 10) == 0
    assert counters.within("gamma", "markets", 11 * SECOND, 10) == 3
    assert counters.within("gamma", None, 11 * SECOND, 10) == 4


@pytest.mark.parametrize(
    ("service", "path", "name"),
    [
        ("gamma", "/markets/keyset", "markets"),
        ("gamma", "/public-search", "search"),
        ("gamma", "/sports", "other"),
        ("clob", "/books", "books"),
        ("clob", "/data/orders", "data/orders"),
        ("data", "/v2/trades", "trades"),
        ("binance", "/api/v3/ticker/24hr", "ticker/24hr"),
        ("bulk", "/data/spot/monthly/x", "data"),
        ("news", "/rss/all.xml", "feed"),
        ("clob", "/", "root"),
    ],
)
def test_route_classes(service: str, path: str, name: str) -> None:
    assert route_class(Request(service, "GET", path)) == name


def test_above_the_documented_rate_answers_wait_and_then_are_refused() -> None:
    venue = Venue()
    limit = LIMITS["gamma", "tags"]
    answers = [venue.ask("/gamma/tags?limit=1") for _ in range(2 * limit + 5)]
    assert all(answer.delay_s == 0 and answer.status == 200 for answer in answers[:limit])
    assert all(answer.delay_s > 0 and answer.status == 200 for answer in answers[limit : 2 * limit])
    assert {answer.status for answer in answers[2 * limit :]} == {429}
    assert answers[-1].header("retry-after") == "10"
    assert venue.sandbox.counters.over_limit() == limit + 5
    venue.clock.advance(MINUTE)
    assert venue.ask("/gamma/tags?limit=1").delay_s == 0
