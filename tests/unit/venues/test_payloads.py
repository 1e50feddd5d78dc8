"""The door to all readers: every shape is told from the others, and what is of no use says why."""

import json

import pytest
from tests.support import venue_payloads as given
from tests.support.wires import START

from edgeworth.core.book import BookSnapshot
from edgeworth.core.records import CandleBlock, MarketRecord, PriceBlock, Rejected
from edgeworth.venues.binance.rest import Ticker
from edgeworth.venues.payloads import Contents, Kind, Refusal, read_payload
from edgeworth.venues.polymarket import data_rows, user_wire, ws_wire
from edgeworth.venues.polymarket.clob_reads import LastTrade, Quote
from edgeworth.venues.polymarket.gamma import Tag

POINT = {"t": given.SECONDS, "p": 0.5}
SHAPES = [
    ({"markets": [given.gamma_market()], "next_cursor": "x"}, Kind.MARKETS, MarketRecord),
    (given.gamma_market_v2(), Kind.MARKETS, MarketRecord),
    ({"events": [given.gamma_event()]}, Kind.MARKETS, MarketRecord),
    (given.clob_market(), Kind.CLOB_MARKETS, MarketRecord),
    ({"data": [given.clob_market()], "next_cursor": "LTE=", "limit": 1, "count": 1}, Kind.CLOB_MARKETS, MarketRecord),
    ({"history": [POINT]}, Kind.HISTORY, PriceBlock),
    (given.paged([{"timestamp": given.SECONDS, "price": 0.5, "resolution_seconds": 60}]), Kind.HISTORY, PriceBlock),
    ([given.kline()], Kind.CANDLES, CandleBlock),
    (given.book(), Kind.BOOKS, BookSnapshot),
    ([given.book()], Kind.BOOKS, BookSnapshot),
    ({given.YES: "0.375", given.NO: "0.625"}, Kind.PRICES, Quote),
    ({given.YES: {"BUY": "0.38", "SELL": "0.37"}}, Kind.PRICES, Quote),
    ([{"token_id": given.YES, "price": "0.37", "side": "BUY"}], Kind.LAST_TRADES, LastTrade),
    ([{"id": "9", "label": "Travel", "slug": "travel"}], Kind.TAGS, Tag),
    (given.paged([given.trade()]), Kind.TRADES, data_rows.PublicTrade),
    ([given.old_trade()], Kind.TRADES, data_rows.PublicTrade),
    ({"note": "a collection", "fills": [given.old_trade()], "count": 1}, Kind.TRADES, data_rows.PublicTrade),
    (given.paged([given.deed()]), Kind.ACTIVITY, data_rows.Activity),
    (given.paged([given.position()]), Kind.POSITIONS, data_rows.Position),
    (given.paged([given.holders()]), Kind.HOLDERS, data_rows.Holder),
    (given.paged([given.token()]), Kind.TOKENS, data_rows.TokenFact),
    ({"data": {"proxy_wallet": given.WALLET, "value": 5}}, Kind.AMOUNTS, data_rows.Amount),
    ({"data": [{"condition_id": given.CONDITION, "value": 5}]}, Kind.AMOUNTS, data_rows.Amount),
    (given.day_ticker(), Kind.TICKERS, Ticker),
    ({"event_type": "book", **given.book()}, Kind.MARKET_STREAM, ws_wire.BookMessage),
    ([given.price_change()], Kind.MARKET_STREAM, ws_wire.PriceChanges),
    (given.printed_trade(), Kind.MARKET_STREAM, ws_wire.Trade),
    (
        {key: text for key, text in given.printed_trade().items() if key != "event_type"},
        Kind.MARKET_STREAM,
        ws_wire.Trade,
    ),
    (given.tick_change(), Kind.MARKET_STREAM, ws_wire.TickChange),
    (given.best_prices(), Kind.MARKET_STREAM, ws_wire.BestPrices),
    (given.new_market(), Kind.MARKET_STREAM, ws_wire.NewMarket),
    (given.market_resolved(), Kind.MARKET_STREAM, ws_wire.MarketResolved),
    ({"event_type": "something-new", "a": 1}, Kind.MARKET_STREAM, ws_wire.UnknownEvent),
    (given.own_order(), Kind.USER_STREAM, user_wire.UserOrder),
    ({"data": [given.own_trade()], "next_cursor": "LTE="}, Kind.USER_STREAM, user_wire.UserTrade),
]


