"""The metadata service as the wire reference describes it."""

import json

import pytest
from tests.unit.sandbox.server.venue import Venue

from edgeworth.core.instants import parse_instant, to_iso
from edgeworth.core.units import DAY, Micros
from edgeworth.sandbox.server.live import Phase

BOTH = "version=v1&version=v2"


@pytest.fixture(scope="module")
def venue() -> Venue:
    return Venue()


def ids(rows: list[dict[str, object]]) -> list[str]:
    return [str(row["id"]) for row in rows]


def test_pages_hold_every_open_market_once_in_the_order_of_ids(venue: Venue) -> None:
    pages = venue.pages(f"/gamma/markets/keyset?limit=100&{BOTH}", "markets")
    found = [row for page in pages for row in page]
    live, now = venue.live, venue.now
    expected = [m for m in live.visible(now).tolist() if live.phase(m, now) is not Phase.RESOLVED]
    assert ids(found) == [live.names.market_id(market) for market in expected]
    assert [int(number) for number in ids(found)] == sorted(int(number) for number in ids(found))
    assert all(len(page) == 100 for page in pages[:-1])


def test_the_last_page_has_no_cursor(venue: Venue) -> None:
    page = venue.json("/gamma/markets/keyset?limit=100&id=0")
    assert page == {"markets": []}


def test_only_the_first_protocol_and_open_markets_are_listed_by_default(venue: Venue) -> None:
    rows = [row for page in venue.pages("/gamma/markets/keyset?limit=100", "markets") for row in page]
    assert {row["version"] for row in rows} == {"v1"}
    assert {row["closed"] for row in rows} == {False}
    both = venue.pages(f"/gamma/markets/keyset?limit=100&{BOTH}", "markets")
    assert {row["version"] for page in both for row in page} == {"v1", "v2"}


def test_a_limit_above_100_is_clamped_without_a_word_and_unknown_parameters_are_ignored(venue: Venue) -> None:
    rows = venue.json(f"/gamma/markets/keyset?limit=5000&{BOTH}&nonsense=1")["markets"]
    assert len(rows) == 100
    assert len(venue.json("/gamma/markets/keyset")["markets"]) == 20


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("offset=20", "offset is not allowed on keyset endpoints"),
        ("order=volume_num", "order fields are not valid"),
        ("order=nothing", "order fields are not valid"),
        ("limit=many", "limit is not valid"),
        ("closed=perhaps", "closed is not valid"),
        ("version=v9", "version is not valid"),
        ("end_date_min=soon", "end_date_min is not valid"),
        ("after_cursor=bm8", "after_cursor is not valid"),
        ("volume_num_min=nan", "volume_num_min is not valid"),
    ],
)
def test_what_is_refused_says_why(venue: Venue, query: str, words: str) -> None:
    response = venue.ask(f"/gamma/markets/keyset?{query}")
    assert response.status == 422
    assert json.loads(response.body) == {"type": "validation error", "error": words}


def test_a_cursor_belongs_to_its_filters(venue: Venue) -> None:
    cursor = venue.json(f"/gamma/markets/keyset?limit=2&{BOTH}")["next_cursor"]
    assert venue.ask(f"/gamma/markets/keyset?limit=5&{BOTH}&after_cursor={cursor}").status == 200
    assert venue.ask(f"/gamma/markets/keyset?limit=2&after_cursor={cursor}").status == 422


def test_more_than_100_ids_are_refused(venue: Venue) -> None:
    query = "&".join(f"id={number}" for number in range(101))
    assert venue.ask(f"/gamma/markets/keyset?{query}").status == 422


@pytest.mark.parametrize("ascending", ["true", "false"])
@pytest.mark.parametrize("field", ["volumeNum", "volume24hr", "liquidityNum", "endDate", "startDate", "slug", "id"])
def test_an_order_holds_across_pages(venue: Venue, field: str, ascending: str) -> None:
    url = f"/gamma/markets/keyset?limit=17&order={field}&ascending={ascending}"
    found = [row for page in venue.pages(url, "markets") for row in page]
    assert len(set(ids(found))) == len(found) > 60
    values = [int(row["id"]) if field == "id" else row.get(field, "") for row in found]
    assert values == sorted(values, reverse=ascending == "false")


def test_volume_sorts_as_text(venue: Venue) -> None:
    rows = venue.json("/gamma/markets/keyset?limit=100&order=volume")["markets"]
    assert [row["volume"] for row in rows] == sorted(row["volume"] for row in rows)
    assert [row["volumeNum"] for row in rows] != sorted(row["volumeNum"] for row in rows)


