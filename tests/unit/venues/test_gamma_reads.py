"""Listings of any behaviour end, lose nothing and repeat nothing; single markets, tags and search."""

import msgspec
import pytest
from tests.support import venue_payloads as given
from tests.support.wires import START, client, json, run

from edgeworth.core.errors import Rejected as Refused
from edgeworth.core.records import EventRecord, MarketRecord, Rejected, ResolutionRecord, SnapshotRecord
from edgeworth.core.units import DAY, Micros
from edgeworth.venues.polymarket.gamma import Filters, Gamma, State

OPEN = Filters()


def numbered(first, count, **changes):
    return [
        given.gamma_market(id=str(number), conditionId=f"0x{number:064x}", **changes)
        for number in range(first, first + count)
    ]


def pages_of(*pages, kind="markets"):
    """Serve pages by cursor: page n points to page n + 1, the last one to nothing."""

    def answer(request):
        at = int(request.url.params.get("after_cursor", "0"))
        table = {kind: pages[at]}
        if at + 1 < len(pages):
            table["next_cursor"] = str(at + 1)
        return json(table)

    return answer


def collect(answer, filters=OPEN, kind="markets", **more):
    http, wire, clock = client(answer)

    async def work():
        return [page async for page in getattr(Gamma(http, **more), kind)(filters)]

    return run(clock, work()), [request for _, request in wire.seen]


def ids(pages):
    return [dict(record.ids)["gamma"] for page in pages for record in page.records if isinstance(record, MarketRecord)]


def test_every_page_is_asked_for_with_closed_and_both_versions():
    pages, requests = collect(
        pages_of(numbered(1, 3), numbered(4, 2)), Filters(closed=True, order="volume", ascending=False)
    )
    assert ids(pages) == ["1", "2", "3", "4", "5"]
    assert [page.partial for page in pages] == ["", ""]
    assert [page.cursor for page in pages] == ["1", ""]
    for request in requests:
        query = request.url.params
        assert query["closed"] == "true"
        assert query.get_list("version") == ["v1", "v2"]
        assert (query["order"], query["ascending"], query["limit"]) == ("volumeNum", "false", "100")
        assert "offset" not in query
    assert requests[1].url.params["after_cursor"] == "1"


def test_filters_are_written_as_the_venue_reads_them():
    filters = Filters(
        ids=("1", "2"), slugs=("a b",), conditions=(given.CONDITION,), tokens=(given.YES,), tag_id="9", related_tags=True,
        min_volume=5_000, min_liquidity=10, end_from=START, end_to=Micros(START + DAY), page_size=500,
    )  # fmt: skip
    query = dict(filters.params("markets"))
    assert query["limit"] == "100"
    assert query["volume_num_min"] == "5000"
    assert query["end_date_min"] == "2026-11-20T12:00:00Z"
    assert filters.params("markets").count(("id", "1")) == 1
    assert ("volume_min", "5000") in filters.params("events")


def test_what_is_seen_live_is_known_from_then_and_a_backfill_keeps_its_own_dates():
    page = [given.gamma_resolved()]
    live, _ = collect(pages_of(page))
    kinds = {type(record): record for record in live[0].records}
    assert {kinds[kind].known_at for kind in (MarketRecord, EventRecord, SnapshotRecord, ResolutionRecord)} == {START}
    assert not kinds[MarketRecord].backdated
    assert kinds[ResolutionRecord].resolved_at < START
    past, _ = collect(pages_of(page), backfill=True)
    kinds = {type(record): record for record in past[0].records}
    assert kinds[MarketRecord].backdated
    assert kinds[ResolutionRecord].known_at == kinds[ResolutionRecord].resolved_at < START


def test_quotes_without_their_own_instant_are_of_the_instant_seen():
    market = given.gamma_market()
    del market["updatedAt"]
    pages, _ = collect(pages_of([market]))
    quotes = [record for record in pages[0].records if isinstance(record, SnapshotRecord)]
    assert [(quote.event_time, quote.bid_e4) for quote in quotes] == [(START, 3700)]
    event = {**given.gamma_event(), "markets": [market]}
    pages, _ = collect(pages_of([event], kind="events"), kind="events")
    assert any(isinstance(record, SnapshotRecord) for record in pages[0].records)


