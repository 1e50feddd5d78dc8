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