def test_filters_choose(venue: Venue) -> None:
    live, names, market = venue.live, venue.live.names, venue.open_market()
    other = venue.open_market("v2")
    listing = "/gamma/markets/keyset?"
    wanted = [names.market_id(market)]
    assert ids(venue.json(listing + f"id={wanted[0]}")["markets"]) == wanted
    assert ids(venue.json(listing + f"condition_ids={names.condition_id(market)}")["markets"]) == wanted
    assert ids(venue.json(listing + f"slug={names.numbering.market_slug(market)}")["markets"]) == wanted
    assert ids(venue.json(listing + f"question_ids={names.question_id(market)}")["markets"]) == wanted
    assert ids(venue.json(listing + f"clob_token_ids={names.tokens(market)[1]}")["markets"]) == wanted
    assert ids(venue.json(listing + f"position_ids={names.tokens(other)[0]}&{BOTH}")["markets"]) == [
        names.market_id(other)
    ]
    assert venue.json(listing + f"clob_token_ids={names.tokens(other)[0]}&{BOTH}")["markets"] == []
    chain = names.onchain_event_id(other)
    siblings = venue.json(listing + f"onchain_event_ids={chain}&{BOTH}&limit=100")["markets"]
    assert set(ids(siblings)) <= {names.market_id(m) for m in live.members(live.event_of(other))}
    assert names.market_id(other) in ids(siblings)
    rich = venue.json(listing + "volume_num_min=10000&limit=100")["markets"]
    assert rich
    assert all(row["volumeNum"] >= 10_000 for row in rich)
    soon = to_iso(Micros(venue.now + 3 * DAY))
    due = venue.json(listing + f"end_date_max={soon}&limit=100")["markets"]
    assert due
    assert all(parse_instant(row["endDate"]) <= venue.now + 3 * DAY for row in due)
    crypto = next(tag["id"] for tag in venue.json("/gamma/tags") if tag["slug"] == "crypto")
    tagged = venue.json(listing + f"tag_id={crypto}&include_tag=true&limit=100")["markets"]
    assert tagged
    assert all("crypto" in {tag["slug"] for tag in row["tags"]} for row in tagged)
    assert live.kind(market).name


def test_a_market_row_has_the_venues_types(venue: Venue) -> None:
    row = venue.json(f"/gamma/markets/{venue.live.names.market_id(venue.open_market())}?include_tag=true")
    assert isinstance(row["id"], str)
    assert [len(json.loads(row[name])) for name in ("outcomes", "outcomePrices", "clobTokenIds")] == [2, 2, 2]
    yes, no = (float(text) for text in json.loads(row["outcomePrices"]))
    assert yes + no == pytest.approx(1.0, abs=1e-9)
    assert row["bestBid"] < row["bestAsk"]
    assert isinstance(row["volume"], str)
    assert float(row["volume"]) == row["volumeNum"] >= row["volume24hr"]
    assert row["umaResolutionStatuses"] == "[]"
    assert "umaResolutionStatus" not in row
    assert row["events"][0]["title"]
    assert row["tags"]


def test_second_protocol_rows_carry_position_ids(venue: Venue) -> None:
    market = venue.open_market("v2")
    row = venue.json(f"/gamma/markets/{venue.live.names.market_id(market)}")
    assert row["version"] == "v2"
    assert row["positionIds"] == list(venue.live.names.tokens(market))
    assert row["resolutionStatus"] == "active"
    assert json.loads(row["clobTokenIds"]) != row["positionIds"]


def test_proposed_and_disputed_markets_say_so_and_take_no_orders() -> None:
    venue = Venue()
    live = venue.live
    disputed = next(i for i in range(live.count) if live.world.disputed[i] and live.disputed_at[i] > live.start)
    venue.clock.advance(int(live.disputed_at[disputed]) - venue.now)
    row = venue.json(f"/gamma/markets/{live.names.market_id(disputed)}")
    assert (row["closed"], row["acceptingOrders"], row["umaResolutionStatus"]) == (False, False, "disputed")
    assert json.loads(row["umaResolutionStatuses"]) == ["proposed", "disputed"]
    assert (row["bestBid"], row["bestAsk"]) == (0, 1)