@pytest.mark.parametrize(("value", "kind", "item"), SHAPES, ids=lambda value: str(value)[:24])
def test_every_shape_is_told_from_the_others(value, kind, item):
    found = read_payload(json.dumps(value).encode(), "BTCUSDT-1h-2026-11.json.gz", START)
    assert isinstance(found, Contents)
    assert found.kind is kind
    assert any(isinstance(one, item) for one in found.items)
    assert not any(isinstance(one, Rejected) for one in found.items)


def test_resolutions_and_what_says_nothing_yet():
    found = read_payload(json.dumps(given.paged([given.resolution(), given.resolution(status="posed")])).encode())
    assert (found.kind, len(found.items)) == (Kind.RESOLUTIONS, 1)


def test_a_price_that_is_none_is_set_aside():
    found = read_payload(json.dumps({given.YES: "0.375", given.NO: "much"}).encode())
    assert [type(item) for item in found.items] == [Quote, Rejected]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b'{"error":"Payload exceeds the limit"}', "error-answer"),
        (b'{"code":-1121,"msg":"Invalid symbol."}', "error-answer"),
        (b"<html>down</html>", "error-answer"),
        (b"404 page not found", "error-answer"),
        (b'{"success":true,"orderID":"0x1","errorMsg":""}', "account-answer"),
        (b'{"canceled":[],"not_canceled":{}}', "account-answer"),
        (b'{"balance":"1000"}', "account-answer"),
        (b'{"apiKeys":["x"]}', "account-answer"),
        (b'{"heartbeat_id":"hb-1"}', "account-answer"),
        (b'{"topic":"crypto_prices","type":"update","payload":{}}', "not-collected"),
        (b'{"channel":"price.crypto","payload":{},"v":1}', "not-collected"),
        (b'{"base_fee":1000}', "not-collected"),
        (b'{"mid":"0.535"}', "not-collected"),
        (b'{"blocked":false,"country":"PT"}', "not-collected"),
        (b'{"data":{"volume":1.5,"volume_usdc":2.5,"trade_count":2}}', "not-collected"),
        (b"1795176000", "unknown-shape"),
        (b'"OK"', "unknown-shape"),
        (b"{}", "unknown-shape"),
        (b"[]", "unknown-shape"),
        (b'{"nothing":"known"}', "unknown-shape"),
        (b"\x00\x01\x02", "not-json"),
        (b"", "not-json"),
        (b'{"a":', "not-json"),
    ],
)
def test_what_is_of_no_use_says_why(data, reason):
    found = read_payload(data, "x.json")
    assert isinstance(found, Refusal)
    assert found.reason == reason


def test_lines_of_recorders_and_cut_files_are_read_as_far_as_they_go():
    lines = b"\n".join(json.dumps(given.gamma_market(id=str(number))).encode() for number in (1, 2))
    found = read_payload(lines, "x.ndjson")
    assert [type(item) for item in found.items].count(MarketRecord) == 2
    cut = json.dumps([given.gamma_market(), given.gamma_market(id="2")]).encode()[:-9]
    kinds = [getattr(item, "reason", "read") for item in read_payload(cut, "x.json").items]
    assert kinds[-1] == "file-truncated"
    assert "read" in kinds


def test_candles_without_a_name_are_of_unknown_shape():
    assert read_payload(json.dumps([given.kline()]).encode(), "x.json") == Refusal(
        "unknown-shape", json.dumps([given.kline()])[:200]
    )
