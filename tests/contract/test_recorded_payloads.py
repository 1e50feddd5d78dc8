"""Every recorded answer of the venue is read, or recognised as holding nothing to import."""

import gzip
from collections import Counter

import pytest

from edgeworth.core.records import CandleBlock, MarketRecord, PriceBlock, Record, Rejected, ResolutionRecord
from edgeworth.venues.readers import read
from edgeworth.venues.shapes import Shape, recognise

pytestmark = pytest.mark.recorded

REASONS = {"scalar-market", "outcomes-not-two", "outcomes-missing", "resolution-unclear"}
HEAD = 1 << 16


def answers(recorded):
    folder = recorded / "api_fixtures"
    return {str(path.relative_to(folder)): gzip.decompress(path.read_bytes()) for path in sorted(folder.rglob("*.gz"))}


@pytest.fixture(scope="module")
def payloads(recorded):
    found = answers(recorded)
    assert len(found) == 97
    return found


def records_of(name: str, data: bytes, shape: Shape, size: int) -> list[Record]:
    return list(read(shape, (data[at : at + size] for at in range(0, len(data), size)), name=name))


def test_every_file_is_recognised(payloads):
    shapes = Counter(recognise(data[:HEAD], name) for name, data in payloads.items())
    assert shapes[None] == 0
    assert shapes[Shape.GAMMA] == 21
    assert shapes[Shape.CLOB_MARKETS] == 7
    assert shapes[Shape.TOKEN_HISTORY] == 4
    assert shapes[Shape.NOT_MARKET_DATA] == 65


def test_markets_events_and_histories_become_records(payloads):
    for name, data in payloads.items():
        shape = recognise(data[:HEAD], name)
        if shape in {None, Shape.NOT_MARKET_DATA}:
            continue
        records = records_of(name, data, shape, 1 << 20)
        reasons = {record.reason for record in records if isinstance(record, Rejected)}
        assert reasons <= REASONS, name
        assert records or b'"history":[]' in data.replace(b" ", b""), name
        assert not any(isinstance(record, CandleBlock) for record in records)


def test_counts_of_the_large_listings(payloads):
    legacy = records_of("x", payloads["wom/gamma_markets_500_legacy.json.gz"], Shape.GAMMA, 50_000)
    kinds = Counter(type(record).__name__ for record in legacy)
    refused = Counter(record.reason for record in legacy if isinstance(record, Rejected))
    assert kinds["MarketRecord"] + refused["scalar-market"] + refused["outcomes-not-two"] == 500
    assert kinds["ResolutionRecord"] + refused["resolution-unclear"] == kinds["MarketRecord"]
    assert all(record.resolved_at for record in legacy if isinstance(record, ResolutionRecord))
    page = records_of("x", payloads["wom/clob_markets_page.json.gz"], Shape.CLOB_MARKETS, 50_000)
    assert sum(isinstance(record, MarketRecord) for record in page) == 1_000
    assert sum(isinstance(record, ResolutionRecord) for record in page) == 586


def test_ids_survive_as_text(payloads):
    for name, data in payloads.items():
        if recognise(data[:HEAD], name) is not Shape.GAMMA:
            continue
        for record in records_of(name, data, Shape.GAMMA, 1 << 20):
            if isinstance(record, MarketRecord):
                ids = dict(record.ids)
                assert ids.get("condition", "") == ids.get("condition", "").lower()
                assert all(f"{ids[kind]}".encode() in data for kind in ("token", "token1") if kind in ids)


def test_histories_keep_every_point(payloads):
    for name, data in payloads.items():
        if recognise(data[:HEAD], name) is Shape.TOKEN_HISTORY:
            blocks = [
                record for record in records_of(name, data, Shape.TOKEN_HISTORY, 999) if isinstance(record, PriceBlock)
            ]
            assert sum(len(block.t) for block in blocks) == data.count(b'"t":')