def test_a_resolved_market_shows_its_outcome_and_nothing_of_it_before() -> None:
    venue = Venue()
    live = venue.live
    market = next(i for i in live.resolved_between(venue.now, live.end) if live.world.final_e4[i] == 10_000)
    url = f"/gamma/markets/{live.names.market_id(market)}"
    venue.clock.advance(int(live.resolved_at[market]) - 1 - venue.now)
    before = venue.json(url)
    assert before["closed"] is False
    assert not {"closedTime", "umaEndDate", "resolvedBy", "automaticallyResolved"} & set(before)
    venue.clock.advance(1)
    after = venue.json(url)
    assert (after["closed"], json.loads(after["outcomePrices"])) == (True, ["1", "0"])
    assert after["closedTime"].endswith("+00")
    assert after["active"] is True
    rows = venue.json(f"/gamma/markets/keyset?closed=true&{BOTH}&id={live.names.market_id(market)}")["markets"]
    assert ids(rows) == [live.names.market_id(market)]


def test_nothing_is_listed_before_its_time(venue: Venue) -> None:
    later = venue.live.listed_between(venue.now, venue.live.end)[0]
    assert venue.ask(f"/gamma/markets/{venue.live.names.market_id(later)}").status == 404
    event = venue.live.event_of(later)
    assert venue.ask(f"/gamma/events/{venue.live.names.event_id(event)}").status == 404
    assert venue.ask(f"/gamma/events/slug/{venue.live.names.numbering.event_slug(event)}").status == 404


def test_old_markets_are_listed_among_the_closed(venue: Venue) -> None:
    page = venue.json("/gamma/markets/keyset?closed=true&limit=2")
    assert ids(page["markets"]) == ["17", "23"]
    following = venue.json(f"/gamma/markets/keyset?closed=true&limit=2&after_cursor={page['next_cursor']}")
    assert following["markets"][0]["id"] == "29"
    assert int(following["markets"][1]["id"]) > 500_000
    scalar = venue.json("/gamma/markets/17")
    assert scalar["marketType"] == "scalar"
    assert json.loads(venue.json("/gamma/markets/23")["outcomePrices"]) == ["0", "0"]
    assert json.loads(venue.json("/gamma/markets/29")["outcomePrices"]) == ["0.5", "0.5"]


def test_events_hold_all_their_markets(venue: Venue) -> None:
    events = [row for page in venue.pages(f"/gamma/events/keyset?limit=50&{BOTH}", "events") for row in page]
    numbers = [int(row["id"]) for row in events]
    assert numbers == sorted(set(numbers))
    for row in events[:20]:
        event = venue.live.names.find_event(row["id"])
        assert event is not None
        assert ids(row["markets"]) == [venue.live.names.market_id(market) for market in venue.live.members(event)]
        assert row["volume"] == pytest.approx(sum(market["volumeNum"] for market in row["markets"]), abs=1e-3)
        assert all("events" not in market for market in row["markets"])


def test_event_filters_choose(venue: Venue) -> None:
    listing = f"/gamma/events/keyset?{BOTH}&limit=100&"
    daily = venue.json(listing + "recurrence=daily")["events"]
    assert {row["series"][0]["recurrence"] for row in daily} == {"daily"}
    series = daily[0]["series"][0]["id"]
    assert {row["series"][0]["id"] for row in venue.json(listing + f"series_id={series}")["events"]} == {series}
    bitcoin = venue.json(listing + "title_search=bitcoin")["events"]
    assert bitcoin
    assert all("bitcoin" in row["title"].lower() for row in bitcoin)
    weather = venue.json(listing + "tag_slug=weather")["events"]
    assert weather
    assert not set(ids(weather)) & set(
        ids(venue.json(listing + f"exclude_tag_id={weather[0]['tags'][0]['id']}")["events"])
    )
    due = weather[0]["endDate"]
    assert {row["endDate"][:10] for row in venue.json(listing + f"event_date={due[:10]}")["events"]} == {due[:10]}
    ended = venue.json(listing + "ended=true")["events"]
    assert all(parse_instant(row["endDate"]) <= venue.now for row in ended)
    assert not set(ids(ended)) & set(ids(venue.json(listing + "ended=false")["events"]))
    assert venue.json(listing + "featured=true")["events"] == venue.json(listing + "parent_event_id=5")["events"] == []
    ordered = venue.json(listing + "order=volume&ascending=false")["events"]
    assert [row["volume"] for row in ordered] == sorted((row["volume"] for row in ordered), reverse=True)


