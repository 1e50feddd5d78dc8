"""Saved models: checked, named by aliases, promoted and rolled back; damage is found before a library reads it."""

import json

import pytest
from tests.support.examples import planted_examples

from edgeworth.core.errors import DataError, UsageError
from edgeworth.models.crossfit import Model, cross_fit, fit_model
from edgeworth.models.learners import make
from edgeworth.models.registry import Registry
from edgeworth.research.splits import Rows, walk_forward


@pytest.fixture(scope="module")
def model() -> Model:
    """A small model of two members."""
    examples, _ = planted_examples(2, 300)
    members = {kind: make(kind) for kind in ("logistic", "lgbm")}
    folds = list(walk_forward(Rows(examples.t, examples.event, examples.known_at), 3))
    return fit_model(members, examples, cross_fit(members, examples, folds, 1), 1)


def test_first_is_champion_then_challengers_are_promoted_and_rolled_back(tmp_path, model):
    models = Registry(tmp_path / "models")
    for name in ("20260101-a", "20260102-b", "20260103-c"):
        models.save(name, model, {"scores": []})
    assert models.aliases() == {"champion": "20260101-a", "challenger": "20260103-c"}
    assert models.promote("challenger") == {"champion": "20260103-c", "previous": "20260101-a"}
    assert models.promote("champion") == models.aliases()
    assert models.rollback() == {"champion": "20260101-a", "previous": "20260103-c"}
    assert [entry.model_id for entry in models.entries()] == ["20260103-c", "20260102-b", "20260101-a"]
    loaded, card = models.load("20260102")
    assert loaded.digest() == model.digest()
    assert card["names"] == list(model.names)
    for unknown in ("x", "2026010", ""):
        with pytest.raises(UsageError, match="unknown-model"):
            models.find(unknown)


def test_nothing_to_roll_back_to(tmp_path, model):
    models = Registry(tmp_path)
    models.save("a", model, {})
    with pytest.raises(UsageError, match="previous"):
        models.rollback()


@pytest.mark.parametrize("file", ["lgbm/lgbm.txt", "logistic/linear.json", "stack.json", "card.json", "manifest.json"])
def test_every_damaged_file_is_found(tmp_path, model, file):
    models = Registry(tmp_path)
    folder = models.save("a", model, {})
    data = bytearray((folder / file).read_bytes())
    data[len(data) // 2] ^= 1
    (folder / file).write_bytes(bytes(data))
    with pytest.raises(DataError) as damaged:
        models.load("a")
    assert damaged.value.code == "model-corrupt"
    assert "damaged" in models.entries()[0].card
    (folder / file).unlink()
    with pytest.raises(DataError, match="model-corrupt"):
        models.load("a")


def test_aliases_that_cannot_be_read_are_an_error_not_a_guess(tmp_path, model):
    models = Registry(tmp_path)
    models.save("a", model, {})
    (tmp_path / "aliases.json").write_text("{", "utf-8")
    with pytest.raises(DataError, match="model-corrupt"):
        models.load("champion")
    (tmp_path / "aliases.json").write_text(json.dumps({"champion": "a"}), "utf-8")
    assert models.find("champion") == "a"
