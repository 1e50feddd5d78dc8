"""Every fault can be switched on by name and shows; none shows while it is off."""

import json
import re
from itertools import pairwise
from pathlib import Path

import pytest
from tests.unit.sandbox.server.venue import Venue

import edgeworth.sandbox
from edgeworth.core.errors import UsageError
from edgeworth.core.instants import from_datetime
from edgeworth.core.units import DAY, MINUTE, SECOND
from edgeworth.sandbox.server.fault_plan import FaultPlan
from edgeworth.sandbox.server.faults import CATALOGUE, EVERYTHING, Window

LISTING = "/gamma/markets/keyset?limit=5"
SWITCHED = [fault for fault in CATALOGUE.values() if fault.cls == "switch"]
ASKED_FOR = re.compile(r'(?:active|hits|window|_fault|takes|_takes|struck)\(\s*"([a-z-]+)"')


def on(name: str, **parameters: object) -> Venue:
    venue = Venue()
    venue.sandbox.faults.switch_on(name, None, parameters)
    return venue


def sources() -> str:
    folder = Path(edgeworth.sandbox.__file__).parent
    return "\n".join(path.read_text("utf-8") for path in folder.rglob("*.py") if path.name != "faults.py")


def test_the_catalogue_covers_the_contract() -> None:
    assert len(CATALOGUE) == len({fault.name for fault in CATALOGUE.values()})
    assert all(fault.sentence.endswith(".") and fault.name == fault.name.lower() for fault in CATALOGUE.values())
    assert {fault.cls for fault in CATALOGUE.values()} == {"switch", "always", "world"}


def test_every_fault_that_can_be_switched_is_asked_for_somewhere() -> None:
    text = sources()
    for fault in SWITCHED:
        assert f'"{fault.name}"' in text, f"{fault.name} has no effect"


def test_every_fault_that_is_asked_for_is_in_the_catalogue() -> None:
    for name in ASKED_FOR.findall(sources()):
        assert name in CATALOGUE, f"{name} is not in the catalogue"


def test_a_quiet_venue_has_no_faults() -> None:
    venue = Venue()
    assert venue.sandbox.faults.now_on() == []
    for _ in range(20):
        assert venue.ask(LISTING).status == 200


@pytest.mark.parametrize("name", ["rate-limited", "rate-limited-date"])
def test_rate_limited(name: str) -> None:
    venue = on(name, share=1.0, retry_after=7)
    response = venue.ask(LISTING)
    assert response.status == 429
    if name == "rate-limited":
        assert response.header("retry-after") == "7"
    else:
        from email.utils import parsedate_to_datetime

        assert from_datetime(parsedate_to_datetime(response.header("retry-after"))) == venue.now + 7 * SECOND


def test_a_share_takes_about_that_share_and_the_same_requests_each_time() -> None:
    statuses = []
    for _ in range(2):
        venue = on("server-error", share=0.3)
        statuses.append([venue.ask(LISTING).status for _ in range(200)])
    assert statuses[0] == statuses[1]
    assert 30 < statuses[0].count(500) < 90


@pytest.mark.parametrize(
    "service_url",
    [LISTING, "/clob/time", "/data/v2/oi", "/binance/api/v3/ping", "/news/rss/all.xml", "/site/api/geoblock"],
)
def test_an_outage_ends_every_connection_but_the_control(service_url: str) -> None:
    venue = on("outage")
    assert venue.ask(service_url).dropped
    assert venue.ask("/control/clock").status == 200


def test_an_outage_of_one_service_spares_the_others() -> None:
    venue = on("outage", services=("gamma",))
    assert venue.ask(LISTING).dropped
    assert venue.ask("/clob/time").status == 200
    venue.sandbox.connect("market", "/ws/market")
    venue.sandbox.faults.switch_on("outage", services=("clob",))
    with pytest.raises(ConnectionRefusedError):
        venue.sandbox.connect("market", "/ws/market")


def test_unavailable_and_dropped() -> None:
    assert on("unavailable").ask(LISTING).status == 503
    assert on("dropped", share=1.0).ask(LISTING).dropped


def test_slow_and_timeout_hold_the_answer_back() -> None:
    assert on("slow").ask(LISTING).delay_s == 3.0
    assert on("timeout", share=1.0).ask(LISTING).delay_s == 60.0


def test_bodies_that_are_not_what_they_should_be() -> None:
    plain = Venue().ask(LISTING)
    assert on("html-for-json", share=1.0).ask(LISTING).body.startswith(b"<!DOCTYPE")
    assert plain.body.startswith(on("truncated-body", share=1.0).ask(LISTING).body)
    assert len(on("truncated-body", share=1.0).ask(LISTING).body) == len(plain.body) // 2
    assert on("empty-body", share=1.0).ask(LISTING).body == b""
    odd = on("wrong-content-type").ask(LISTING)
    assert (odd.body, odd.header("content-type")) == (plain.body, "text/html; charset=UTF-8")


