"""Drop, rename, nullify or retype any field of any payload: no crash, the row is set aside or still read, the rest goes on."""

import copy
import functools
import gzip
import itertools
import json
from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
from tests.support import venue_payloads as given
from tests.support.wires import START

from edgeworth.core import random
from edgeworth.core.errors import VenueError
from edgeworth.core.records import CandleBlock, PriceBlock, Rejected
from edgeworth.venues.binance import rest
from edgeworth.venues.binance.stream import decode_stream
from edgeworth.venues.http.classify import error_of
from edgeworth.venues.http.wire import Payload
from edgeworth.venues.payloads import read_payload
from edgeworth.venues.polymarket import clob_reads, data_api, data_wire, gamma_pages
from edgeworth.venues.polymarket.clob import parse_clob
from edgeworth.venues.polymarket.parse import Origin
from edgeworth.venues.polymarket.user_wire import decode_user
from edgeworth.venues.polymarket.ws_wire import decode_market

ODD = [
    True, False, 0, -1, 7, 1.5, -0.25, 1e300, 10**30, -(10**30), "", " ", "x", "nan", "-5", "1e999", "9" * 90, "0x", "[1", '["a"]',
    "2026-13-45", [], [None], [[]], {}, {"a": 1}, "\ud7ff\u0000",
]  # fmt: skip
PAIRS = 400


class Case(NamedTuple):
    """A good row, its neighbours in the batch, what reads a batch, and which rows may give nothing at all."""

    row: Any
    others: tuple[Any, Any]
    read: Callable[[list[Any]], list[Any]]
    quiet: Callable[[Any], bool] = lambda row: row is None


def payload(value: Any) -> Payload:
    data = json.dumps(value).encode()
    return Payload(body=data, status=200, headers={}, observed_at=START, url="http://sandbox.local/x")


def small_event() -> dict[str, Any]:
    """An event with one market of few fields: every one of them is changed in the cases of markets."""
    kept = ("id", "question", "conditionId", "outcomes", "clobTokenIds", "closed", "endDate", "tags")
    market = {name: given.gamma_market()[name] for name in kept}
    return {**given.gamma_event(), "markets": [market, {**market, "id": "880007"}]}


def listed(value: Any) -> bytes:
    return json.dumps(value).encode()


def rows(read):
    def read_all(batch):
        page = data_api.read_rows(payload(given.paged(batch)), read)
        found = [item for row in page.rows for item in (row if isinstance(row, list) else [row])]
        return [item for item in found if item is not None] + page.rejected

    return read_all


def history(batch):
    page = data_api.read_rows(payload(given.paged(batch)), data_api._raw_row)
    return page.rejected + data_api.read_points(page.rows, (("token", given.YES),), "x")


def point(hours, **changes):
    return {"timestamp": given.SECONDS + 3_600 * hours, "price": 0.25, "resolution_seconds": 3_600, **changes}


def candle_frame(hour, **changes):
    start = 1_795_168_800_000 + hour * 3_600_000
    part = {
        "t": start, "T": start + 3_599_999, "s": "BTCUSDT", "i": "1h", "f": 1, "L": 2, "o": "101.5", "c": "102.0", "h": "103.25",
        "l": "100.75", "v": "812.5", "n": 153, "x": True, "q": "82875.0", "V": "400.5", "Q": "40851.0", "B": "0",
    }  # fmt: skip
    return {"e": "kline", "E": start + 3_600_010, "s": "BTCUSDT", "k": part, **changes}


def never_traded(row):
    return row is None or (isinstance(row, dict) and row.get("side") == "")


def still_open(row):
    return isinstance(row, dict) and row.get("status") in {"initialized", "posed", "active"}


def open_candle(row):
    if not isinstance(row, dict):
        return False
    return (
        row.get("e") not in ["kline", "serverShutdown"]
        or not isinstance(row.get("k"), dict)
        or row["k"].get("x") is not True
    )


