"""Repeating a command never flatters it: the count rises, the variance over distinct configurations stays."""

from pathlib import Path

from edgeworth.core.clock import ManualClock
from edgeworth.core.paths import Home
from edgeworth.core.units import Micros
from edgeworth.research import deflation
from edgeworth.research.trials import tally
from edgeworth.store.ledger_db import Ledger, Run, Trial


def trial(params: dict[str, float], sharpe: float, data: str = "here") -> Trial:
    return Trial("run", "rule", "rule", data, params, "done", sharpe, 100)


def test_an_exact_repetition_only_raises_the_bar(tmp_path: Path) -> None:
    with Ledger.open(Home(tmp_path), clock=ManualClock(Micros(1))) as ledger:
        ledger.start_run(Run("run", "backtest", "here", 1))
        ledger.record_trials([trial({"x": 1.0}, 0.1), trial({"x": 2.0}, 0.3)])
        before = tally(ledger, ["rule"], "here")["rule"]
        ledger.record_trials([trial({"x": 1.0}, 0.1), trial({"x": 2.0}, 0.3)])
        after = tally(ledger, ["rule"], "here")["rule"]
    assert (before.total, after.total) == (2, 4)
    assert before.distinct == after.distinct == 2
    assert before.variance == after.variance
    assert deflation.expected_maximum(after.total) > deflation.expected_maximum(before.total)


def test_other_data_raise_the_count_but_not_the_variance(tmp_path: Path) -> None:
    with Ledger.open(Home(tmp_path), clock=ManualClock(Micros(1))) as ledger:
        ledger.start_run(Run("run", "backtest", "here", 1))
        ledger.record_trials([trial({"x": 1.0}, 0.1), trial({"x": 2.0}, 0.3), trial({"x": 1.0}, 9.0, "elsewhere")])
        found = tally(ledger, ["rule"], "here")["rule"]
    assert found.total == 3
    assert found.variance is not None
    assert abs(found.variance - 0.02) < 1e-12