def test_a_stale_cache_shows_an_earlier_instant() -> None:
    venue = on("stale-cache", seconds=300)
    venue.clock.advance(299 * SECOND)
    assert venue.json(LISTING)["markets"][0]["updatedAt"] == "2026-12-02T00:00:00Z"
    venue.clock.advance(SECOND)
    assert venue.json(LISTING)["markets"][0]["updatedAt"] == "2026-12-02T00:05:00Z"


@pytest.mark.parametrize("name", ["missing-null-fields", "null-fields"])
def test_optional_fields_go_missing_or_null(name: str) -> None:
    plain, odd = (venue.json(LISTING)["markets"] for venue in (Venue(), on(name, share=1.0)))
    for before, after in zip(plain, odd, strict=True):
        lost = {key for key in before if after.get(key, None) is None and before[key] is not None}
        assert lost
        assert not lost & {"id", "conditionId", "outcomes", "clobTokenIds", "closed", "question"}
        assert (lost <= set(after)) == (name == "null-fields")


def test_rows_twice_and_cursors_refused() -> None:
    rows = on("duplicate-rows").json(LISTING)["markets"]
    assert rows[-1] == rows[-2]
    trades = on("duplicate-rows").json("/data/v2/trades?limit=3")["data"]
    assert trades[-1] == trades[-2]
    venue = Venue()
    cursor = venue.json(LISTING)["next_cursor"]
    venue.sandbox.faults.switch_on("cursor-expired", share=1.0)
    assert venue.ask(f"{LISTING}&after_cursor={cursor}").status == 422
    assert venue.ask("/data/v2/trades?limit=3&cursor=abc").status == 400
    assert venue.ask(LISTING).status == 200


def test_a_search_with_a_null_profile() -> None:
    assert on("null-profile").json("/gamma/public-search?q=bitcoin")["profiles"] == [None]


def test_clock_skew_shows_in_every_clock() -> None:
    venue = on("clock-skew", seconds=45)
    assert venue.json("/clob/time") == venue.now // SECOND + 45
    assert venue.json("/binance/api/v3/time")["serverTime"] == venue.now // 1000 + 45_000
    assert venue.ask(LISTING).header("date") == "Wed, 02 Dec 2026 00:00:45 GMT"


def test_geoblock_and_history_lag() -> None:
    assert Venue().json("/site/api/geoblock")["blocked"] is False
    assert on("geoblocked").json("/site/api/geoblock")["blocked"] is True
    venue = on("history-lag", seconds=7200)
    token = venue.live.names.tokens(venue.open_market())[0]
    rows = venue.json(f"/clob/prices-history?market={token}&interval=1d&fidelity=10")["history"]
    assert rows[-1]["t"] == venue.now // SECOND - 7200


def test_the_exchange_bans_blocks_and_runs_dry() -> None:
    banned = on("exchange-banned").ask("/binance/api/v3/ping")
    assert (banned.status, banned.header("retry-after")) == (418, "120")
    assert on("exchange-blocked").ask("/binance/api/v3/ping").status == 451
    venue = on("exchange-empty", share=1.0)
    assert venue.json("/binance/api/v3/klines?symbol=BTCUSDT&interval=1h") == []
    assert venue.json("/binance/api/v3/ticker/price?symbol=BTCUSDT")["price"]


def test_bulk_files_missing_or_unlike_their_checksum() -> None:
    path = "/bulk/data/spot/monthly/klines/BTCUSDT/1d/BTCUSDT-1d-2026-10.zip"
    assert on("bulk-missing").ask(path).status == 404
    venue = Venue()
    right = venue.ask(path + ".CHECKSUM").body
    venue.sandbox.faults.switch_on("bulk-checksum")
    assert venue.ask(path + ".CHECKSUM").body != right
    assert venue.ask(path).status == 200


def test_feeds_malformed_ahead_of_time_or_gone() -> None:
    plain = Venue().ask("/news/rss/all.xml").body
    cut = on("news-malformed").ask("/news/rss/all.xml").body
    assert plain.startswith(cut)
    assert b"</rss>" not in cut
    assert on("news-gone").ask("/news/rss/all.xml").status == 410
    from email.utils import parsedate_to_datetime

    venue = on("news-future", seconds=7200)
    dates = re.findall(r"<pubDate>(.*?)</pubDate>", venue.ask("/news/rss/all.xml").body.decode())
    assert from_datetime(parsedate_to_datetime(dates[0])) > venue.now


def test_the_default_agent_is_refused_everywhere_but_at_the_exchange() -> None:
    venue = Venue()
    for url in (LISTING, "/clob/time", "/data/v2/oi"):
        assert venue.ask(url, user_agent="Python-urllib/3.11").status == 403
        assert venue.ask(url, user_agent="edgeworth/0.1").status == 200
    assert venue.ask("/binance/api/v3/ping", user_agent="Python-urllib/3.11").status == 200


