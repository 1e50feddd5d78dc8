"""Files: real wire shapes, equal to the arrays, byte-identical in every process, free of what only truth may say."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tests.unit.sandbox.worlds import world

from edgeworth.sandbox.spot import simulate_spot
from edgeworth.sandbox.wire import encode_points

Row = dict[str, object]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("world")
    world("tiny", 7).write(root)
    return root


def events(folder: Path, name: str = "gamma-events.ndjson") -> list[dict]:
    return [json.loads(line) for line in (folder / name).read_text("utf-8").splitlines()]


def test_write_returns_what_an_importer_may_see(tmp_path: Path) -> None:
    files = world("tiny", 7).write(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} - {path.name for path in files} == {"truth.json"}
    assert [path.name for path in files[1:3]] == ["gamma-events.ndjson", "price-history.json"]


def test_events_have_the_shape_of_the_venue(folder: Path) -> None:
    rows = events(folder)
    assert len(rows) == len(world("tiny", 7).texts)
    for row in rows:
        assert {"id", "slug", "title", "tags", "negRisk", "createdAt", "closed", "markets"} <= row.keys()
        for market in row["markets"]:
            assert len(market["conditionId"]) == 66
            assert len(json.loads(market["outcomes"])) == 2
            assert [len(token) for token in json.loads(market["clobTokenIds"])] == [77, 77]
            quoted = [float(price) for price in json.loads(market["outcomePrices"])]
            assert market["closed"] is ("closedTime" in market)
            if market["closed"]:
                assert quoted in ([1, 0], [0, 1], [0.5, 0.5], [0, 0])
                assert json.loads(market["umaResolutionStatuses"])[-1] == "resolved"
                assert market["closedTime"].endswith("+00")
            else:
                assert sum(quoted) == pytest.approx(1.0)
            if market["feesEnabled"]:
                assert market["feeSchedule"]["exponent"] == 1
    slugs = [market["slug"] for row in rows for market in row["markets"]]
    assert len(set(slugs)) == len(slugs)


def test_the_dump_on_the_way_shows_only_what_was_open(folder: Path) -> None:
    path = next(folder.glob("gamma-open-*.ndjson"))
    day = path.stem[-10:]
    final = {market["id"]: market for row in events(folder) for market in row["markets"]}
    early = [market for row in events(folder, path.name) for market in row["markets"]]
    assert early
    for market in early:
        assert market["createdAt"] < day
        assert market["slug"] == final[market["id"]]["slug"]
        assert market["conditionId"] == final[market["id"]]["conditionId"]
        if not market["closed"]:
            assert market["bestBid"] < market["bestAsk"]
            assert float(market["liquidity"]) > 0


def test_history_is_the_arrays(folder: Path) -> None:
    made = world("tiny", 7)
    rows = json.loads((folder / "price-history.json").read_text("utf-8"))["markets"]
    assert sum(len(row["price_history"]) for row in rows) == len(made.arrays.t)
    known = {market["conditionId"]: market["id"] for row in events(folder) for market in row["markets"]}
    assert all(known[row["conditionId"]] == row["id"] for row in rows)
    stamps = sorted(point["t"] for row in rows for point in row["price_history"])
    assert stamps == sorted((made.arrays.t // 1_000_000).tolist())


def test_points_are_encoded_digit_by_digit() -> None:
    t = np.array([1_700_000_000_000_000, 1_999_999_999_000_000], dtype=np.int64)
    text = encode_points(t, np.array([5, 9_995], dtype=np.int32)).decode()
    assert text == '{"t":1700000000,"p":0.0005},{"t":1999999999,"p":0.9995}'


def test_candles_are_sane_and_monthly_files_change_their_era(tmp_path: Path) -> None:
    spot = simulate_spot(1, 1_733_000_000_000_000, 1_737_000_000_000_000)
    times, values = spot.candles(0, 1_733_000_000_000_000, 1_737_000_000_000_000)
    opens, highs, lows, closes, volume = values.T
    assert np.all(highs >= np.maximum(opens, closes))
    assert np.all(lows <= np.minimum(opens, closes))
    assert np.array_equal(opens[1:], closes[:-1])
    assert np.all(np.diff(times) == 3_600_000_000)
    assert 0.001 < np.std(np.diff(np.log(closes))) < 0.03
    assert volume.min() > 0


def test_klines_have_twelve_plain_columns(folder: Path) -> None:
    path = folder / "BTCUSDT-1h-2026-01.csv"
    rows = [line.split(",") for line in path.read_text().splitlines()]
    assert {len(row) for row in rows} == {12}
    assert len(rows) == 31 * 24
    assert len(rows[0][0]) == 16  # microseconds since 2025
    assert int(rows[0][6]) == int(rows[1][0]) - 1


def test_truth_holds_the_biases_and_every_market(folder: Path) -> None:
    made = world("tiny", 7)
    truth = json.loads((folder / "truth.json").read_text("utf-8"))
    assert [row["name"] for row in truth["biases"]] == [planted.name for planted in made.scenario.biases]
    assert len(truth["rows"]) == made.market_count
    assert truth["points"] == len(made.arrays.t)
    wire = "".join(path.read_text("utf-8") for path in folder.glob("*") if path.name != "truth.json")
    assert "latent" not in wire
    assert "too-dear" not in wire


SCRIPT = """
import sys
from pathlib import Path
from edgeworth.sandbox.world import generate
generate("tiny", 7).write(Path(sys.argv[1]))
"""


def digest(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


def test_two_processes_with_different_hash_seeds_write_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    results = [digest(folder)]
    for seed in ("1", "2"):
        target = tmp_path / seed
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        subprocess.run([sys.executable, "-c", SCRIPT, str(target)], check=True, env=environment, timeout=120)
        results.append(digest(target))
    assert results[0] == results[1] == results[2]
    assert len(results[0]) >= 4


def test_another_seed_is_another_world(tmp_path: Path, folder: Path) -> None:
    world("tiny", 8).write(tmp_path)
    assert digest(tmp_path)["price-history.json"] != digest(folder)["price-history.json"]
