import base64
import gzip
import html
import json
import re
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from tests.support.panels import START
from tests.support.worlds import efficient_world

from edgeworth.core.clock import ManualClock
from edgeworth.core.config import ProofSettings, Settings
from edgeworth.core.errors import AccessError, DataError
from edgeworth.core.panel import Panel
from edgeworth.core.paths import Home
from edgeworth.research import charts, runs, wording
from edgeworth.research.backtest import run_backtest
from edgeworth.research.calibration import calibrate
from edgeworth.research.report import LIMIT, write_calibration, write_report
from edgeworth.strategies.registry import find

KINDS = {
    "roi": wording.change,
    "win_rate": wording.percent,
    "break_even": wording.percent,
    "trades": wording.count,
    "events": wording.count,
    "p_value": wording.chance,
    "p_adjusted": wording.chance,
    "sharpe": wording.number,
    "dsr": wording.number,
    "pbo": lambda value: wording.number(value, 2),
    "e_value": lambda value: wording.number(value, 2),
    "profit": wording.money,
    "profit_factor": lambda value: wording.number(value, 2),
    "events_needed": wording.count,
    "days_needed": wording.count,
    "sentence": str,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of three strategies in an efficient world whose titles hold mark-up."""
    root = tmp_path_factory.mktemp("report")
    rules = [find(name) for name in ("crypto-favorite-fade", "follow-the-market", "musk-fade-extremes")]
    settings = Settings(proof=ProofSettings(bootstraps=200))
    data = efficient_world(5, 400)
    return run_backtest(Home(root / "home"), rules, settings, data=data, clock=ManualClock(START)).folder


@pytest.fixture(scope="module")
def paths(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return write_report(folder, tmp_path_factory.mktemp("written"))


def value_at(metrics: dict, key: str):
    found = metrics
    for part in key.split("."):
        found = found[int(part)] if isinstance(found, list) else found[part]
    return found


def test_the_page_shows_the_numbers_of_the_metrics(paths: dict[str, Path]) -> None:
    page = paths["html"].read_text("utf-8")
    metrics = json.loads(paths["json"].read_text("utf-8"))
    shown = re.findall(r'data-key="([^"]+)"[^>]*>([^<]*)<', page)
    assert len(shown) >= 16 * len(metrics["results"])
    for key, text in shown:
        last = key.rpartition(".")[2]
        if last == "interval":
            verdict = metrics["results"][int(key.split(".")[1])]["verdict"]
            assert text == wording.span(verdict["roi_low"], verdict["roi_high"])
        else:
            assert html.unescape(text) == KINDS[last](value_at(metrics, key)), key


def test_markdown_and_page_agree(paths: dict[str, Path]) -> None:
    metrics = json.loads(paths["json"].read_text("utf-8"))
    text = paths["md"].read_text("utf-8")
    for item in metrics["results"]:
        verdict = item["verdict"]
        section = text[text.index(f"\n## {item['strategy']}") :]
        assert f"| return on cost | {wording.change(verdict['roi'])} |" in section
        assert f"| won | {wording.percent(verdict['win_rate'])} |" in section
        assert f"| needed to break even | {wording.percent(verdict['break_even'])} |" in section
        assert f"| deflated Sharpe, {verdict['trials']} trials | {wording.number(verdict['dsr'])} |" in section


def test_the_metrics_agree_with_the_trades(folder: Path, paths: dict[str, Path]) -> None:
    metrics = json.loads(paths["json"].read_text("utf-8"))
    trades = pl.read_parquet(folder / runs.TRADES).filter(pl.col("status") == "settled")
    for item in metrics["results"]:
        mine = trades.filter(pl.col("strategy") == item["strategy"])
        for table in ("price", "side", "category", "horizon", "month"):
            rows = item["breakdowns"].get(table, [])
            assert sum(row["trades"] for row in rows) == len(mine)
            assert sum(row["profit"] for row in rows) == pytest.approx(mine["pnl_e6"].sum() / 1e6)
        assert sum(row["n"] for row in item["breakdowns"].get("reliability", [])) == len(mine)
        if len(mine):
            curve = item["curves"]["flat"]
            assert curve["profit"][-1] == pytest.approx(item["verdict"]["profit"])
            assert curve["deepest"][0] <= min(curve["drawdown"]) + 1e-9


def test_the_page_stands_alone_and_is_small(paths: dict[str, Path]) -> None:
    page = paths["html"].read_text("utf-8")
    assert len(page.encode()) <= LIMIT
    links = set(
        re.findall(r"(?:https?:)?//[a-z0-9.]+[^\s\"'<]*", re.sub(r'id="rows">.*?<', "<", page, flags=re.DOTALL))
    )
    assert links <= {"http://www.w3.org/1999/xlink"}
    assert not re.search(r"\b(src|href)\s*=\s*[\"'](?!#)", page)
    assert "prefers-color-scheme:dark" in page
    assert "default-src 'none'" in page
    assert page.index('class="verdict') < page.index("<svg")


def test_titles_are_escaped(paths: dict[str, Path]) -> None:
    page = paths["html"].read_text("utf-8")
    assert "<b>game</b>" not in page
    assert "&lt;b&gt;game&lt;/b&gt;" in page
    assert "<b>game</b>" not in paths["md"].read_text("utf-8")


def test_the_embedded_trades_are_all_there(folder: Path, paths: dict[str, Path]) -> None:
    page = paths["html"].read_text("utf-8")
    packed = re.search(r'id="rows">([^<]*)<', page)
    assert packed
    rows = json.loads(gzip.decompress(base64.b64decode(packed.group(1))))
    trades = pl.read_parquet(folder / runs.TRADES).filter(pl.col("status") == "settled")
    assert len(rows["pnl"]) == len(trades)
    assert sum(rows["pnl"]) == trades["pnl_e6"].sum()
    assert set(rows["questions"]) == set(trades["question"])


def test_charts_follow_the_theme(paths: dict[str, Path]) -> None:
    page = paths["html"].read_text("utf-8")
    drawn = re.findall(r"<svg.*?</svg>", page, flags=re.DOTALL)
    assert len(drawn) >= 10
    for svg in drawn:
        assert "var(--ink)" in svg
        assert not re.search(r"(?:fill|stroke): ?#(?!fff)[0-9a-f]{6}", svg), svg[:200]


def test_the_same_run_gives_the_same_bytes(folder: Path, paths: dict[str, Path], tmp_path: Path) -> None:
    again = write_report(folder, tmp_path)
    for kind, path in again.items():
        assert path.read_bytes() == paths[kind].read_bytes(), kind


def test_look_ahead_is_stamped_on_every_page(folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "run"
    copy.mkdir()
    for name in (runs.CONFIG, runs.TRADES, runs.EQUITY):
        (copy / name).write_bytes((folder / name).read_bytes())
    metrics = runs.read_json(folder / runs.METRICS)
    for item in metrics["results"]:
        item["verdict"]["look_ahead"] = True
    runs.write_json(copy / runs.METRICS, metrics)
    written = write_report(copy)
    page, text = written["html"].read_text("utf-8"), written["md"].read_text("utf-8")
    assert page.count("LOOK-AHEAD") >= 2 + len(metrics["results"])
    assert text.count("LOOK-AHEAD") >= 2 + len(metrics["results"])
    assert "<title>LOOK-AHEAD" in page


def test_many_trades_fit(folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "run"
    copy.mkdir()
    for name in (runs.CONFIG, runs.METRICS, runs.EQUITY):
        (copy / name).write_bytes((folder / name).read_bytes())
    trades = pl.read_parquet(folder / runs.TRADES)
    many = pl.concat([trades] * (40_000 // len(trades) + 1))
    generator = np.random.Generator(np.random.PCG64(1))
    noise = pl.Series("question", [f"Question {number:x}?" for number in generator.integers(0, 2**60, len(many))])
    many = many.with_columns(noise, pl.Series("cost_e6", generator.integers(0, 10**6, len(many))))
    many.write_parquet(copy / runs.TRADES)
    written = write_report(copy)
    assert written["html"].stat().st_size <= LIMIT
    assert "largest wins and losses are shown" in written["html"].read_text("utf-8")


@pytest.mark.parametrize("name", [runs.METRICS, runs.CONFIG, runs.TRADES])
def test_damaged_runs_say_so(folder: Path, tmp_path: Path, name: str) -> None:
    copy = tmp_path / "run"
    copy.mkdir()
    for other in (runs.CONFIG, runs.METRICS, runs.TRADES):
        (copy / other).write_bytes(b"{}" if other == name else (folder / other).read_bytes())
    with pytest.raises(DataError) as caught:
        write_report(copy)
    assert caught.value.code == "report-unreadable"


def test_a_place_that_cannot_be_written_is_told(folder: Path, tmp_path: Path) -> None:
    taken = tmp_path / "file"
    taken.write_text("")
    with pytest.raises(AccessError) as caught:
        write_report(folder, taken / "below")
    assert caught.value.code == "output-unwritable"


def one_category(panel: Panel) -> np.ndarray:
    return np.full(panel.market_count, "other", dtype=np.str_)


@pytest.mark.parametrize("sample", ["calendar:monday", "resolution:2d"])
def test_calibration_pages_agree_and_are_stamped(tmp_path: Path, sample: str) -> None:
    report = calibrate(*efficient_world(2), sample, allow_look_ahead=True, categories=one_category)
    written = write_calibration(report, tmp_path)
    content = json.loads(written["json"].read_text("utf-8"))
    page, text = written["html"].read_text("utf-8"), written["md"].read_text("utf-8")
    assert content["n"] == report.n
    assert {"n", "markets", "brier", "base_rate", "mean_price", "table"} <= set(content)
    shown = dict(re.findall(r'data-key="([^"]+)">([^<]*)<', page))
    assert shown["brier"] == f"{content['brier']:.5f}"
    assert shown["n"] == f"{content['n']:,}"
    assert f"| Brier | {content['brier']:.5f} |" in text
    assert ("LOOK-AHEAD" in page) == ("LOOK-AHEAD" in text) == sample.startswith("resolution")
    assert len(page.encode()) < 200_000


def test_nothing_to_draw_is_nothing() -> None:
    assert charts.equity({}, None) == ""
    assert charts.reliability([]) == ""
    assert charts.edge_buckets([]) == ""
    assert charts.groups({}, ("price",)) == ""
    assert charts.costs([]) == ""
    assert charts.exposure({}) == ""
    assert charts.lenses([]) == ""


def test_wording_of_missing_numbers() -> None:
    for write in (wording.percent, wording.change, wording.money, wording.dollars, wording.count, wording.number):
        assert write(None) == "n/a"
    assert wording.chance(1e-9) == "1.0e-09"
    assert wording.span(-0.012, 0.034) == "[-1.2, +3.4] %"
    assert wording.cell("a|b\n<i>") == "a\\|b \\<i\\>"


def test_shortening_touches_tags_and_not_words() -> None:
    row = {"label": "0.05-0.10: low", "trades": 80, "roi": 0.1, "low": -0.1, "high": 0.3}
    svg = charts.groups({"price": [row]}, ("price",))
    assert "0.05-0.10: low" in svg
    assert not re.search(r"\d\.\d\d", re.sub(r">[^<]*<", "><", svg))
