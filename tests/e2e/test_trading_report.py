"""`edgeworth report trading` on hours of trading on the simulated venue: on paper, over its wire, and with small orders.

What is in the golden file is what a small run decided and how it compares with the backtest; a change must be meant
(`EDGEWORTH_TEST_UPDATE=1` writes it anew).
"""

import dataclasses
import hashlib
import json
import os
import shutil
from pathlib import Path

import msgspec
import pytest

from edgeworth.app.paper_hour import Simulation, run_simulation
from edgeworth.app.trading import Request
from edgeworth.app.trading_report import tear_sheet
from edgeworth.core.config import load
from edgeworth.trading import record
from edgeworth.trading.agreement_reasons import REASON_DOCS, Reason
from edgeworth.trading.twin import PARTS

RULE = '''"""Buy YES whatever it costs: a test's rule, sure of itself."""

from dataclasses import dataclass

from edgeworth.strategies.base import Call, Row, strategy, yes


@strategy
@dataclass(frozen=True)
class Certain:
    """Certain of YES below ninety cents."""

    name, version, needs = "certain", 1, ("price",)

    def opinions(self, row: Row) -> Call:
        """Buy YES below ninety cents."""
        return yes(when=(row.price > 0.1) & (row.price < 0.9), reason="certain", p=0.97, se=0.02)
'''
GOLDEN = Path(__file__).parents[1] / "golden" / "trading_hour.json"
TICKS = 12
MODES = ("paper", "sandbox", "small", "exits")
RISK = {"small": {"max_order": 4.0}, "exits": {"stop_loss": 0.05, "take_profit": 0.05}}


