import json

import pytest
from tests.unit.venues.payloads import YES_TOKEN, clob_market, gamma_event, gamma_market, history_market

from edgeworth.core.records import CandleBlock, MarketRecord, PriceBlock
from edgeworth.venues.readers import read
from edgeworth.venues.shapes import Shape, recognise

POINT = {"t": 1_780_000_000, "p": 0.5}
KLINE = [1_780_002_000_000, "1", "2", "1", "2", "3", 0, "1", 2, "3", "4", "0"]
EXAMPLES = [
    ([gamma_market()] * 40, Shape.GAMMA),
    ({"markets": [gamma_market()] * 40}, Shape.GAMMA),
    ({"events": [gamma_event([gamma_market()])]}, Shape.GAMMA),
    ({"_meta": {"city": "x"}, "gamma_events": [gamma_event([gamma_market()])], "clob_quotes": {}}, Shape.GAMMA),
    (gamma_market(), Shape.GAMMA),
    (gamma_event([]), Shape.GAMMA),
    ({"data": [clob_market()] * 40, "next_cursor": "x"}, Shape.CLOB_MARKETS),
    (clob_market(), Shape.CLOB_MARKETS),
    ({"markets": [history_market(price_history=[POINT] * 3_000)] * 2}, Shape.HISTORY),
    ([history_market()], Shape.HISTORY),
    ({"saved_at": "x", "123": [POINT] * 3_000}, Shape.CHECKPOINT),
    ([{"market_id": "1", "timestamp": 1_780_000_000, "price": 0.5}], Shape.CHECKPOINT),
    ({"history": [POINT] * 3_000}, Shape.TOKEN_HISTORY),
    ({"history": []}, Shape.TOKEN_HISTORY),
    ([POINT], Shape.TOKEN_HISTORY),
    ([KLINE] * 900, Shape.KLINES_JSON),
    ({"bids": [], "asks": []}, Shape.NOT_MARKET_DATA),
    ([{"proxyWallet": "0x1", "price": 0.5, "timestamp": 1, "slug": "s", "title": "t"}], Shape.NOT_MARKET_DATA),
    ({"event_type": "book", "market": "0x1"}, Shape.NOT_MARKET_DATA),
    ({"error": "no"}, Shape.NOT_MARKET_DATA),
    ([{"id": "1", "label": "Culture", "slug": "culture"}], Shape.NOT_MARKET_DATA),
    ({"numbers": [1, 2, 3]}, None),
    ([], None),
    ({}, None),
    (5, None),
]


@pytest.mark.parametrize(("payload", "shape"), EXAMPLES)
def test_a_decoded_object_and_its_first_bytes_are_recognised_alike(payload, shape):
    assert recognise(payload) is shape
    data = json.dumps(payload).encode()
    assert recognise(data) is shape
    assert recognise(b"\xef\xbb\xbf\n" + data[:20_000]) is shape


def test_lines_with_a_note_before_them():
    text = json.dumps({"_meta": {"made": "x"}}) + "\n" + json.dumps(gamma_market())
    assert recognise(text.encode()[:-40]) is Shape.GAMMA


@pytest.mark.parametrize(
    ("head", "name", "shape"),
    [
        (b"1780002000000,1,2,1,2,3,0,1,2,3,4,0\n", "BTCUSDT-1h-2026-05.csv", Shape.KLINES_CSV),
        (b"open_time,open,high,low,close,volume\n1,2", "BTCUSDT-1h-2026-05.csv", Shape.KLINES_CSV),
        (b"1780002000000,1,2,1,2,3,0,1,2,3,4,0\n", "numbers.csv", None),
        (b"PK\x03\x04rest", "BTCUSDT-1h-2026-05.zip", Shape.KLINES_ZIP),
        (b"PK\x03\x04rest", "letters.zip", None),
        (b"404 page not found\n", "x.txt", Shape.NOT_MARKET_DATA),
        (b"", "x.json", None),
        (b"\x00\xff\xfe", "x.bin", None),
        (b"[[[[[[", "x.json", None),
        (b'{"a', "x.json", None),
    ],
)
def test_first_bytes(head, name, shape):
    assert recognise(head, name) is shape


def test_one_door_reads_every_shape():
    assert isinstance(next(read(Shape.GAMMA, [json.dumps(gamma_market(events=None)).encode()], name="a")), MarketRecord)
    assert isinstance(next(read(Shape.CLOB_MARKETS, [json.dumps(clob_market()).encode()], name="a")), MarketRecord)
    assert isinstance(next(read(Shape.HISTORY, [json.dumps([history_market()]).encode()], name="a")), MarketRecord)
    assert isinstance(next(read(Shape.CHECKPOINT, [json.dumps({"1": [POINT]}).encode()], name="a")), PriceBlock)
    block = next(read(Shape.TOKEN_HISTORY, [json.dumps([POINT]).encode()], name=f"{YES_TOKEN}.json", source="mine"))
    assert isinstance(block, PriceBlock)
    assert (block.source, block.ids) == ("mine", (("token", YES_TOKEN),))
    candles = next(read(Shape.KLINES_JSON, [json.dumps([KLINE]).encode()], name="BTCUSDT-1h.json"))
    assert isinstance(candles, CandleBlock)
    with pytest.raises(ValueError, match="no reader"):
        read(Shape.NOT_MARKET_DATA, [], name="BTCUSDT-1h.csv")
    with pytest.raises(ValueError, match="no symbol"):
        read(Shape.KLINES_CSV, [], name="x.csv")
