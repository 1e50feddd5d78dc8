"""`edgeworth trade` on what a bot has left behind: an hour of paper trading on the simulated venue."""

import json
import shutil
from pathlib import Path

import pytest

from edgeworth.app.paper_hour import Simulation, run_simulation
from edgeworth.app.trading import Request
from edgeworth.core.config import load
from edgeworth.trading import record

RULE = '''"""Buy YES whatever it costs: a test's rule, sure of itself."""

from dataclasses import dataclass

from edgeworth.strategies.base import Call, Row, strategy, yes


@strategy
@dataclass(frozen=True)
class Sure:
    """Sure of YES below ninety cents."""

    name, version, needs = "sure", 1, ("price",)

    def opinions(self, row: Row) -> Call:
        """Buy YES below ninety cents."""
        return yes(when=(row.price > 0.1) & (row.price < 0.9), reason="sure of it", p=0.97, se=0.02)
'''
TICKS = 5


@pytest.fixture(scope="session")
def traded(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a run of five ticks in it; copy it before changing anything."""
    home = tmp_path_factory.mktemp("traded") / "home"
    shutil.copytree(prepared / "demo", home)
    rule = home / "sure.py"
    rule.write_text(RULE, encoding="utf-8")
    found = run_simulation(
        load(home=home), Simulation("tiny", 7, hours_before_end=41 * 24, ticks=TICKS), Request(rules=(str(rule),))
    )
    assert found["ticks"] == TICKS
    assert found["orders"].get("confirmed", 0) >= 3, found
    return home


@pytest.fixture
def home(traded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    place = tmp_path / "trading-home"
    shutil.copytree(traded, place)
    monkeypatch.setenv("EDGEWORTH_HOME", str(place))
    return place


def data(result) -> object:
    assert result.code == 0, result.err
    return json.loads(result.out)["data"]


def test_status_says_how_it_stands(edgeworth, home):
    found = data(edgeworth("trade", "status", "--json"))
    assert found["mode"] == "paper"
    assert found["state"] == "active"
    assert found["bot"] is None
    assert found["suspense"] == 0
    assert found["positions"] >= 3
    assert [row["stage"] for row in found["strategies"]] == ["paper only"]
    shown = edgeworth("trade", "status")
    assert "PAPER" in shown.out
    assert "ACTIVE" in shown.out


def test_every_order_is_explained_down_to_the_book(edgeworth, home):
    orders = data(edgeworth("trade", "orders", "--all", "--json"))
    for row in orders:
        found = data(edgeworth("trade", "explain", row["order"], "--json"))
        signal = found["signal"]
        assert signal["committed"] is True
        assert signal["opinion"]["strategy"] == "sure"
        assert signal["features"]["price"] == signal["opinion"]["price_e4"] / 1e4
        kinds = [event["kind"] for event in found["events"]]
        assert kinds[:3] == ["reserved", "signed", "sending"]
    shown = edgeworth("trade", "explain", orders[0]["order"][:14])
    for word in ("order", "fill", "intent", "signal", "feature", "data", "journal"):
        assert any(line.startswith(word) for line in shown.out.splitlines()), word


def test_a_recording_that_was_changed_is_no_longer_what_was_committed(edgeworth, home):
    (folder,) = (home / "trading").iterdir()
    lines = (folder / record.TICKS).read_bytes()
    order = data(edgeworth("trade", "orders", "--all", "--json"))[0]["order"]
    (folder / record.TICKS).write_bytes(lines.replace(b"sure of it", b"sure of me"))
    assert data(edgeworth("trade", "explain", order, "--json"))["signal"]["committed"] is False


def test_a_run_decides_the_same_again(edgeworth, home):
    (folder,) = (home / "trading").iterdir()
    found = data(edgeworth("trade", "check", "--replay", folder.name, "--json"))
    assert found["replay"]["ticks"] == TICKS
    assert found["replay"]["intents"] >= 3
    assert found["replay"]["differs_at"] is None


def test_a_decision_that_would_be_another_one_is_found(edgeworth, home):
    (folder,) = (home / "trading").iterdir()
    path = folder / "run.json"
    about = json.loads(path.read_text("utf-8"))
    about["settings"]["risk"]["kelly"] = 0.01
    path.write_text(json.dumps(about), "utf-8")
    result = edgeworth("trade", "check", "--replay", folder.name)
    assert result.code == 8
    assert "replay-differs" in result.err


def test_an_altered_journal_is_found(edgeworth, home):
    import sqlite3

    with sqlite3.connect(home / "ledger.db") as connection:
        connection.execute("UPDATE trading_events SET body = replace(body, '0.', '1.') WHERE kind = 'decided'")
        changed = connection.execute(
            "UPDATE trading_events SET body = replace(body, 'wanted', 'wamted') WHERE kind = 'decided'"
        ).rowcount
    assert changed
    result = edgeworth("trade", "check")
    assert result.code != 0
    assert "journal-" in result.err


def test_pause_survives_and_resume_lifts(edgeworth, home):
    assert edgeworth("trade", "pause", "--reason", "lunch").code == 0
    found = data(edgeworth("trade", "status", "--json"))
    assert found["state"] == "reducing"
    assert "lunch" in found["halts"][0]["reason"]
    assert data(edgeworth("trade", "resume", "--json"))["lifted"] == ["paused"]
    assert data(edgeworth("trade", "status", "--json"))["state"] == "active"


def test_kill_halts_and_sees_no_open_order(edgeworth, home):
    assert data(edgeworth("trade", "kill", "--json"))["verified"] is True
    assert data(edgeworth("trade", "status", "--json"))["state"] == "halted"


def test_a_second_run_goes_on_where_the_first_one_stood(edgeworth, home):
    before = data(edgeworth("trade", "status", "--json"))
    assert edgeworth("trade", "pause").code == 0
    found = run_simulation(
        load(home=home),
        Simulation("tiny", 7, hours_before_end=41 * 24 - 1, ticks=2),
        Request(rules=(str(home / "sure.py"),)),
    )
    assert found["state"] == "reducing"
    assert found["accounts"]["cash"] == round(before["cash"] * 1e6)
    assert found["strangers"] == 0
    assert set(found["outcomes"]) <= {"reducing"}


def test_flatten_sells_everything_at_the_next_tick(edgeworth, home):
    assert data(edgeworth("trade", "flatten", "--json"))["requested"] is True
    found = run_simulation(
        load(home=home),
        Simulation("tiny", 7, hours_before_end=41 * 24 - 1, ticks=4),
        Request(rules=(str(home / "sure.py"),)),
    )
    assert found["positions"] == 0, found
    assert found["accounts"]["positions"] == 0


def test_lists_and_mistakes(edgeworth, home):
    assert len(data(edgeworth("trade", "positions", "--json"))) >= 3
    assert data(edgeworth("trade", "history", "--last", "3", "--json"))[0]["kind"]
    assert data(edgeworth("trade", "orders", "--json")) == []
    assert "no open order" in edgeworth("trade", "orders").err
    unknown = edgeworth("trade", "explain", "0xnothing")
    assert unknown.code == 2
    assert "unknown-order" in unknown.err
    both = edgeworth("trade", "status", "--paper", "--live")
    assert both.code == 2


def test_a_home_without_trading_says_so(edgeworth, world):
    result = edgeworth("trade", "status")
    assert "no-trading" in result.err
    assert "edgeworth trade run" in result.err


def test_live_needs_the_mode_and_the_wallet(edgeworth, home):
    result = edgeworth("trade", "run", "--live", "--ticks", "1", "--rules", str(home / "sure.py"))
    assert result.code == 8
    assert "live-refused" in result.err


def test_a_champion_that_cannot_speak_is_named_at_the_start(home):
    (home / "models" / "old").mkdir(parents=True)
    (home / "models" / "aliases.json").write_text('{"champion": "old"}', encoding="utf-8")
    found = run_simulation(
        load(home=home),
        Simulation("tiny", 7, hours_before_end=40 * 24, ticks=1),
        Request(rules=(str(home / "sure.py"),)),
    )
    assert found["silent"].startswith("model old says nothing: ")
    run = json.loads((home / "trading" / found["run"] / "run.json").read_text("utf-8"))
    assert (run["model"], run["silent"]) == ("", found["silent"])
