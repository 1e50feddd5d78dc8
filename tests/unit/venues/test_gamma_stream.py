import json

import pytest
from tests.unit.venues.payloads import cut, gamma_event, gamma_market

from edgeworth.core.records import EventRecord, MarketRecord, Rejected
from edgeworth.venues.polymarket.stream import iter_gamma


def ids(records):
    return [dict(record.ids)["gamma"] for record in records if isinstance(record, MarketRecord)]


MARKETS = [gamma_market(id=str(number)) for number in range(5)]
WANTED = [str(number) for number in range(5)]
EVENTS = [gamma_event(MARKETS[:2], id="1"), gamma_event(MARKETS[2:], id="2")]
SHAPES = {
    "array": json.dumps(MARKETS),
    "spread out": json.dumps(MARKETS, indent=2),
    "byte order mark": "\ufeff" + json.dumps(MARKETS),
    "page": json.dumps({"markets": MARKETS, "next_cursor": "abc"}),
    "data page": json.dumps({"data": MARKETS}),
    "events": json.dumps(EVENTS),
    "events page": json.dumps({"$schema": "x", "events": EVENTS}),
    "lines": "\n".join(json.dumps(market) for market in MARKETS),
    "lines with meta": '{"_meta": {"source": "x"}}\n' + "\n".join(json.dumps(event) for event in EVENTS) + "\n",
    "wrappers": "\n".join(json.dumps({"_meta": {}, "gamma_events": [e], "clob_quotes": {}}) for e in EVENTS),
    "pages on lines": "\n".join(json.dumps({"markets": [market]}) for market in MARKETS),
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("size", [1, 7, 1_000, 10**9])
def test_every_packing_and_every_cut_gives_the_same_markets(shape, size):
    records = list(iter_gamma(cut(SHAPES[shape].encode(), size)))
    assert ids(records) == WANTED
    assert not [record for record in records if isinstance(record, Rejected)]


def test_a_single_market_and_a_single_event():
    assert ids(iter_gamma([json.dumps(MARKETS[3]).encode()])) == ["3"]
    assert ids(iter_gamma([json.dumps(EVENTS[1]).encode()])) == ["2", "3", "4"]


@pytest.mark.parametrize("shape", ["array", "page", "lines"])
def test_a_truncated_stream_keeps_what_came_before(shape):
    data = SHAPES[shape].encode()
    records = list(iter_gamma(cut(data[: int(len(data) * 0.7)], 100)))
    assert ids(records) == WANTED[:3]
    assert [(record.kind, record.reason) for record in records if isinstance(record, Rejected)] == [
        ("market", "file-truncated")
    ]


def test_garbage_between_elements_is_refused_and_reading_goes_on():
    text = ",".join([json.dumps(MARKETS[0]), "oops", '{"a": 1 "b"}', json.dumps(MARKETS[1])])
    records = list(iter_gamma([f"[{text}]".encode()]))
    assert ids(records) == ["0", "1"]
    assert [record.reason for record in records if isinstance(record, Rejected)] == ["not-json", "not-json"]


def test_a_broken_line_does_not_take_the_next_one_along():
    lines = [
        json.dumps(MARKETS[0]),
        '{"id": "9", "question": "cut of',
        json.dumps(MARKETS[1]),
        "?",
        json.dumps(MARKETS[2]),
    ]
    records = list(iter_gamma(["\n".join(lines).encode()]))
    assert ids(records) == ["0", "1", "2"]
    assert [record.reason for record in records if isinstance(record, Rejected)] == ["not-json", "not-json"]


def test_not_a_number_is_read_as_nothing():
    text = json.dumps(gamma_market(id="1", bestBid=float("nan"), volume24hr=float("inf")))
    records = list(iter_gamma([f"[{text}]".encode()]))
    assert ids(records) == ["1"]


def test_an_event_repeated_by_neighbours_is_said_once():
    events = [record for record in iter_gamma([SHAPES["array"].encode()]) if isinstance(record, EventRecord)]
    assert len(events) == 1


def test_rejections_say_where():
    data = b"[" + json.dumps(MARKETS[0]).encode() + b", 17]"
    rejected = [record for record in iter_gamma([data], where="dump.json") if isinstance(record, Rejected)]
    assert rejected[0].where == f"dump.json:{len(data) - 3}"