def test_legacy_listings_are_arrays_with_a_warning(venue: Venue) -> None:
    response = venue.ask("/gamma/markets?limit=3&offset=2")
    rows = json.loads(response.body)
    assert len(rows) == 3
    assert ids(rows) == ids(venue.json("/gamma/markets/keyset?limit=5")["markets"])[2:]
    assert response.header("deprecation") == "true"
    assert response.header("sunset") == "Fri, 01 May 2026"
    assert response.header("warning") == '299 - "use /markets/keyset"'
    refused = venue.ask("/gamma/markets?offset=2001")
    assert refused.status == 422
    assert b"offset too large, use /markets/keyset" in refused.body
    counted = venue.json("/gamma/events/pagination?limit=1")
    assert counted["pagination"]["hasMore"] is True
    assert counted["pagination"]["totalResults"] > 10


def test_tags_series_and_their_relations(venue: Venue) -> None:
    tags = venue.json("/gamma/tags?limit=500")
    assert len(tags) <= 100
    tag = tags[0]
    assert venue.json(f"/gamma/tags/{tag['id']}") == venue.json(f"/gamma/tags/slug/{tag['slug']}") == tag
    related = venue.json(f"/gamma/tags/{tag['id']}/related-tags")
    assert related[0]["tagID"] == int(tag["id"])
    others = venue.json(f"/gamma/tags/slug/{tag['slug']}/related-tags/tags")
    assert [int(row["id"]) for row in others] == [row["relatedTagID"] for row in related]
    assert venue.ask("/gamma/tags/99999").status == 404
    series = venue.json("/gamma/series?recurrence=weekly&exclude_events=true")
    assert all(row["recurrence"] == "weekly" and row["events"] == [] for row in series)
    assert venue.json(f"/gamma/series/{series[0]['id']}")["slug"] == series[0]["slug"]
    market = venue.open_market()
    own = venue.json(f"/gamma/markets/{venue.live.names.market_id(market)}/tags")
    assert own == venue.json(f"/gamma/events/{venue.live.names.event_id(venue.live.event_of(market))}/tags")


def test_search_finds_events_tags_and_people(venue: Venue) -> None:
    found = venue.json("/gamma/public-search?q=bitcoin&limit_per_type=2&search_tags=true&search_profiles=true")
    assert 0 < len(found["events"]) <= 2
    assert found["tags"][0]["slug"] == "bitcoin"
    assert found["profiles"] is None
    assert found["pagination"]["totalResults"] >= len(found["events"])
    second = venue.json("/gamma/public-search?q=bitcoin&limit_per_type=2&page=2")
    assert not set(ids(found["events"])) & set(ids(second["events"] or []))
    person = venue.json("/gamma/public-search?q=deepwater&search_profiles=true")
    assert person["events"] is None
    address = person["profiles"][0]["proxyWallet"]
    assert venue.json(f"/gamma/public-profile?address={address}")["name"] == "deepwater"
    assert venue.ask("/gamma/public-search").status == 422


def test_comments_have_pages_and_authors(venue: Venue) -> None:
    event = venue.live.names.event_id(venue.live.event_of(venue.open_market()))
    url = f"/gamma/comments/keyset?parent_entity_type=Event&parent_entity_id={event}&limit=2"
    found = [row for page in venue.pages(url, "comments") for row in page]
    assert found == venue.json(f"/gamma/comments?parent_entity_type=Event&parent_entity_id={event}")
    assert venue.json(f"/gamma/comments/{found[0]['id']}") == [found[0]]
    by = venue.json(f"/gamma/comments/user_address/{found[0]['userAddress']}")
    assert {row["userAddress"] for row in by} == {found[0]["userAddress"]}
    assert [row["createdAt"] for row in by] == sorted((row["createdAt"] for row in by), reverse=True)
    assert venue.ask("/gamma/comments").status == 422


@pytest.mark.parametrize("path", ["/gamma/markets/1", "/gamma/markets/slug/none", "/gamma/events/1", "/gamma/nothing"])
def test_a_miss_is_404_in_the_venues_shape(venue: Venue, path: str) -> None:
    response = venue.ask(path)
    assert response.status == 404
    assert json.loads(response.body) == {"type": "not found error", "error": "id not found"}


def test_small_routes_answer(venue: Venue) -> None:
    assert {row["sport"] for row in venue.json("/gamma/sports")} == {"nba", "nfl", "soccer"}
    assert venue.json("/gamma/sports/market-types") == {"marketTypes": ["moneyline"]}
    assert venue.json("/gamma/teams") == []
    assert venue.ask("/gamma/markets/keyset", method="POST").status == 405
