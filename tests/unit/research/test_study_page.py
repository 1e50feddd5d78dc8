import re
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest
from tests.unit.research.test_study import rule, walks

from edgeworth.core.config import Settings
from edgeworth.research.study_facts import by_structure, flips, longshot_lenses, slopes
from edgeworth.research.study_page import SECTIONS, USUAL, Findings, Page, render

ABOUT = {
    "date": "2026-01-01", "version": "0", "code": "abc", "command": "edgeworth report evidence --seeds 2",
    "half_spread": 0.01, "bootstraps": 1000,
}  # fmt: skip


def world(seed: int, outcome: str) -> dict:
    back = rule("no edge", strategy="a-reverse")
    lenses = {
        "lenses": 10, "flipped": 2, "beyond": 1, "beyond_corrected": 0, "flipped_beyond": 0,
        "hindsight": [{"bias": 0.02, "low": 0.01}],
    }  # fmt: skip
    return {"seed": seed, "rules": [rule(outcome)], "reverses": [back], "lenses": lenses}


def exhibit(part: str, outcome: str) -> dict:
    line = rule(outcome, strategy="a") | {
        "win_rate": 0.9, "break_even": 0.85, "sentence": "", "trials": 1, "trials_distinct": 1,
        "coverage": {"requested": 9, "priced": 9, "resolved": 9, "fired": 110, "traded": 100, "dropped": {"voided": 10}},
    }  # fmt: skip
    data = {"requested": 900, "priced": 900, "resolved": 800, "decision_points": 9000, "from": 0, "to": 10**15}
    quiet = line | {"strategy": "never", "trades": 0, "events": 0, "roi": None, "roi_low": None, "roi_high": None}
    back = [line | {"strategy": "a-reverse", "roi": -0.1, "roi_low": -0.2, "roi_high": 0.0}]
    return {"source": "made-up", "part": part, "alone": 0.5, "data": data, "results": [line, quiet], "reverses": back}


def findings(sections: tuple[str, ...] = SECTIONS, *, recorded: bool = True) -> Findings:
    rows = walks(1)
    lenses = longshot_lenses(rows)
    from dataclasses import asdict

    facts = {
        "source": "made-up", "sample": "calendar:daily", "n": len(rows.m), "markets": 6000, "events": 6000, "alone": 1.0,
        "lenses": [asdict(lens) for lens in lenses], "flips": flips(lenses), "slopes": slopes(rows),
        "structure": by_structure(rows), "span": [0, 10**15],
    }  # fmt: skip
    claims, silent = [world(1, "edge at this size"), world(2, "unproven")], [world(1, "no edge"), world(2, "no edge")]
    worlds = {"null": silent, "null-free": silent, "power": claims, "power-locked": claims}
    exhibits = [exhibit("development", "edge at this size"), exhibit("hold-out", "no edge")]
    gain = {"value": -0.001, "low": -0.003, "high": 0.001, "events": 300}
    worlds |= {name: [{"seed": 1, "gains": {"xgb": gain}, "lint": []}] for name in ("learn-null", "learn-walk")}
    gap = [
        {"split": "price", "mean": [0.8, 0.5, 0.2], "error": [0.1, 0.1, 0.1], "stated": [0.8, 0.5, 0.2], "inside": True}
    ]
    found = Findings(ABOUT, sections, worlds, exhibits if recorded else None, [facts] if recorded else None, gap)
    if not recorded:
        return found
    lost = {"source": "lost", "sample": "calendar:daily", "reason": "too few"}
    return replace(found, reality=[data_set(), lost], directions=[way()], scale=scaled())


def estimate(value: float) -> dict:
    return {"value": value, "error": 0.01, "low": value - 0.02, "high": value + 0.02}


def data_set() -> dict:
    scored = {
        "model": "xgb", "rows": 100, "events": 90, "brier": 0.2, "market_brier": 0.21, "log_loss": 0.5,
        "market_log_loss": 0.51, "gain": estimate(0.01), "brier_gain": estimate(0.01), "slope": 1.0, "slope_error": 0.1,
    }  # fmt: skip
    market = {"brier": 0.21, "log_loss": 0.51, "slope": 0.9, "slope_error": 0.1}
    return {
        "source": "made-up", "sample": "calendar:daily", "rows": 200, "markets": 100, "events": 90, "days": 100.0,
        "yes": 0.4, "dated": 0.5, "alone": 1.0, "detectable": 0.1, "market": market, "lint": [],
        "fair_value": {"reason": "no candles"}, "models": [scored | {"holdout": scored}], "absent": {}, "fold_lint": [],
    }  # fmt: skip


