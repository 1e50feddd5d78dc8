import json

import numpy as np
import pytest
from tests.unit.venues.payloads import CONDITION, YES_TOKEN, cut, history_market

from edgeworth.core.instants import parse_instant
from edgeworth.core.records import MarketRecord, PriceBlock, Rejected, ResolutionRecord
from edgeworth.core.types import Payout
from edgeworth.venues.polymarket import points
from edgeworth.venues.polymarket.history import id_from_name, iter_checkpoint, iter_history, iter_token_history

START = 1_780_000_000


def only(records, kind):
    found = [record for record in records if isinstance(record, kind)]
    assert len(found) == 1
    return found[0]


def blocks(records):
    return [record for record in records if isinstance(record, PriceBlock)]


def read(markets, size=10**9):
    return list(iter_history(cut(json.dumps({"markets": markets}).encode(), size)))


def test_a_market_with_its_history():
    records = read([history_market()])
    market = only(records, MarketRecord)
    assert market.ids == (("gamma", "900001"), ("slug", "lantern-festival-outdoors"))
    assert market.scheduled_end == parse_instant("2026-06-01T12:00:00Z")
    assert market.backdated
    resolution = only(records, ResolutionRecord)
    assert resolution.payout is Payout.YES
    assert resolution.resolved_at == parse_instant("2026-06-02T00:00:00Z")
    block = only(records, PriceBlock)
    assert block.ids == market.ids
    assert block.t.dtype == np.int64
    assert block.price_e4.dtype == np.int32
    assert block.t.tolist() == [START * 1_000_000, (START + 3_600) * 1_000_000]
    assert block.price_e4.tolist() == [5_000, 5_125]


@pytest.mark.parametrize("size", [1, 11, 10**9])
@pytest.mark.parametrize("packing", ["page", "array", "lines", "page with notes"])
def test_packings_and_cuts(size, packing):
    markets = [history_market(id=str(number)) for number in range(4)]
    text = {
        "page": json.dumps({"markets": markets}),
        "array": json.dumps(markets),
        "lines": "\n".join(json.dumps(market) for market in markets),
        "page with notes": json.dumps({"made": {"by": ["x"]}, "markets": markets, "count": 4}),
    }[packing]
    records = list(iter_history(cut(text.encode(), size)))
    assert [dict(block.ids)["gamma"] for block in blocks(records)] == ["0", "1", "2", "3"]
    assert not [record for record in records if isinstance(record, Rejected)]


def test_a_large_page_is_entered_market_by_market(monkeypatch):
    monkeypatch.setattr("edgeworth.venues.splitter._WHOLE", 50)
    markets = [history_market(id=str(number)) for number in range(4)]
    assert len(blocks(read(markets, 64))) == 4


def test_truncation_keeps_the_markets_before():
    data = json.dumps({"markets": [history_market(id=str(number)) for number in range(4)]}).encode()
    records = list(iter_history(cut(data[:-100], 50)))
    assert len(blocks(records)) == 3
    assert only(records, Rejected).reason == "file-truncated"


@pytest.mark.parametrize("unit", [1, 1_000, 1_000_000, 1_000_000_000])
def test_the_unit_of_time_is_told_by_magnitude(unit):
    block = only(read([history_market(price_history=[{"t": START * unit, "p": 0.25}])]), PriceBlock)
    assert block.t.tolist() == [START * 1_000_000]


@pytest.mark.parametrize(
    ("point", "reason"),
    [
        ({"t": START, "p": 1.5}, "price-out-of-range"),
        ({"t": START, "p": -0.01}, "price-out-of-range"),
        ({"t": START, "p": None}, "price-nan"),
        ({"t": START}, "price-nan"),
        ({"t": START, "p": float("nan")}, "price-nan"),
        ({"t": START, "p": "nan"}, "price-nan"),
        ({"t": START, "p": "high"}, "price-unreadable"),
        ({"t": START, "p": True}, "price-unreadable"),
        ({"p": 0.5}, "time-missing"),
        ({"t": None, "p": 0.5}, "time-missing"),
        ({"t": 5, "p": 0.5}, "time-out-of-range"),
        ({"t": -START, "p": 0.5}, "time-out-of-range"),
        ({"t": "soon", "p": 0.5}, "time-out-of-range"),
        ("point", "not-a-point"),
    ],
)
def test_a_bad_point_is_set_aside_and_the_others_kept(point, reason):
    good = {"t": START, "p": 0.5}
    records = read([history_market(price_history=[good, point, good, point])])
    rejected = only(records, Rejected)
    assert (rejected.kind, rejected.reason, rejected.rows) == ("price", reason, 2)
    assert only(records, PriceBlock).price_e4.tolist() == [5_000, 5_000]


