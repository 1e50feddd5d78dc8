"""Candles that have closed, files that match their checksum, tickers, and other exchanges through ccxt's interface."""

import asyncio
import hashlib
import io
import sys
import zipfile
from datetime import date
from types import ModuleType

import httpx2
import numpy as np
import pytest
from tests.support import venue_payloads as given
from tests.support.wires import START, client, json, run

from edgeworth.core.clock import ManualClock
from edgeworth.core.errors import ConfigError, DataError, Retryable, UsageError
from edgeworth.core.errors import Rejected as Refused
from edgeworth.core.records import CandleBlock, Rejected
from edgeworth.core.units import DAY, HOUR, MINUTE, SECOND, Micros
from edgeworth.venues.binance.bulk import Bulk
from edgeworth.venues.binance.rest import Binance
from edgeworth.venues.ccxt_candles import CcxtCandles, open_exchange

MS = 1_000
TEN_HOURS_AGO = Micros(START - 10 * HOUR)


def exchange(hours, step=HOUR, from_ms=None):
    """Serve an hourly history of so many candles that end at START, as the exchange does: 500 or `limit` a call."""
    first = (START - hours * step) // MS if from_ms is None else from_ms
    rows = [given.kline() for _ in range(hours)]
    for number, row in enumerate(rows):
        row[0] = first + number * step // MS
        row[6] = row[0] + step // MS - 1

    def answer(request):
        query = request.url.params
        low, high = int(query["startTime"]), int(query["endTime"])
        found = [row for row in rows if low <= row[0] <= high]
        return json(found[: int(query["limit"])])

    return answer


def candles(records):
    blocks = [record for record in records if isinstance(record, CandleBlock)]
    assert len(blocks) <= 1
    return blocks[0] if blocks else None


def test_a_long_range_is_paged_without_gaps_or_repeats():
    http, wire, clock = client(exchange(2_500))
    block = candles(run(clock, Binance(http).klines("BTCUSDT", "1h", Micros(START - 2_500 * HOUR), START)))
    assert (block.symbol, block.interval, block.source) == ("BTC", "1h", "binance-spot")
    assert np.array_equal(block.t, np.arange(START - 2_500 * HOUR, START, HOUR))
    assert len(wire.seen) == 3
    assert wire.seen[0][1].url.params["limit"] == "1000"


