import json
import re

import pytest
from tests.unit.venues.payloads import cut, gamma_market

from edgeworth.core.records import MarketRecord, Rejected
from edgeworth.venues import splitter
from edgeworth.venues.polymarket.clob import iter_clob_markets
from edgeworth.venues.polymarket.history import iter_checkpoint, iter_history
from edgeworth.venues.polymarket.stream import iter_gamma
from edgeworth.venues.shapes import recognise
from edgeworth.venues.splitter import Found

TRICKY = [{"a": 'quote " brace } bracket ] back \\'}, {"b": ["},{", "\\\\", {"c": []}]}, {}, {"d": "ü€"}]


def values(chunks):
    return [json.loads(element.raw) for element in splitter.elements(chunks)]


@pytest.mark.parametrize("size", [1, 2, 3, 1_000])
@pytest.mark.parametrize("indent", [None, 1])
def test_brackets_and_quotes_inside_strings_do_not_split(size, indent):
    assert values(cut(json.dumps(TRICKY, indent=indent).encode(), size)) == TRICKY
    assert values(cut(json.dumps(TRICKY, indent=indent, ensure_ascii=False).encode(), size)) == TRICKY


def test_offsets_point_at_the_element():
    data = json.dumps(TRICKY).encode()
    for element in splitter.elements(cut(data, 5)):
        assert data[element.offset : element.offset + len(element.raw)] == element.raw


def test_a_decoder_that_words_its_errors_otherwise_costs_speed_only(monkeypatch):
    monkeypatch.setattr(splitter, "_TRAILING", re.compile("never"))
    assert values(cut(json.dumps(TRICKY).encode(), 7)) == TRICKY
    assert isinstance(next(iter_gamma([json.dumps([gamma_market(events=None)]).encode()])), MarketRecord)


def test_an_element_beyond_the_limit_is_refused(monkeypatch):
    monkeypatch.setattr(splitter, "_LARGEST", 100)
    data = b'[{"a": 1}, {"b": "' + b"x" * 500 + b'"}]'
    assert [element.found for element in splitter.elements(cut(data, 10))] == [Found.VALUE, Found.TOO_LARGE]


@pytest.mark.parametrize(
    "data",
    [
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"[" + b'{"id":' * 5_000 + b"1" + b"}" * 5_000 + b"]",
        b'[{"id": 1, "question": "x", "outcomes": ["a", "b"], "volume": ' + b"9" * 6_000 + b"}]",
        b'[{"id": ' + b"9" * 6_000 + b', "question": "x", "outcomes": ["a", "b"]}]',
        b'[{"question": "\xff\xfe", "id": "1"}]',
        b'[{"question": "x", "id": "1", "tags": ' + b"[" * 3_000 + b"]" * 3_000 + b"}]",
        b'{"1": [{"t": ' + b"9" * 6_000 + b', "p": 0.5}]}',
    ],
)
def test_deep_long_and_broken_input_is_no_exception(data):
    for reader in (iter_gamma, iter_clob_markets, iter_history, iter_checkpoint):
        assert all(not isinstance(record, Rejected) or record.reason for record in reader([data]))
    recognise(data)
