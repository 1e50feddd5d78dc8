"""Years of candles: files once, the rest over REST, an hour exactly four quarters, coins that changed their name."""

import asyncio

import numpy as np
import polars as pl
import pytest
from tests.support.exchange import QUARTER, Exchange, instant
from tests.support.wires import Answering

from edgeworth.collect.fetching.candles import (
    CandleFetch,
    CandleRequest,
    CandleTools,
    derive_hours,
    differences,
    history_of,
)
from edgeworth.collect.fetching.revisions import Revision, find_revisions
from edgeworth.core.clock import ManualClock
from edgeworth.core.errors import DataError, Retryable
from edgeworth.core.paths import Home
from edgeworth.core.units import HOUR, Micros
from edgeworth.store.lake import Lake
from edgeworth.store.market_db import MarketStore
from edgeworth.venues.binance.bulk import Bulk
from edgeworth.venues.binance.lineage import CHANGES, DEFAULT_ASSETS, asset_of, segments
from edgeworth.venues.binance.rest import Binance
from edgeworth.venues.endpoints import Endpoints
from edgeworth.venues.http.client import HttpClient

NOW = instant(2025, 2, 10, 9, 20)
START = instant(2024, 11, 20)


@pytest.fixture
def place(home):
    return Home(home)


def fetch(place, exchange, symbols=("BTCUSDT",), intervals=("15m", "1h"), start=START, hook=None):
    async def work():
        clock = ManualClock(Micros(exchange.now))
        http = HttpClient(Endpoints.sandbox("http://sandbox.local"), clock, transport=Answering(clock, exchange.answer))
        async with await MarketStore.open(place, clock=clock) as store:
            tools = CandleTools(store, Lake(place.lake, hook), Bulk(http), Binance(http), clock)
            return await CandleFetch(tools).run(CandleRequest(symbols, intervals, Micros(start), Micros(exchange.now)))

    return asyncio.run(work())


def stored(place, symbol="BTC", interval="15m"):
    return Lake(place.lake).scan_candles([symbol], interval).collect().sort("t")


def truth(exchange, pair, interval, start, end):
    rows = exchange.candles(pair, interval, start, end)
    return pl.DataFrame(rows, schema=["t", "open", "high", "low", "close", "volume"], orient="row")


def files(place):
    return {path.name: path.read_bytes() for path in place.lake.rglob("*") if path.is_file() and path.suffix != ".lock"}


@pytest.fixture
def exchange():
    return Exchange(NOW, {"BTCUSDT": (instant(2024, 11, 5), NOW)})


def test_every_closed_candle_once_from_months_days_and_rest(place, exchange):
    report = fetch(place, exchange)
    last_closed = instant(2025, 2, 10, 9)  # the quarter from 9:15 on is still open
    wanted = truth(exchange, "BTCUSDT", "15m", instant(2024, 11, 5), last_closed + QUARTER)
    assert stored(place).select(wanted.columns).equals(wanted)
    line = report.series[0]
    assert (line.candles, line.new, line.holes) == (wanted.height, wanted.height, 0)
    assert line.files == 3 + 8  # November, December, January; eight days of February
    assert sum("api/v3/klines" in path for path in exchange.asked) == 2  # one for each interval


def test_the_hour_is_exactly_four_quarters_and_the_exchange_agrees(place, exchange):
    line = fetch(place, exchange).series[1]
    assert line.derived
    assert (line.differing, line.compared) == (0, line.candles)
    hours = stored(place, interval="1h")
    own = truth(exchange, "BTCUSDT", "1h", instant(2024, 11, 5), instant(2025, 2, 10, 9))
    prices = ["t", "open", "high", "low", "close"]
    assert hours.select(prices).equals(own.select(prices))
    assert np.allclose(hours["volume"], own["volume"], rtol=1e-12)


def test_the_second_fetch_asks_for_no_file_and_changes_no_byte(place, exchange):
    fetch(place, exchange)
    before, exchange.asked = files(place), []
    report = fetch(place, exchange)
    assert files(place) == before
    assert [line.new for line in report.series] == [0, 0]
    assert report.series[0].known == 11
    assert not [path for path in exchange.asked if path.endswith(".zip")]