def test_an_open_candle_is_never_taken():
    http, _, clock = client(exchange(3))
    block = candles(run(clock, Binance(http).klines("BTCUSDT", "1h", Micros(START - 3 * HOUR), Micros(START + HOUR))))
    assert len(block.t) == 3
    http, _, clock = client(exchange(3, from_ms=(START - 2 * HOUR) // MS))
    block = candles(run(clock, Binance(http).klines("BTCUSDT", "1h", Micros(START - 2 * HOUR), Micros(START + HOUR))))
    assert block.t.tolist() == [START - 2 * HOUR, START - HOUR]


def test_the_end_of_the_range_is_excluded():
    http, _, clock = client(exchange(10))
    block = candles(
        run(clock, Binance(http).klines("BTCUSDT", "1h", Micros(START - 5 * HOUR), Micros(START - 3 * HOUR)))
    )
    assert block.t.tolist() == [START - 5 * HOUR, START - 4 * HOUR]


def test_bad_candles_are_set_aside_and_a_stuck_history_ends():
    rows = [given.kline(-3), given.kline(-2, _2="1"), given.kline(-1, _1=None), ["x"], 5]
    http, wire, clock = client(lambda request: json(rows))
    records = run(clock, Binance(http).klines("BTCUSDT", "1h", Micros(START - DAY), START))
    assert len(candles(records).t) == 1
    assert sorted(record.reason for record in records if isinstance(record, Rejected)) == [
        "candle-nan", "high-below-low", "not-a-candle", "row-too-short"
    ]  # fmt: skip
    http, wire, clock = client(lambda request: json([given.kline(-30)] * 1_000))
    run(clock, Binance(http).klines("BTCUSDT", "1h", Micros(START - DAY), START))
    assert len(wire.seen) == 1


def test_an_unknown_symbol_or_interval_is_refused():
    http, _, clock = client(lambda request: json({"code": -1121, "msg": "Invalid symbol."}, 400))
    with pytest.raises(Refused) as info:
        run(clock, Binance(http).klines("NOUSDT", "1h", Micros(0), START))
    assert info.value.details["venue_code"] == -1121
    with pytest.raises(Refused):
        run(clock, Binance(http).klines("BTCUSDT", "7m", Micros(0), START))
    http, _, clock = client(lambda request: json({"rows": []}))
    with pytest.raises(Refused) as info:
        run(clock, Binance(http).klines("BTCUSDT", "1h", Micros(START - DAY), START))
    assert info.value.code == "venue-drift"


def test_tickers_in_integers():
    http, wire, clock = client(lambda request: json([given.day_ticker(), given.day_ticker(lastPrice=None), 5]))
    found = run(clock, Binance(http).ticker(["BTCUSDT", "ETHUSDT", "BTCUSDT"]))
    assert wire.seen[0][1].url.params["symbols"] == '["BTCUSDT","ETHUSDT"]'
    assert [(row.price_e4, row.change_e6, row.open_e8) for row in found] == [(1_012_505_000, 12_500, 10**13)]
    assert (found.items[0].event_time, found.items[0].known_at) == (given.MILLIS * MS, START)
    assert [row.reason for row in found.rejected] == ["ticker-unreadable"] * 2
    small = run(clock, Binance(client(lambda request: json(given.day_ticker(lastPrice="0.00001234")))[0]).ticker(["X"]))
    assert [(row.price_e8, row.price_e4) for row in small] == [(1_234, 0)]


def test_many_tickers_cost_what_the_exchange_says():
    http, wire, clock = client(lambda request: json([]))
    run(clock, Binance(http).ticker([f"A{number}USDT" for number in range(150)]))
    assert len(wire.seen) == 2
    assert {row["route"] for row in http.usage.to_dict()["total"]} == {"binance/ticker-100"}


def test_exchange_info_and_time():
    http, _, clock = client(lambda request: json(given.exchange_info()))
    info = run(clock, Binance(http).exchange_info())
    assert [(pair.symbol, pair.base, pair.status) for pair in info.pairs] == [
        ("BTCUSDT", "BTC", "TRADING"), ("OLDUSDT", "OLD", "BREAK")
    ]  # fmt: skip
    assert info.weight_per_minute == 6_000
    assert not info.rejected
    assert run(clock, Binance(http).time()) == given.MILLIS * MS
    for call in ("exchange_info", "time"):
        http, _, clock = client(lambda request: json([]))
        with pytest.raises(Refused):
            run(clock, getattr(Binance(http), call)())


# files


def packed(rows, name):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, "\n".join(",".join(str(value) for value in row) for row in rows) + "\n")
    return buffer.getvalue()


def served(files, checksums=None):
    """Serve zip files by name with their checksums beside them."""
    stated = checksums or {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}

    def answer(request):
        name = request.url.path.rsplit("/", 1)[1]
        if name.endswith(".CHECKSUM") and name[:-9] in stated:
            return httpx2.Response(200, text=f"{stated[name[:-9]]}  {name[:-9]}\n")
        return httpx2.Response(200, content=files[name]) if name in files else httpx2.Response(404, text="<Error/>")

    return answer


def rows_of(month, unit):
    start = int(np.datetime64(month, "s").astype(int)) * unit
    return [[start + hour * 3_600 * unit, 1, 3, 1, 2, 10, 0, 0, 0, 0, 0, 0] for hour in range(48)]


@pytest.mark.parametrize(("month", "unit"), [("2024-12", 1_000), ("2025-01", 1_000_000)])
def test_a_month_matches_its_checksum_in_either_unit_of_time(month, unit):
    name = f"BTCUSDT-1h-{month}.zip"
    data = packed(rows_of(month, unit), name.replace(".zip", ".csv"))
    http, wire, clock = client(served({name: data}))
    file = run(clock, Bulk(http).month("BTCUSDT", "1h", date.fromisoformat(f"{month}-01")))
    block = candles(file.records)
    first = int(np.datetime64(month, "s").astype(int)) * SECOND
    assert np.array_equal(block.t, np.arange(first, first + 48 * HOUR, HOUR))
    assert (file.name, file.sha256, file.size) == (name, hashlib.sha256(data).hexdigest(), len(data))
    assert wire.seen[1][1].url.path == f"/bulk/data/spot/monthly/klines/BTCUSDT/1h/{name}"
    assert run(clock, Bulk(http).checksum("BTCUSDT", "1h", month)) == file.sha256


def test_a_day_has_its_own_place():
    name = "ETHUSDT-15m-2026-11-19.zip"
    rows = [[(1_795_046_400 + 900 * number) * SECOND, 1, 1, 1, 1, 1] for number in range(96)]
    http, wire, clock = client(served({name: packed(rows, "ETHUSDT-15m-2026-11-19.csv")}))
    block = candles(run(clock, Bulk(http).day("ETHUSDT", "15m", date(2026, 11, 19))).records)
    assert (block.symbol, block.interval, len(block.t), int(block.t[1] - block.t[0])) == ("ETH", "15m", 96, 15 * MINUTE)
    assert "/daily/" in wire.seen[0][1].url.path


def test_a_month_that_is_not_there_is_not_listed():
    http, _, clock = client(served({}))
    with pytest.raises(Refused) as info:
        run(clock, Bulk(http).month("RENUSDT", "1h", date(2026, 11, 1)))
    assert info.value.code == "not-listed"
    for symbol, interval in (("../../x", "1h"), ("BTCUSDT", "../1h"), ("btcusdt", "1h")):
        with pytest.raises(Refused) as info:
            run(clock, Bulk(http).month(symbol, interval, date(2026, 11, 1)))
        assert info.value.code == "not-listed"


def test_a_file_that_differs_is_fetched_once_more_and_then_refused():
    name = "BTCUSDT-1h-2025-01.zip"
    data = packed(rows_of("2025-01", 1_000_000), "x.csv")
    http, wire, clock = client(served({name: data}, {name: "0" * 64}))
    with pytest.raises(DataError) as info:
        run(clock, Bulk(http).month("BTCUSDT", "1h", date(2025, 1, 1)))
    assert (info.value.code, len(wire.seen)) == ("checksum-mismatch", 4)


@pytest.mark.parametrize("text", ["", "not a checksum", f"{'0' * 64}  another.zip"])
def test_a_checksum_file_that_says_nothing_is_drift(text):
    http, _, clock = client(lambda request: httpx2.Response(200, text=text))
    with pytest.raises(Refused) as info:
        run(clock, Bulk(http).month("BTCUSDT", "1h", date(2025, 1, 1)))
    assert info.value.code == "venue-drift"


def test_an_archive_that_cannot_be_opened_is_set_aside():
    name = "BTCUSDT-1h-2025-01.zip"
    http, _, clock = client(served({name: b"PK\x03\x04 nothing"}))
    file = run(clock, Bulk(http).month("BTCUSDT", "1h", date(2025, 1, 1)))
    assert [record.reason for record in file.records] == ["zip-unreadable"]


def test_a_zip_that_would_unpack_to_gigabytes_is_refused():
    buffer = io.BytesIO()
    with (
        zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("x.csv", "w", force_zip64=True) as part,
    ):
        for _ in range(600):
            part.write(bytes(1_000_000))
    name = "BTCUSDT-1h-2025-01.zip"
    http, _, clock = client(served({name: buffer.getvalue()}))
    with pytest.raises(Refused) as info:
        run(clock, Bulk(http).month("BTCUSDT", "1h", date(2025, 1, 1)))
    assert info.value.code == "venue-too-large"


# ccxt


class Small:
    """An exchange with the one method that is used."""

    id = "small"

    def __init__(self, rows, page=3, error=None):
        self.rows, self.page, self.error, self.asked = rows, page, error, []

    async def fetch_ohlcv(self, symbol, timeframe, since, limit):
        self.asked.append((symbol, timeframe, since, limit))
        if self.error:
            raise self.error
        return [row for row in self.rows if row[0] >= since][: self.page]

    async def close(self):
        return None


def hourly(count):
    return [[(START - (count - number) * HOUR) // MS, 1.0, 3.0, 0.5, 2.0, 7.0] for number in range(count + 1)]


def fetch(exchange, interval="1h", start=TEN_HOURS_AGO, end=START):
    clock = ManualClock(START)
    return asyncio.run(CcxtCandles(exchange, clock).candles("BTC/USDT", interval, start, end))


def test_candles_of_another_exchange_are_paged_and_closed():
    small = Small(hourly(10))
    block = candles(fetch(small, end=Micros(START + HOUR)))
    assert np.array_equal(block.t, np.arange(START - 10 * HOUR, START, HOUR))
    assert (block.symbol, block.interval, block.source) == ("BTC", "1h", "ccxt-small")
    assert len(small.asked) == 5
    assert fetch(Small([])) == []


class NetworkError(Exception):
    pass


class RequestTimeout(NetworkError):
    pass


class RateLimitExceeded(NetworkError):
    pass


class BadSymbol(Exception):
    pass


@pytest.mark.parametrize(
    ("error", "kind", "code"),
    [
        (RequestTimeout("x"), Retryable, "venue-unreachable"),
        (RateLimitExceeded("x"), Retryable, "venue-rate-limited"),
        (OSError("x"), Retryable, "venue-unreachable"),
        (BadSymbol("x"), Refused, "venue-refused"),
    ],
)
def test_errors_of_the_library_become_ours(error, kind, code):
    with pytest.raises(kind) as info:
        fetch(Small([], error=error))
    assert info.value.code == code


def test_rows_of_another_shape_are_set_aside():
    rows = [[(START - 2 * HOUR) // MS, 1.0, 3.0], [(START - HOUR) // MS, 1, 3, 0.5, 2, 7]]
    records = fetch(Small(rows))
    assert len(candles(records).t) == 1
    assert [record.reason for record in records if isinstance(record, Rejected)] == ["row-too-short"]


def test_without_the_library_the_message_says_what_to_install():
    with pytest.raises(ConfigError) as info:
        open_exchange("kraken")
    assert info.value.code == "extra-missing"
    assert "edgeworth[ccxt]" in info.value.hint


def test_an_exchange_is_opened_by_its_name_and_throttles_itself(monkeypatch):
    library = ModuleType("ccxt.async_support")
    library.exchanges = ["kraken"]
    library.kraken = lambda options: options
    library.version = "1"
    monkeypatch.setitem(sys.modules, "ccxt.async_support", library)
    monkeypatch.setitem(sys.modules, "ccxt", ModuleType("ccxt"))
    assert open_exchange("kraken") == {"enableRateLimit": True}
    for name in ("nowhere", "version"):
        with pytest.raises(UsageError) as info:
            open_exchange(name)
        assert info.value.code == "unknown-source"


@pytest.mark.parametrize("interval", ["1w", "1M", "x", ""])
def test_intervals_without_a_fixed_length_are_refused(interval):
    with pytest.raises(UsageError):
        fetch(Small([]), interval)
