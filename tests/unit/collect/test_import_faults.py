"""Bad files: each is refused with its code or kept as far as it goes, and the batch goes on."""

import gzip
import json
import zipfile

import numpy as np
import polars as pl
import pytest

from edgeworth.core.errors import UsageError

T0 = 1_699_999_200
GOOD = json.dumps({"markets": [{"id": "1", "question": "Will it?", "price_history": [{"t": T0, "p": 0.5}]}]})


def history(markets=40, count=100):
    body = [
        {
            "id": str(5000 + m),
            "question": f"Will {m}?",
            "price_history": [{"t": T0 + 60 * n, "p": round(0.3 + 0.004 * ((n + m) % 9), 3)} for n in range(count)],
        }
        for m in range(markets)
    ]
    return json.dumps({"markets": body}).encode()


def codes(report):
    return {file.path: file.refused for file in report.files}


def test_one_bad_file_never_stops_the_batch(desk):
    desk.file("a_empty.json", "")
    desk.file("b_words.csv", "hello\nworld\n")
    desk.file("c_table.csv", "alpha,beta\n1,2\n")
    desk.file("d_json.json", '{"what": "is this"}')
    desk.file("e_torn.parquet", b"PAR1" + bytes(200))
    desk.file("f_torn.db", b"SQLite format 3\x00" + bytes(200))
    desk.file("g_torn.zip", b"PK\x03\x04" + bytes(200))
    desk.file("h_good.json", GOOD)
    desk.file("readme.md", "no data")
    report = desk.bring()
    assert codes(report) == {
        "a_empty.json": "format-unknown",
        "b_words.csv": "format-unknown",
        "c_table.csv": "format-unknown",
        "d_json.json": "format-unknown",
        "e_torn.parquet": "file-truncated",
        "f_torn.db": report.files[5].refused,
        "g_torn.zip": "file-truncated",
        "h_good.json": None,
        "readme.md": None,
    }
    assert report.files[5].refused in {"file-truncated", "file-unreadable", "format-unknown"}
    assert report.totals.stored["price"] == 1
    assert all(file.message for file in report.refused)
    assert report.files[-1].skipped == "not a data file"


def test_missing_path_is_listed(desk):
    report = desk.bring(desk.folder / "nowhere", desk.file("good.json", GOOD))
    assert sorted(str(file.refused) for file in report.files) == ["None", "file-not-found"]


def test_recorded_wants_folders(desk):
    with pytest.raises(UsageError):
        desk.bring(desk.file("good.json", GOOD), recorded=True)


@pytest.mark.parametrize("share", [0.3, 0.9])
@pytest.mark.parametrize("packed", [False, True])
def test_truncated_history_keeps_what_came_before(desk, share, packed):
    whole = history()
    data = gzip.compress(whole, mtime=0) if packed else whole
    path = desk.file("cut.json" + ".gz" * packed, data[: int(len(data) * share)])
    report = desk.bring()
    file = report.files[0]
    assert file.refused is None
    assert 0 < file.stored["price"] < 4000
    assert "file-truncated" in file.reasons
    path.write_bytes(data)
    healed = desk.bring()
    assert healed.totals.stored["price"] + file.stored["price"] == 4000
    assert desk.prices().height == 4000


def test_truncated_csv_sets_the_cut_line_aside(desk):
    mapping = desk.file(
        "../m.toml",
        'source = "m"\n[price]\nids = [{ kind = "key", column = "id" }]\nt = "t"\nprice = "p"\n',
    )
    lines = ["id,t,p"] + [f"a,{T0 + n},0.{500 + n}" for n in range(100)]
    desk.file("cut.csv", "\n".join(lines) + f"\na,{T0 + 101}")
    report = desk.bring(mapping=mapping)
    assert report.totals.stored == {"price": 100}
    assert report.totals.reasons == {"file-truncated": 1}


def test_mapping_that_does_not_fit_is_refused_with_the_nearest_column(desk):
    mapping = desk.file(
        "../m.toml",
        'source = "m"\n[price]\nids = [{ kind = "key", column = "id" }]\nt = "time"\nprice = "prob"\n',
    )
    desk.file("t.csv", "id,time,probability\na,1,0.5\n")
    (file,) = desk.bring(mapping=mapping).files
    assert file.refused == "mapping-bad-column"
    assert "probability" in file.hint


@pytest.mark.parametrize("name", ["trap.parquet", "trap.csv"])
def test_a_price_that_is_the_outcome_is_refused_whole(desk, name):
    frame = pl.DataFrame(
        {
            "market_slug": [f"m-{n}" for n in range(40)],
            "price": [float(n % 3 == 0) for n in range(40)],
            "outcome": [int(n % 3 == 0) for n in range(40)],
        }
    )
    desk.file(name, frame)
    (file,) = desk.bring().files
    assert file.refused == "price-label"
    assert not file.read
    assert not desk.rows("markets")


def test_a_mapped_price_that_is_the_outcome_is_refused_whole(desk):
    mapping = desk.file(
        "../m.toml",
        'source = "m"\n[price]\nids = [{ kind = "key", column = "id" }]\nt = "t"\nprice = "shown"\n'
        '[resolution]\nids = [{ kind = "key", column = "id" }]\npayout = { column = "won", values = { y = 1, n = 0 } }\n',
    )
    rows = [f"{n},{T0 + n},{n % 2},{'yn'[1 - n % 2]}" for n in range(10)]
    desk.file("t.csv", "id,t,shown,won\n" + "\n".join(rows) + "\n")
    (file,) = desk.bring(mapping=mapping).files
    assert file.refused == "price-label"
    assert not desk.rows("markets")


