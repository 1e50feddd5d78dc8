"""Rows of the Data API: exact amounts, keys that tell equal fills apart, cursors of any behaviour."""

import msgspec
import pytest
from hypothesis import given as drawn
from hypothesis import strategies as st
from tests.support import venue_payloads as given
from tests.support.wires import START, client, json, run

from edgeworth.core.errors import Rejected as Refused
from edgeworth.core.records import PriceBlock, Rejected, ResolutionRecord
from edgeworth.core.types import Payout, ResolutionState
from edgeworth.core.units import DAY, SECOND, Micros
from edgeworth.venues.polymarket import data_wire
from edgeworth.venues.polymarket.data_api import DataApi
from edgeworth.venues.polymarket.data_wire import Reading, kept


def read(reader, row, **more):
    return kept(reader, msgspec.json.encode(row), Reading(START, **more), "row", "here")


def pages_of(*pages):
    def answer(request):
        at = int(request.url.params.get("cursor", "0"))
        return json(given.paged(pages[at], str(at + 1) if at + 1 < len(pages) else None))

    return answer


def trades(answer, **more):
    http, wire, clock = client(answer)

    async def work():
        return [page async for page in DataApi(http, max_pages=more.pop("max_pages", 100)).trades(**more)]

    return run(clock, work()), [request for _, request in wire.seen]


def test_a_trade_in_integers():
    found = read(data_wire.trade, given.trade(size=0.1, price=0.7, side="buy"))
    assert (found.price_e4, found.size_e6, found.cash_e6, found.side) == (7000, 100_000, 70_000, "BUY")
    assert (found.event_time, found.known_at) == (given.SECONDS * SECOND, START)
    assert (found.wallet, found.token, found.condition) == (given.WALLET, given.YES, given.CONDITION)
    assert found.outcome_index == 0
    assert read(data_wire.trade, given.trade(outcome_index=999)).outcome_index is None


@drawn(size=st.decimals(min_value="0.000001", max_value="9999999", places=6), price=st.decimals(0, 1, places=4))
def test_cash_is_the_exact_product_rounded_once(size, price):
    raw = msgspec.json.encode(given.trade(size=0, price=0)).replace(b'"size":0', f'"size":{size}'.encode())
    raw = raw.replace(b'"price":0', f'"price":{price}'.encode())
    found = kept(data_wire.trade, raw, Reading(START), "trade")
    assert found.size_e6 == int(size * 10**6)
    assert found.price_e4 == int(price * 10**4)
    assert abs(found.cash_e6 - size * price * 10**6) <= 0.5


def test_the_old_names_are_read_alike():
    found = read(data_wire.trade, given.old_trade())
    assert (found.token, found.side, found.size_e6, found.outcome_index) == (given.NO, "SELL", 12_000_000, 1)


@pytest.mark.parametrize(
    ("reader", "row", "reason"),
    [
        (data_wire.trade, given.trade(side=""), "side-unknown"),
        (data_wire.trade, given.trade(size="x"), "size-unreadable"),
        (data_wire.trade, given.trade(size=0), "size-unreadable"),
        (data_wire.trade, given.trade(price=1.01), "price-out-of-range"),
        (data_wire.trade, given.trade(proxy_wallet=None), "wallet-missing"),
        (data_wire.trade, given.trade(token_id=""), "token-missing"),
        (data_wire.trade, given.trade(transaction_hash=5), "transaction-missing"),
        (data_wire.trade, given.trade(timestamp=None), "time-out-of-range"),
        (data_wire.trade, [1], "not-an-object"),
        (data_wire.activity, given.deed(type=None), "type-missing"),
        (data_wire.activity, given.deed(type="TRADE"), "trade-incomplete"),
        (data_wire.position, given.position(current_size=-1), "size-unreadable"),
        (data_wire.holders, given.holders(holders=None), "holders-missing"),
        (data_wire.resolution, given.resolution(condition_id="0x1"), "id-missing"),
        (data_wire.resolution, given.resolution(status="over"), "status-unknown"),
        (data_wire.resolution, given.resolution(payouts=[1, 2]), "resolution-unclear"),
        (data_wire.resolution, given.resolution(payouts=[0, 0, 1_000_000]), "outcomes-not-two"),
        (data_wire.resolution, given.resolution(price="1"), "resolution-conflict"),
        (data_wire.resolution, given.resolution(resolved_at=None, last_update_timestamp=""), "time-missing"),
        (
            data_wire.resolution,
            given.resolution(status="proposed", reproposed_price="69", proposed_price="69"),
            "resolution-unclear",
        ),
        (data_wire.token, given.token(resolved=None), "resolved-missing"),
        (data_wire.token, given.token(final_price=2), "price-out-of-range"),
        (data_wire.amount, {"condition_id": given.CONDITION, "value": "x"}, "value-unreadable"),
        (data_wire.amount, {"value": 1}, "id-missing"),
    ],
)
def test_a_row_that_cannot_be_used_is_set_aside_with_its_reason(reader, row, reason):
    found = read(reader, row)
    assert isinstance(found, Rejected)
    assert (found.reason, found.where) == (reason, "here")


