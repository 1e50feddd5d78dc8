"""Whatever bytes a venue answers with, an adapter returns what can be used or raises a typed error, in bounded memory."""

import gzip
import json as plain
import tracemalloc

import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support import venue_payloads as examples
from tests.support.wires import START, client, run

from edgeworth.core.errors import VenueError
from edgeworth.core.units import DAY, Micros
from edgeworth.venues.binance.rest import Binance
from edgeworth.venues.http.limits import Limits
from edgeworth.venues.polymarket.clob_reads import Clob
from edgeworth.venues.polymarket.data_api import DataApi
from edgeworth.venues.polymarket.gamma import Gamma


async def every(listing):
    return [page async for page in listing]


BOTH = [examples.YES, examples.NO]
CALLS = {
    "markets": ({"markets": [examples.gamma_market(), examples.gamma_resolved()]}, lambda http: every(Gamma(http).markets())),
    "event": (examples.gamma_event(), lambda http: Gamma(http).event("7")),
    "search": ({"events": [examples.gamma_event()], "tags": [], "pagination": {}}, lambda http: Gamma(http).search("x")),
    "tags": ([{"id": "9", "label": "Travel"}], lambda http: Gamma(http).tags()),
    "books": ([examples.book(), examples.book(asset_id=examples.NO)], lambda http: Clob(http).books(BOTH)),
    "book": (examples.book(), lambda http: Clob(http).book(examples.YES)),
    "midpoints": ({examples.YES: "0.375"}, lambda http: Clob(http).midpoints(BOTH)),
    "history": ({"history": [{"t": examples.SECONDS, "p": 0.5}]}, lambda http: Clob(http).history(examples.YES)),
    "market": (examples.clob_market(), lambda http: Clob(http).market(examples.CONDITION)),
    "trades": (examples.paged([examples.trade(), examples.trade()]), lambda http: every(DataApi(http).trades())),
    "resolutions": (examples.paged([examples.resolution()]), lambda http: DataApi(http).resolutions([examples.CONDITION])),
    "points": (examples.paged([{"timestamp": examples.SECONDS, "price": 0.5}]), lambda http: DataApi(http).history(examples.YES)),
    "klines": ([examples.kline(-3), examples.kline(-2)], lambda http: Binance(http).klines("BTCUSDT", "1h", Micros(START - DAY), START)),
    "ticker": ([examples.day_ticker()], lambda http: Binance(http).ticker(["BTCUSDT"])),
}  # fmt: skip
ODD = [
    b"NaN",
    b"-Infinity",
    b"1e400",
    b"1" * 400,
    b'"\\ud800"',
    b"[[[[",
    b"]]",
    b"null",
    b"\x00",
    b"\xff\xfe",
    b'{"id":1,"id":2}',
    b"<html>",
]


def spoiled(draw, body):
    """A body that was cut, overwritten, doubled or had pieces put in."""
    at = draw(st.integers(0, len(body)))
    until = draw(st.integers(at, min(len(body), at + 40)))
    piece = draw(st.sampled_from(ODD) | st.binary(max_size=6))
    kind = draw(st.sampled_from(["cut", "overwrite", "insert", "twice", "nothing"]))
    if kind == "cut":
        return body[:at]
    if kind == "overwrite":
        return body[:at] + piece + body[until:]
    if kind == "insert":
        return body[:at] + piece + body[at:]
    return body + body if kind == "twice" else body


def ask(name, body, headers):
    http, _, clock = client(lambda request: httpx2.Response(200, content=body, headers=headers), Limits(tries=2))
    try:
        run(clock, CALLS[name][1](http))
    except VenueError as error:
        return error.code
    return ""


@settings(max_examples=400)
@given(data=st.data(), name=st.sampled_from(sorted(CALLS)))
def test_spoiled_bytes_give_records_or_a_typed_error(data, name):
    body = spoiled(data.draw, plain.dumps(CALLS[name][0]).encode())
    ask(name, body, {"content-type": "application/json"})


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize(
    "piece", [*ODD, b"", b"7", b'"x"', b"[" * 5_000, b'{"a":' * 5_000 + b"1" + b"}" * 5_000, b"[1]" * 50]
)
def test_answers_that_have_nothing_of_the_kind(name, piece):
    ask(name, piece, {"content-type": "application/json"})


@pytest.mark.parametrize("name", CALLS)
def test_every_number_of_an_answer_as_one_that_no_double_holds(name):
    body = plain.dumps(CALLS[name][0]).encode()
    for number in (b"1e400", b"-1e400", b"NaN", b"1" * 400, b"0." + b"1" * 400):
        changed = body.replace(b": 0", b": " + number).replace(b": 1", b": " + number).replace(b", 1", b", " + number)
        ask(name, changed, {})


def test_a_bomb_costs_less_than_a_hundred_megabytes():
    bomb = gzip.compress(b" " * 300_000_000, 6)

    class Body(httpx2.AsyncByteStream):
        async def __aiter__(self):
            for at in range(0, len(bomb), 65_536):
                yield bomb[at : at + 65_536]

    http, _, clock = client(lambda request: httpx2.Response(200, stream=Body(), headers={"content-encoding": "gzip"}))
    tracemalloc.start()
    try:
        with pytest.raises(VenueError) as info:
            run(clock, Gamma(http).event("7"))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert info.value.code == "venue-too-large"
    assert peak < 100_000_000