def test_a_history_sampled_after_the_resolution_is_refused(desk):
    markets = [
        {
            "id": str(n),
            "question": f"Will {n}?",
            "resolved": True,
            "payout": n % 2,
            "resolved_at": T0 + 10,
            "price_history": [{"t": T0 + 60, "p": n % 2}],
        }
        for n in range(10)
    ]
    desk.file("history.json", json.dumps({"markets": markets}))
    (file,) = desk.bring().files
    assert file.refused == "price-label"
    assert desk.prices().is_empty()


def test_sampling_relative_to_the_outcome_is_refused(desk):
    frame = pl.DataFrame(
        {
            "question": ["Will A?"] * 4,
            "outcome": [0, 1, 0, 1],
            "avg_price": [0.2, 0.6, 0.3, 0.7],
            "time_before_certainty": [86_400] * 4,
        }
    )
    desk.file("known.parquet", frame)
    desk.file("other.parquet", frame.rename({"time_before_certainty": "hours_before_resolution"}))
    assert set(codes(desk.bring()).values()) == {"look-ahead"}


@pytest.mark.parametrize("name", ["candles.parquet", "candles.csv"])
def test_uniform_candles_are_refused(desk, name):
    four = np.random.default_rng(1).uniform(20_000, 60_000, (4, 500))
    frame = pl.DataFrame(
        {"symbol": ["BTC"] * 500, "t": (T0 + 3600 * np.arange(500)) * 1_000}
        | dict(zip(("open", "high", "low", "close"), four, strict=True))
        | {"volume": np.ones(500)}
    )
    desk.file(name, frame)
    (file,) = desk.bring().files
    assert file.refused == "implausible-candles"
    assert "high is not the highest" in file.message
    assert desk.candles().is_empty()


def test_uniform_klines_are_refused(desk):
    four = np.random.default_rng(1).uniform(100, 400, (300, 4))
    rows = [
        f"{(T0 + 3600 * n) * 1000},{o},{h},{low},{c},1,{(T0 + 3600 * n + 3599) * 1000},1,1,1,1,0"
        for n, (o, h, low, c) in enumerate(four)
    ]
    desk.file("BTCUSDT-1h-2023-11.csv", "\n".join(rows))
    (file,) = desk.bring().files
    assert file.refused == "implausible-candles"
    assert desk.candles().is_empty()


def test_percentages_are_refused_with_a_hint(desk):
    mapping = desk.file(
        "../m.toml", 'source = "m"\n[price]\nids = [{ kind = "key", column = "id" }]\nt = "t"\nprice = "p"\n'
    )
    desk.file("t.csv", "id,t,p\n" + "\n".join(f"a,{T0 + n},{30 + n % 9}" for n in range(100)))
    (file,) = desk.bring(mapping=mapping).files
    assert file.refused == "implausible-prices"
    assert "unit" in file.hint
    assert desk.prices().is_empty()


def test_zip_of_nothing_we_know_is_skipped(desk):
    with zipfile.ZipFile(desk.folder / "x.zip", "w") as archive:
        archive.writestr("notes.md", "hello")
    (file,) = desk.bring().files
    assert file.skipped == "the archive is empty"


def test_report_is_json(desk):
    desk.file("good.json", GOOD)
    desk.file("bad.json", "")
    shown = json.loads(json.dumps(desk.bring().to_dict()))
    assert shown["schema"] == "edgeworth.import/1"
    assert shown["imported"] == 1
    assert shown["refused"][0]["code"] == "format-unknown"
    assert shown["totals"]["read"] == {"market": 1, "price": 1}


def test_the_odd_symbol_of_a_table_is_set_aside(desk):
    rng = np.random.default_rng(3)
    frames = []
    for symbol, count in (("AAA", 600), ("BAD", 200)):
        walk = 50 * np.exp(np.cumsum(rng.normal(0, 0.01, count)))
        close = walk if symbol == "AAA" else rng.uniform(30, 70, count)
        opened = np.append(close[0], close[:-1])
        columns = {"symbol": [symbol] * count, "t": (T0 + 3600 * np.arange(count)) * 1_000, "open": opened}
        columns |= {"high": np.maximum(opened, close), "low": np.minimum(opened, close), "close": close}
        frames.append(pl.DataFrame(columns | {"volume": np.ones(count)}))
    desk.file("candles.parquet", pl.concat(frames))
    report = desk.bring()
    assert report.totals.stored == {"candle": 600}
    assert report.totals.reasons == {"implausible-candles": 200}
    assert desk.candles()["symbol"].unique().to_list() == ["AAA"]


def test_a_file_that_turns_bad_keeps_its_beginning_and_says_so(desk):
    mapping = desk.file(
        "../m.toml", 'source = "m"\n[price]\nids = [{ kind = "key", column = "id" }]\nt = "t"\nprice = "p"\n'
    )
    good = [f"a{n % 7},{T0 + n // 7},0.{500 + n // 7 % 200}" for n in range(700_000)]
    bad = [f"a{n % 7},{T0 + n // 7},{40 + n % 9}" for n in range(700_000, 900_000)]
    desk.file("t.csv", "id,t,p\n" + "\n".join(good + bad) + "\n")
    (file,) = desk.bring(mapping=mapping).files
    assert file.refused == "implausible-prices"
    assert 0 < file.stored["price"] <= 700_000
    assert "before is stored" in file.message