def test_equal_fills_of_one_transaction_have_different_keys():
    rows = [given.trade(), given.trade(), given.trade(size=1)]
    pages, _ = trades(pages_of(rows))
    keys = [row.key for row in pages[0].rows]
    assert len(set(keys)) == 3
    again, _ = trades(pages_of(rows))
    assert [row.key for row in again[0].rows] == keys
    written = read(data_wire.trade, given.trade(size="120.50", price="0.380"))
    assert written.key == keys[0]


def test_overlapping_pages_give_each_fill_once():
    rows = [given.trade(size=number) for number in range(1, 10)]
    pages, requests = trades(pages_of(rows[:4], rows[2:7], rows[6:]), conditions=[given.CONDITION])
    assert [row.size_e6 for page in pages for row in page.rows] == [number * 10**6 for number in range(1, 10)]
    assert [page.duplicates for page in pages] == [0, 2, 1]
    assert [request.url.params.get("cursor") for request in requests] == [None, "1", "2"]
    assert {request.url.params["condition"] for request in requests} == {given.CONDITION}
    assert all("offset" not in request.url.params for request in requests)


@pytest.mark.parametrize(
    ("answer", "why", "calls"),
    [
        (lambda request: json(given.paged([given.trade()], "same")), "cursor-loop", 2),
        (
            lambda request: json({"data": [], "pagination": {"has_more": True, "next_cursor": None}}),
            "cursor-missing",
            1,
        ),
        (lambda request: json({"rows": []}), "page-unreadable", 1),
        (lambda request: json({"data": 7}), "page-unreadable", 1),
        (lambda request: json(given.paged([], request.url.params.get("cursor", "") + "x")), "no-progress", 3),
        (lambda request: json({"data": None}), "", 1),
        (lambda request: json({"data": [], "pagination": {"has_more": False, "next_cursor": "x"}}), "", 1),
    ],
)
def test_a_listing_that_cannot_be_finished_says_why(answer, why, calls):
    pages, requests = trades(answer, max_pages=5)
    assert pages[-1].partial == why
    assert len(requests) == calls


