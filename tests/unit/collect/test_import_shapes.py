"""Every shape of file, small and invented: what is stored, what is set aside, and that repetition changes nothing."""

import gzip
import json
import sqlite3
import zipfile

import numpy as np
import polars as pl
import pytest

T0 = 1_699_999_200
YES, NO = "1" * 77, "2" * 77
GAMMA = {
    "id": "901",
    "question": "Will the river freeze?",
    "conditionId": "0x" + "a1" * 32,
    "slug": "will-the-river-freeze",
    "outcomes": '["Yes", "No"]',
    "clobTokenIds": json.dumps([YES, NO]),
    "endDate": "2024-03-01T00:00:00Z",
    "createdAt": "2024-01-01T00:00:00Z",
    "active": True,
    "closed": False,
}
RESOLVED = GAMMA | {
    "id": "902",
    "conditionId": "0x" + "b2" * 32,
    "slug": "will-the-lake-freeze",
    "question": "Will the lake freeze?",
    "clobTokenIds": json.dumps(["3" * 77, "4" * 77]),
    "closed": True,
    "outcomePrices": '["1", "0"]',
    "umaResolutionStatus": "resolved",
    "closedTime": "2024-02-20 12:00:00+00",
}
EVENT = {"id": "77", "slug": "winter", "title": "Winter", "markets": [GAMMA, RESOLVED]}


def points(count, start=T0, step=60, price=0.4):
    return [{"t": start + step * n, "p": round(price + 0.001 * (n % 7), 4)} for n in range(count)]


def again(desk, first, **options):
    """Import the same again: nothing new, everything a duplicate; also when files are read anew."""
    before = desk.rows("markets"), desk.prices().height
    for force in (False, True):
        second = desk.bring(force=force, **options).totals
        assert not second.stored
        assert second.read == first.totals.read
        assert second.quarantined == first.totals.quarantined
    assert (desk.rows("markets"), desk.prices().height) == before


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("array.json", json.dumps([EVENT])),
        ("one.json", json.dumps(EVENT)),
        ("lines.ndjson", json.dumps(GAMMA) + "\n" + json.dumps(RESOLVED) + "\n"),
        ("page.json.gz", gzip.compress(json.dumps([GAMMA, RESOLVED]).encode(), mtime=0)),
    ],
)
def test_gamma(desk, name, content):
    desk.file(name, content)
    report = desk.bring()
    assert report.totals.stored["market"] == 2
    assert report.totals.stored["resolution"] == 1
    assert report.files[0].shape == "gamma"
    assert desk.market("token", YES) == desk.market("condition", GAMMA["conditionId"])
    again(desk, report)


def test_history(desk):
    markets = [
        {"id": "911", "question": "Will it snow?", "price_history": points(50)},
        {"id": "912", "question": "Will it rain?", "price_history": points(30)[::-1] + points(5)},
        {"id": "913", "question": "Will it hail?", "price_history": [{"t": T0, "p": 1.7}, {"t": T0, "p": None}]},
    ]
    desk.file("history.json", json.dumps({"markets": markets}))
    report = desk.bring()
    file = report.files[0]
    assert file.shape == "history"
    assert (file.read["price"], file.stored["price"]) == (87, 80)
    assert (file.duplicates["price"], file.quarantined["price"]) == (5, 2)
    assert file.reasons == {"price-out-of-range": 1, "price-nan": 1}
    again(desk, report)


def test_coverage_says_which_markets_have_no_price(desk):
    markets = [{"id": "911", "question": "Will it snow?", "price_history": points(9)}]
    markets += [{"id": "912", "question": "Will it rain?", "price_history": []}]
    desk.file("history.json", json.dumps({"markets": markets}))
    desk.bring()
    by_status = {row["status"]: row for row in desk.rows("coverage")}
    assert by_status["present"]["points"] == 9
    assert by_status["present"]["first_t"] == T0 * 1_000_000
    assert by_status["missing"]["market_no"] == desk.market("gamma", "912")


def test_checkpoint_and_token_history(desk):
    desk.file("checkpoint.json", json.dumps({"921": points(10), "922": points(12)}))
    desk.file(f"{'5' * 77}.json", json.dumps({"history": points(8)}))
    report = desk.bring()
    assert report.totals.stored == {"price": 30}
    assert desk.market("token", "5" * 77) is not None
    again(desk, report)


