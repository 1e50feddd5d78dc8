"""The numbers of one small run, kept: a change of any of them must be meant.

`EDGEWORTH_TEST_UPDATE=1` writes the file anew.
"""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from tests.support.panels import START
from tests.support.worlds import efficient_world

from edgeworth.core.clock import ManualClock
from edgeworth.core.config import ProofSettings, Settings
from edgeworth.core.paths import Home
from edgeworth.research.backtest import run_backtest
from edgeworth.strategies.registry import find

FILE = Path(__file__).with_name("run_metrics.json")
FIELDS = (
    "outcome", "trades", "events", "roi", "roi_low", "roi_high", "profit", "cost", "p_value", "win_rate", "break_even",
    "sharpe", "dsr", "e_value", "events_needed",
)  # fmt: skip


def test_the_numbers_of_a_small_run(home: Path) -> None:
    rules = [find(name) for name in ("crypto-favorite-fade", "favorite-longshot", "follow-the-market")]
    settings = Settings(proof=ProofSettings(bootstraps=200))
    result = run_backtest(
        Home(home), rules, settings, data=efficient_world(7, 500, planted=0.1), clock=ManualClock(START)
    )
    found: dict[str, Any] = {}
    for item in (*result.results, *result.reverses):
        verdict = item.verdict.to_dict()
        found[item.strategy] = {name: verdict[name] for name in FIELDS}
        if item.portfolio:
            found[item.strategy]["end"] = item.portfolio["end"]
    if os.environ.get("EDGEWORTH_TEST_UPDATE"):
        FILE.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n", "utf-8")
    kept = json.loads(FILE.read_text("utf-8"))
    assert found.keys() == kept.keys()
    for name, values in kept.items():
        for field, value in values.items():
            same = value if value is None or isinstance(value, str) else pytest.approx(value, rel=1e-9)
            assert found[name][field] == same, f"{name} {field}"
