"""The commands on recorded data: the published calibration table, verdicts that their intervals support, refusals."""

import json
from pathlib import Path

import pytest

from edgeworth.cli.main import main
from tests.e2e.conftest import Run

pytestmark = pytest.mark.recorded

EXHIBITS = (
    "altcoin-fade-high",
    "btc-time-bias",
    "crypto-favorite-fade",
    "musk-fade-extremes",
    "weather-fade-longshots",
)


@pytest.fixture(scope="module")
def everything(recorded: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home holding the whole recorded folder."""
    home = tmp_path_factory.mktemp("everything") / "home"
    with pytest.raises(SystemExit) as ended:
        main(["data", "import", "--recorded", str(recorded), "--quiet", "--home", str(home)])
    assert not ended.value.code
    return home


@pytest.mark.parametrize(
    ("sample", "n", "markets", "brier", "base_rate", "mean_price"),
    [
        ("calendar:monday", 33_650, 2_931, 0.07885, 0.1670, 0.1483),
        ("age:1d", 3_041, 3_041, 0.13938, 0.2598, 0.2400),
        ("age:7d", 2_591, 2_591, 0.12090, 0.2412, 0.2148),
        ("age:14d", 2_036, 2_036, 0.09891, 0.1950, 0.1682),
        ("age:30d", 1_673, 1_673, 0.08713, 0.1763, 0.1508),
        ("resolution:1d", 3_021, 3_021, 0.07240, 0.2592, 0.2383),
        ("resolution:3d", 2_963, 2_963, 0.08510, 0.2592, 0.2356),
        ("resolution:7d", 2_593, 2_593, 0.09018, 0.2422, 0.2016),
        ("resolution:14d", 2_032, 2_032, 0.07241, 0.1944, 0.1615),
        ("resolution:30d", 1_670, 1_670, 0.07594, 0.1772, 0.1599),
    ],
)
def test_the_calibration_table(
    edgeworth: Run,
    everything: Path,
    sample: str,
    n: int,
    markets: int,
    brier: float,
    base_rate: float,
    mean_price: float,
) -> None:
    ahead = ("--allow-look-ahead",) if sample.startswith("resolution") else ()
    done = edgeworth("report", "calibration", "--sample", sample, "--until", "resolved", "--outcomes", "yes-no", *ahead,
                     "--json", "--home", everything)  # fmt: skip
    data = done.envelope["data"]
    assert (data["n"], data["markets"]) == (n, markets)
    assert data["brier"] == pytest.approx(brier, abs=1e-4)
    assert data["base_rate"] == pytest.approx(base_rate, abs=1e-4)
    assert data["mean_price"] == pytest.approx(mean_price, abs=1e-4)
    assert data["look_ahead"] == bool(ahead)
    assert sum(row["n"] for row in data["table"]) == n


def test_look_ahead_is_refused_without_the_flag(edgeworth: Run, everything: Path) -> None:
    done = edgeworth("report", "calibration", "--sample", "resolution:7d", "--home", everything)
    assert done.code == 6
    assert "error look-ahead" in done.err


@pytest.mark.parametrize("source", ["polymarket-daily", "weather"])
def test_every_rule_gets_a_verdict_that_its_interval_supports(edgeworth: Run, everything: Path, source: str) -> None:
    done = edgeworth("backtest", "all", "--source", source, "--json", "--home", everything)
    results = {item["strategy"]: item["verdict"] for item in done.envelope["data"]["results"]}
    assert set(EXHIBITS) <= set(results)
    for name, verdict in results.items():
        assert verdict["sentence"], name
        assert verdict["coverage"]["requested"] >= verdict["coverage"]["priced"] > 0
        assert (verdict["win_rate"] is None) == (verdict["break_even"] is None)
        if verdict["outcome"] == "edge at this size":
            assert verdict["roi_low"] > 0
            assert verdict["p_adjusted"] < 0.05
            assert verdict["events"] >= 30
    for name in EXHIBITS:
        assert results[name]["outcome"] != "edge at this size", name


def test_prices_that_know_the_outcome_are_refused(edgeworth: Run, home: Path, recorded: Path) -> None:
    done = edgeworth("data", "import", recorded / "polymarket" / "outcomes_2026_02_LEAK_TRAP.parquet", "--json")
    assert done.code == 6
    assert done.envelope["error"]["code"] == "price-label"


def test_importing_again_stores_nothing_new(edgeworth: Run, everything: Path, recorded: Path) -> None:
    path = recorded / "polymarket"
    done = edgeworth("data", "import", "--recorded", path, "--force", "--json", "--home", everything)
    totals = done.envelope["data"]["totals"]
    assert not any(totals["stored"].values())
    assert json.dumps(totals)
    for kind, read in totals["read"].items():
        parts = (totals["stored"], totals["duplicates"], totals["quarantined"])
        assert read == sum(part.get(kind, 0) for part in parts)