def test_second_version_markets_carry_their_positions():
    pages, _ = collect(pages_of([given.gamma_market_v2()]))
    assert dict(pages[0].records[1].ids)["token"] == given.YES_2
    assert pages[0].states[0].tokens == (given.YES_2, given.NO_2)


def test_whether_a_market_can_be_traded_is_told_beside_its_record():
    late = given.gamma_market(id="2", endDate="2026-11-19T00:00:00Z")
    proposed = given.gamma_market(id="3", umaResolutionStatus="proposed")
    closed = given.gamma_market(id="4", closed=True)
    without = given.gamma_market(id="5", enableOrderBook=None)
    pages, _ = collect(pages_of([given.gamma_market(), late, proposed, closed, without]))
    assert [state.tradable(START) for state in pages[0].states] == [True, False, False, False, False]
    pages, _ = collect(pages_of([given.gamma_event()], kind="events"), kind="events")
    assert [state.gamma_id for state in pages[0].states] == ["880001", "880002"]
    assert all(isinstance(state, State) for state in pages[0].states)


def test_overlapping_pages_give_each_market_once():
    pages, _ = collect(pages_of(numbered(1, 4), numbered(3, 4), numbered(6, 2)))
    assert ids(pages) == [str(number) for number in range(1, 8)]
    assert [page.duplicates for page in pages] == [0, 2, 1]


def test_a_cursor_that_comes_again_ends_the_listing_as_partial():
    def answer(request):
        at = int(request.url.params.get("after_cursor", "0"))
        return json({"markets": numbered(at * 2 + 1, 2), "next_cursor": str((at + 1) % 3)})

    pages, requests = collect(answer)
    assert [page.partial for page in pages] == ["", "", "", "cursor-loop"]
    assert len(requests) == 4
    assert ids(pages) == ["1", "2", "3", "4", "5", "6"]


def test_pages_without_anything_new_for_ever_end_as_partial():
    turn = iter(range(10**6))
    pages, requests = collect(lambda request: json({"markets": numbered(1, 2), "next_cursor": f"c{next(turn)}"}))
    assert pages[-1].partial == "no-progress"
    assert len(requests) == 4


def test_an_endless_listing_stops_at_its_bound():
    turn = iter(range(10**6))
    pages, requests = collect(
        lambda request: json({"markets": numbered(1 + 2 * (n := next(turn)), 2), "next_cursor": f"c{n}"}),
        Filters(max_pages=5),
    )
    assert (pages[-1].partial, len(requests), len(ids(pages))) == ("too-many-pages", 5, 10)


def test_a_short_or_empty_page_in_the_middle_is_no_end():
    pages, _ = collect(pages_of(numbered(1, 2), [], numbered(3, 1)))
    assert ids(pages) == ["1", "2", "3"]
    assert not pages[-1].partial


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ({"markets": None}, "page-unreadable"),
        ({"markets": {}}, "page-unreadable"),
        ({"market": []}, "page-unreadable"),
        ({"markets": numbered(1, 1), "next_cursor": 7}, "cursor-unreadable"),
        ({"markets": numbered(1, 1), "next_cursor": {"id": 1}}, "cursor-unreadable"),
    ],
)
def test_a_page_that_changed_its_shape_ends_the_listing_as_partial(body, why):
    pages, requests = collect(lambda request: json(body))
    assert pages[-1].partial == why
    assert len(requests) == 1
    if why == "page-unreadable":
        assert [record.reason for record in pages[0].records if isinstance(record, Rejected)] == [why]


def test_bad_rows_are_set_aside_and_the_page_goes_on():
    rows = [*numbered(1, 2), {"id": "3"}, None, 17, given.gamma_market(id="4", outcomes="[1"), *numbered(5, 1)]
    pages, _ = collect(pages_of(rows))
    assert ids(pages) == ["1", "2", "5"]
    refused = [record for record in pages[0].records if isinstance(record, Rejected)]
    assert [record.reason for record in refused] == [
        "not-a-market",
        "not-an-object",
        "not-an-object",
        "outcomes-unreadable",
    ]
    assert all(record.where.startswith("http://sandbox.local/gamma/markets/keyset?") for record in refused)


