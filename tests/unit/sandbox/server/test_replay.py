"""The same world, clock and requests give the same bytes, whatever else was asked before by nobody."""

import hashlib

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.sandbox.server.venue import Venue

from edgeworth.core.units import SECOND
from edgeworth.sandbox.server.fault_plan import FaultPlan

PATHS = (
    "/gamma/markets/keyset?limit=30&version=v1&version=v2&include_tag=true",
    "/gamma/events/keyset?limit=5&order=volume&ascending=false",
    "/gamma/public-search?q=will&limit_per_type=2",
    "/gamma/markets?limit=3&closed=true",
    "/gamma/tags",
    "/data/v2/trades?limit=20",
    "/data/v2/leaderboard?limit=3",
    "/data/v2/oi",
    "/clob/time",
    "/clob/simplified-markets",
    "/binance/api/v3/klines?symbol=BTCUSDT&interval=1m&limit=10",
    "/binance/api/v3/ticker/24hr?symbol=ETHUSDT",
    "/news/rss/all.xml",
    "/site/api/geoblock",
    "/control/counters",
)
STEPS = st.lists(st.tuples(st.sampled_from(PATHS), st.integers(0, 40_000)), min_size=1, max_size=8)


def played(steps: list[tuple[str, int]], seed: int) -> str:
    venue = Venue(FaultPlan.mixed(seed, Venue().now, 3, per_day=30))
    digest = hashlib.sha256()
    for path, seconds in steps:
        response = venue.ask(path)
        digest.update(repr((response.status, response.headers, response.delay_s, response.dropped)).encode())
        digest.update(response.body)
        venue.clock.advance(seconds * SECOND)
    return digest.hexdigest()


@settings(max_examples=6)
@given(STEPS, st.integers(0, 3))
def test_a_scenario_played_twice_gives_the_same_bytes(steps: list[tuple[str, int]], seed: int) -> None:
    assert played(steps, seed) == played(steps, seed)


def test_what_was_asked_before_changes_nothing_else() -> None:
    asked, fresh = Venue(), Venue()
    for path in PATHS:
        asked.ask(path)
    for venue in (asked, fresh):
        venue.clock.advance(3600 * SECOND)
    for path in PATHS[:-1]:
        first, second = asked.ask(path), fresh.ask(path)
        if "/binance/" not in path:
            assert first == second
        assert first.body == second.body