def test_many_bad_points_keep_their_count_and_a_hundred_of_them():
    records = read([history_market(price_history=[{"t": START, "p": 7}] * 250)])
    rejected = only(records, Rejected)
    assert rejected.rows == 250
    assert len(json.loads(rejected.raw)["points"]) == 100


@pytest.mark.parametrize(
    "history",
    [
        [{"t": str(START), "p": "0.25"}],
        [{"timestamp": START, "price": 0.25}],
        [{"time": "2026-05-28T20:26:40Z", "value": "0.25"}],
        [[START, 0.25]],
        {"history": [{"t": START, "p": 0.25}]},
    ],
)
def test_spellings_of_a_point(history):
    block = only(read([history_market(price_history=history)]), PriceBlock)
    assert block.t.tolist() == [START * 1_000_000]
    assert block.price_e4.tolist() == [2_500]


@pytest.mark.parametrize("empty", [[], None])
def test_a_market_without_points_is_a_market(empty):
    records = read([history_market(price_history=empty)])
    assert only(records, MarketRecord)
    assert not blocks(records)


def test_points_that_are_no_list_are_refused():
    assert only(read([history_market(price_history="0.5")]), Rejected).reason == "not-a-price-list"


@pytest.mark.parametrize(
    ("changes", "payout"),
    [
        ({"outcome": "No"}, Payout.NO),
        ({"outcome": "Outdoors", "outcomes": ["Indoors", "Outdoors"]}, Payout.NO),
        ({"outcome": None, "winner": "yes"}, Payout.YES),
        ({"outcome": None, "payout": 0.5}, Payout.HALF),
        ({"outcome": None, "y0": 0}, Payout.NO),
        ({"outcome": None, "outcomePrices": '["0", "1"]'}, Payout.NO),
        ({"outcome": "cancelled"}, Payout.VOID),
    ],
)
def test_how_it_ended(changes, payout):
    assert only(read([history_market(**changes)]), ResolutionRecord).payout is payout


def test_an_outcome_beside_no_flag_is_the_label_of_the_series():
    records = read([history_market(resolved=None), history_market(resolved=False)])
    assert not [record for record in records if isinstance(record, ResolutionRecord | Rejected)]


def test_a_resolved_market_that_does_not_say_how_is_said_so():
    assert only(read([history_market(outcome="maybe")]), Rejected).reason == "resolution-unclear"


def test_three_outcomes_set_aside_the_market_and_its_points():
    records = read([history_market(outcomes=["a", "b", "c"])])
    assert [(record.kind, record.reason, record.rows) for record in records] == [
        ("market", "outcomes-not-two", 1),
        ("price", "outcomes-not-two", 2),
    ]


@pytest.mark.parametrize(
    ("value", "ids"),
    [
        (CONDITION, (("condition", CONDITION.lower()),)),
        (YES_TOKEN, (("token", YES_TOKEN),)),
        (int(YES_TOKEN), (("token", YES_TOKEN),)),
        (123456, (("gamma", "123456"),)),
        ("my own", (("key", "history:my own"),)),
    ],
)
def test_an_id_is_told_by_its_form(value, ids):
    assert only(read([history_market(id=value, slug=None)]), MarketRecord).ids == ids