def test_a_listing_goes_on_from_a_cursor():
    http, wire, clock = client(pages_of(numbered(1, 2), numbered(3, 2)))

    async def work():
        return [page async for page in Gamma(http).markets(cursor="1")]

    assert ids(run(clock, work())) == ["3", "4"]
    assert len(wire.seen) == 1


@pytest.mark.parametrize(
    ("name", "path"),
    [("880001", "/gamma/markets/880001"), ("harbour-ferry-sunday", "/gamma/markets/slug/harbour-ferry-sunday")],
)
def test_a_single_market_by_id_or_slug(name, path):
    http, wire, clock = client(lambda request: json(given.gamma_market()))
    page = run(clock, Gamma(http).market(name))
    assert wire.seen[0][1].url.path == path
    assert ids([page]) == ["880001"]


def test_a_name_cannot_leave_its_path():
    http, wire, clock = client(lambda request: json({}, 404))
    assert run(clock, Gamma(http).market("../../clob/order?x=1#y")) is None
    assert wire.seen[0][1].url.raw_path.startswith(b"/gamma/markets/slug/..%2F..%2Fclob%2Forder%3Fx%3D1%23y?")


def test_a_market_by_condition_is_looked_for_among_open_and_closed_ones():
    def answer(request):
        closed = request.url.params["closed"] == "true"
        return json({"markets": [given.gamma_resolved()] if closed else []})

    http, wire, clock = client(answer)
    page = run(clock, Gamma(http).market(given.CONDITION))
    assert ids([page]) == ["880003"]
    assert len(wire.seen) == 2
    http, wire, clock = client(lambda request: json({"markets": []}))
    assert run(clock, Gamma(http).market(given.CONDITION)) is None


def test_an_unknown_event_is_none_and_other_refusals_are_raised():
    http, _, clock = client(lambda request: json({"type": "not found error", "error": "id not found"}, 404))
    assert run(clock, Gamma(http).event("1")) is None
    http, _, clock = client(lambda request: json({"type": "validation error", "error": "x"}, 422))
    with pytest.raises(Refused):
        run(clock, Gamma(http).event("harbour-ferry"))


def test_tags_are_paged_until_a_page_brings_nothing_new():
    rows = [{"id": str(number), "label": f"Tag {number}", "slug": f"tag-{number}"} for number in range(150)]

    def answer(request):
        at = int(request.url.params["offset"])
        return json(rows[at : at + 100] + [{"id": None}, 5] * (at > 0))

    http, wire, clock = client(answer)
    tags = run(clock, Gamma(http).tags())
    assert [tag.id for tag in tags] == [row["id"] for row in rows]
    assert len(wire.seen) == 2
    assert [item.reason for item in tags.rejected] == ["id-missing"] * 2
    http, wire, clock = client(lambda request: json(rows[:100]))
    assert len(run(clock, Gamma(http).tags())) == 100
    assert len(wire.seen) == 2


def test_search_gives_events_tags_and_the_count_and_passes_over_nulls():
    table = {
        "events": [given.gamma_event(), None],
        "tags": [{"id": "9", "label": "Travel", "slug": "travel", "event_count": 3}, None],
        "profiles": [None, {"id": "1"}],
        "pagination": {"hasMore": True, "totalResults": 41},
    }
    http, wire, clock = client(lambda request: json(table))
    found = run(clock, Gamma(http).search("ferry & co", page=2))
    assert wire.seen[0][1].url.params["q"] == "ferry & co"
    assert (found.has_more, found.total, [tag.events for tag in found.tags]) == (True, 41, [3])
    assert [state.gamma_id for state in found.states] == ["880001", "880002"]
    http, _, clock = client(lambda request: json({"events": None, "tags": None, "pagination": None}))
    empty = run(clock, Gamma(http).search("x"))
    assert (empty.records, empty.tags, empty.has_more, empty.total) == ([], [], False, None)


def test_the_bytes_of_a_page_are_kept():
    pages, _ = collect(pages_of(numbered(1, 1)))
    assert msgspec.json.decode(pages[0].raw)["markets"][0]["id"] == "1"
