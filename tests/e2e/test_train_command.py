"""`edgeworth train` from rows to a promoted model, and what it refuses."""

import json


def test_from_rows_to_a_champion(edgeworth, world, tmp_path):
    checked = edgeworth("train", "data", "--json", "--sample", "calendar:daily", "--output", tmp_path / "rows")
    assert checked.code == 0, checked.err
    found = checked.envelope["data"]
    assert found["rows"] > 100
    assert found["events"] > 10
    assert sum(row["rows"] for row in found["years"]) == found["rows"]
    assert (tmp_path / "rows" / "rows.parquet").is_file()

    trained = edgeworth(
        "train",
        "--json",
        "--data",
        tmp_path / "rows",
        "--models",
        "logistic",
        "--cv",
        "walk-forward-3",
        "--open-holdout",
    )
    assert trained.code == 0, trained.err
    model = trained.envelope["data"]["model"]
    card = trained.envelope["data"]["card"]
    assert card["holdout"]["openings"] == 1
    assert card["scores"][0]["plain"]["market"]["auc"] > 0.5
    assert {line["code"] for line in card["lint"]} >= {
        "leak-split-random",
        "leak-shuffle-canary",
        "leak-hindsight-column",
    }

    listed = edgeworth("train", "ls", "--json").envelope["data"]
    assert [(row["model"], row["alias"]) for row in listed] == [(model, "champion")]
    shown = edgeworth("train", "show", "champion")
    assert "nats a row against the price" in shown.out
    watched = edgeworth("train", "watch", "--json").envelope["data"]
    assert (watched["state"], watched["model"]) == ("done", model)

    second = edgeworth("train", "--json", "--data", tmp_path / "rows", "--models", "logistic", "--cv", "walk-forward-3")
    assert second.envelope["data"]["card"]["digest"] == card["digest"]
    other = second.envelope["data"]["model"]
    if other != model:
        assert edgeworth("train", "promote", other, "--json").envelope["data"]["champion"] == other
        assert edgeworth("train", "rollback", "--json").envelope["data"]["champion"] == model
    if card["scores"][-1]["gain_low"] <= 0:
        refused = edgeworth("train", "promote", model, "--if", "proven", "--json")
        assert refused.code == 8
        assert refused.envelope["error"]["code"] == "promotion-refused"


def test_a_searched_model_on_purged_folds_and_its_card(edgeworth, world, tmp_path):
    rows = tmp_path / "rows"
    assert edgeworth("train", "data", "--sample", "calendar:daily", "--output", rows).code == 0
    words = ("--data", rows, "--models", "logistic", "--cv", "purged-2", "--tune", "2", "--holdout", "0")
    trained = edgeworth("train", *words)
    assert trained.code == 0, trained.err
    assert "MLflow" not in trained.err
    shown = edgeworth("train", "show", "champion").out
    assert shown.strip() == trained.out.strip()
    beginnings = [line.split()[0] for line in shown.splitlines() if line.strip()]
    for part in (
        "data",
        "window",
        "locked",
        "features",
        "folds",
        "search",
        "trials",
        "seed",
        "limit",
        "versions",
        "took",
    ):
        assert part in beginnings, part
    for heading in (
        "against the price",
        "reliability of logistic",
        "without bins (CORP)",
        "at one half",
        "true_positive",
    ):
        assert heading in shown
    assert "3 configurations tried on this data" in shown
    assert "opened never so far" in shown
    card = edgeworth("train", "show", "champion", "--json").envelope["data"]
    assert card["aliases"] == ["champion"]
    assert card["card"]["tuning"]["learners"]["logistic"]["trials"] == 2
    graves = edgeworth("report", "graveyard", "--json").envelope["data"]
    assert "train-logistic" in json.dumps(graves)


def test_combining_batches(edgeworth, world, tmp_path):
    for name, sample in (("a", "calendar:daily"), ("b", "calendar:monday")):
        assert edgeworth("train", "data", "--sample", sample, "--output", tmp_path / name).code == 0
    done = edgeworth(
        "train",
        "data",
        "combine",
        "--batches",
        tmp_path / "a",
        "--batches",
        tmp_path / "b",
        "--output",
        tmp_path / "c",
        "--json",
    )
    assert done.code == 0, done.err
    assert done.envelope["data"]["rows"] > 0
    about = json.loads((tmp_path / "c" / "dataset.json").read_text("utf-8"))
    assert len(about["combined"]) == 2


def test_mistakes_have_codes(edgeworth, world, tmp_path):
    assert edgeworth("train", "watch", "--json").envelope["error"]["code"] == "unknown-run"
    for arguments, code in (
        (("--models", "xgbost"), "unknown-model"),
        (("--cv", "kfold-5"), "bad-option"),
        (("--cv", "cpcv-6"), "bad-option"),
        (("--tune", "-1"), "bad-option"),
        (("--sample", "calendar:someday"), "bad-sample"),
        (("--data", tmp_path / "nowhere"), "dataset-unreadable"),
        (("--sample", "age:1d", "--time-points", "3"), "bad-option"),
    ):
        failed = edgeworth("train", "--json", *arguments)
        assert failed.envelope["error"]["code"] == code, failed.out
    for arguments, code in (
        (("show", "nobody"), "unknown-model"),
        (("rollback",), "unknown-model"),
    ):
        failed = edgeworth("train", *arguments, "--json")
        assert failed.envelope["error"]["code"] == code