MARKETS = tuple(given.gamma_market(id=str(n), conditionId=f"0x{n:064x}", slug=f"n-{n}", events=[]) for n in (1, 2))
BOOKS = tuple(given.book(asset_id=str(10**30 + n)) for n in (1, 2))
TRADES = (given.trade(size=1), given.trade(size=2))
CASES = {
    "market": Case(given.gamma_market(), MARKETS, lambda b: gamma_pages.read_page(payload({"markets": b})).records),
    "market-v2": Case(
        given.gamma_market_v2(), MARKETS, lambda b: gamma_pages.read_page(payload({"markets": b})).records
    ),
    "market-resolved": Case(
        given.gamma_resolved(), MARKETS, lambda b: gamma_pages.read_page(payload({"markets": b}), backfill=True).records
    ),
    "event": Case(small_event(), MARKETS, lambda b: gamma_pages.read_page(payload({"events": b}), seen=set()).records),
    "search": Case(
        small_event(), MARKETS, lambda b: gamma_pages.read_search(payload({"events": b, "pagination": {}})).records
    ),
    "tag": Case(
        {"id": "9", "label": "Travel", "slug": "travel", "event_count": 3},
        ({"id": "1", "label": "A"}, {"id": "2", "label": "B"}),
        lambda b: [*(found := gamma_pages.read_tags(b)).items, *found.rejected],
    ),
    "clob-market": Case(
        given.clob_market(),
        (given.clob_market(condition_id=given.OTHER), given.clob_market(market_slug="n-2")),
        lambda b: parse_clob(listed({"data": b, "next_cursor": "LTE="}), Origin("clob", "x")),
    ),
    "book": Case(given.book(), BOOKS, lambda b: clob_reads.read_books(payload(b))),
    "last-trade": Case(
        {"token_id": given.YES, "price": "0.37", "side": "BUY"},
        ({"token_id": given.NO, "price": "0.5", "side": "SELL"}, {"token_id": "77", "price": "0.1", "side": "BUY"}),
        lambda b: [*(found := clob_reads.read_last_trades(payload(b))).items, *found.rejected],
        never_traded,
    ),
    "clob-point": Case(
        {"t": given.SECONDS, "p": 0.5},
        ({"t": given.SECONDS + 60, "p": 0.25}, {"t": given.SECONDS + 120, "p": 0.75}),
        lambda b: clob_reads.read_history(payload({"history": b}), given.YES),
    ),
    "data-point": Case(point(0), (point(1), point(2)), history),
    "trade": Case(given.trade(), TRADES, rows(data_wire.trade)),
    "trade-v1": Case(given.old_trade(), TRADES, rows(data_wire.trade)),
    "activity": Case(given.deed(), (given.deed(usdc_size=1), given.deed(usdc_size=2)), rows(data_wire.activity)),
    "activity-trade": Case(
        given.deed(**given.trade(), type="TRADE"),
        (given.deed(usdc_size=1), given.deed(usdc_size=2)),
        rows(data_wire.activity),
    ),
    "position": Case(
        given.position(), (given.position(avg_price=0.1), given.position(avg_price=0.2)), rows(data_wire.position)
    ),
    "holders": Case(
        given.holders(),
        (given.holders(), given.holders(token_id=given.NO)),
        rows(data_wire.holders),
        lambda row: isinstance(row, dict) and row.get("holders") == [],
    ),
    "resolution": Case(
        given.resolution(),
        (given.resolution(condition_id=given.OTHER), given.resolution(status="proposed")),
        rows(data_wire.resolution),
        still_open,
    ),
    "token": Case(given.token(), (given.token(token_id=given.NO), given.token(token_id="77")), rows(data_wire.token)),
    "amount": Case(
        {"condition_id": given.CONDITION, "value": 1.5},
        ({"condition_id": given.OTHER, "value": 2}, {"proxy_wallet": given.WALLET, "value": 3}),
        rows(data_wire.amount),
    ),
    "kline": Case(
        given.kline(-3),
        (given.kline(-5), given.kline(-4)),
        lambda b: rest.read_klines(b, "BTCUSDT", "1h", payload(b)),
        lambda row: isinstance(row, list) and len(row) > 6 and row[6] in {10**30, 1e300, 7},
    ),
    "ticker": Case(
        given.day_ticker(),
        (given.day_ticker(symbol="ETHUSDT"), given.day_ticker(symbol="SOLUSDT")),
        lambda b: [*(found := rest.read_tickers(payload(b))).items, *found.rejected],
    ),
    "ws-book": Case(
        {"event_type": "book", **given.book()},
        (given.tick_change(), given.best_prices()),
        lambda b: decode_market(listed(b), START),
    ),
    "ws-change": Case(
        given.price_change(), (given.tick_change(), given.best_prices()), lambda b: decode_market(listed(b), START)
    ),
    "ws-trade": Case(
        given.printed_trade(), (given.tick_change(), given.best_prices()), lambda b: decode_market(listed(b), START)
    ),
    "ws-tick": Case(
        given.tick_change(), (given.printed_trade(), given.best_prices()), lambda b: decode_market(listed(b), START)
    ),
    "ws-best": Case(
        given.best_prices(), (given.printed_trade(), given.tick_change()), lambda b: decode_market(listed(b), START)
    ),
    "ws-new": Case(
        given.new_market(), (given.printed_trade(), given.tick_change()), lambda b: decode_market(listed(b), START)
    ),
    "ws-resolved": Case(
        given.market_resolved(), (given.printed_trade(), given.tick_change()), lambda b: decode_market(listed(b), START)
    ),
    "ws-order": Case(
        given.own_order(), (given.own_order(id="0x1"), given.own_trade(id="t")), lambda b: decode_user(listed(b), START)
    ),
    "ws-own-trade": Case(
        given.own_trade(), (given.own_order(id="0x1"), given.own_trade(id="t")), lambda b: decode_user(listed(b), START)
    ),
    "ws-candle": Case(
        candle_frame(-3),
        (candle_frame(-2), candle_frame(-1)),
        lambda b: [item for row in b for item in decode_stream(listed(row), START)],
        open_candle,
    ),
}


