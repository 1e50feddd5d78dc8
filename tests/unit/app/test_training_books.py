"""Trainings are written down: every configuration tried, the run folder, a search that continues, MLflow beside it."""

import json
import math
import os
import subprocess
import sys
from dataclasses import replace
from importlib.util import find_spec

import polars as pl
import pytest
from tests.support.worlds import efficient_world

from edgeworth.app import training
from edgeworth.core.clock import SystemClock
from edgeworth.core.config import load
from edgeworth.core.errors import LeakError, UsageError
from edgeworth.core.progress import Silent
from edgeworth.research.dataset import Plan, build, read_dataset
from edgeworth.research.tracking import read_state, record_of
from edgeworth.store.ledger_db import Ledger

WITH_OPTUNA = pytest.mark.skipif(find_spec("optuna") is None, reason="the tune extra is missing")
WITH_MLFLOW = pytest.mark.skipif(find_spec("mlflow") is None, reason="the mlflow extra is missing")
TUNED = 3


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    panel, outcomes = efficient_world(11, 700, planted=0.3)
    return build(panel, outcomes, Plan(time_points=(1.0, 3.0, 5.0))).write(tmp_path_factory.mktemp("rows"))


def config(home, **flags):
    given = {"train.mlflow": "off", "train.threads": "1", **{key.replace("__", "."): v for key, v in flags.items()}}
    return load(home=home, overrides=given, environ={}, folder=home.parent)


def request(rows, models=("logistic",), cv="walk-forward-3", tune=0, **more):
    return training.TrainRequest(training.DataRequest(rows), models, cv, 0.2, tune=tune, **more)


def trials(home):
    with Ledger.open(home) as ledger:
        return [(trial.strategy, trial.status) for trial in ledger.trials()]


class Stopping(Silent):
    """Progress that is interrupted at one of its steps."""

    def __init__(self, at):
        self._left = at

    def advance(self, amount):
        self._left -= amount
        if self._left <= 0:
            raise KeyboardInterrupt


@WITH_OPTUNA
def test_an_interrupted_search_ends_in_the_same_model_and_every_try_is_counted(rows, tmp_path):
    asked = request(rows, ("logistic", "xgb"), tune=TUNED)
    whole = training.run_training(config(tmp_path / "a"), asked, Silent(), SystemClock())
    home = config(tmp_path / "b").home
    with pytest.raises(KeyboardInterrupt):
        training.run_training(config(tmp_path / "b"), asked, Stopping(5), SystemClock())
    assert trials(home).count(("train-logistic", "done")) == TUNED
    assert ("train-xgb", "failed") in trials(home)
    assert training.training_state(home)["state"].startswith("failed")
    found = training.run_training(config(tmp_path / "b"), asked, Silent(), SystemClock())
    assert found.card["digest"] == whole.card["digest"]
    learners = found.card["tuning"]["learners"]
    assert {kind: found["trials"] for kind, found in learners.items()} == {"logistic": TUNED, "xgb": TUNED}
    assert learners["logistic"]["resumed"] == TUNED
    assert found.card["scores"] == whole.card["scores"]
    assert found.card["settings"]["xgb"].items() >= learners["xgb"]["settings"].items()
    done = [name for name, status in trials(config(tmp_path / "a").home) if status == "done"]
    assert sorted(done) == sorted(["train-logistic"] * (TUNED + 1) + ["train-xgb"] * (TUNED + 1) + ["train-ensemble"])
    assert whole.card["trials"] == {"data": len(done), "home": len(done)}


@WITH_OPTUNA
def test_the_locked_rows_and_the_scored_ones_have_no_part_in_the_search(rows, tmp_path):
    dataset = read_dataset(rows)
    first = training.run_training(config(tmp_path / "a"), request(rows, tune=TUNED), Silent(), SystemClock())
    since = first.card["tuning"]["scored_from"]
    flipped = pl.when(pl.col("t") >= since).then(1 - pl.col("label")).otherwise("label")
    changed = replace(dataset, frame=dataset.frame.with_columns(label=flipped))
    second = training.run_training(
        config(tmp_path / "b"), request(changed.write(tmp_path / "rows"), tune=TUNED), Silent(), SystemClock()
    )
    both = [found.card["tuning"]["learners"]["logistic"] for found in (first, second)]
    assert both[0] == both[1]
    assert first.card["scores"] != second.card["scores"]


