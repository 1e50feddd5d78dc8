"""Frames of the market channel: every type, every odd form, and never an exception."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeworth.core.book import Change
from edgeworth.core.records import Rejected
from edgeworth.venues.polymarket import ws_wire
from edgeworth.venues.polymarket.ws_wire import (
    BestPrices,
    BookMessage,
    MarketResolved,
    NewMarket,
    PriceChanges,
    TickChange,
    Trade,
    UnknownEvent,
    decode_market,
    price_e4,
    size_e6,
)

YES, NO = "5" * 77, "6" * 76
CONDITION = "0x" + "ab" * 32
NOW = 1_795_176_009_000_000
BOOK = {
    "event_type": "book", "market": CONDITION, "asset_id": YES, "timestamp": "1795176000123", "hash": "",
    "bids": [{"price": "0.51", "size": "120"}, {"price": "0.53", "size": "75.5"}],
    "asks": [{"price": "0.56", "size": "300"}, {"price": "0.54", "size": "40"}],
    "tick_size": "0.01", "min_order_size": "5", "neg_risk": False, "last_trade_price": "0.53",
}  # fmt: skip
CHANGE = {
    "asset_id": YES,
    "price": "0.53",
    "size": "60",
    "side": "BUY",
    "hash": "x",
    "best_bid": "0.53",
    "best_ask": "",
}
CHANGES = {"event_type": "price_change", "market": CONDITION, "timestamp": "1795176001456", "price_changes": [CHANGE]}
TRADE = {
    "event_type": "last_trade_price", "market": CONDITION, "asset_id": NO, "price": "0.46", "size": "15.5",
    "side": "SELL", "fee_rate_bps": "0", "timestamp": "1795176002001", "transaction_hash": "0x9f",
}  # fmt: skip
TICK = {"event_type": "tick_size_change", "market": CONDITION, "asset_id": YES, "old_tick_size": "0.01",
        "new_tick_size": "0.001", "timestamp": "1795176010000"}  # fmt: skip
BEST = {"event_type": "best_bid_ask", "market": CONDITION, "asset_id": YES, "best_bid": "0.53", "best_ask": "",
        "spread": "", "timestamp": "1795176003000"}  # fmt: skip
NEW = {"event_type": "new_market", "id": "21", "market": CONDITION, "condition_id": CONDITION, "question": "Will it?",
       "slug": "will-it", "assets_ids": [YES, NO], "outcomes": ["Yes", "No"], "tags": None,
       "order_price_min_tick_size": "0.01", "line": "", "timestamp": "1795176004000"}  # fmt: skip
RESOLVED = {"event_type": "market_resolved", "id": "21", "market": CONDITION, "assets_ids": [YES, NO],
            "winning_asset_id": NO, "winning_outcome": "No", "timestamp": "1795176005000"}  # fmt: skip
ALL = [BOOK, CHANGES, TRADE, TICK, BEST, NEW, RESOLVED]


def decode(value):
    return decode_market(json.dumps(value).encode(), NOW)


def one(value):
    (found,) = decode(value)
    return found


def test_every_type_is_read_alone_and_in_an_array():
    kinds = [BookMessage, PriceChanges, Trade, TickChange, BestPrices, NewMarket, MarketResolved]
    assert [type(one(value)) for value in ALL] == kinds
    assert [type(found) for found in decode(ALL)] == kinds
    assert [type(found) for found in decode_market(json.dumps(ALL), NOW)] == kinds  # as text, too
    assert decode([]) == []
    assert decode_market(b"PONG", NOW) == decode_market("PONG", NOW) == []


def test_a_book_is_sorted_best_first_whatever_its_order():
    book = one(BOOK).book
    assert book.bids == ((5_300, 75_500_000), (5_100, 120_000_000))
    assert book.asks == ((5_400, 40_000_000), (5_600, 300_000_000))
    assert (book.tick_e4, book.min_size_e6, book.last_e4, book.neg_risk) == (100, 5_000_000, 5_300, False)
    assert (book.event_time, book.known_at, book.ids) == (1_795_176_000_123_000, NOW, (("condition", CONDITION),))
    turned = {**BOOK, "bids": BOOK["bids"][::-1], "asks": BOOK["asks"][::-1]}
    assert one(turned).book == book


def test_a_change_states_best_prices_or_does_not():
    found = one(CHANGES)
    assert found.event_time == 1_795_176_001_456_000
    (change,) = found.changes
    assert change.change == Change(5_300, 60_000_000, True)
    assert (change.best_bid_e4, change.best_ask_e4) == (5_300, None)


def test_an_unreadable_change_spoils_only_its_token():
    bad = {**CHANGE, "asset_id": NO, "price": "NaN"}
    found, rejected = decode({**CHANGES, "price_changes": [CHANGE, bad]})
    assert len(found.changes) == 1
    assert found.spoiled == (NO,)
    assert (rejected.reason, rejected.kind) == ("bad-change", "price_change")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"bids": [{"price": "0.5", "size": "1"}, {"price": "0.50", "size": "2"}]}, "bad-book"),
        ({"bids": [{"price": "0.5", "size": "-1"}]}, "bad-book"),
        ({"bids": [{"price": "0.55", "size": "1"}]}, "book-crossed"),
    ],
)
def test_an_unreadable_book_spoils_its_token(change, reason):
    spoiled, rejected = decode({**BOOK, **change})
    assert spoiled.spoiled == (YES,)
    assert rejected.reason == reason


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ({**TRADE, "price": "1.01"}, "bad-trade"),
        ({**TRADE, "side": "HOLD"}, "bad-trade"),
        ({**TRADE, "asset_id": "what"}, "bad-trade"),
        ({**TICK, "new_tick_size": "0.03"}, "bad-tick"),
        ({**BEST, "asset_id": ""}, "bad-token"),
        ({**NEW, "market": "", "condition_id": ""}, "bad-market"),
        ({**RESOLVED, "market": "0x12"}, "bad-market"),
        ({**BOOK, "bids": "none"}, "bad-shape"),
        ({**CHANGES, "price_changes": 7}, "bad-shape"),
        (7, "bad-shape"),
    ],
)
def test_what_cannot_be_used_is_rejected_with_a_reason(value, reason):
    found = one(value)
    assert isinstance(found, Rejected)
    assert (found.reason, found.source) == (reason, ws_wire.SOURCE)


def test_unknown_types_are_kept_raw_and_the_rest_of_the_array_is_used():
    strange = {"event_type": "fireworks", "size": 3}
    found = decode([strange, TRADE, {"hello": 1}])
    assert [type(item) for item in found] == [UnknownEvent, Trade, UnknownEvent]
    assert found[0].event_type == "fireworks"
    assert json.loads(found[0].raw) == strange


def test_older_forms_and_numbers_that_are_no_text_are_read():
    loose = json.loads(json.dumps(CHANGES).replace('"0.53"', "0.53").replace('"60"', "60"))
    assert one(loose).changes == one(CHANGES).changes
    flat = {"event_type": "price_change", "market": CONDITION, "timestamp": "1795176001456", **CHANGE}
    assert one(flat).changes == one(CHANGES).changes
    listed = {"event_type": "price_change", "asset_id": YES, "timestamp": "1795176001456", "changes": [CHANGE]}
    assert one(listed).changes == one(CHANGES).changes
    for value in ALL[:4]:
        untyped = {key: inner for key, inner in value.items() if key != "event_type"}
        assert one(untyped) == one(value)
    assert one({**BOOK, "last_trade_price": "", "tick_size": None}).book.last_e4 is None


def test_the_hash_of_a_book_follows_the_published_recipe():
    whole = ws_wire.WireBook(
        asset_id="100",
        bids=[ws_wire.WireLevel(price, "100") for price in ("0.3", "0.4")],
        asks=[ws_wire.WireLevel(price, "100") for price in ("0.6", "0.7")],
        market="0xaabbcc",
        timestamp="123456789",
        tick_size="0.01",
        hash="x",
        min_order_size="100",
        neg_risk=False,
        last_trade_price="0.5",
    )
    assert ws_wire.digest(whole) == "0458ea5755c9f73d64a14636fa5c36ed460ec394"
    assert one({**BOOK, "hash": "abc"}).digest not in {"", "abc"}
    assert one({**BOOK, "hash": "abc", "tick_size": ""}).digest == ""


@pytest.mark.parametrize(
    ("text", "price", "size"),
    [
        ("0.5", 5_000, 500_000), ("1", 10_000, 1_000_000), ("0", 0, 0), ("0.0001", 1, 100), (".5", 5_000, 500_000),
        ("0.00001", None, 10), ("1e-3", 10, 1_000), ("1.5", None, 1_500_000), ("-0", 0, 0), ("", None, None),
        ("NaN", None, None), ("1e400", None, None), ("Infinity", None, None), ("x", None, None), ("-1", None, None),
        ("1234567.1234567", None, 1_234_567_123_456), ("1e13", None, None), ("0.50000000000000000001", None, 500_000),
    ],
)  # fmt: skip
def test_numbers_are_exact_or_none(text, price, size):
    assert price_e4(text) == price
    assert size_e6(text) == size


nested = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*BOOK, *CHANGE]), inner, max_size=4),
    max_leaves=12,
)


@given(
    value=nested, base=st.sampled_from(ALL), keys=st.lists(st.sampled_from([*BOOK, *CHANGES, *TRADE, *NEW]), max_size=3)
)
def test_no_value_in_any_field_raises(value, base, keys):
    changed = {**base, **dict.fromkeys(keys, value)}
    for frame in (changed, [changed, BOOK], {**CHANGES, "price_changes": [{**CHANGE, **dict.fromkeys(keys, value)}]}):
        found = decode_market(json.dumps(frame), NOW)
        assert all(isinstance(item, ws_wire.MarketMessage) for item in found)


@given(data=st.binary(max_size=60), cut=st.integers(0, 400), at=st.integers(0, 400))
def test_garbage_truncation_and_nesting_are_rejected(data, cut, at):
    frame = json.dumps(ALL[:3]).encode()
    for bad in (data, frame[:cut], frame[:at] + data + frame[at:]):
        assert all(isinstance(item, ws_wire.MarketMessage) for item in decode_market(bad, NOW))
    for deep in (b"[" * 5_000, b'{"a":' * 5_000, b'{"event_type":' + b"[" * 3_000 + b"]" * 3_000 + b"}"):
        (found,) = decode_market(deep, NOW)
        assert found.reason == "not-json"
    (found,) = decode_market(b'{"event_type":"book","asks":' + b"9" * 5_000 + b"}", NOW)
    assert isinstance(found, Rejected)