def test_history_of_the_second_token_is_turned_round(desk):
    desk.file("markets.json", json.dumps([GAMMA]))
    desk.file(f"{NO}.json", json.dumps({"history": [{"t": T0, "p": 0.3}]}))
    desk.bring()
    (row,) = desk.prices().iter_rows(named=True)
    assert row["market_no"] == desk.market("token", YES)
    assert row["price_e4"] == 7000


CLOB = {
    "condition_id": "0x" + "c3" * 32,
    "question": "Will the ice hold?",
    "market_slug": "will-the-ice-hold",
    "end_date_iso": "2024-03-01T00:00:00Z",
    "active": True,
    "closed": False,
    "minimum_tick_size": 0.01,
    "minimum_order_size": 5,
    "neg_risk": False,
    "tokens": [
        {"token_id": "6" * 77, "outcome": "Yes", "price": 0.4, "winner": False},
        {"token_id": "7" * 77, "outcome": "No", "price": 0.6, "winner": False},
    ],
}


def test_clob_page(desk):
    desk.file("clob.json", json.dumps({"data": [CLOB], "next_cursor": "LTE=", "limit": 1, "count": 1}))
    report = desk.bring()
    assert report.files[0].shape == "clob-markets"
    assert report.totals.stored["market"] == 1
    again(desk, report)


def klines(count, unit=1_000, start=T0 * 1_000):
    close = 100 + np.cumsum(np.sin(np.arange(count)))
    rows = []
    for n in range(count):
        before = close[n - 1] if n else 100.0
        high, low = max(before, close[n]) + 0.5, min(before, close[n]) - 0.5
        t = (start + 3_600_000 * n) * unit // 1_000
        end = (start + 3_600_000 * (n + 1)) * unit // 1_000 - 1
        rows.append(f"{t},{before:.2f},{high:.2f},{low:.2f},{close[n]:.2f},10.5,{end},1000,5,5,500,0")
    return rows


def test_klines_csv_and_zip_of_both_eras(desk):
    rows = klines(48)
    rows[7] = f"{T0 * 1000 + 7 * 3_600_000},100,90,110,100,1,{T0 * 1000 + 8 * 3_600_000 - 1},1,1,1,1,0"  # high < low
    desk.file("ABCUSDT-1h-2023-11.csv", "\n".join(rows) + "\n")
    later = klines(24, unit=1_000_000, start=(T0 + 48 * 3600) * 1_000)
    path = desk.folder / "ABCUSDT-1h-2023-12.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("ABCUSDT-1h-2023-12.csv", "\n".join(later))
    report = desk.bring()
    assert report.totals.stored == {"candle": 71}
    assert report.totals.quarantined == {"candle": 1}
    frame = desk.candles()
    assert frame["symbol"].unique().to_list() == ["ABC"]
    assert frame["t"].diff().drop_nulls().unique().sort().to_list() == [3_600_000_000, 7_200_000_000]
    again(desk, report)


def test_ohlcv_table_of_several_symbols(desk):
    frames = []
    for symbol in ("AAA", "BBB-USD"):
        close = 50 + np.cumsum(np.cos(np.arange(200)) / 5)
        opened = np.append(50, close[:-1])
        frames.append(
            pl.DataFrame(
                {
                    "symbol": [symbol] * 200,
                    "t": (T0 + 900 * np.arange(200)) * 1_000,
                    "open": opened,
                    "high": np.maximum(opened, close) + 0.1,
                    "low": np.minimum(opened, close) - 0.1,
                    "close": close,
                    "volume": np.full(200, 3.0),
                }
            ).with_columns(pl.col("t").cast(pl.Datetime("ms", "UTC")))
        )
    desk.file("candles.parquet", pl.concat(frames))
    report = desk.bring()
    assert report.totals.stored == {"candle": 400}
    assert set(desk.candles().select("symbol", "interval").iter_rows()) == {("AAA", "15m"), ("BBB", "15m")}
    again(desk, report)


