"""Every recorded answer of the venue is read, or recognised as holding nothing to import."""

import gzip
import json
from collections import Counter
from decimal import Decimal

import pytest

from edgeworth.core.book import BookSnapshot
from edgeworth.core.records import CandleBlock, MarketRecord, PriceBlock, Record, Rejected, ResolutionRecord
from edgeworth.venues.payloads import Contents, Kind, Refusal, read_payload
from edgeworth.venues.polymarket.data_rows import Activity, PublicTrade
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


SAID = 1_795_176_000_000_000  # when the files are read, for the messages that do not say when they came


@pytest.fixture(scope="module")
def contents(payloads):
    return {name: read_payload(data, name, SAID) for name, data in payloads.items()}


def test_every_file_is_read_or_refused_with_a_reason(contents):
    read_ones = Counter(found.kind for found in contents.values() if isinstance(found, Contents))
    refused = Counter(found.reason for found in contents.values() if isinstance(found, Refusal))
    assert sum(read_ones.values()) + sum(refused.values()) == 97
    assert read_ones == {
        Kind.MARKETS: 21, Kind.CLOB_MARKETS: 7, Kind.HISTORY: 4, Kind.BOOKS: 4, Kind.TAGS: 2, Kind.TRADES: 4,
        Kind.ACTIVITY: 1, Kind.POSITIONS: 1, Kind.MARKET_STREAM: 15, Kind.USER_STREAM: 21,
    }  # fmt: skip
    assert refused == {"account-answer": 8, "error-answer": 2, "not-collected": 7}


def test_what_is_set_aside_in_them_is_of_known_kinds(contents):
    found = [item for file in contents.values() if isinstance(file, Contents) for item in file.items]
    assert {item.reason for item in found if isinstance(item, Rejected)} <= REASONS
    assert all(item.raw for item in found if isinstance(item, Rejected))


def test_files_of_messages_and_rows_keep_every_item(contents, payloads):
    for name, file in contents.items():
        if not isinstance(file, Contents) or file.kind in {Kind.MARKETS, Kind.CLOB_MARKETS, Kind.HISTORY}:
            continue
        value = json.loads(payloads[name])
        rows = value.get("data", value) if isinstance(value, dict) else value
        if name.startswith("hillel/"):
            rows = [row for part in rows.values() if isinstance(part, list) for row in part]  # a collection of answers
        assert len(file.items) == (len(rows) if isinstance(rows, list) else 1), name


def test_sums_survive_the_conversion_to_integers(contents, payloads):
    trades = contents["wom/data_api_trades_100.json.gz"].items
    rows = json.loads(payloads["wom/data_api_trades_100.json.gz"], parse_float=Decimal)
    assert all(isinstance(trade, PublicTrade) for trade in trades)
    assert len({trade.key for trade in trades}) == len(rows)
    exact = sum(Decimal(row["size"]) * Decimal(row["price"]) for row in rows)
    assert abs(sum(trade.cash_e6 for trade in trades) - exact * 10**6) <= len(rows)
    deeds = contents["star/data_api_activity_500.json.gz"].items
    assert all(isinstance(deed, Activity) for deed in deeds)
    assert len({deed.key for deed in deeds}) == 500


def test_books_are_sorted_and_not_crossed(contents):
    books = [item for file in contents.values() if isinstance(file, Contents) for item in file.items]
    books = [item for item in books if isinstance(item, BookSnapshot)]
    assert len(books) == 4
    for book in books:
        assert list(book.bids) == sorted(book.bids, reverse=True)
        assert list(book.asks) == sorted(book.asks)
        assert not book.bids or not book.asks or book.bids[0][0] < book.asks[0][0]
