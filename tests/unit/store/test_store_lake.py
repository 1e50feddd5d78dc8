"""The lake: packing, duplicates, size, damage."""

import json

import numpy as np
import polars as pl
import pytest

from edgeworth.core.errors import DataError
from edgeworth.core.random import stream
from edgeworth.core.schema import CANDLES, PRICES, check_frame
from edgeworth.core.units import HOUR
from edgeworth.store import manifest as manifests
from edgeworth.store.lake import Lake

T0 = 1_750_000_000_000_000


def points(count=48, markets=3, first=1):
    numbers = np.repeat(np.arange(first, first + markets), count)
    t = T0 + np.tile(np.arange(count), markets) * HOUR
    prices = (np.arange(count * markets) * 37 % 10_001).astype(np.int32)
    return numbers, t, prices


def candles(count=5, start=0):
    t = T0 + np.arange(start, start + count) * HOUR
    close = np.linspace(100, 110, count)
    frame = {"t": t, "open": close, "high": close + 1, "low": close - 1, "close": close}
    return pl.DataFrame(frame).with_columns(volume=pl.lit(None, pl.Float64))


def test_round_trip_and_schema(tmp_path):
    lake = Lake(tmp_path)
    numbers, t, prices = points()
    assert lake.append_prices("a", numbers, t, prices, key="1", lag_us=5).stored == len(t)
    found = lake.scan_prices().collect()
    check_frame(found, PRICES)
    assert found["event_time"].to_list() == t.tolist()
    assert found["price_e4"].to_list() == prices.tolist()
    assert found["known_at"].to_list() == (t + 5).tolist()
    assert lake.verify() == []


def test_size_per_point_on_jittered_hourly_data(tmp_path):
    random = stream(1, "lake-size")
    markets, count = 700, 720
    numbers = np.repeat(np.arange(markets), count)
    starts = np.repeat(random.integers(0, 10**7, markets), count)
    seconds = (
        1_700_000_000 + starts + np.tile(np.arange(count), markets) * 3600 + random.integers(-3, 4, markets * count)
    )
    walk = np.cumsum(random.normal(0, 0.06, (markets, count)), axis=1) + random.normal(0, 1.5, (markets, 1))
    prices = np.clip(np.round(1000 / (1 + np.exp(-walk.ravel()))) * 10, 10, 9990).astype(np.int32)
    lake = Lake(tmp_path)
    lake.append_prices("a", numbers, seconds * 1_000_000, prices, key="1")
    (part,) = lake.manifest("prices").parts
    assert part.unit_us == 1_000_000
    assert part.bytes / part.rows <= 1.8


@pytest.mark.parametrize(("step", "unit"), [(1_000_000, 1_000_000), (5_000, 1_000), (7, 1)])
def test_the_largest_exact_unit(tmp_path, step, unit):
    lake = Lake(tmp_path)
    t = 10**15 + np.arange(10) * step
    lake.append_prices("a", np.ones(10, np.int64), t, np.full(10, 5, np.int32), key="1")
    assert lake.manifest("prices").parts[0].unit_us == unit
    assert lake.scan_prices().collect()["event_time"].to_list() == t.tolist()


def test_known_at_of_its_own(tmp_path):
    lake = Lake(tmp_path)
    numbers, t, prices = points(4, 2)
    known = t + np.arange(8) * 1_500
    lake.append_prices("a", numbers, t, prices, known_at=known, key="1")
    assert lake.manifest("prices").parts[0].lag_us is None
    assert lake.scan_prices().collect()["known_at"].to_list() == known.tolist()


def test_duplicates_within_and_across_parts(tmp_path):
    lake = Lake(tmp_path)
    t = np.array([T0 + HOUR, T0, T0, T0 + HOUR])
    first = lake.append_prices("a", np.array([1, 1, 1, 2]), t, np.array([20, 10, 99, 30], np.int32), key="1")
    assert (first.stored, first.duplicates) == (3, 1)
    again = lake.append_prices("a", np.array([1, 1, 1, 2]), t, np.array([20, 10, 99, 30], np.int32), key="1")
    assert (again.stored, again.duplicates) == (0, 4)
    other = lake.append_prices(
        "a", np.array([1, 1]), np.array([T0, T0 + 2 * HOUR]), np.array([11, 40], np.int32), key="2"
    )
    assert (other.stored, other.duplicates, other.conflicts) == (1, 1, 1)
    nothing = lake.append_prices("a", np.array([1]), np.array([T0]), np.array([10], np.int32), key="3")
    assert (nothing.name, nothing.stored, nothing.duplicates) == ("", 0, 1)
    assert lake.append_prices("b", np.array([1]), np.array([T0]), np.array([12], np.int32), key="1").stored == 1
    found = lake.scan_prices(["a"], [1]).collect()
    assert found["price_e4"].to_list() == [10, 20, 40]