def tracker(path):
    with sqlite3.connect(path) as base:
        base.executescript(
            """
            CREATE TABLE market_snapshots (id INTEGER PRIMARY KEY, timestamp TEXT, market_id TEXT, question TEXT,
              yes_price REAL, no_price REAL, implied_probability REAL, volume REAL, liquidity REAL, end_date TEXT,
              time_to_expiry_hours REAL, btc_spot_price REAL, resolved INTEGER DEFAULT 0, outcome TEXT,
              data_quality_score REAL DEFAULT 1.0, UNIQUE(timestamp, market_id));
            CREATE TABLE market_resolutions (market_id TEXT PRIMARY KEY, resolved_at TEXT, outcome TEXT,
              final_btc_price REAL, resolution_source TEXT);
            CREATE TABLE collection_runs (id INTEGER PRIMARY KEY, start_time TEXT, status TEXT);
            """
        )
        for n in range(20):
            row = (f"2024-01-01 {n:02d}:00:00", "931", "Will Bitcoin reach $1?", 0.4 + n / 100, 9e4, 2e3, "2024-02-01")
            base.execute(
                "INSERT INTO market_snapshots (timestamp, market_id, question, yes_price, volume, liquidity, end_date,"
                " resolved, outcome) VALUES (?,?,?,?,?,?,?,1,'YES')",
                row,
            )
        base.execute("INSERT INTO market_resolutions VALUES ('931', '2024-01-20 08:00:00', 'YES', 1, 'polymarket')")
    base.close()


def test_sqlite_of_the_tracker(desk):
    tracker(desk.folder / "bitcoin.db")
    report = desk.bring()
    stored = report.totals.stored
    assert (stored["market"], stored["price"], stored["snapshot"], stored["resolution"]) == (1, 20, 20, 1)
    assert report.totals.duplicates == {"market": 19}
    (resolution,) = desk.rows("market_resolutions")
    assert (resolution["payout_e4"], resolution["resolved_at"]) == (10_000, 1_705_737_600_000_000)
    again(desk, report)


def test_sqlite_of_the_scanner(desk):
    path = desk.folder / "scan.sqlite"
    with sqlite3.connect(path) as base:
        base.executescript(
            """
            CREATE TABLE markets (market_id TEXT, question TEXT, category TEXT, created_at TEXT, end_date TEXT,
              volume REAL, liquidity REAL, active INTEGER, first_seen TEXT, last_updated TEXT);
            CREATE TABLE prices (market_id TEXT, timestamp INTEGER, price REAL, volume_24h REAL);
            CREATE TABLE resolutions (market_id TEXT, resolved_date TEXT, outcome TEXT, final_price REAL);
            INSERT INTO markets VALUES ('941', 'Will A win?', 'Sport', '2024-01-01', '', 1, 1, 0, '2024-01-02', '2024-03-01');
            INSERT INTO markets VALUES ('942', 'Will B win?', 'Sport', '2024-01-01', NULL, 1, 1, 0, '2024-01-02', '2024-03-01');
            INSERT INTO prices VALUES ('941', 1704200000, 0.31, 5), ('942', 1704200000, 0.69, 5), ('942', 1704200000, 'x', 5);
            INSERT INTO resolutions VALUES ('941', '2024-03-01', 'NO', 0.0), ('942', '2024-03-01', 'YES', 1.0);
            """
        )
    base.close()
    report = desk.bring()
    assert report.totals.stored == {"market": 2, "price": 2, "resolution": 2}
    assert report.totals.quarantined == {"price": 1}
    versions = desk.rows("market_versions")
    assert [row["scheduled_end"] for row in versions] == [None, None]
    again(desk, report)


MAPPING = """
source = "mine"
[market]
ids = [{ kind = "key", column = "id" }]
question = "title"
[price]
ids = [{ kind = "key", column = "id" }]
t = { column = "when", unit = "iso" }
price = { column = "odds", unit = "percent" }
"""