def paths(value, prefix=()):
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield (*prefix, key)
        yield from paths(inner, (*prefix, key))


def drop(holder, key):
    del holder[key]


def rename(holder, key):
    value = holder.pop(key)
    if isinstance(holder, dict):
        holder[f"{key}_v3"] = value
    else:
        holder.append(value)


def put(value):
    def replace(holder, key):
        holder[key] = copy.deepcopy(value)

    return replace


CHANGES = [drop, rename, put(None), *(put(value) for value in ODD)]


def changed(row, *steps):
    """Change a copy of a row; a later step whose place an earlier one removed does nothing."""
    result = copy.deepcopy(row)
    for path, change in steps:
        holder = result
        try:
            for key in path[:-1]:
                holder = holder[key]
            if isinstance(holder, dict | list):
                change(holder, path[-1])
        except (KeyError, IndexError, TypeError):
            continue
    return result


def facts(found):
    """Everything a reader gave, block by block opened into its points, as countable text."""
    for item in found:
        if isinstance(item, PriceBlock):
            yield from (f"point {t} {p}" for t, p in zip(item.t.tolist(), item.price_e4.tolist(), strict=True))
        elif isinstance(item, CandleBlock):
            columns = (item.t, item.open, item.high, item.low, item.close, item.volume)
            yield from (f"candle {row}" for row in zip(*(column.tolist() for column in columns), strict=True))
        elif isinstance(item, Rejected):
            yield from (f"set aside {item.kind} {item.reason}" for _ in range(item.rows))
        else:
            yield repr(item).replace("#0", "#").replace("#1", "#").replace("#2", "#")


def is_whole(item):
    """Tell whether every amount and instant of an item is an integer, and every rejection says why and what."""
    if isinstance(item, Rejected):
        return bool(item.reason and item.raw and item.kind and item.source)
    if isinstance(item, PriceBlock | CandleBlock):
        return item.t.dtype == np.int64
    names = [name for name in item.__struct_fields__ if name.endswith(("_e4", "_e6", "_e8", "_at", "_time"))]
    values = [getattr(item, name) for name in names]
    return all(value is None or type(value) is int for value in values)


@functools.cache
def neighbours(name):
    """What the other rows of a batch give without the row in question."""
    return Counter(facts(CASES[name].read(list(CASES[name].others))))


def check(name, row, *, quiet=False):
    case, before = CASES[name], neighbours(name)
    found = case.read([case.others[0], row, case.others[1]])
    after = Counter(facts(found))
    lost = before - after
    assert not lost, f"neighbours lost: {lost}"
    assert sum(after.values()) > sum(before.values()) or quiet or case.quiet(row), "the row vanished"
    for item in found:
        assert is_whole(item), item


@pytest.mark.parametrize("name", CASES)
def test_the_good_row_is_read(name):
    case = CASES[name]
    found = case.read([case.others[0], case.row, case.others[1]])
    assert found
    assert not any(isinstance(item, Rejected) for item in found)


