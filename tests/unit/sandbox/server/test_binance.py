"""The exchange: candles that add up, bulk files that equal them, weights, streams."""

import csv
import hashlib
import io
import json
import zipfile
from itertools import pairwise

import numpy as np
import pytest
from tests.unit.sandbox.server.venue import Venue

from edgeworth.core.instants import parse_instant, to_iso
from edgeworth.core.records import CandleBlock
from edgeworth.core.units import DAY, HOUR, MINUTE, SECOND, Micros
from edgeworth.sandbox.server.binance import amount
from edgeworth.sandbox.server.spot_feed import CLOSE, HIGH, LOW, OPEN, VOLUME, SpotFeed
from edgeworth.sandbox.server.symbols import SYMBOLS
from edgeworth.sandbox.spot import COINS
from edgeworth.venues.binance.klines import Archive, iter_klines_csv, iter_klines_json

BTC = SYMBOLS["BTCUSDT"]


@pytest.fixture(scope="module")
def venue() -> Venue:
    made = Venue()
    made.clock.advance(DAY + 7 * HOUR + 25 * MINUTE + 33 * SECOND)
    return made


def klines(venue: Venue, query: str, **headers: str) -> list[list[object]]:
    found: list[list[object]] = venue.json(f"/binance/api/v3/klines?{query}", **headers)
    return found


def test_five_minutes_add_up_to_the_worlds_own_path(venue: Venue) -> None:
    spot, feed, coin = venue.live.world.spot, venue.sandbox.spot, 0
    begin = venue.now // DAY * DAY - 3 * DAY
    bars = feed.candles(BTC, "5m", begin, begin + DAY, venue.now)
    first = (begin - spot.origin) // (5 * MINUTE)
    for column, path in ((OPEN, spot.log_price[coin, first : first + 288]), (HIGH, spot.high[coin, first : first + 288]),
                         (LOW, spot.low[coin, first : first + 288])):  # fmt: skip
        assert bars.values[:, column] == pytest.approx(np.exp(path) * 100, abs=1.0)
    hours, values = spot.candles(coin, begin, begin + DAY)
    hourly = feed.candles(BTC, "1h", begin, begin + DAY, venue.now)
    assert hourly.t.tolist() == hours.tolist()
    assert hourly.values[:, :4] / 100 == pytest.approx(values[:, :4], abs=0.011)


@pytest.mark.parametrize(
    ("short", "long"), [("1m", "5m"), ("5m", "15m"), ("15m", "1h"), ("1h", "4h"), ("1h", "1d"), ("1d", "1w")]
)
@pytest.mark.parametrize("name", ["BTCUSDT", "SHIBUSDT" if "SHIBUSDT" in SYMBOLS else "YFIUSDT", "XRPUSDT"])
def test_longer_candles_are_exact_sums_of_shorter_ones(venue: Venue, name: str, short: str, long: str) -> None:
    feed, symbol = venue.sandbox.spot, SYMBOLS[name]
    begin = parse_instant("2026-11-02")
    end = begin + 21 * DAY if long in {"1d", "1w"} else begin + 2 * DAY
    fine = feed.candles(symbol, short, begin, end, venue.now)
    coarse = feed.candles(symbol, long, begin, end, venue.now)
    place = np.searchsorted(fine.t, coarse.t)
    assert np.array_equal(fine.values[place, OPEN], coarse.values[:, OPEN])
    assert np.array_equal(np.maximum.reduceat(fine.values[:, HIGH], place), coarse.values[:, HIGH])
    assert np.array_equal(np.minimum.reduceat(fine.values[:, LOW], place), coarse.values[:, LOW])
    assert np.array_equal(np.append(fine.values[place[1:] - 1, CLOSE], fine.values[-1, CLOSE]), coarse.values[:, CLOSE])
    assert np.array_equal(np.add.reduceat(fine.values[:, VOLUME:], place, axis=0), coarse.values[:, VOLUME:])


def test_candles_are_coherent_and_continuous_over_three_years(venue: Venue) -> None:
    feed = venue.sandbox.spot
    bars = feed.candles(BTC, "1h", venue.now - 3 * 365 * DAY, venue.now, venue.now)
    assert len(bars.t) >= 3 * 365 * 24 - 1
    assert set(np.diff(bars.t).tolist()) == {HOUR}
    values = bars.values
    assert np.all(values[:, LOW] <= np.minimum(values[:, OPEN], values[:, CLOSE]))
    assert np.all(values[:, HIGH] >= np.maximum(values[:, OPEN], values[:, CLOSE]))
    assert np.array_equal(values[1:, OPEN], values[:-1, CLOSE])
    moves = np.diff(np.log(values[:, CLOSE]))
    assert 0.002 < moves.std() < 0.02


