"""Books by batch, prices, histories, single markets, the venue's clock."""

import itertools
import json as plain

import msgspec
import numpy as np
import pytest
from tests.support import venue_payloads as given
from tests.support.wires import START, client, json, run

from edgeworth.core.errors import Rejected as Refused
from edgeworth.core.records import MarketRecord, PriceBlock, Rejected, ResolutionRecord
from edgeworth.core.types import Payout
from edgeworth.core.units import DAY, HOUR, SECOND, Micros
from edgeworth.venues.polymarket.book_wire import read_book
from edgeworth.venues.polymarket.clob_reads import Clob, LastTrade, Quote


def read(**changes):
    return read_book(msgspec.json.encode(given.book(**changes)), START, "here")


def tokens_of(request):
    return [row["token_id"] for row in plain.loads(request.content)]


def test_a_book_is_sorted_best_first_whatever_the_order_on_the_wire():
    found = read()
    assert found.bids == ((3700, 61_500_000), (3500, 200_000_000))
    assert found.asks == ((3800, 33_250_000), (4200, 150_000_000))
    assert (found.token, found.ids) == (given.YES, (("condition", given.CONDITION),))
    assert (found.event_time, found.known_at) == (given.MILLIS * 1_000, START)
    assert (found.tick_e4, found.min_size_e6, found.last_e4, found.hash) == (100, 5_000_000, 3700, "a1" * 20)
    turned = read(bids=given.book()["bids"][::-1], asks=given.book()["asks"][::-1])
    assert turned == found


def test_levels_of_size_zero_are_none_and_an_empty_book_is_one():
    found = read(bids=[{"price": "0.37", "size": "0"}], asks=[], last_trade_price="")
    assert (found.bids, found.asks, found.last_e4) == ((), (), None)


def test_prices_as_numbers_are_read_exactly():
    found = read(bids=[{"price": 0.29, "size": 57.1}], asks=[{"price": 0.3, "size": 1}], tick_size=0.01)
    assert (found.bids, found.asks, found.tick_e4) == (((2900, 57_100_000),), ((3000, 1_000_000),), 100)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"asset_id": None}, "token-missing"),
        ({"asset_id": "0x12"}, "token-missing"),
        ({"timestamp": ""}, "time-missing"),
        ({"bids": None}, "levels-missing"),
        ({"asks": "[]"}, "levels-missing"),
        ({"bids": [["0.3", "1"]]}, "level-unreadable"),
        ({"bids": [{"price": "0.3"}]}, "level-unreadable"),
        ({"bids": [{"price": "x", "size": "1"}]}, "level-unreadable"),
        ({"bids": [{"price": "1.2", "size": "1"}]}, "level-unreadable"),
        ({"bids": [{"price": "0", "size": "1"}]}, "level-unreadable"),
        ({"bids": [{"price": "0.30005", "size": "1"}]}, "level-unreadable"),
        ({"bids": [{"price": "0.3", "size": "-1"}]}, "level-unreadable"),
        ({"bids": [{"price": "0.3", "size": "1"}, {"price": "0.30", "size": "2"}]}, "price-repeated"),
        ({"bids": [{"price": "0.38", "size": "1"}]}, "book-crossed"),
        ({"bids": [{"price": "0.305", "size": "1"}]}, "off-grid"),
        ({"tick_size": "0.03"}, "tick-unreadable"),
        ({"tick_size": "x"}, "tick-unreadable"),
    ],
)
def test_a_book_that_cannot_be_right_is_set_aside(changes, reason):
    found = read(**changes)
    assert isinstance(found, Rejected)
    assert (found.reason, found.where) == (reason, "here")
    assert "asset_id" in found.raw


def test_books_come_in_batches_of_two_hundred_in_any_order_and_with_gaps():
    wanted = [str(10**20 + number) for number in range(450)]

    def answer(request):
        found = [given.book(asset_id=token) for token in tokens_of(request) if int(token) % 7]
        return json([*reversed(found), 5, given.book(asset_id="9" * 30), given.book(asset_id=wanted[1], bids=None)])

    http, wire, clock = client(answer)
    found = run(clock, Clob(http).books([*wanted, *wanted[:10]]))
    assert [len(tokens_of(request)) for _, request in wire.seen] == [200, 200, 50]
    assert set(found.books) == {token for token in wanted if int(token) % 7}
    assert found.missing == tuple(token for token in wanted if not int(token) % 7)
    assert [item.reason for item in found.rejected] == ["not-an-object", "levels-missing"] * 3
    assert len(list(found)) == len(found) == len(found.books)


def test_the_two_books_of_a_market_are_one():
    mirror = given.book(asset_id=given.NO)
    http, _, clock = client(
        lambda request: json([mirror, given.book(), given.book(asset_id="9" * 30, market=given.OTHER)])
    )
    found = run(clock, Clob(http).books([given.YES, given.NO, "9" * 30]))
    assert list(found.books) == [given.YES, given.NO, "9" * 30]
    assert [book.token for book in found.by_market().values()] == [given.YES, "9" * 30]