@pytest.mark.parametrize("name", CASES)
def test_every_single_change(name):
    case = CASES[name]
    for path in paths(case.row):
        for change in CHANGES:
            row = changed(case.row, (path, change))
            try:
                check(name, row)
            except Exception as error:
                raise AssertionError(f"{name} {path} {change.__name__}: {json.dumps(row)[:300]}") from error


@pytest.mark.parametrize("name", CASES)
def test_sampled_pairs_of_changes(name):
    case = CASES[name]
    draw = random.stream(11, "drift", name)
    places = list(paths(case.row))
    for _ in range(PAIRS):
        steps = [(places[draw.integers(len(places))], CHANGES[draw.integers(len(CHANGES))]) for _ in range(2)]
        row = changed(case.row, *steps)
        try:
            check(name, row)
        except Exception as error:
            raise AssertionError(f"{name} {[path for path, _ in steps]}: {json.dumps(row)[:300]}") from error


@pytest.mark.parametrize("name", CASES)
def test_a_row_of_any_other_shape(name):
    for value in ODD:
        check(name, value, quiet=True)


PAGES = {
    "gamma": (
        {"markets": small_event()["markets"], "next_cursor": "abc"},
        lambda value: gamma_pages.read_page(payload(value)),
    ),
    "data": (given.paged(list(TRADES), "abc"), lambda value: data_api.read_rows(payload(value), data_wire.trade)),
    "prices": (
        {given.YES: {"BUY": "0.38"}, given.NO: {"BUY": "0.6"}},
        lambda value: clob_reads.read_prices(payload(value), [given.YES, given.NO], "BUY"),
    ),
    "midpoints": (
        {given.YES: "0.375", given.NO: "0.625"},
        lambda value: clob_reads.read_prices(payload(value), [given.YES, given.NO]),
    ),
    "search": (
        {
            "events": [small_event()],
            "tags": [{"id": "9", "label": "x"}],
            "pagination": {"hasMore": True, "totalResults": 3},
        },
        lambda value: gamma_pages.read_search(payload(value)),
    ),
    "history": (
        {"history": [{"t": given.SECONDS, "p": 0.5}]},
        lambda value: clob_reads.read_history(payload(value), given.YES),
    ),
    "error": (
        {"error": "no", "code": "internal", "retryable": True, "retry_after_seconds": 4},
        lambda value: error_of(503, payload(value).body, {}, START, "x"),
    ),
}


@pytest.mark.parametrize("name", PAGES)
def test_every_change_of_what_stands_around_the_rows(name):
    value, read = PAGES[name]
    drifted = [changed(value, (path, change)) for path, change in itertools.product([*paths(value)], CHANGES)]
    assert {complaint(read, odd) for odd in drifted + ODD} <= {"", "venue-drift"}


def complaint(read, value):
    """The code of the error a reader of a whole answer raises, empty when it raises none."""
    try:
        read(value)
    except VenueError as error:
        return error.code
    return ""


@pytest.mark.parametrize("name", CASES)
def test_the_door_to_all_readers_never_raises(name):
    row = CASES[name].row
    for path, change in itertools.product([*paths(row)], [drop, rename, *map(put, (None, True, "", [None], {"a": 1}))]):
        for value in (changed(row, (path, change)), given.paged([changed(row, (path, change))])):
            read_payload(listed(value), "BTCUSDT-1h-2026-11.json", START)


def shortened(value):
    """The first two of each list of objects: enough to change every field once."""
    if isinstance(value, list):
        return [shortened(inner) for inner in value[:2]]
    return {key: shortened(inner) for key, inner in value.items()} if isinstance(value, dict) else value


@pytest.mark.recorded
def test_recorded_answers_with_changes(recorded):
    draw = random.stream(12, "drift", "recorded")
    for path in sorted((recorded / "api_fixtures").rglob("*.gz")):
        data = gzip.decompress(path.read_bytes())
        try:
            value = shortened(json.loads(data))
        except ValueError:
            continue  # text, or lines
        places = list(paths(value))
        for at in draw.permutation(len(places))[:60]:
            change = CHANGES[draw.integers(len(CHANGES))]
            read_payload(listed(changed(value, (places[at], change))), path.name, START)