def test_filters_and_projection(tmp_path):
    lake = Lake(tmp_path)
    lake.append_prices("a", *points(), key="1")
    lake.append_prices("b", *points(first=10), key="1")
    assert lake.scan_prices(["b"]).collect()["market_no"].unique().to_list() == [10, 11, 12]
    assert lake.scan_prices(None, [2, 11], T0 + HOUR, T0 + 3 * HOUR).collect().height == 4
    one = lake.scan_prices(with_source=True).filter(pl.col("market_no") == 11).select("source", "price_e4").head(2)
    assert one.collect()["source"].to_list() == ["b", "b"]
    assert lake.scan_prices(["none"]).collect().height == 0
    assert lake.scan_prices(None, []).collect().height == 0


def test_nonsense_is_refused(tmp_path):
    with pytest.raises(ValueError, match="outside"):
        Lake(tmp_path).append_prices("a", np.array([1]), np.array([T0]), np.array([10_001], np.int32), key="1")
    assert Lake(tmp_path).append_prices("a", *(np.zeros(0, np.int64),) * 2, np.zeros(0, np.int32), key="1").stored == 0


def test_candles(tmp_path):
    lake = Lake(tmp_path)
    assert lake.append_candles("x", "BTC", "1h", candles(), key="1").stored == 5
    assert lake.append_candles("x", "BTC", "1h", candles(), key="1").duplicates == 5
    more = lake.append_candles("x", "BTC", "1h", candles(5, 3), key="2")
    assert (more.stored, more.duplicates) == (3, 2)
    assert lake.append_candles("x", "ETH", "1h", candles(), key="1").stored == 5
    found = lake.scan_candles(["BTC"], "1h").collect()
    check_frame(found, CANDLES)
    assert found["t"].to_list() == (T0 + np.arange(8) * HOUR).tolist()
    assert lake.scan_candles(None, None, T0, T0 + HOUR).collect()["symbol"].to_list() == ["BTC", "ETH"]


def damage_part(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("harm", "code"),
    [
        (damage_part, "store-corrupt"),
        (lambda path: path.unlink(), "lake-part-missing"),
        (lambda path: path.write_bytes(path.read_bytes()[:-3]), "store-corrupt"),
    ],
)
def test_a_damaged_part_is_never_served(tmp_path, harm, code):
    lake = Lake(tmp_path)
    lake.append_prices("a", *points(), key="1")
    path = tmp_path / "prices" / lake.manifest("prices").parts[0].name
    harm(path)
    assert [(problem.code, problem.place) for problem in Lake(tmp_path).verify()] == [(code, str(path))]
    with pytest.raises((DataError, pl.exceptions.PolarsError), match=r"checksum|not on disk"):
        Lake(tmp_path).scan_prices().collect()


def test_a_damaged_or_newer_manifest(tmp_path):
    lake = Lake(tmp_path)
    lake.append_prices("a", *points(), key="1")
    path = tmp_path / "prices" / manifests.FILE
    good = path.read_text()
    for bad, code in [
        (good.replace('"a"', '"b"'), "manifest-corrupt"),
        (good[:-10], "manifest-corrupt"),
        (json.dumps({**json.loads(good), "schema_version": 99}), "store-newer"),
    ]:
        path.write_text(bad)
        assert [problem.code for problem in Lake(tmp_path).verify()] == [code]
        with pytest.raises(DataError) as failure:
            Lake(tmp_path).scan_prices()
        assert failure.value.code == code


def test_leftovers_are_reported_as_harmless(tmp_path):
    lake = Lake(tmp_path)
    lake.append_prices("a", *points(), key="1")
    (tmp_path / "prices" / "left.parquet").write_bytes(b"x")
    (tmp_path / "prices" / "left.parquet.1.tmp").write_bytes(b"x")
    assert [(p.code, p.harmless) for p in lake.verify()] == [("lake-part-extra", True)] * 2
    lake.append_prices("a", *points(first=50), key="2")
    assert len(lake.verify()) == 1