def test_without_optuna_nothing_begins_and_the_extra_is_named(rows, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(UsageError, match="extra-missing") as refused:
        training.run_training(config(tmp_path / "a"), request(rows, tune=2), Silent(), SystemClock())
    assert "edgeworth[tune]" in refused.value.hint
    assert not (tmp_path / "a" / "ledger.db").exists()


def test_a_refused_training_is_counted_and_its_folder_says_so(rows, tmp_path):
    dataset = read_dataset(rows)
    settled = dataset.frame.with_columns(price=pl.col("label") * 0.98 + 0.01)
    leaky = replace(dataset, frame=settled).write(tmp_path / "leaky")
    made = config(tmp_path / "a")
    with pytest.raises(LeakError):
        training.run_training(made, request(leaky), Silent(), SystemClock())
    assert trials(made.home) == [("train-logistic", "failed")]
    (folder,) = made.home.runs.iterdir()
    assert read_state(folder)["status"] == "failed"
    assert read_state(folder)["error"] == "LeakError"
    assert training.model_rows(made.home) == []


def test_openings_of_the_holdout_are_shown_by_every_later_card(rows, tmp_path):
    made = config(tmp_path / "a")
    before = training.run_training(made, request(rows), Silent(), SystemClock())
    opened = training.run_training(made, request(rows, open_holdout=True), Silent(), SystemClock())
    after = training.run_training(made, request(rows), Silent(), SystemClock())
    assert [found.card["holdout"]["openings"] for found in (before, opened, after)] == [0, 1, 1]
    assert before.card["digest"] == opened.card["digest"]
    assert after.card["trials"]["data"] == 3
    (folder,) = made.home.runs.iterdir()
    assert read_state(folder)["model"] == after.model_id


def test_the_card_holds_what_a_reader_asks_for(rows, tmp_path):
    card = training.run_training(config(tmp_path / "a"), request(rows, cv="purged-3"), Silent(), SystemClock()).card
    (score,) = card["scores"]
    assert score["gain_low"] < score["gain"] < score["gain_high"]
    assert sum(row["rows"] for row in score["calibration"]["bins"]) == score["rows"] == card["data"]["rows"]
    corp = score["calibration"]["corp"]["model"]
    assert corp["miscalibration"] - corp["discrimination"] + corp["uncertainty"] == pytest.approx(score["brier"])
    assert [row["from"] for row in score["calibration"]["steps"]] == sorted(
        r["from"] for r in score["calibration"]["steps"]
    )
    assert set(score["plain"]) == {"model", "market"}
    assert card["scheme"] == {
        "name": "purged-3", "splits": 3, "paths": 1, "teaching_splits": 3, "rows": card["data"]["rows"],
    }  # fmt: skip
    assert len(card["folds"]) == 3
    assert card["options"]["seed"] == 7
    assert {row["name"] for row in card["features"]} >= {"logit", "is_crypto"}
    assert card["settings"]["logistic"] == {"ridge": 20.0}
    assert json.dumps(card, default=str)


def test_no_secret_becomes_a_parameter(rows, tmp_path):
    card = training.run_training(config(tmp_path / "a"), request(rows), Silent(), SystemClock()).card
    card["plan"] = {**card["plan"], "api_key": "hush", "nested": {"password": "hush"}}
    record = record_of("x", card)
    assert "hush" not in record.params.values()
    assert record.params["options.cv"] == "walk-forward-3"
    assert record.metrics["logistic.gain"] == card["scores"][0]["gain"]
    assert all(math.isfinite(value) for value in record.metrics.values())


TRACKED = """
import json, socket, sys
from pathlib import Path

def refuse(*args):
    raise SystemExit("something asked for the network")

import edgeworth._environment
socket.socket.connect = socket.socket.connect_ex = socket.getaddrinfo = refuse
from edgeworth.app import training
from edgeworth.core.clock import SystemClock
from edgeworth.core.config import load
from edgeworth.core.progress import Silent

home, rows = Path(sys.argv[1]), Path(sys.argv[2])
config = load(home=home, overrides={"train.threads": "1"}, environ={}, folder=home.parent)
asked = training.TrainRequest(training.DataRequest(rows), ("logistic",), "walk-forward-3", 0.2)
found = training.run_training(config, asked, Silent(), SystemClock())
print(json.dumps([found.mlflow, found.card["scores"][0]["gain"]]))
"""


@WITH_MLFLOW
def test_mlflow_gets_numbers_and_the_card_without_the_network(rows, tmp_path):
    import sqlite3

    command = [sys.executable, "-c", TRACKED, str(tmp_path / "home"), str(rows)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    said, gain = json.loads(done.stdout)
    assert said.startswith("run ")
    home = tmp_path / "home"
    with sqlite3.connect(home / "mlflow.db") as database:
        metrics = dict(database.execute("select key, value from metrics"))
        params = dict(database.execute("select key, value from params"))
    assert metrics["logistic.gain"] == pytest.approx(gain)
    assert params["options.seed"] == "7"
    assert not any("threads" in key for key in params)
    (card,) = (home / "mlflow-artifacts").rglob("card.json")
    assert json.loads(card.read_text("utf-8"))["digest"] == params["digest"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["home"]


def test_mlflow_can_be_switched_off(rows, tmp_path):
    made = config(tmp_path / "a")
    assert training.run_training(made, request(rows), Silent(), SystemClock()).mlflow == ""
    assert not (made.home.root / "mlflow.db").exists()


AGAIN = """
import json, sys
from pathlib import Path
from edgeworth.app import training
from edgeworth.core.clock import SystemClock
from edgeworth.core.config import load
from edgeworth.core.progress import Silent

home, rows, threads, kinds = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], tuple(sys.argv[4].split(","))
flags = {"train.mlflow": "off", "train.threads": threads}
config = load(home=home, overrides=flags, environ={}, folder=home.parent)
asked = training.TrainRequest(training.DataRequest(rows), kinds, "walk-forward-3", 0.2, open_holdout=True)
found = training.run_training(config, asked, Silent(), SystemClock())
files = {str(path.relative_to(found.folder)): path.read_bytes().hex() for path in found.folder.rglob("*") if path.is_file()}
own = {name: data for name, data in files.items() if name not in ("card.json", "manifest.json")}
kept = {name: found.card[name] for name in ("digest", "scores", "holdout", "lint", "folds", "importance", "stack")}
print(json.dumps({"files": own, **kept}, default=str))
"""


def again(tmp_path, rows, seed, threads, kinds):
    home = tmp_path / f"home-{seed}"
    command = [sys.executable, "-c", AGAIN, str(home), str(rows), threads, kinds]
    variables = {**os.environ, "PYTHONHASHSEED": seed}
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True, env=variables).stdout)


def compare(tmp_path, rows, kinds):
    first, second = again(tmp_path, rows, "1", "1", kinds), again(tmp_path, rows, "4242", "2", kinds)
    assert first["files"]
    for name in first:
        assert first[name] == second[name], name


def test_equal_data_seed_and_versions_give_the_same_model_and_numbers(rows, tmp_path):
    """Two fresh processes, other hash seeds and numbers of threads: every saved byte and every score is the same."""
    compare(tmp_path, rows, "logistic,xgb,lgbm")


@pytest.mark.slow
@pytest.mark.skipif(find_spec("torch") is None, reason="the neural extra is missing")
def test_so_does_the_network(rows, tmp_path):
    compare(tmp_path, rows, "xgb,nn")
