"""Whatever a payload turns into, parsers answer with records, never with an exception."""

import copy
import json
from decimal import ROUND_HALF_EVEN, Decimal

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.unit.venues.payloads import clob_market, cut, gamma_event, history_market, resolved_market

from edgeworth.core.records import MarketRecord, Rejected
from edgeworth.venues import convert, splitter
from edgeworth.venues.binance.klines import Archive, iter_klines_csv, iter_klines_json
from edgeworth.venues.polymarket import gamma_wire, points
from edgeworth.venues.polymarket.clob import iter_clob_markets
from edgeworth.venues.polymarket.history import iter_checkpoint, iter_history, iter_token_history
from edgeworth.venues.polymarket.stream import iter_gamma
from edgeworth.venues.shapes import recognise

ODD = [None, True, False, 0, -1, 1e308, 10**400, "", "nan", "1e999", "\ud800".encode("utf-8", "replace").decode(), [], {},
       [None], [[]], {"a": {}}, "[1", '["a"', "0x", "2026-13-45", "9" * 80, float("nan"), float("inf"), -(10**30)]  # fmt: skip
JSONISH = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12) | st.sampled_from(ODD),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
EXAMPLES = {
    "market": (resolved_market(), iter_gamma),
    "event": (gamma_event([resolved_market(), resolved_market(id="900002")]), iter_gamma),
    "clob": (clob_market(closed=True), iter_clob_markets),
    "history": (history_market(), iter_history),
}
READERS = [
    iter_gamma,
    iter_clob_markets,
    iter_history,
    iter_checkpoint,
    lambda chunks: iter_token_history(chunks, market_id="1"),
    lambda chunks: iter_klines_csv(chunks, Archive("BTC", "1h")),
    lambda chunks: iter_klines_json(chunks, Archive("BTC", "1h")),
]


def paths(value, prefix=()):
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield (*prefix, key)
        yield from paths(inner, (*prefix, key))


def changed(payload, path, change):
    result = copy.deepcopy(payload)
    holder = result
    for key in path[:-1]:
        holder = holder[key]
    change(holder, path[-1])
    return result


def drop(holder, key):
    del holder[key]


def rename(holder, key):
    value = holder.pop(key)
    if isinstance(holder, dict):
        holder[f"{key}_v2"] = value


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_field_dropped_renamed_nullified_or_retyped(name):
    payload, reader = EXAMPLES[name]
    changes = [drop, rename]
    changes += [lambda holder, key, value=value: holder.__setitem__(key, value) for value in ODD]
    for path in paths(payload):
        for change in changes:
            data = json.dumps([changed(payload, path, change)]).encode()
            records = list(reader([data]))
            assert records, path
            msgspec.json.encode([record for record in records if isinstance(record, Rejected | MarketRecord)])


@given(payload=st.sampled_from(sorted(EXAMPLES)), data=st.data())
def test_any_field_of_any_type(payload, data):
    example, reader = EXAMPLES[payload]
    path = data.draw(st.sampled_from(list(paths(example))))
    value = data.draw(JSONISH)
    text = json.dumps([changed(example, path, lambda holder, key: holder.__setitem__(key, value))])
    assert list(reader([text.encode()]))


@given(value=JSONISH, reader=st.sampled_from(READERS), size=st.integers(1, 50))
def test_any_json_at_all(value, reader, size):
    data = json.dumps(value).encode()
    list(reader(cut(data, size)))
    recognise(data)
    recognise(value)


@given(data=st.binary(max_size=300), reader=st.sampled_from(READERS), size=st.integers(1, 50))
def test_any_bytes_at_all(data, reader, size):
    list(reader(cut(data, size)))
    list(reader(cut(b"[" + data, size)))
    list(reader(cut(b'{"markets":[' + data, size)))
    recognise(data, "BTCUSDT-1h.csv")


@given(values=st.lists(JSONISH.filter(lambda value: isinstance(value, dict)), max_size=6), size=st.integers(1, 40))
@example(values=[{"": float("nan"), "}\x1f": None}], size=1)
@example(values=[{"a": float("nan"), "]\\": "}"}], size=2)
def test_the_splitter_gives_every_element_whatever_the_cut(values, size):
    strict = [json.loads(splitter.strict(json.dumps(value).encode())) for value in values]
    for text in (json.dumps(values), json.dumps(values, indent=1), "\n".join(json.dumps(value) for value in values)):
        found = [element.raw for element in splitter.elements(cut(text.encode(), size))]
        assert [json.loads(splitter.strict(raw)) for raw in found] == strict


@given(at=st.integers(0, 4_000), size=st.integers(1, 60))
def test_a_cut_anywhere_loses_only_what_follows(at, size):
    markets = [resolved_market(id=str(number)) for number in range(3)]
    data = json.dumps(markets).encode()
    at = min(at, len(data) - 1)
    ends = [len(json.dumps(markets[: number + 1])) - 1 for number in range(3)]
    whole = sum(at >= end for end in ends)
    records = list(iter_gamma(cut(data[:at], size)))
    assert sum(isinstance(record, MarketRecord) for record in records) == whole
    assert sum(isinstance(record, Rejected) for record in records) == (1 if at else 0)


@given(st.decimals(min_value=0, max_value=1, places=6, allow_nan=False))
def test_prices_round_as_decimals_do_on_every_way(value):
    text = format(value.normalize(), "f")
    wanted = int((Decimal(text) * 10_000).to_integral_value(rounding=ROUND_HALF_EVEN))
    assert convert.price_e4(text) == convert.price_e4(float(text)) == wanted
    canonical = points._canonical(('[{"t":1780000000,"p":' + text + "}]").encode())
    assert canonical is not None
    assert canonical.price_e4.tolist() == [wanted]
    quoted = points.decode_points(('[{"t":"1780000000","p":"' + text + '"}]').encode())
    assert quoted is not None
    assert quoted.price_e4.tolist() == [wanted]


@given(
    st.lists(st.tuples(st.integers(1_000_000_000, 4_000_000_000), st.integers(0, 1_000_000)), min_size=1, max_size=40)
)
def test_the_three_ways_of_reading_points_agree(rows):
    values = [{"t": t, "p": p / 1_000_000} for t, p in rows]
    slow = points.from_values(values)
    for text in (json.dumps(values), json.dumps(values, separators=(",", ":")), json.dumps(values, indent=2)):
        found = points.decode_points(text.encode())
        assert found.t.tolist() == slow.t.tolist()
        assert found.price_e4.tolist() == slow.price_e4.tolist()


@given(instant=st.integers(946_684_800, 4_000_000_000), unit=st.sampled_from([1, 1_000, 1_000_000]))
def test_instants_in_any_unit_and_spelling(instant, unit):
    assert convert.instant(instant * unit) == instant * 1_000_000
    assert convert.instant(str(instant * unit)) == instant * 1_000_000


@given(value=JSONISH)
def test_the_tolerant_decoder_agrees_with_the_fast_one(value):
    payload = {**resolved_market(), "description": value}
    data = json.dumps(payload).encode()
    try:
        strict = msgspec.json.decode(data)
    except msgspec.DecodeError:
        return
    assert gamma_wire.decode(data) == gamma_wire.from_object(strict)