def test_filters_of_trades():
    _, requests = trades(
        pages_of([]), user=given.WALLET, span=(Micros(START - DAY), START), min_cash=5_000, taker_only=False
    )
    query = requests[0].url.params
    assert (query["user"], query["filter_type"], query["filter_amount"]) == (given.WALLET, "CASH", "5000")
    assert (query["taker_only"], query["start"], query["end"]) == (
        "false",
        str((START - DAY) // SECOND),
        str(START // SECOND),
    )
    with pytest.raises(Refused):
        trades(pages_of([]), conditions=[given.CONDITION] * 21)
    with pytest.raises(Refused):
        trades(pages_of([]), span=(Micros(START - DAY), START))


def test_deeds_positions_and_holders():
    def answer(request):
        rows = {
            "/data/v2/activity": [
                given.deed(),
                given.deed(**given.trade(), type="TRADE", usdc_size=46.1),
                given.deed(type=""),
            ],
            "/data/v2/positions": [given.position(), given.position(avg_price=None)],
            "/data/v2/holders": [given.holders(), {"token_id": given.NO}],
        }
        return json(given.paged(rows[request.url.path]))

    http, wire, clock = client(answer)
    api = DataApi(http)

    async def work():
        return (
            [page async for page in api.activity(given.WALLET, kinds=["TRADE", "REDEEM"])],
            [page async for page in api.positions(user=given.WALLET, status="OPEN")],
            await api.holders([given.CONDITION], profit=True),
        )

    deeds, positions, holders = run(clock, work())
    assert [(row.kind, row.cash_e6, row.token) for row in deeds[0].rows] == [
        ("REDEEM", 40_250_000, ""), ("TRADE", 46_100_000, given.YES)
    ]  # fmt: skip
    assert [row.reason for row in deeds[0].rejected] == ["type-missing"]
    assert (positions[0].rows[0].realized_e6, positions[0].rows[0].average_e4) == (-1_500_000, 3600)
    assert positions[0].rows[1].average_e4 is None
    assert [type(item).__name__ for item in holders] == ["Rejected", "Holder", "Holder"]
    assert holders[1].profit_e6 == -2_500_000
    assert wire.seen[0][1].url.params["type"] == "TRADE,REDEEM"


def test_resolutions_of_every_state():
    rows = [
        given.resolution(),
        given.resolution(condition_id=given.OTHER, payouts=[500_000, 500_000], price="0.5"),
        given.resolution(status="proposed", reproposed_price="69"),
        given.resolution(status="disputed"),
        given.resolution(status="posed"),
    ]
    http, _, clock = client(lambda request: json(given.paged(rows)))
    found = run(clock, DataApi(http).resolutions([given.CONDITION]))
    assert [(item.payout, item.state) for item in found] == [
        (Payout.NO, ResolutionState.FINAL),
        (Payout.HALF, ResolutionState.FINAL),
        (Payout.YES, ResolutionState.PROPOSED),
        (Payout.NO, ResolutionState.DISPUTED),
    ]
    assert found[0].disputed
    assert found[0].resolved_at < START == found[0].known_at
    assert found[2].resolved_at is None
    past = read(data_wire.resolution, given.resolution(), backfill=True)
    assert isinstance(past, ResolutionRecord)
    assert past.known_at == past.resolved_at


def test_tokens_open_interest_and_a_wallets_value():
    def answer(request):
        rows = {
            "/data/v2/tokens": [given.token(), given.token(resolved=False, final_price=None, clob_index=1)],
            "/data/v2/oi": [{"condition_id": given.CONDITION, "value": 150.25}, {"condition_id": "GLOBAL", "value": 9}],
            "/data/v2/value": {"proxy_wallet": given.WALLET, "value": 41.5},
        }
        return json({"data": rows[request.url.path]})

    http, _, clock = client(answer)
    api = DataApi(http)
    tokens = run(clock, api.tokens([given.YES, given.NO]))
    assert [(item.resolved, item.final_e4, item.place) for item in tokens] == [(True, 0, 0), (False, None, 1)]
    assert [(item.name, item.value_e6) for item in run(clock, api.open_interest())] == [
        (given.CONDITION, 150_250_000), ("global", 9_000_000)
    ]  # fmt: skip
    assert run(clock, api.value(given.WALLET)).value_e6 == 41_500_000
    http, _, clock = client(lambda request: json({"data": None}))
    assert run(clock, DataApi(http).value(given.WALLET)) is None


def test_more_conditions_than_fit_are_asked_for_in_pieces():
    http, wire, clock = client(pages_of([]))
    run(clock, DataApi(http).resolutions([f"0x{number:064x}" for number in range(45)]))
    assert [len(request.url.params["condition"].split(",")) for _, request in wire.seen] == [20, 20, 5]


def test_a_history_without_its_settlement():
    rows = [
        {"timestamp": given.SECONDS, "price": 0.512, "resolution_seconds": 10_800},
        {"timestamp": given.SECONDS + 10_800, "price": 0.5185, "resolution_seconds": 10_800},
        {"timestamp": given.SECONDS + 20_000, "price": 1.0, "resolution_seconds": 0},
        {"timestamp": None, "price": 0.5},
        5,
    ]
    http, wire, clock = client(lambda request: json(given.paged(rows)))
    records = run(clock, DataApi(http).history(given.YES, ids=(("gamma", "7"),)))
    blocks = [record for record in records if isinstance(record, PriceBlock)]
    assert [block.price_e4.tolist() for block in blocks] == [[5120, 5185]]
    assert blocks[0].ids == (("gamma", "7"),)
    assert {record.reason: record.rows for record in records if isinstance(record, Rejected)} == {
        "settlement-point": 1, "time-missing": 1, "not-a-point": 1
    }  # fmt: skip
    query = wire.seen[0][1].url.params
    assert (query["interval"], query["bucket_seconds"], query["token_id"]) == ("max", "10800", given.YES)


def test_a_long_span_of_history_is_asked_for_in_pieces_of_fifteen_days():
    http, wire, clock = client(pages_of([]))
    run(clock, DataApi(http).history(given.YES, span=(Micros(START - 31 * DAY), START), grain=300))
    spans = [(int(request.url.params["start"]), int(request.url.params["end"])) for _, request in wire.seen]
    assert [high - low for low, high in spans] == [15 * 86_400, 15 * 86_400, 86_400]
    assert all("interval" not in request.url.params for _, request in wire.seen)