def test_an_answer_that_is_no_list_is_set_aside_and_the_next_batch_is_read():
    turn = iter(range(9))
    http, _, clock = client(
        lambda request: json(
            {"error": "x"} if next(turn) == 0 else [given.book(asset_id=token) for token in tokens_of(request)]
        )
    )
    found = run(clock, Clob(http).books([str(10**20 + number) for number in range(201)]))
    assert [item.reason for item in found.rejected] == ["not-a-list"]
    assert len(found.missing) == 200


def test_one_book_or_none_where_the_venue_has_none():
    http, wire, clock = client(lambda request: json(given.book()))
    assert run(clock, Clob(http).book(given.YES)).token == given.YES
    assert wire.seen[0][1].url.params["token_id"] == given.YES
    assert run(clock, Clob(http).book(given.NO)).reason == "another-token"
    http, _, clock = client(lambda request: json({"error": "No orderbook exists"}, 404))
    assert run(clock, Clob(http).book(given.YES)) is None
    http, _, clock = client(lambda request: json({"error": "Invalid token id"}, 400))
    with pytest.raises(Refused):
        run(clock, Clob(http).book("x"))


def test_midpoints_prices_and_last_trades():
    def answer(request):
        table = {
            "/clob/midpoints": {given.YES: "0.375", given.NO: "x", "other": "0.1"},
            "/clob/prices": {given.YES: {"BUY": "0.38", "SELL": "0.37"}, given.NO: {"SELL": "0.62"}},
            "/clob/last-trades-prices": [
                {"token_id": given.YES, "price": "0.37", "side": "SELL"},
                {"token_id": given.NO, "price": "0.5", "side": ""},
                None,
            ],
        }
        return json(table[request.url.path])

    http, wire, clock = client(answer)
    clob = Clob(http)
    both = [given.YES, given.NO]
    mids = run(clock, clob.midpoints(both))
    assert list(mids) == [Quote(given.YES, 3750)]
    assert [item.reason for item in mids.rejected] == ["price-unreadable"]
    assert list(run(clock, clob.prices(both, "BUY"))) == [Quote(given.YES, 3800)]
    assert list(run(clock, clob.prices(both, "SELL"))) == [Quote(given.YES, 3700), Quote(given.NO, 6200)]
    trades = run(clock, clob.last_trades(both))
    assert list(trades) == [LastTrade(given.YES, 3700, "SELL")]
    assert [item.reason for item in trades.rejected] == ["trade-unreadable"]
    assert plain.loads(wire.seen[1][1].content) == [{"token_id": token, "side": "BUY"} for token in both]
    http, _, clock = client(lambda request: json([]))
    with pytest.raises(Refused) as info:
        run(clock, Clob(http).midpoints(both))
    assert info.value.code == "venue-drift"


def test_a_history_is_asked_for_in_pieces_of_fifteen_days():
    start = Micros(START - 40 * DAY)

    def answer(request):
        first = int(request.url.params["startTs"])
        return json({"history": [{"t": first, "p": 0.5}, {"t": first + 60, "p": 0.51}, {"t": first + 120, "p": 1.7}]})

    http, wire, clock = client(answer)
    records = run(clock, Clob(http).history(given.YES, span=(start, START), minutes=60, ids=(("gamma", "7"),)))
    spans = [(int(request.url.params["startTs"]), int(request.url.params["endTs"])) for _, request in wire.seen]
    assert spans[0][0] == start // SECOND
    assert spans[-1][1] == START // SECOND
    assert all(high == low for (_, high), (low, _) in itertools.pairwise(spans))
    assert all(high - low <= 15 * 86_400 for low, high in spans)
    blocks = [record for record in records if isinstance(record, PriceBlock)]
    assert np.concatenate([block.price_e4 for block in blocks]).tolist() == [5000, 5100] * 3
    assert {block.ids for block in blocks} == {(("gamma", "7"),)}
    assert [record.reason for record in records if isinstance(record, Rejected)] == ["price-out-of-range"] * 3


def test_a_whole_history_is_one_call_of_the_grain_the_venue_keeps():
    http, wire, clock = client(lambda request: json({"history": []}))
    assert run(clock, Clob(http).history(given.YES)) == []
    query = wire.seen[0][1].url.params
    assert (query["market"], query["interval"], query["fidelity"]) == (given.YES, "max", "720")


def test_a_market_by_condition_with_its_winner():
    http, wire, clock = client(lambda request: json(given.clob_market()))
    records = run(clock, Clob(http).market(given.CONDITION.upper().replace("0X", "0x")))
    assert wire.seen[0][1].url.path == f"/clob/markets/{given.CONDITION}"
    assert [type(record) for record in records] == [MarketRecord, ResolutionRecord]
    assert records[1].payout is Payout.NO
    http, _, clock = client(lambda request: json({"error": "market not found"}, 404))
    assert run(clock, Clob(http).market(given.CONDITION)) == []
    with pytest.raises(Refused):
        run(clock, Clob(http).market("../orders"))


def test_the_venues_clock():
    http, _, clock = client(lambda request: json(START // SECOND))
    assert run(clock, Clob(http).server_time()) == START
    http, _, clock = client(lambda request: json({"time": HOUR}))
    with pytest.raises(Refused) as info:
        run(clock, Clob(http).server_time())
    assert info.value.code == "venue-drift"