CHECKPOINTS = {
    "dictionary": {"123": [{"t": START, "p": 0.5}], YES_TOKEN: [{"t": START, "p": 0.25}]},
    "with notes": {"saved_at": "x", "123": [{"t": START, "p": 0.5}], YES_TOKEN: {"history": [{"t": START, "p": 0.25}]}},
    "wrapped": {"prices": {"123": [{"t": START, "p": 0.5}], YES_TOKEN: [{"t": START, "p": 0.25}]}},
    "rows": [
        {"market_id": "123", "timestamp": START, "price": 0.5},
        {"market_id": YES_TOKEN, "timestamp": "2026-05-28T20:26:40Z", "price": "0.25"},
    ],
}


@pytest.mark.parametrize("shape", CHECKPOINTS)
def test_checkpoints(shape):
    records = list(iter_checkpoint(cut(json.dumps(CHECKPOINTS[shape]).encode(), 17)))
    assert [(record.ids, record.t.tolist(), record.price_e4.tolist()) for record in records] == [
        ((("gamma", "123"),), [START * 1_000_000], [5_000]),
        ((("token", YES_TOKEN),), [START * 1_000_000], [2_500]),
    ]


def test_checkpoint_rows_on_lines():
    text = "\n".join(json.dumps(row) for row in CHECKPOINTS["rows"])
    assert len(blocks(iter_checkpoint([text.encode()]))) == 2


def test_a_checkpoint_row_without_id_and_a_truncated_checkpoint():
    assert only(list(iter_checkpoint([b'[{"timestamp": 1, "price": 0.5}]'])), Rejected).reason == "id-missing"
    data = json.dumps(CHECKPOINTS["dictionary"]).encode()[:-5]
    records = list(iter_checkpoint([data]))
    assert len(blocks(records)) == 1
    assert only(records, Rejected).reason == "file-truncated"


@pytest.mark.parametrize("shape", ['{"history": %s}', "%s"])
def test_the_history_of_one_token(shape):
    series = json.dumps([{"t": START, "p": 0.5}, {"t": START + 60, "p": 2}])
    records = list(iter_token_history([(shape % series).encode()], market_id=YES_TOKEN))
    assert only(records, PriceBlock).ids == (("token", YES_TOKEN),)
    assert only(records, Rejected).reason == "price-out-of-range"


def test_the_settlement_point_of_the_newer_history_is_no_price():
    data = {
        "data": [
            {"timestamp": START, "price": 0.5, "resolution_seconds": 60},
            {"timestamp": START + 60, "price": 1.0, "resolution_seconds": 0},
        ]
    }
    records = list(iter_token_history([json.dumps(data).encode()], market_id="1"))
    assert only(records, PriceBlock).price_e4.tolist() == [5_000]
    assert only(records, Rejected).reason == "settlement-point"


def test_an_empty_token_history_is_nothing():
    assert list(iter_token_history([b'{"history":[]}'], market_id="1")) == []


@pytest.mark.parametrize(
    ("name", "found"),
    [
        (f"a/b/prices_history_{YES_TOKEN}.json.gz", YES_TOKEN),
        (f"{CONDITION}.json", CONDITION),
        ("history_my-slug.json", "my-slug"),
        ("574073.json", "574073"),
        ("prices_574073.json", "574073"),
    ],
)
def test_the_id_in_a_file_name(name, found):
    assert id_from_name(name) == found


def test_ties_round_to_even_on_every_way():
    values = ["0.12345", "0.12355", "0.00005", "0.99995", "0", "1", "0.5", "0.123456", "1.0"]
    text = ",".join('{"t":1780000000,"p":' + value + "}" for value in values)
    wanted = [1_234, 1_236, 0, 10_000, 0, 10_000, 5_000, 1_235, 10_000]
    fast = points._canonical(f"[{text}]".encode())
    assert fast is not None
    assert fast.price_e4.tolist() == wanted
    loose = f'[{text},{{"t":1780000000,"p":0.1234500000}}]'.encode()
    assert points._canonical(loose) is None
    assert points.decode_points(loose).price_e4.tolist() == [*wanted, 1_234]
    assert points.from_values(json.loads(f"[{text}]")).price_e4.tolist() == wanted