def test_the_world_begins_where_the_years_before_it_end(venue: Venue) -> None:
    origin = venue.live.world.spot.origin
    bars = venue.sandbox.spot.candles(BTC, "1m", origin - 2 * MINUTE, origin + 2 * MINUTE, venue.now)
    assert bars.values[1, CLOSE] == bars.values[2, OPEN] == round(COINS[0].start * 100)


def test_klines_have_twelve_columns_and_end_with_the_unfinished_one(venue: Venue) -> None:
    rows = klines(venue, "symbol=BTCUSDT&interval=1h&limit=3")
    assert [len(row) for row in rows] == [12, 12, 12]
    opened, closed = rows[-1][0], rows[-1][6]
    assert opened == venue.now // HOUR * HOUR // 1_000
    assert closed == opened + 3_600_000 - 1  # type: ignore[operator]
    assert isinstance(rows[0][1], str)
    assert rows[0][11] == "0"
    later = Venue()
    later.clock.advance(venue.now - later.now + 20 * MINUTE)
    assert klines(later, "symbol=BTCUSDT&interval=1h&limit=3")[:2] == rows[:2]
    assert klines(later, "symbol=BTCUSDT&interval=1h&limit=3")[2] != rows[2]


def test_klines_page_forward_without_gap_or_overlap(venue: Venue) -> None:
    begin = (venue.now - 40 * DAY) // 1_000
    pages: list[list[object]] = []
    while True:
        rows = klines(venue, f"symbol=ETHUSDT&interval=1h&startTime={begin}&limit=1000")
        pages += rows
        if len(rows) < 1000:
            break
        begin = rows[-1][6] + 1  # type: ignore[operator]
    opens = [row[0] for row in pages]
    assert len(opens) == 40 * 24
    assert {b - a for a, b in pairwise(opens)} == {3_600_000}  # type: ignore[operator]