def test_sockets_can_be_refused() -> None:
    venue = on("ws-refused")
    with pytest.raises(ConnectionRefusedError):
        venue.sandbox.connect("market", "/ws/market")
    venue.sandbox.connect("binance", "/binance-ws/ws")


def test_open_sockets_are_cut_by_an_outage_of_their_service() -> None:
    start = Venue().now
    plan = FaultPlan((Window(start + 90 * SECOND, start + 95 * SECOND, "outage", (("services", ("binance",)),)),))
    venue = Venue(plan)
    candles = venue.sandbox.connect("binance", "/binance-ws/ws")
    books = venue.sandbox.connect("market", "/ws/market")
    assert candles.next_due() == start + 90 * SECOND
    venue.clock.advance(91 * SECOND)
    candles.receive("anything")
    assert candles.outgoing() == []
    assert (candles.closed, candles.next_due()) == ((1006, ""), None)
    books.receive("PING")
    assert books.outgoing() == ["PONG"]
    assert books.closed is None
    venue.clock.advance(10 * SECOND)
    assert candles.outgoing() == []
    venue.sandbox.connect("binance", "/binance-ws/ws")


def test_a_fault_ends_by_itself_or_by_hand() -> None:
    venue = Venue()
    faults = venue.sandbox.faults
    faults.switch_on("outage", seconds=10)
    venue.clock.advance(10 * SECOND - 1)
    assert venue.ask(LISTING).dropped
    venue.clock.advance(1)
    assert venue.ask(LISTING).status == 200
    faults.switch_on("outage")
    assert faults.now_on() == ["outage"]
    faults.switch_off("outage")
    assert faults.active("outage") is None


@pytest.mark.parametrize(("name", "hint"), [("rate-limitd", "rate-limited"), ("silent-clamp", "")])
def test_only_known_faults_can_be_switched(name: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        on(name)
    assert caught.value.code == "unknown-scenario"
    assert hint in caught.value.hint


def test_a_plan_is_the_same_for_the_same_seed_and_bounded() -> None:
    start = Venue().now
    plan = FaultPlan.mixed(3, start, 30, longest_seconds=300)
    assert plan == FaultPlan.mixed(3, start, 30, longest_seconds=300)
    assert plan != FaultPlan.mixed(4, start, 30, longest_seconds=300)
    assert all(0 < row.end - row.begin <= 300 * SECOND for row in plan.windows)
    assert {row.name for row in plan.windows} > {"outage", "rate-limited", "truncated-body", "ws-silent", "stale-cache"}
    assert not {row.name for row in plan.windows} & {fault.name for fault in SWITCHED if fault.side == "trade"}
    per_day = len(plan.windows) / 30
    assert 60 < per_day < 200


def test_refusals_of_a_mixed_plan_never_run_into_each_other() -> None:
    plan = FaultPlan.mixed(3, 0, 30, longest_seconds=300)
    refusing = [
        row for row in plan.windows if row.name in {"outage", "unavailable", "dropped", "rate-limited", "timeout"}
    ]
    for before, after in pairwise(refusing):
        assert after.begin >= before.end + 300 * SECOND


def test_long_outages_are_long_and_keep_apart() -> None:
    plan = FaultPlan.long_outages(5, 0, 30, count=6)
    assert len(plan.windows) == 6
    assert all(30 * MINUTE <= row.end - row.begin <= 8 * 60 * MINUTE for row in plan.windows)
    assert plan.windows[-1].end <= 30 * DAY
    assert {dict(row.parameters)["services"] == EVERYTHING for row in plan.windows} == {True, False}


def test_a_plan_switches_faults_by_the_clock() -> None:
    start = Venue().now
    plan = FaultPlan((Window(start + 5 * SECOND, start + 8 * SECOND, "outage"), Window(start, start + SECOND, "slow")))
    venue = Venue(plan)
    seen = []
    for _ in range(10):
        seen.append((venue.ask(LISTING).dropped, venue.sandbox.faults.active("slow") is not None))
        venue.clock.advance(SECOND)
    assert [dropped for dropped, _ in seen] == [False] * 5 + [True] * 3 + [False] * 2
    assert [slow for _, slow in seen] == [True] + [False] * 9


def test_overlapping_windows_keep_a_fault_on() -> None:
    start = Venue().now
    plan = FaultPlan(
        (Window(start, start + 60 * SECOND, "outage"), Window(start + SECOND, start + 2 * SECOND, "outage"))
    )
    venue = Venue(plan + FaultPlan.constant("slow"))
    venue.clock.advance(30 * SECOND)
    assert venue.ask(LISTING).dropped
    venue.clock.advance(31 * SECOND)
    assert venue.ask(LISTING).delay_s == 3.0


def test_errors_of_the_wire_are_json_where_the_venue_says_so() -> None:
    assert json.loads(on("server-error", share=1.0).ask(LISTING).body) == {"error": "Internal server error"}