def test_later_only_what_is_new_is_fetched(place, exchange):
    fetch(place, exchange)
    later = Exchange(instant(2025, 3, 9, 12), {"BTCUSDT": (instant(2024, 11, 5), instant(2025, 3, 9, 12))})
    report = fetch(place, later)
    assert "2025-01" not in "".join(later.asked)
    rows = stored(place)
    assert rows["t"].n_unique() == rows.height
    assert report.series[0].holes == 0
    assert int(rows["t"].max()) == instant(2025, 3, 9, 11, 45)


class Killed(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("step", ["part-written", "manifest-synced", "manifest-renamed"])
def test_stopped_while_storing_and_run_again(place, exchange, step):
    def hook(name):
        if name == step:
            raise Killed

    with pytest.raises(Killed):
        fetch(place, exchange, hook=hook)
    fetch(place, exchange)
    rows = stored(place)
    assert rows["t"].n_unique() == rows.height == truth(exchange, "BTCUSDT", "15m", 0, NOW - QUARTER).height
    assert not Lake(place.lake).verify() or all(problem.harmless for problem in Lake(place.lake).verify())


def test_an_unreachable_source_keeps_what_came_before(place, exchange):
    exchange.pairs["ETHUSDT"] = (0, 0)

    def answer(request):
        if "ETH" in str(request.url):
            import httpx2

            return httpx2.Response(503, text="busy")
        return Exchange.answer(exchange, request)

    broken = Exchange(NOW, {"BTCUSDT": (instant(2024, 11, 5), NOW)})
    broken.answer = answer
    with pytest.raises(Retryable):
        fetch(place, broken, symbols=("BTC", "ETH"))
    assert stored(place).height > 8_000


def test_hours_that_differ_from_the_exchanges_own_are_not_stored(place, exchange):
    exchange.noise = 0.01
    report = fetch(place, exchange)
    line = report.series[1]
    assert line.differing == line.compared > 1_900
    assert report.refused == [line]
    assert stored(place, interval="1h").is_empty()

    async def quarantine():
        async with await MarketStore.open(place) as store:
            return await store.quarantine_summary()

    assert "hours-differ" in [row["reason"] for row in asyncio.run(quarantine())]


def test_a_single_hour_that_differs_is_left_out(place, exchange):
    fetch(place, exchange, intervals=("15m",))
    odd = instant(2025, 1, 15, 12)
    rows = exchange._rows["BTCUSDT"]
    exchange._rows["BTCUSDT"] = [(*row[:5], row[5] + 1) if row[0] == odd else row for row in rows]  # a revised volume
    line = fetch(place, exchange).series[1]
    assert (line.differing, line.refused) == (1, "")
    hours = stored(place, interval="1h")["t"].to_list()
    assert odd not in hours
    assert len(hours) == line.compared - 1


def test_an_hour_with_a_missing_quarter_is_not_derived(place):
    hole = instant(2025, 1, 15, 12, 30)
    exchange = Exchange(NOW, {"BTCUSDT": (START, NOW)}, holes=(hole,))
    report = fetch(place, exchange)
    assert report.series[0].holes == report.series[1].holes == 1
    assert instant(2025, 1, 15, 12) not in stored(place, interval="1h")["t"].to_list()


def test_a_renamed_coin_is_fetched_under_both_names_and_continues(place):
    now = instant(2024, 11, 10)
    exchange = Exchange(
        now, {"MATICUSDT": (instant(2024, 8, 1), instant(2024, 9, 10, 3)), "POLUSDT": (instant(2024, 9, 13, 10), now)}
    )
    report = fetch(place, exchange, symbols=("POLUSDT",), intervals=("15m",), start=instant(2024, 8, 1))
    assert [(line.asset, line.pair) for line in report.series] == [("MATIC", "MATICUSDT"), ("MATIC", "POLUSDT")]
    whole = history_of(Lake(place.lake), "MATIC", "15m")
    assert whole["pair"].unique(maintain_order=True).to_list() == ["MATICUSDT", "POLUSDT"]
    gaps = whole["t"].diff().drop_nulls()
    assert gaps.filter(gaps != QUARTER).to_list() == [instant(2024, 9, 13, 10) - instant(2024, 9, 10, 2, 45)]


def test_a_successor_at_another_ratio_is_scaled_when_read_and_never_when_stored(place):
    now = instant(2025, 10, 20)
    exchange = Exchange(now, {"SKYUSDT": (instant(2025, 9, 18, 8), now)})
    fetch(place, exchange, symbols=("MKR",), intervals=("15m",), start=instant(2025, 9, 1))
    kept, read = stored(place, "SKY"), history_of(Lake(place.lake), "MKR", "15m")
    assert np.allclose(read["close"], kept["close"] * 24_000)
    assert np.allclose(read["volume"], kept["volume"] / 24_000)
    assert float(kept["close"][0]) < 200


def test_a_series_that_is_no_traded_price_is_refused_whole(place, exchange):
    draws = np.random.default_rng(3).uniform(50, 150, 50_000).round(2).tolist()
    rows = exchange._rows["BTCUSDT"]
    exchange._rows["BTCUSDT"] = [
        (row[0], price, price + 1, price - 1, other, row[5])
        for row, price, other in zip(rows, draws, draws[1:], strict=False)
    ]
    exchange._rows["BTCUSDT"] = [
        (t, o, max(o, c) + 1, min(o, c) - 1, c, v) for t, o, _, _, c, v in exchange._rows["BTCUSDT"]
    ]
    report = fetch(place, exchange)
    assert "diffuse" in report.refused[0].refused
    assert stored(place).is_empty()


def test_the_default_list_and_its_lineage():
    assert len(DEFAULT_ASSETS) == len(set(DEFAULT_ASSETS)) == 30
    assert {change.asset for change in CHANGES} <= set(DEFAULT_ASSETS)
    assert {change.asset: change.successor for change in CHANGES} == {
        "MATIC": "POL", "REN": "", "BAL": "", "EOS": "A", "MKR": "SKY",
    }  # fmt: skip
    for change in CHANGES:
        first, *rest = segments(change.asset)
        assert first.end == change.stopped
        assert all(first.end < later.start for later in rest)
    assert [asset_of(name) for name in ("polusdt", "POL", "MATIC/USDT", "A", "SKY", "BTC-USDT")] == [
        "MATIC", "MATIC", "MATIC", "EOS", "MKR", "BTC",
    ]  # fmt: skip
    for other in ("BTCUSDC", "BTC-USD", "ETHBUSD"):
        with pytest.raises(ValueError, match="never mixed"):
            asset_of(other)


def test_revised_files_are_found_and_what_is_stored_stands(place, exchange):
    fetch(place, exchange, intervals=("15m",))
    before = stored(place)
    revised = Exchange(NOW, {"BTCUSDT": (instant(2024, 11, 5), NOW)})
    odd = instant(2025, 1, 15, 12)
    revised._rows["BTCUSDT"] = [(*r[:5], r[5] + 1) if r[0] == odd else r for r in revised._rows["BTCUSDT"]]

    def look(exchange):
        async def work():
            clock = ManualClock(Micros(NOW))
            transport = Answering(clock, exchange.answer)
            http = HttpClient(Endpoints.sandbox("http://sandbox.local"), clock, transport=transport)
            async with await MarketStore.open(place, clock=clock) as store:
                tools = CandleTools(store, Lake(place.lake), Bulk(http), Binance(http), clock)
                return await find_revisions(tools, Bulk(http)), await store.quarantine_summary()

        return asyncio.run(work())

    assert look(exchange) == ([], [])
    found, quarantine = look(revised)
    assert found == [Revision("BTCUSDT", "15m", "2025-01", 1)]
    assert [(row["reason"], row["rows"]) for row in quarantine] == [("candle-revised", 1)]
    assert stored(place).equals(before)
    assert look(revised)[0] == []  # said once


def test_nothing_to_fetch_is_said(place, exchange):
    with pytest.raises(DataError, match="traded"):
        fetch(place, exchange, symbols=("REN",), start=instant(2025, 1, 1))
    with pytest.raises(ValueError, match="interval"):
        fetch(place, exchange, intervals=("7m",))


def test_derived_hours_by_hand():
    t = [HOUR, HOUR + QUARTER, HOUR + 2 * QUARTER, HOUR + 3 * QUARTER, 2 * HOUR]
    quarters = pl.DataFrame(
        {"t": t, "open": [1.0, 2, 3, 4, 5], "high": [5.0, 9, 6, 7, 8], "low": [0.5, 1, 0.25, 2, 3],
         "close": [2.0, 3, 4, 6, 7], "volume": [1.0, 2, 3, 4, 5]}
    )  # fmt: skip
    hours = derive_hours(quarters)
    assert hours.rows() == [(HOUR, 1.0, 9.0, 0.25, 6.0, 10.0)]
    assert differences(hours, hours).is_empty()
    assert differences(hours, hours.with_columns(low=pl.lit(0.26))).height == 1
