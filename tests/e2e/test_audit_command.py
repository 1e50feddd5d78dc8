"""`edgeworth backtest --audit`: honest rules pass with exit code 0, one that reads the future ends with 6 and says where."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from edgeworth.features.definitions import FEATURES
from tests.e2e.conftest import Run

PEEK = '''
from dataclasses import dataclass

import numpy as np

from edgeworth.features.definitions import panel_feature
from edgeworth.strategies.base import strategy, yes


@panel_feature("user_tomorrow", group="own", unit="$", doc="The next price: nobody can know it.")
def tomorrow(panel, rows, market):
    return panel.price_e4[np.minimum(rows + 1, panel.offsets[market + 1] - 1)] / 10_000


@strategy
@dataclass(frozen=True)
class Tomorrow:
    """Buy what will rise."""

    name, version, needs = "tomorrow", 1, ("price", "user_tomorrow")

    def opinions(self, row):
        return yes(when=row.user_tomorrow > row.price, reason="it will rise")
'''


@pytest.fixture
def rule(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "tomorrow.py"
    path.write_text(PEEK)
    yield path
    FEATURES.pop("user_tomorrow", None)


def test_an_honest_rule_passes(edgeworth: Run, world: Path) -> None:
    result = edgeworth("backtest", "weather-fade-longshots", "--audit", "--json")
    assert result.code == 0
    lines = result.envelope["data"]["results"][0]["verdict"]["lint"]
    audits = {line["code"]: line for line in lines if line["code"].startswith("audit-")}
    assert len(audits) == 5
    assert all(line["passed"] is not False for line in audits.values())
    assert "complete form" in audits["audit-scramble"]["note"]


def test_a_rule_that_reads_the_next_price_fails(edgeworth: Run, world: Path, rule: Path) -> None:
    result = edgeworth("backtest", rule, "--audit")
    assert result.code == 6
    assert "error audit-failed" in result.err
    assert "user_tomorrow" in result.err
    assert "Traceback" not in result.err
    again = edgeworth("backtest", rule, "--audit", "--json")
    assert again.code == 6
    assert again.envelope["error"]["code"] == "audit-failed"
    assert "audit-scramble" in again.envelope["error"]["details"]["checks"]


def test_without_the_flag_its_verdict_is_invalid(edgeworth: Run, world: Path, rule: Path) -> None:
    result = edgeworth("backtest", rule, "--json")
    assert result.code == 0
    verdict = result.envelope["data"]["results"][0]["verdict"]
    assert verdict["outcome"] == "invalid"
    assert "audit-scramble" in verdict["sentence"]