def test_klines_windows_limits_and_units(venue: Venue) -> None:
    end = venue.now // HOUR * HOUR // 1_000 - 1
    rows = klines(venue, f"symbol=BTCUSDT&interval=1h&endTime={end}&limit=2")
    assert rows[-1][6] == end
    assert len(klines(venue, "symbol=BTCUSDT&interval=1m")) == 500
    assert len(klines(venue, "symbol=BTCUSDT&interval=1m&limit=5000")) == 1000
    micro = klines(
        venue, f"symbol=BTCUSDT&interval=1h&endTime={(end + 1) * 1000 - 1}&limit=2", x_mbx_time_unit="MICROSECOND"
    )
    assert [row[0] // 1000 for row in micro] == [row[0] for row in rows]  # type: ignore[operator]
    months = klines(venue, f"symbol=BTCUSDT&interval=1M&startTime={parse_instant('2026-09-01') // 1000}")
    assert [to_iso(Micros(row[0] * 1000))[:10] for row in months] == [
        "2026-09-01",
        "2026-10-01",
        "2026-11-01",
        "2026-12-01",
    ]  # type: ignore[operator]
    weeks = klines(venue, "symbol=BTCUSDT&interval=1w&limit=2")
    assert all((row[0] * 1000 // DAY + 3) % 7 == 0 for row in weeks)  # type: ignore[operator]  # Mondays


@pytest.mark.parametrize(
    ("query", "code"),
    [("symbol=NOPE&interval=1h", -1121), ("symbol=BTCUSDT&interval=2d", -1120), ("interval=1h", -1102),
     ("symbol=BTCUSDT&interval=1h&limit=x", -1100)],
)  # fmt: skip
def test_what_the_exchange_refuses(venue: Venue, query: str, code: int) -> None:
    response = venue.ask(f"/binance/api/v3/klines?{query}")
    assert (response.status, json.loads(response.body)["code"]) == (400, code)


def test_renamed_coins_stop_and_their_successors_begin(venue: Venue) -> None:
    info = {row["symbol"]: row for row in venue.json("/binance/api/v3/exchangeInfo")["symbols"]}
    assert info["BTCUSDT"]["status"] == info["POLUSDT"]["status"] == "TRADING"
    assert info["MATICUSDT"]["status"] == info["RENUSDT"]["status"] == "BREAK"
    old = klines(venue, f"symbol=MATICUSDT&interval=1d&startTime={parse_instant('2024-09-01') // 1000}")
    assert to_iso(Micros(old[-1][0] * 1000))[:10] == "2024-09-09"  # type: ignore[operator]
    new = klines(venue, "symbol=POLUSDT&interval=1d&startTime=0&limit=1")
    assert to_iso(Micros(new[0][0] * 1000))[:10] == "2024-09-13"  # type: ignore[operator]
    assert venue.ask("/binance/api/v3/ticker/price?symbol=MATICUSDT").status == 400


def test_tickers(venue: Venue) -> None:
    price = venue.json("/binance/api/v3/ticker/price?symbol=BTCUSDT")["price"]
    assert price == klines(venue, "symbol=BTCUSDT&interval=1m&limit=1")[0][4]
    day = venue.json("/binance/api/v3/ticker/24hr?symbol=BTCUSDT")
    assert day["lastPrice"] == price
    assert float(day["lowPrice"]) <= float(price) <= float(day["highPrice"])
    assert day["closeTime"] - day["openTime"] > 86_400_000 - 60_000
    two = venue.json('/binance/api/v3/ticker/price?symbols=["BTCUSDT","ETHUSDT"]')
    assert [row["symbol"] for row in two] == ["BTCUSDT", "ETHUSDT"]
    best = venue.json("/binance/api/v3/ticker/bookTicker?symbol=BTCUSDT")
    assert float(best["bidPrice"]) < float(best["askPrice"])
    assert len(venue.json("/binance/api/v3/ticker/price")) > 25
    assert venue.json("/binance/api/v3/ping") == {}
    assert venue.json("/binance/api/v3/time") == {"serverTime": venue.now // 1000}
    assert venue.json("/binance/api/v3/avgPrice?symbol=BTCUSDT")["mins"] == 5


def test_weights_are_counted_per_minute_and_the_reckless_are_banned() -> None:
    venue = Venue()
    first = venue.ask("/binance/api/v3/exchangeInfo?symbol=BTCUSDT")
    assert first.header("x-mbx-used-weight-1m") == "20"
    statuses = [venue.ask("/binance/api/v3/exchangeInfo?symbol=BTCUSDT").status for _ in range(301)]
    assert statuses.count(429) == 1
    refused = venue.ask("/binance/api/v3/ping")
    assert (refused.status, refused.header("retry-after")) == (429, "60")
    while refused.status == 429:
        refused = venue.ask("/binance/api/v3/ping")
    assert (refused.status, refused.header("retry-after")) == (418, "120")
    venue.clock.advance(MINUTE)
    assert venue.ask("/binance/api/v3/ping").header("x-mbx-used-weight-1m") == "1"


@pytest.mark.parametrize(("month", "digits"), [("2024-12", 13), ("2025-01", 16)])
def test_bulk_months_equal_the_candles_and_change_their_unit(venue: Venue, month: str, digits: int) -> None:
    path = f"/bulk/data/spot/monthly/klines/SOLUSDT/1h/SOLUSDT-1h-{month}.zip"
    body = venue.ask(path).body
    text = venue.ask(path + ".CHECKSUM").body.decode()
    assert text == f"{hashlib.sha256(body).hexdigest()}  SOLUSDT-1h-{month}.zip\n"
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        rows = list(csv.reader(archive.read(f"SOLUSDT-1h-{month}.csv").decode().splitlines()))
    assert len(rows) == 31 * 24
    assert {len(row[0]) for row in rows} == {digits}
    begin = parse_instant(f"{month}-01")
    served = klines(venue, f"symbol=SOLUSDT&interval=1h&startTime={begin // 1000}&limit=1000")
    assert [row[1:6] for row in rows] == [row[1:6] for row in served[: len(rows)]]
    assert venue.ask(path) == venue.ask(path)


def test_bulk_days_appear_the_day_after_and_unknown_files_never(venue: Venue) -> None:
    day = to_iso(Micros(venue.now))[:10]
    before = to_iso(Micros(venue.now - 2 * DAY))[:10]
    assert venue.ask(f"/bulk/data/spot/daily/klines/BTCUSDT/15m/BTCUSDT-15m-{day}.zip").status == 404
    assert venue.ask(f"/bulk/data/spot/daily/klines/BTCUSDT/15m/BTCUSDT-15m-{before}.zip").status == 200
    assert venue.ask("/bulk/data/spot/monthly/klines/BTCUSDT/1h/BTCUSDT-1h-2026-12.zip").status == 404
    assert venue.ask("/bulk/data/spot/monthly/klines/MATICUSDT/1d/MATICUSDT-1d-2024-10.zip").status == 404
    assert venue.ask("/bulk/data/spot/monthly/klines/BTCUSDT/1mo/BTCUSDT-1mo-2026-10.zip").status == 200
    assert venue.ask("/bulk/data/spot/monthly/klines/BTCUSDT/1h/BTCUSDT-1h-2026-13.zip").status == 404
    assert venue.ask("/bulk/index.html").status == 404


def test_our_parsers_read_what_the_exchange_serves(venue: Venue) -> None:
    served = venue.ask("/binance/api/v3/klines?symbol=BTCUSDT&interval=15m&limit=1000").body
    blocks = list(iter_klines_json([served], Archive("BTC", "15m")))
    assert sum(len(block.t) for block in blocks if isinstance(block, CandleBlock)) == 1000
    assert all(isinstance(block, CandleBlock) for block in blocks)
    body = venue.ask("/bulk/data/spot/monthly/klines/BTCUSDT/1h/BTCUSDT-1h-2026-10.zip").body
    with zipfile.ZipFile(io.BytesIO(body)) as archive, archive.open(archive.namelist()[0]) as file:
        rows = list(iter_klines_csv(file, Archive("BTC", "1h"), source="sandbox"))
    assert all(isinstance(row, CandleBlock) for row in rows)


@pytest.mark.parametrize(
    ("value", "decimals", "text"),
    [(5, 2, "0.05000000"), (-123456, 4, "-12.34560000"), (7, 0, "7.00000000"), (1, 8, "0.00000001")],
)
def test_amounts_have_eight_decimals(value: int, decimals: int, text: str) -> None:
    assert amount(value, decimals) == text


def test_the_same_day_is_made_the_same_twice(venue: Venue) -> None:
    other = SpotFeed(venue.live.world)
    begin = venue.now - 900 * DAY
    for name in ("BTCUSDT", "DOGEUSDT"):
        first = venue.sandbox.spot.candles(SYMBOLS[name], "1h", begin, begin + DAY, venue.now)
        assert np.array_equal(first.values, other.candles(SYMBOLS[name], "1h", begin, begin + DAY, venue.now).values)


def test_the_stream_sends_updates_and_every_closed_candle_once() -> None:
    venue = Venue()
    session = venue.sandbox.connect("binance", "/binance-ws/ws/btcusdt@kline_1m")
    assert session.outgoing() == []
    due = session.next_due()
    assert due == venue.now + 2 * SECOND
    venue.clock.advance(2 * SECOND)
    frame = json.loads(session.outgoing()[0])
    assert (frame["e"], frame["s"], frame["k"]["x"]) == ("kline", "BTCUSDT", False)
    venue.clock.advance(10 * MINUTE)
    frames = [json.loads(text) for text in session.outgoing()]
    closed = [row["k"] for row in frames if row["k"]["x"]]
    assert len(closed) == 10
    served = klines(venue, f"symbol=BTCUSDT&interval=1m&startTime={closed[0]['t']}&limit=10")
    assert [[k["t"], k["o"], k["h"], k["l"], k["c"], k["v"]] for k in closed] == [row[:6] for row in served]
    assert session.outgoing() == []


def test_stream_commands_and_combined_frames() -> None:
    venue = Venue()
    session = venue.sandbox.connect("binance", "/binance-ws/stream", (("streams", "btcusdt@miniTicker"),))
    session.receive('{"method":"SUBSCRIBE","params":["ethusdt@bookTicker","nope@kline_1h"],"id":4}')
    session.receive('{"method":"LIST_SUBSCRIPTIONS","id":5}')
    session.receive("what")
    answers = [json.loads(text) for text in session.outgoing()]
    assert answers[0] == {"result": None, "id": 4}
    assert answers[1] == {"result": ["btcusdt@miniTicker", "ethusdt@bookTicker"], "id": 5}
    assert answers[2]["code"] == 3
    venue.clock.advance(SECOND)
    frames = {row["stream"]: row["data"] for row in map(json.loads, session.outgoing())}
    assert frames["btcusdt@miniTicker"]["e"] == "24hrMiniTicker"
    assert set(frames["ethusdt@bookTicker"]) == {"u", "s", "b", "B", "a", "A"}
    session.receive('{"method":"UNSUBSCRIBE","params":["btcusdt@miniTicker","ethusdt@bookTicker"],"id":6}')
    venue.clock.advance(5 * SECOND)
    assert [json.loads(text)["id"] for text in session.outgoing()] == [6]


def test_a_stream_is_closed_for_haste_and_for_age() -> None:
    venue = Venue()
    hasty = venue.sandbox.connect("binance", "/binance-ws/ws")
    for _ in range(6):
        hasty.receive('{"method":"LIST_SUBSCRIPTIONS","id":1}')
    assert hasty.closed == (1008, "Too many requests")
    old = venue.sandbox.connect("binance", "/binance-ws/ws/btcusdt@kline_1h")
    venue.clock.advance(DAY)
    assert old.outgoing()
    assert old.closed is not None
    assert old.next_due() is None
