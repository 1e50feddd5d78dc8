"""The commands on recorded data: the published calibration table, verdicts that their intervals support, refusals."""

import json
from pathlib import Path

import pytest

from edgeworth.cli.main import main
from tests.e2e.conftest import Run
from tests.support.recorded import CALIBRATION

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
    CALIBRATION,
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
