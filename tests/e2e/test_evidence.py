"""The evidence and the graveyard on the command line."""

from pathlib import Path

import pytest

from edgeworth.core.config import Settings, load
from edgeworth.research import study
from tests.e2e.conftest import Run


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Let examining a world cost nothing; the list grows by every seed asked for."""
    asked: list[int] = []
    numbers = {
        "strategy": "a", "outcome": "no edge", "true_edge": 0.0, "trades": 9, "events": 9, "events_needed": None,
        "events_floor": None, "roi": -0.1, "roi_low": -0.2, "roi_high": 0.1, "p_value": 0.5, "p_adjusted": 0.6, "dsr": 0.1,
    }  # fmt: skip

    def examine(task: study.Task) -> study.Row:
        asked.append(task.seed)
        return {"seed": task.seed, "rules": [numbers], "reverses": []}

    monkeypatch.setattr(study, "examine", examine)
    return asked


def test_the_page_and_its_pictures_are_written(edgeworth: Run, quick: list[int], home: Path, tmp_path: Path) -> None:
    stale = tmp_path / "docs" / "evidence" / "old.svg"
    stale.parent.mkdir(parents=True)
    stale.write_text("<svg/>")
    args = ("report", "evidence", "--seeds", "3", "--sections", "power,null", "--output", tmp_path / "docs")
    result = edgeworth(*args, "--workers", "0", "--json")
    assert result.code == 0, result.err
    data = result.envelope["data"]
    assert set(data["shares"]) == {"null", "null-free", "power", "power-locked"}
    assert data["shares"]["power"] == {"hits": 0, "n": 3, "low": 0.0, "high": pytest.approx(0.70760, abs=1e-4)}
    text = (tmp_path / "docs" / "evidence.md").read_text()
    assert "edgeworth report evidence --seeds 3 --sections null,power" in text
    assert not stale.exists()
    assert sorted(Path(path).name for path in data["files"]) == ["evidence.md", "null.svg", "power.svg"]
    assert not (home / "ledger.db").exists()
    done = len(quick)
    again = edgeworth(*args, "--workers", "0")
    assert "in 0 of 3 worlds = 0.0 % [0.0, 70.8]" in again.out
    assert len(quick) == done


def test_mistakes_are_told(edgeworth: Run, home: Path, tmp_path: Path) -> None:
    wrong = edgeworth("report", "evidence", "--sections", "nul", "--json")
    assert wrong.envelope["error"]["code"] == "bad-option"
    missing = edgeworth("report", "evidence", "--sections", "exhibits", "--recorded", tmp_path / "no", "--json")
    assert missing.envelope["error"]["code"] == "file-not-found"
    occupied = tmp_path / "file"
    occupied.write_text("")
    full = edgeworth("report", "evidence", "--sections", "exhibits", "--output", occupied, "--json")
    assert full.envelope["error"]["code"] == "output-unwritable"


def test_the_study_has_the_shipped_settings_whatever_the_home_says(home: Path) -> None:
    assert load(environ={"EDGEWORTH_HOME": str(home)}).settings == Settings()


def test_the_graveyard_lists_what_the_demo_tried(edgeworth: Run, world: Path, tmp_path: Path) -> None:
    file = tmp_path / "graves.md"
    result = edgeworth("report", "graveyard", "--output", file, "--json")
    assert result.code == 0, result.err
    rows = result.envelope["data"]["strategies"]
    assert len(rows) == 7
    assert all(row["trials"] == 1 and row["verdict"] and len(row["run_ids"]) == 1 for row in rows)
    assert "| weather-fade-longshots | 1 | 0 | 1 |" in file.read_text()
    shown = edgeworth("report", "graveyard")
    assert "7 trials of 7 strategies" in shown.out
    assert all(row["strategy"] in shown.out for row in rows)


def test_an_empty_home_has_an_empty_graveyard(edgeworth: Run, home: Path) -> None:
    result = edgeworth("report", "graveyard")
    assert result.code == 0
    assert "Nothing has been tried" in result.out


@pytest.mark.slow
def test_learning_and_directions_need_no_recorded_data(edgeworth: Run, home: Path, tmp_path: Path) -> None:
    args = ("report", "evidence", "--seeds", "1", "--sections", "learning,direction", "--output", tmp_path / "docs")
    result = edgeworth(*args, "--workers", "0", "--json")
    assert result.code == 0, result.err
    assert result.envelope["data"]["shares"] == {}
    text = (tmp_path / "docs" / "evidence.md").read_text()
    assert "| folds by market | 0.80" in text
    assert "| coins that walk at random | touch, ensemble |" in text
    assert text.count("| RAISED |") == 2
    assert "`volume_trend_smoothed`" in text
    assert "| recorded |" not in text
