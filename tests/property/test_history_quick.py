"""The quick ways of reading give the records of the careful ways, whatever the spelling and the cut."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.venues.payloads import cut, gamma_event, gamma_market, history_market, resolved_market

from edgeworth.core.records import PriceBlock, Rejected
from edgeworth.venues import splitter
from edgeworth.venues.polymarket import gamma_scan, history, points, stream
from edgeworth.venues.polymarket.point_blocks import decode_block

START = 1_780_000_000
POINT = '{"t":%d,"p":%s}'
CANONICAL = st.lists(
    st.tuples(
        st.integers(1_000_000_000, 4_102_444_800),
        st.sampled_from(
            ["0", "1", "0.5", "1.0", "1.000000", "0.51", "0.515", "0.00005", "0.00015", "0.999999", "0.99995"]
        )
        | st.integers(0, 999_999).map(lambda value: f"0.{value:06d}"),
    ).map(lambda row: POINT % row),
    min_size=1,
    max_size=12,
)
ODD = st.sampled_from(
    [
        '{"p":0.5,"t":1780000000}', '{"t":1780000000,"p":0.5,"v":1}', '{"t":1780000000,"p":null}', '{"t":1780000000,"p":NaN}',
        '{"t":1780000000,"p":1.5}', '{"t":1780000000,"p":-0.5}', '{"t":1780000000,"p":5e-1}', '{"t":1780000000,"p":"0.5"}',
        '{"t":1780000000000,"p":0.5}', '{"t":0946684800,"p":0.5}', '{"t":178000000,"p":0.5}', '{"t":9999999999,"p":0.5}',
        '{"t":1780000000,"p":0.}', '{"t":1780000000,"p":.5}', '{"t":1780000000,"p":0.1234567}', '{"t":1780000000,"p":1.000001}',
        '{"t":1780000000,"p":00.5}', '{"t":17800x0000,"p":0.5}', '{"t":1780000000,"p":0.5x}', '{"t":1780000000,"p":0.5]}',
        '{"t":1780000000,"q":0.5}', '{"t":1780000000 ,"p":0.5}', "{}", "1", '"]"', '{"t":1780000000,"p":{"t":1780000000}}',
        '{"t":17 80000000,"p":0.5}', '{"t":1780000000,"p":2}', '{"t":1780000000,"p":0.:}', '{"t":1780000000,"p":0.5},',
    ]
)  # fmt: skip
FACTS = st.sampled_from(
    [
        '"id":"7"', '"id":7', '"slug":"a-b"', '"id":"7","resolved":true,"outcome":"Yes"', '"id":"8","prices":[]', '"question":"x"',
        '"id":"9","note":"[{\\"t\\":1}]"', '"id":"9","deep":{"price_history":[{"t":1780000000,"p":0.5}]}', '"id":"\\ud800"',
        '"id":"7","price_history":-0.0e-77317', '"id":"7","x":NaN', '"id":"7","outcomes":["a","b","c"]', '"id":"7" "x":1',
    ]
)  # fmt: skip


@st.composite
def lists(draw):
    rows = draw(CANONICAL)
    if draw(st.integers(0, 3)) == 0:
        rows.insert(draw(st.integers(0, len(rows))), draw(ODD))
    text = "[" + ",".join(rows) + "]"
    spaced = text.replace('":', '": ').replace(",", ", ")
    return draw(st.sampled_from([text, text, spaced, text.replace("{", "{\n"), "[]", "null"]))


@st.composite
def markets(draw):
    key = draw(st.sampled_from(["price_history", "price_history", "history", "prices", "elsewhere"]))
    tail = draw(st.sampled_from(["", "", ',"closed":true', ',"more":{"a":[1,{"b":"}"}]}', ',"price_history":[]', " "]))
    return "{" + draw(FACTS) + f',"{key}":' + draw(lists()) + tail + "}"


def shown(records):
    return [
        (record.source, record.ids, record.t.tolist(), record.price_e4.tolist())
        if isinstance(record, PriceBlock)
        else record
        for record in records
    ]


def slowly(monkeypatch, target):
    monkeypatch.setattr(target, lambda: lambda _data, _at: None)


@given(
    texts=st.lists(markets(), max_size=6),
    packing=st.sampled_from(["[%s]", '{"made":1,"markets":[%s]}', "lines", "[%s"]),
    size=st.sampled_from([1, 37, 10**9]),
)
def test_histories_read_quickly_and_carefully_are_equal(texts, packing, size):
    data = ("\n".join(texts) if packing == "lines" else packing % ",".join(texts)).encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(splitter, "_WHOLE", 40)  # so that pages are entered
        found = list(history.iter_history(cut(data, size), where="f"))
        columns = history.read_columns(cut(data, size))
        slowly(patch, "edgeworth.venues.polymarket.history.QuickReader")
        wanted = list(history.iter_history(cut(data, size), where="f"))
    assert shown(found) == shown(wanted)
    blocks = [record for record in wanted if isinstance(record, PriceBlock)]
    if all(not isinstance(record, Rejected) for record in wanted):
        assert columns.t.tolist() == [t for block in blocks for t in block.t.tolist()]
        assert columns.price_e4.tolist() == [price for block in blocks for price in block.price_e4.tolist()]


@given(st.lists(CANONICAL, min_size=1, max_size=5))
def test_blocks_of_canonical_points(series):
    texts = [",".join(rows).encode() for rows in series]
    found = decode_block(texts)
    wanted = [points._generic(b"[" + text + b"]") for text in texts]
    assert wanted.count(None) == 0
    if found is None:  # a price just above one
        assert any(item.refused for item in wanted)
        return
    t, price_e4, offsets = found
    assert t.tolist() == [value for item in wanted for value in item.t.tolist()]
    assert price_e4.tolist() == [value for item in wanted for value in item.price_e4.tolist()]
    assert np.diff(offsets).tolist() == [len(item.t) for item in wanted]


@given(rows=CANONICAL, odd=ODD, at=st.integers(0, 12))
def test_a_block_with_anything_else_is_refused_or_equal(rows, odd, at):
    text = ",".join([*rows[:at], odd, *rows[at:]]).encode()
    found = decode_block([text])
    if found is not None:
        wanted = points.from_values(json.loads(b"[" + text + b"]"))
        assert found[0].tolist() == wanted.t.tolist()
        assert found[1].tolist() == wanted.price_e4.tolist()


@given(
    rows=st.lists(
        st.one_of(
            st.integers(0, 99).map(lambda n: gamma_event([resolved_market(id=str(n)), gamma_market(id=str(n + 100))], id=str(n))),
            st.integers(0, 99).map(lambda n: gamma_market(id=str(n))),
            st.sampled_from([gamma_event([gamma_market(outcomes='["a"]'), None]), gamma_market(question=""), {"_meta": 1},
                             {"events": [gamma_event([])]}, {"id": "5", "slug": 5, "tags": "x"}, 7, None]),
        ),
        max_size=8,
    ),
    packing=st.sampled_from(["array", "lines", "page", "spaced", "cut"]),
    size=st.sampled_from([61, 10**9]),
)  # fmt: skip
def test_gamma_read_quickly_and_carefully_are_equal(rows, packing, size):
    compact = [json.dumps(row, separators=(",", ":")) for row in rows]
    text = {
        "array": "[" + ",".join(compact) + "]",
        "lines": "\n".join(compact),
        "page": '{"a":1,"events":[' + ",".join(compact) + "]}",
        "spaced": json.dumps(rows, indent=1),
        "cut": "[" + ",".join(compact)[:-9],
    }[packing]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(splitter, "_WHOLE", 40)
        patch.setattr(gamma_scan, "_WAIT", 2)
        found = list(stream.iter_gamma(cut(text.encode(), size), where="f"))
        slowly(patch, "edgeworth.venues.polymarket.stream.QuickGamma")
        assert found == list(stream.iter_gamma(cut(text.encode(), size), where="f"))


def test_the_quick_ways_are_taken_on_plain_files():
    markets = ",".join(json.dumps(history_market(id=str(n)), separators=(",", ":")) for n in range(5))
    pieces = list(splitter.elements_or_taken([f"[{markets}]".encode()], frozenset(), history.QuickReader()))
    assert [len(piece.value.markets) for piece in pieces if isinstance(piece, splitter.Taken)] == [5]
    events = json.dumps([gamma_event([resolved_market(id=str(n))], id=str(n)) for n in range(5)]).encode()
    pieces = list(splitter.elements_or_taken([events], frozenset(), stream.QuickGamma()))
    assert [len(piece.value.payloads) for piece in pieces if isinstance(piece, splitter.Taken)] == [4]
    assert sum(isinstance(piece, splitter.Element) for piece in pieces) == 1  # the last has no follower to tell its end