def own_table(rows=60):
    return pl.DataFrame(
        {
            "id": ["a", "b"] * (rows // 2),
            "title": ["Will a, or not?", 'Will "b"?'] * (rows // 2),
            "when": [f"2024-01-{1 + n // 2:02d}T00:00:00Z" for n in range(rows)],
            "odds": [30 + n % 5 for n in range(rows)],
        }
    )


@pytest.mark.parametrize("name", ["table.csv", "table.parquet"])
def test_own_table_through_a_mapping(desk, name):
    mapping = desk.file("../mine.toml", MAPPING)
    desk.file(name, own_table())
    report = desk.bring(mapping=mapping)
    assert report.totals.stored == {"market": 2, "price": 60}
    assert {row["question"] for row in desk.rows("markets")} == {"Will a, or not?", 'Will "b"?'}
    again(desk, report, mapping=mapping)


def test_compressed_csv_through_a_mapping(desk):
    mapping = desk.file("../mine.toml", MAPPING)
    desk.file("table.csv.gz", gzip.compress(own_table().write_csv().encode(), mtime=0))
    assert desk.bring(mapping=mapping).totals.stored == {"market": 2, "price": 60}


def test_two_tables_that_share_a_key(desk):
    markets = pl.DataFrame(
        {
            "key": [1, 2],
            "condition_id": ["0x" + "d4" * 32, "0x" + "e5" * 32],
            "gamma_id": ["951", "952"],
            "token0": ["8" * 77, None],
            "question": ["Will it?", None],
            "category": ["x", "y"],
            "outcome0": ["Yes", "Reds"],
            "outcome1": ["No", "Blues"],
            "winner": ["Yes", "Blues"],
            "y0": [1, 0],
            "resolved_at": [T0 + 900_000, T0 + 900_000],
            "end_date": ["2023-12-01T00:00:00Z", None],
        }
    )
    prices = pl.DataFrame({"key": [1, 1, 2, 2], "t": [T0, T0 + 60] * 2, "p0": [0.5, 0.6, 0.4, 0.3]})
    for order in (["a_markets", "b_prices"], ["b_prices", "a_markets"]):
        for name in order:
            path = desk.file(f"{name}.parquet", markets if "markets" in name else prices)
            desk.bring(path)
        assert set(desk.prices()["market_no"]) == {desk.market("gamma", "951"), desk.market("gamma", "952")}
        assert len(desk.rows("markets")) == 2


def test_files_of_one_layout_are_told_apart_by_their_neighbour(desk):
    prices = pl.DataFrame({"key": [1, 1], "t": [T0, T0 + 60], "p": [0.5, 0.6]})
    buckets = {
        "key": [1],
        "city": ["X"],
        "date": ["2024-01-01"],
        "bucket": ["cold"],
        "slug": ["x"],
        "end_t": [T0],
        "y": [1],
    }
    desk.file("weather/prices.parquet", prices)
    desk.file("weather/buckets.parquet", pl.DataFrame(buckets))
    desk.file("alone/prices.parquet", prices)
    report = desk.bring()
    codes = {file.path: file.refused for file in report.files}
    assert codes["alone/prices.parquet"] == "format-unknown"
    assert codes["weather/prices.parquet"] is None
    assert desk.market("key", "weather:1") is not None
    (event,) = desk.rows("events")
    assert event["neg_risk"]
    (resolution,) = desk.rows("market_resolutions")
    assert resolution["known_at"] == (T0 + 86_400) * 1_000_000


def test_an_unknown_asset_waits_for_its_market(desk):
    ticks = pl.DataFrame(
        {"timestamp": [T0, T0 + 5], "asset": [YES, NO], "price": [0.4, 0.55], "tokenVolume": [1.0, 2.0]}
    )
    path = desk.file("ticks.parquet", ticks)
    assert desk.bring(path).totals.reasons == {"token-unknown": 2}
    desk.bring(desk.file("markets.json", json.dumps([GAMMA])))
    assert desk.bring(path).totals.stored == {"price": 2}
    assert desk.prices()["price_e4"].to_list() == [4000, 4500]


def test_points_after_the_resolution_are_stored_whatever_the_order(desk):
    late = {"id": "902", "question": "Will the lake freeze?", "price_history": points(4, start=1_708_430_400 + 86_400)}
    desk.file("history.json", json.dumps({"markets": [late]}))
    desk.file("markets.json", json.dumps([RESOLVED]))
    assert desk.bring().totals.stored["price"] == 4
