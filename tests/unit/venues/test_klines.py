import io
import json
import zipfile

import pytest
from tests.unit.venues.payloads import cut

from edgeworth.core.records import CandleBlock, Rejected
from edgeworth.venues.binance.klines import (
    Archive,
    iter_klines_csv,
    iter_klines_json,
    iter_klines_zip,
    normalise_symbol,
    parse_archive_name,
)

HOUR = Archive("BTC", "1h")
BASE = 1_780_002_000  # an hour's start in 2026
HEADER = "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_base,taker_quote,ignore\n"


def row(at, opened="10.5", high="12", low="9", close="11", volume="3.25"):
    return f"{at},{opened},{high},{low},{close},{volume},0,1,2,3,4,0\n"


def only(records, kind):
    found = [record for record in records if isinstance(record, kind)]
    assert len(found) == 1
    return found[0]


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("BTCUSDT-1h-2024-01.csv", HOUR),
        ("x/y/ETHUSDT-15m-2025-02-03.zip", Archive("ETH", "15m")),
        ("SOLUSDC-1mo-2024.csv.gz", Archive("SOL", "1mo")),
        ("BTCUSDT-1M-2024.csv", Archive("BTC", "1mo")),
        ("BTCUSDT-1m-2024.csv", Archive("BTC", "1m")),
        ("1000SATSUSDT-1h-2024-01.csv", Archive("1000SATS", "1h")),
        ("BTCUSDT-1h.csv", HOUR),
        ("prices.csv", None),
        ("BTCUSDT.csv", None),
    ],
)
def test_archive_names(name, found):
    assert parse_archive_name(name) == found


def test_symbols_lose_the_dollar():
    assert [normalise_symbol(text) for text in ("BTCUSDT", "btc/usdt", "ETH-USD", "SOL", "USDT")] == [
        "BTC",
        "BTC",
        "ETH",
        "SOL",
        "USDT",
    ]


@pytest.mark.parametrize("scale", [1_000, 1_000_000])
@pytest.mark.parametrize("header", ["", HEADER])
@pytest.mark.parametrize("size", [1, 30, 10**9])
def test_both_eras_with_and_without_header(scale, header, size):
    text = header + row(BASE * scale) + row((BASE + 3_600) * scale)
    block = only(list(iter_klines_csv(cut(text.encode(), size), HOUR)), CandleBlock)
    assert (block.symbol, block.interval) == ("BTC", "1h")
    assert block.t.tolist() == [BASE * 1_000_000, (BASE + 3_600) * 1_000_000]
    assert block.open.tolist() == [10.5, 10.5]
    assert block.volume.tolist() == [3.25, 3.25]


def test_the_era_may_change_within_a_file():
    text = row(BASE * 1_000) + row((BASE + 3_600) * 1_000_000)
    block = only(list(iter_klines_csv([text.encode()], HOUR)), CandleBlock)
    assert block.t.tolist() == [BASE * 1_000_000, (BASE + 3_600) * 1_000_000]


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (row(BASE * 1_000, high="8"), "high-below-low"),
        (row(BASE * 1_000, opened="13"), "open-close-outside"),
        (row(BASE * 1_000, close="8.5"), "open-close-outside"),
        (row(BASE * 1_000, low="-9"), "price-negative"),
        (row(BASE * 1_000, volume="-1"), "volume-negative"),
        (row(BASE * 1_000, close="nan"), "candle-nan"),
        (row(BASE * 1_000, close=""), "candle-nan"),
        (row(BASE * 1_000, close="inf"), "candle-nan"),
        (row(BASE * 1_000 + 1), "off-grid"),
        (row("later"), "time-unreadable"),
        (row(5), "time-out-of-range"),
        ("1,2,3\n", "row-too-short"),
    ],
)
def test_a_bad_row_is_set_aside(bad, reason):
    text = row(BASE * 1_000) + bad + bad + row((BASE + 3_600) * 1_000)
    records = list(iter_klines_csv([text.encode()], HOUR))
    assert len(only(records, CandleBlock).t) == 2
    rejected = only(records, Rejected)
    assert (rejected.kind, rejected.reason, rejected.rows) == ("candle", reason, 2)


def test_a_cut_last_row_is_a_truncation():
    records = list(iter_klines_csv([(row(BASE * 1_000) + str(BASE)).encode()], HOUR))
    assert only(records, Rejected).reason == "file-truncated"
    assert len(only(records, CandleBlock).t) == 1


def test_long_intervals_have_their_own_grid():
    monday, tuesday = 1_779_667_200, 1_779_753_600
    records = list(iter_klines_csv([(row(monday * 1_000) + row(tuesday * 1_000)).encode()], Archive("BTC", "1w")))
    assert only(records, CandleBlock).t.tolist() == [monday * 1_000_000]
    assert only(records, Rejected).reason == "off-grid"


def test_rest_answers():
    rows = [[BASE * 1_000, "10.5", "12", "9", "11", "3.25", 0, "1", 2, "3", "4", "0"], [1, 2], {"code": -1}]
    records = list(iter_klines_json(cut(json.dumps(rows).encode(), 9), HOUR))
    assert only(records, CandleBlock).t.tolist() == [BASE * 1_000_000]
    assert {record.reason for record in records if isinstance(record, Rejected)} == {"row-too-short", "not-a-candle"}


def test_zip_archives():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("BTCUSDT-1h-2026-05.csv", row(BASE * 1_000))
        archive.writestr("readme.txt", "hello")
    assert only(list(iter_klines_zip(file, name="BTCUSDT-1h-2026-05.zip")), CandleBlock).symbol == "BTC"
    for broken in (b"PK\x03\x04 no zip", file.getvalue()[:60], b""):
        assert only(list(iter_klines_zip(io.BytesIO(broken), name="x.zip")), Rejected).reason == "zip-unreadable"
