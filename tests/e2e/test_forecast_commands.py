"""From rows to a champion that speaks, stored forecasts, their score, and a backtest of models, by command."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from edgeworth.core.clock import SystemClock
from edgeworth.core.paths import Home
from tests.e2e.conftest import Run
from tests.support.homes import still_open, store_panel
from tests.support.worlds import efficient_world

ROWS = ("--time-points", "1", "--time-points", "3", "--time-points", "5")


@pytest.fixture(scope="module")
def biased(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a planted bias, 120 of its markets open today."""
    folder = tmp_path_factory.mktemp("biased")
    panel, outcomes = still_open(efficient_world(11, 800, planted=0.3), 120, int(SystemClock().now()))
    price = np.where(panel.price_e4 == 0, 10, panel.price_e4).astype(np.int32)
    store_panel(Home(folder), dataclasses.replace(panel, price_e4=price), outcomes)
    return folder


def test_a_model_speaks_is_stored_and_waits_for_its_cohorts(
    edgeworth: Run, biased: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGEWORTH_HOME", str(biased))
    none = edgeworth("report", "forecasts")
    assert none.code == 0
    assert "no forecast has been stored yet" in none.err
    before = edgeworth("signals", "--json").envelope["data"]
    assert before["model"] is None

    options = ("--models", "logistic", "--cv", "walk-forward-3", "--holdout", "0")
    trained = edgeworth("train", "--json", *ROWS, *options)
    assert trained.code == 0, trained.err
    model = trained.envelope["data"]["model"]
    assert trained.envelope["data"]["card"]["data"]["known_to"] > trained.envelope["data"]["card"]["data"]["to"]

    heard = edgeworth("signals", "--json").envelope["data"]
    assert (heard["model"]["model"], heard["model"]["speaks"]) == (model, True)
    own = [entry for entry in heard["review_queue"] if entry["rule"] == f"model:{model}"]
    assert {entry["action"] for entry in own} >= {"BUY NO"}
    assert all(entry["drivers"] for entry in own)
    assert "nats a row against the price" in edgeworth("signals").out
    assert edgeworth("signals", "--no-model", "--json").envelope["data"]["model"] is None

    waiting = edgeworth("report", "forecasts", "--json").envelope["data"]
    assert [score["model"] for score in waiting] == [model]
    assert waiting[0]["stored"] == waiting[0]["markets"] == waiting[0]["pending"] > 50
    assert waiting[0]["score"] is None
    assert "no cohort" in edgeworth("report", "forecasts", "--model", "champion").out

    then = edgeworth("signals", "--as-of", "2024-09-01")
    assert "is silent" in then.out
    assert "model-looks-ahead" in then.out
    for arguments, code in (
        (("signals", "--model", "nobody"), "unknown-model"),
        (("signals", "--model", "champion", "--no-model"), "bad-option"),
        (("report", "forecasts", "--model", "nobody"), "unknown-model"),
    ):
        assert edgeworth(*arguments, "--json").envelope["error"]["code"] == code


def test_a_model_whose_features_changed_is_silent(
    edgeworth: Run, biased: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGEWORTH_HOME", str(biased))
    if not (biased / "models").is_dir():
        edgeworth("train", "--json", *ROWS, "--models", "logistic", "--cv", "walk-forward-3", "--holdout", "0")
    monkeypatch.setattr("edgeworth.research.dataset.CATEGORIES", ("crypto", "weather"))
    told = edgeworth("signals", "--json").envelope["data"]["model"]
    assert (told["speaks"], told["code"]) == (False, "model-outdated")
    refused = edgeworth("signals", "--model", "champion", "--json")
    assert refused.envelope["error"]["code"] == "model-outdated"


def test_models_are_backtested_with_refits(edgeworth: Run, biased: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGEWORTH_HOME", str(biased))
    done = edgeworth("backtest", "model", "--learners", "logistic", "--refit-days", "60", "--json")
    assert done.code == 0, done.err
    (result,) = done.envelope["data"]["results"]
    assert result["strategy"] == "model-edge learners=logistic refit_days=60"
    assert result["verdict"]["trades"] > 50
    assert result["verdict"]["profit"] > 0
    folder = biased / "runs" / done.envelope["data"]["run_id"]
    story = json.loads((folder / "forecasts.json").read_text("utf-8"))
    assert len(story["fits"]) > 3
    assert [fit["begins"] for fit in story["fits"]] == sorted(fit["begins"] for fit in story["fits"])
    assert any("weights learned out of sample" in text for text in done.envelope["data"]["warnings"])
    again = edgeworth("backtest", "model", "--learners", "logistic", "--refit-days", "60", "--json")
    assert again.envelope["data"]["results"][0]["verdict"]["profit"] == result["verdict"]["profit"]
    listed = edgeworth("backtest", "--list", "--json").envelope["data"]
    assert "model-edge" in {row["strategy"] for row in listed}


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("model", "--learners", "xgbost"), "unknown-model"),
        (("model:nobody",), "unknown-model"),
        (("model", "--grid", "refit_days=10,20"), "bad-grid"),
        (("follow-the-market", "--learners", "xgb"), "bad-option"),
    ],
)
def test_mistakes_are_named(edgeworth: Run, world: Path, arguments: tuple[str, ...], code: str) -> None:
    assert edgeworth("backtest", *arguments, "--json").envelope["error"]["code"] == code


def test_a_saved_model_lends_its_learners(edgeworth: Run, world: Path) -> None:
    trained = edgeworth(
        "train", "--json", "--sample", "calendar:daily", "--models", "logistic", "--cv", "walk-forward-3"
    )  # fmt: skip
    assert trained.code == 0, trained.err
    done = edgeworth("backtest", "model:champion", "--json")
    assert done.code == 0, done.err
    (result,) = done.envelope["data"]["results"]
    assert result["parameters"]["learners"] == "logistic"
    clash = edgeworth("backtest", "model:champion", "--learners", "xgb", "--json")
    assert clash.envelope["error"]["code"] == "bad-option"
