"""Both price histories: nothing after now, retention by grain, and what resolved markets show."""

import json

import pytest
from tests.unit.sandbox.server.venue import Venue

from edgeworth.core.units import DAY, HOUR, MINUTE, SECOND
from edgeworth.sandbox.server.live import Phase


@pytest.fixture(scope="module")
def venue() -> Venue:
    made = Venue()
    made.clock.advance(10 * DAY + 7 * HOUR + 123_456)
    return made


def test_points_are_prices_of_their_instants(venue: Venue) -> None:
    market = venue.open_market()
    for leg, token in enumerate(venue.live.names.tokens(market)):
        rows = venue.json(f"/clob/prices-history?market={token}&interval=1d&fidelity=60")["history"]
        assert rows
        for row in rows:
            price = venue.live.fair_e4(market, row["t"] * SECOND)
            assert row["p"] == pytest.approx((price if leg == 0 else 10_000 - price) / 10_000, abs=1e-12)
            assert row["t"] % 3600 == 0
            assert venue.now - DAY <= row["t"] * SECOND <= venue.now


def test_a_span_bounds_the_points(venue: Venue) -> None:
    market = venue.open_market()
    token = venue.live.names.tokens(market)[0]
    end = venue.now // SECOND - 3600
    rows = venue.json(f"/clob/prices-history?market={token}&startTs={end - 7200}&endTs={end}&fidelity=10")["history"]
    assert all(end - 7200 <= row["t"] <= end for row in rows)
    begun = venue.live.created_at[market] // SECOND
    everything = venue.json(f"/clob/prices-history?market={token}&interval=max")["history"]
    assert all(row["t"] >= begun for row in everything)


def test_a_resolved_market_answers_only_at_twelve_hours(venue: Venue) -> None:
    token = venue.live.names.tokens(venue.resolved_market())[0]
    assert venue.json(f"/clob/prices-history?market={token}&interval=max&fidelity=60") == {"history": []}
    assert venue.json(f"/clob/prices-history?market={token}&interval=max&fidelity=720")["history"]


def test_long_windows_at_fine_grain_are_refused(venue: Venue) -> None:
    token = venue.live.names.tokens(venue.open_market())[0]
    begin = venue.now // SECOND - 20 * 86_400
    assert venue.ask(f"/clob/prices-history?market={token}&startTs={begin}&fidelity=5").status == 400
    assert venue.ask(f"/clob/prices-history?market={token}&startTs={begin}&fidelity=60").status == 200


@pytest.mark.parametrize("query", ["", "market=1", "market=1&interval=2d", "market=1&interval=1d&startTs=5"])
def test_a_malformed_question_is_400(venue: Venue, query: str) -> None:
    assert venue.ask(f"/clob/prices-history?{query}").status == 400


def test_the_data_service_serves_the_same_prices(venue: Venue) -> None:
    market = venue.open_market()
    token = venue.live.names.tokens(market)[0]
    begin = venue.now // SECOND - 6 * 3600
    rows = venue.json(f"/data/v2/prices-history?token_id={token}&start={begin}&bucket_seconds=300")["data"]
    assert len(rows) in {72, 73}
    assert all(
        row["price"] * 10_000 == pytest.approx(venue.live.fair_e4(market, row["timestamp"] * SECOND)) for row in rows
    )
    assert {row["resolution_seconds"] for row in rows} == {300}


def test_history_pages_join_without_gap(venue: Venue) -> None:
    token = venue.live.names.tokens(venue.open_market())[0]
    url = f"/data/v2/prices-history?token_id={token}&interval=1d&bucket_seconds=300"
    whole = venue.json(url)["data"]
    pages = venue.pages(url + "&limit=100", "data", "cursor")
    assert [row for page in pages for row in page] == whole
    assert len(pages) > 1


@pytest.mark.parametrize(("bucket", "days"), [(60, 7), (300, 60), (1800, 90)])
def test_a_grain_older_than_its_retention_is_empty(venue: Venue, bucket: int, days: int) -> None:
    market = min(venue.live.open_markets(venue.now).tolist(), key=lambda i: int(venue.live.created_at[i]))
    token = venue.live.names.tokens(market)[0]
    old = venue.now // SECOND - (days + 12) * 86_400
    url = f"/data/v2/prices-history?token_id={token}&start={old}&end={old + 86_400}&bucket_seconds="
    assert venue.json(url + str(bucket))["data"] == []
    if venue.live.created_at[market] < old * SECOND:
        assert venue.json(url + "10800")["data"]


def test_a_resolved_series_ends_with_its_settlement(venue: Venue) -> None:
    live = venue.live
    market = next(i for i in reversed(live.resolved_between(0, venue.now)) if live.world.final_e4[i] in {0, 10_000})
    for leg, token in enumerate(live.names.tokens(market)):
        rows = venue.json(f"/data/v2/prices-history?token_id={token}&interval=max&bucket_seconds=10800")["data"]
        last = rows[-1]
        won = live.world.final_e4[market] == (10_000 if leg == 0 else 0)
        assert (last["resolution_seconds"], last["price"]) == (0, float(won))
        assert last["timestamp"] == live.resolved_at[market] // SECOND
        assert all(row["resolution_seconds"] == 10_800 for row in rows[:-1])


def test_as_of_gives_one_point(venue: Venue) -> None:
    market = venue.open_market()
    at = venue.now // SECOND - 1000
    rows = venue.json(f"/data/v2/prices-history?token_id={venue.live.names.tokens(market)[0]}&as_of={at}")["data"]
    assert [row["timestamp"] for row in rows] == [at]


@pytest.mark.parametrize(
    "query",
    [
        "interval=1d",
        "token_id=5",
        "token_id=5&interval=1d&start=1",
        "token_id=5&interval=1y",
        "token_id=5&interval=1d&bucket_seconds=30",
        "token_id=5&interval=max&bucket_seconds=60",
        "token_id=5&as_of=100&bucket_seconds=60",
        "token_id=5&start=1000&end=9999999",
    ],
)
def test_what_the_data_service_refuses(venue: Venue, query: str) -> None:
    response = venue.ask(f"/data/v2/prices-history?{query}")
    assert response.status == 400
    assert json.loads(response.body)["code"] == "invalid_request"


def test_nothing_is_known_of_markets_not_listed_yet(venue: Venue) -> None:
    later = venue.live.listed_between(venue.now, venue.live.end)[0]
    token = venue.live.names.tokens(later)[0]
    assert venue.json(f"/data/v2/prices-history?token_id={token}&interval=max")["data"] == []
    assert venue.json(f"/clob/prices-history?market={token}&interval=max") == {"history": []}


def test_history_never_changes_once_written() -> None:
    venue = Venue()
    market = venue.open_market()
    token = venue.live.names.tokens(market)[0]
    end = venue.now // SECOND
    url = f"/data/v2/prices-history?token_id={token}&start={end - 86_400}&end={end}&bucket_seconds=300"
    before = venue.json(url)["data"]
    venue.clock.advance(min(5 * DAY, int(venue.live.proposed_at[market]) - venue.now - MINUTE))
    assert venue.live.phase(market, venue.now) is Phase.OPEN
    assert venue.json(url)["data"] == before