def way() -> dict:
    right = estimate(0.6) | {"events": 90}
    claim = {"model": "lgbm", "rows": 900, "accuracy": right, "gain": estimate(0.02), "hold": 0.5}
    driver = {"column": "later", "importance": 0.9, "alone": 0.7}
    doubt = {
        "claim": claim, "sentence": "leak suspected", "drivers": [driver], "checks": ["look at later"],
    }  # fmt: skip
    return {"candles": "made-up", "coins": 3, "asked": "the next hour", "claims": [claim], "suspicion": doubt}


def scaled() -> dict:
    spread = {"model": "own HAR", "contracts": 90, "coins": 2, "log_loss": 0.4, "qlike": 0.1, "excess": estimate(0.0)}
    judged = {
        "model": "lgbm, own", "rows": 90, "coins": 2, "accuracy": estimate(0.5), "gain": estimate(0.0),
        "apart": {"accuracy": estimate(0.0), "gain": estimate(0.0)},
    }  # fmt: skip
    pool = {"pool": "recorded", "coins": 2, "variance": [spread], "direction": [judged],
            "left_out": [{"model": "variance", "reason": "too few"}]}  # fmt: skip
    return {"coins": 2, "rows": 900, "recorded": 900, "columns": 66, "peak_gb": 4.5, "seconds": 60.0, "pools": [pool],
            "steps": [{"step": "read", "rows": 900, "seconds": 1.0}], "refused": []}  # fmt: skip


@pytest.fixture(scope="module")
def page() -> Page:
    return render(findings())


def test_the_page_states_bars_intervals_seeds_date_version_and_command(page: Page) -> None:
    assert "0 of 2 = 0.0 % [0.0, 84.2] | at most 5 % | met" in page.text
    assert "1 of 2 = 50.0 % [1.3, 98.7] | at least 80 % | MISSED" in page.text
    for words in ("2 random seeds (1, 2)", "2026-01-01", "`abc`", "edgeworth report evidence --seeds 2\n"):
        assert words in page.text
    headings = re.findall(r"^## (.*)$", page.text, re.MULTILINE)
    assert len(headings) == 9


def test_every_picture_is_shown_once_and_is_a_small_svg(page: Page) -> None:
    shown = re.findall(r"!\[[^\]]+\]\(evidence/([a-z0-9-]+)\.svg\)", page.text)
    assert sorted(shown) == sorted(page.pictures)
    for picture in page.pictures.values():
        assert ET.fromstring(picture).tag == "{http://www.w3.org/2000/svg}svg"
        assert "prefers-color-scheme" in picture
        assert len(picture) < 60_000


def test_tables_are_whole(page: Page) -> None:
    lines = page.text.splitlines()
    for number, line in enumerate(lines):
        if line.startswith("|---"):
            width = lines[number - 1].count("|")
            body = lines[number + 1 :]
            rows = body[: next((k for k, text in enumerate(body) if not text.startswith("|")), len(body))]
            assert line.count("|") == width
            assert rows
            assert all(row.count("|") == width for row in rows)


def test_an_edge_on_recorded_data_is_named_with_what_became_of_it(page: Page) -> None:
    assert "Of 2 judgements 1 claim an edge: `a` on made-up, development. In both parts: 0." in page.text
    assert "`never`" not in page.text
    assert "-10.0 % [-20.0, +0.0] %" in page.text
    assert "220 markets fired in, 200 traded and settled (20 voided)" in page.text


def test_without_recorded_data_the_page_says_how_to_have_it() -> None:
    text = render(findings(recorded=False)).text
    assert text.count("edgeworth report evidence --recorded DIR") == 3
    assert "The recorded prices run from" not in text


@pytest.mark.parametrize("section", SECTIONS)
def test_a_section_alone_is_a_page(section: str) -> None:
    whole = findings((section,))
    plans = {"null": ("null", "null-free"), "power": ("power", "power-locked")}.get(section, ())
    worlds = {name: whole.worlds[name] for name in plans}
    alone = replace(whole, worlds=worlds, scale=whole.scale if section == "scale" else None)
    page = render(alone)
    assert page.text.count("\n## ") == 2
    assert page.text.startswith("# Does the verdict deserve trust?")


def test_the_page_depends_on_nothing_but_what_was_found(page: Page) -> None:
    assert render(findings()) == page


def test_settings_of_the_study_are_the_shipped_ones() -> None:
    assert Settings().costs.half_spread == ABOUT["half_spread"]
    assert Settings().proof.bootstraps == ABOUT["bootstraps"]


def test_sections_are_named_in_the_order_of_the_page() -> None:
    from edgeworth.app.evidence import parse_sections
    from edgeworth.cli.report import evidence

    assert parse_sections("all") == SECTIONS
    assert parse_sections("reality, null") == ("null", "reality")
    (default,) = (option.default for option in evidence.params if option.name == "sections")
    assert parse_sections(str(default)) == USUAL
