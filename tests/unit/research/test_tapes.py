"""Kept tapes and categories: equal to fresh ones, rebuilt when they cannot be read."""

from pathlib import Path

import numpy as np
import pytest
from tests.support.worlds import efficient_world

from edgeworth.core.paths import Home
from edgeworth.engine.types import Tape, build_tape
from edgeworth.features import registry
from edgeworth.features.registry import View, keep_categories
from edgeworth.research import tapes


def same(a: Tape, b: Tape) -> None:
    for name in Tape.__dataclass_fields__:
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name))


def test_a_kept_tape_equals_a_fresh_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tapes, "_SMALL", 0)
    panel, outcomes = efficient_world(5, 40)
    fresh = build_tape(panel, outcomes)
    for _ in range(2):
        same(tapes.open_tape(Home(tmp_path), panel, outcomes), fresh)
    [folder] = Home(tmp_path).cache.glob("tape-*")
    (folder / "word.npy").write_bytes(b"broken")
    same(tapes.open_tape(Home(tmp_path), panel, outcomes), fresh)


def test_small_panels_are_not_kept(tmp_path: Path) -> None:
    panel, outcomes = efficient_world(5, 40)
    same(tapes.open_tape(Home(tmp_path), panel, outcomes), build_tape(panel, outcomes))
    assert not Home(tmp_path).cache.exists()


def test_kept_categories_are_those_of_the_classifier(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_WORTH_A_FILE", 0)
    panel, _ = efficient_world(5, 40)
    expected = View(panel).static(["category"])
    for _ in range(2):
        registry._CATEGORIES.clear()
        keep_categories(panel, tmp_path)
        assert View(panel).static(["category"]).equals(expected)
    [file] = tmp_path.glob("categories-*.arrow")
    file.write_bytes(b"broken")
    registry._CATEGORIES.clear()
    keep_categories(panel, tmp_path)
    assert View(panel).static(["category"]).equals(expected)