@pytest.fixture(scope="session")
def hours(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Homes with a run in each: on paper, over the wire, with orders that any book can fill, with stops and targets."""
    return {mode: trade(prepared, tmp_path_factory.mktemp("hours") / mode, mode) for mode in MODES}


def trade(prepared: Path, home: Path, mode: str) -> Path:
    shutil.copytree(prepared / "demo", home)
    rule = home / "certain.py"
    rule.write_text(RULE, encoding="utf-8")
    config = load(home=home)
    if mode in RISK:
        risk = config.settings.risk.model_copy(update=RISK[mode])
        config = dataclasses.replace(config, settings=config.settings.model_copy(update={"risk": risk}))
    request = Request(rules=(str(rule),), mode="sandbox" if mode == "sandbox" else "paper")
    found = run_simulation(config, Simulation("tiny", 7, hours_before_end=41 * 24, ticks=TICKS), request)
    assert found["ticks"] == TICKS
    assert found["orders"].get("confirmed", 0) >= (1 if mode == "small" else 8), found
    return home


def folder_of(home: Path) -> Path:
    return next(path.parent for path in home.glob("trading/*/run.json"))


def sheet_of(home: Path) -> dict:
    folder = folder_of(home)
    about = json.loads((folder / "run.json").read_text("utf-8"))
    return tear_sheet(load(home=home), about["mode"], about["journal"], [folder])


@pytest.fixture
def sheets(hours: dict[str, Path]) -> dict[str, dict]:
    return {mode: sheet_of(home) for mode, home in hours.items()}


def test_backtest_paper_and_wire_agree_order_by_order(hours, sheets):
    for mode, sheet in sheets.items():
        agreed = sheet["agreement"]
        assert agreed["thought_again"] > 100
        assert agreed["thought_differ"] == 0, (mode, agreed["thought_named"])
        for quotes in ("recorded", "stated"):
            assert agreed[quotes]["unexplained"] == 0, (mode, quotes)
            assert agreed[quotes]["orders"] >= len(sheet["orders"])
        exits = [row for row in agreed["recorded"]["rows"] if row["exit"]]
        assert bool(exits) == (mode == "exits")
    both = [
        {
            row["intent"].rsplit("/", 1)[0]: (row["limit"], row["shares"], row["filled"])
            for row in sheets[mode]["orders"]
        }
        for mode in ("paper", "sandbox")
    ]
    # the paper account is a tenth of the wire's, so a cap may bind on paper alone: what both bought is the same
    shared = both[0].keys() & both[1].keys()
    assert len(shared) >= 8
    assert sum(both[0][name] == both[1][name] for name in shared) >= len(shared) - 2


def test_where_liquidity_does_not_bind_the_decisions_are_the_same(sheets):
    walked = sheets["small"]["agreement"]["recorded"]
    assert walked["orders"] >= 1
    assert not {"book", "joint", "arrival", "unfilled", "spread", "account"} & set(walked["reasons"])
    for row in walked["rows"]:
        if not set(row["reasons"]) - {"next-observation"}:
            assert (row["backtest"]["stake"], row["backtest"]["ask"]) == (row["bot"]["stake"], row["bot"]["ask"])


def test_the_hour_is_the_golden_one(hours, sheets):
    found = {}
    for mode in ("paper", "sandbox"):
        lines = list(record.read_lines(folder_of(hours[mode])))
        intents = [msgspec.json.encode(one) for line in lines for one in line.wanted]
        walked = sheets[mode]["agreement"]["recorded"]
        found[mode] = {
            "opinions": sum(len(line.opinions) for line in lines),
            "intents": len(intents),
            "digest": hashlib.blake2b(b"\n".join(intents), digest_size=16).hexdigest(),
            "orders": len(sheets[mode]["orders"]),
            "equal": walked["agree"],
            "reasons": walked["reasons"],
        }
    if os.environ.get("EDGEWORTH_TEST_UPDATE"):
        GOLDEN.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n", "utf-8")
    assert found == json.loads(GOLDEN.read_text("utf-8"))


@pytest.mark.parametrize("what", ["stake", "order", "opinion"])
def test_a_recording_that_was_bent_is_not_explained(hours, tmp_path, what):
    home = Path(shutil.copytree(hours["paper"], tmp_path / "bent"))
    folder = folder_of(home)
    lines = list(record.read_lines(folder))
    first = next(k for k, line in enumerate(lines) if line.wanted)
    lines[first] = bent(lines[first], what)
    (folder / record.TICKS).write_bytes(b"".join(record.encode(line) + b"\n" for line in lines))
    agreed = sheet_of(home)["agreement"]
    if what == "opinion":
        assert agreed["thought_differ"] == 1
    else:
        assert agreed["recorded"]["unexplained"] == 1
        assert agreed["stated"]["unexplained"] == 1


def bent(line: record.Line, what: str) -> record.Line:
    """Return a line in which the bot did what nothing it saw can explain."""
    replace = msgspec.structs.replace
    name = line.wanted[0].intent_id
    if what == "stake":
        plans = tuple(
            replace(one, stake_e6=one.stake_e6 - 1_230_000) if one.name == name else one for one in line.planned
        )
        return replace(line, planned=plans)
    if what == "order":  # neither wanted nor denied: dropped
        plans = tuple(replace(one, intent=None, stake_e6=0) if one.name == name else one for one in line.planned)
        return replace(line, wanted=line.wanted[1:], planned=plans)
    said = tuple(replace(one, p=one.p - 1e-9) if one.name == name else one for one in line.opinions)
    return replace(line, opinions=said)


def test_every_part_adds_up_to_the_ledgers_profit(sheets):
    for sheet in sheets.values():
        money, parts = sheet["money"], sheet["twin"]["parts"]
        assert money["of_others"] == 0
        assert sum(parts[name] for name in PARTS) == pytest.approx(money["profit"], abs=1e-9)
        for rows in (sheet["markets"], sheet["strategies"]):
            assert sum(row["profit"] for row in rows) == pytest.approx(money["profit"], abs=1e-9)
        assert sheet["equity"]["equity"][-1] == money["end"]
        assert sheet["twin"]["guessed"] == 0


def test_the_funnel_loses_nobody_without_a_code(sheets):
    for sheet in sheets.values():
        for row in sheet["funnel"]:
            for before, after in zip(row["steps"], row["steps"][1:], strict=False):
                assert before["count"] == after["count"] + sum(after["lost"].values())
        confirmed = sum(row["steps"][-1]["count"] for row in sheet["funnel"])
        assert confirmed == sum(order["state"] == "confirmed" for order in sheet["orders"])


def test_the_pages_are_whole_and_escaped(edgeworth, hours, tmp_path, monkeypatch):
    home = Path(shutil.copytree(hours["paper"], tmp_path / "pages"))
    about = folder_of(home) / "run.json"
    text = json.loads(about.read_text("utf-8"))
    for one in text["watched"]:
        one["question"] = "<script>alert(1)</script> | *x*"
    about.write_text(json.dumps(text), "utf-8")
    monkeypatch.setenv("EDGEWORTH_HOME", str(home))
    shown = edgeworth("report", "trading", "--paper", "--run", "last")
    assert shown.code == 0, shown.err
    assert "0 unexplained" in shown.out
    files = [Path(line) for line in shown.out.splitlines() if line.startswith("/") or ":\\" in line]
    assert [path.suffix for path in files] == [".html", ".md", ".json"]
    page, markdown = files[0].read_text("utf-8"), files[1].read_text("utf-8")
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    assert "<script>" not in markdown
    assert "http" not in page.replace("http://www.w3.org/1999/xlink", "").replace("http-equiv", "")
    found = json.loads(files[2].read_text("utf-8"))
    assert f"{found['money']['end']:,.2f} $" in page
    for step in found["funnel"][0]["steps"]:
        assert f"<td>{step['count']:,}</td>" in page


def test_mistakes_are_told(edgeworth, hours, world, monkeypatch):
    nothing = edgeworth("report", "trading")
    assert "no-trading" in nothing.err
    monkeypatch.setenv("EDGEWORTH_HOME", str(hours["paper"]))
    unknown = edgeworth("report", "trading", "--run", "1999")
    assert unknown.code == 2
    assert "unknown-run" in unknown.err
    assert edgeworth("report", "trading", "--paper", "--live").code == 2


def test_every_reason_is_documented():
    assert set(REASON_DOCS) == set(Reason)
