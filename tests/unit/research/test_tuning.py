"""A search of settings stays inside its rows, counts what it tries, and continues where it stopped."""

import subprocess
import sys
from dataclasses import replace
from importlib.util import find_spec

import numpy as np
import pytest
from tests.support.examples import planted_examples

from edgeworth.core.errors import DataError, UsageError
from edgeworth.core.units import DAY
from edgeworth.models.learners import Preparing, make
from edgeworth.models.spaces import SPACES, defaults
from edgeworth.research import tuning

pytestmark = pytest.mark.skipif(find_spec("optuna") is None, reason="the tune extra is missing")
PLAN = tuning.Plan(6, seed=3)


class Counter:
    """Remember what is counted, and stop the search when asked."""

    def __init__(self, stop_after: int | None = None) -> None:
        self.rows: list[tuple[str, tuple, str]] = []
        self.stop_after = stop_after

    def __call__(self, kind, settings, status, events):
        assert events > 0
        self.rows.append((kind, tuple(sorted(settings.items())), status))
        if self.stop_after == len(self.rows):
            raise KeyboardInterrupt


def quiet(done, total):
    """Nobody watches."""


def search(kind, examples, study=None, plan=PLAN, count=None, told=quiet):
    return tuning.tune(kind, examples, plan, study, (told, count or Counter()))


@pytest.fixture(scope="module")
def rows():
    return tuning.split(planted_examples(11, 1_000)[0], DAY)[0]


def test_the_rows_that_choose_end_before_those_that_are_scored():
    examples, _ = planted_examples(11, 1_000)
    chosen, judged = tuning.split(examples, DAY)
    assert chosen.known_at.max() + DAY <= examples.t[judged].min()
    assert not np.isin(examples.event[judged], chosen.event).any()
    assert judged.sum() > 0.4 * len(examples)
    with pytest.raises(DataError, match="too-few-rows"):
        tuning.split(planted_examples(11, 50)[0], DAY)


def test_the_first_configuration_is_the_default_and_the_best_is_kept(rows):
    seen = []
    counted = Counter()
    found = search("xgb", rows, count=counted, told=lambda done, total: seen.append((done, total)))
    assert seen == [(n, 6) for n in range(1, 7)]
    assert dict(counted.rows[0][1]) == defaults("xgb")
    assert [status for _, _, status in counted.rows] == ["done"] * 6
    assert len({settings for _, settings, _ in counted.rows}) == 6
    assert found.gain >= found.default_gain
    assert found.settings == dict(counted.rows[found.best][1])
    bench = tuning.Bench("xgb", rows, PLAN)
    assert bench.gain(found.settings) == found.gain
    assert bench.gain(defaults("xgb")) == found.default_gain
    for name, span in SPACES["xgb"].items():
        assert span.low <= found.settings[name] <= span.high


@pytest.mark.parametrize("kind", ["logistic", "xgb", "lgbm"])
def test_shared_bins_give_the_same_fit(rows, kind):
    low = {name: int(span.low) if span.whole else span.low for name, span in SPACES[kind].items()}
    high = {name: int(span.high) if span.whole else span.high for name, span in SPACES[kind].items()}
    learner = make(kind)
    assert isinstance(learner, Preparing)
    prepared = learner.prepare(rows)
    for settings in (low, high, defaults(kind)):
        other = make(kind, 1, settings)
        assert other.fit_prepared(prepared, 5).save() == other.fit(rows, 5).save()


def test_an_interrupted_search_continues_to_the_same_trials(rows, tmp_path):
    whole = Counter()
    expected = search("lgbm", rows, tmp_path / "whole.db", count=whole)
    first, second = Counter(stop_after=3), Counter()
    with pytest.raises(KeyboardInterrupt):
        search("lgbm", rows, tmp_path / "study.db", count=first)
    found = search("lgbm", rows, tmp_path / "study.db", count=second)
    assert found.trials == expected.trials == 6
    # the third was counted, but not written down when it was stopped: it counts as failed, and is tried once more
    assert [status for _, _, status in second.rows] == ["failed", "done", "done", "done", "done"]
    assert found.resumed == 2
    tried = [*first.rows[:2], *second.rows[1:]]
    assert tried == whole.rows
    assert replace(found, resumed=0) == expected
    third = Counter()
    assert search("lgbm", rows, tmp_path / "study.db", count=third).resumed == 6
    assert third.rows == []


def test_more_trials_go_on_from_the_study_and_other_rows_begin_anew(rows, tmp_path):
    path = tmp_path / "study.db"
    search("logistic", rows, path)
    more = Counter()
    found = search("logistic", rows, path, plan=replace(PLAN, trials=8), count=more)
    assert (found.trials, found.resumed, len(more.rows)) == (8, 6, 2)
    fewer = search("logistic", rows, path, plan=replace(PLAN, trials=3))
    assert fewer.trials == 3
    assert search("logistic", replace(rows, label=1 - rows.label), path).resumed == 0
    assert search("logistic", rows, path, plan=replace(PLAN, seed=4)).resumed == 0


def test_without_optuna_the_extra_is_named(rows, monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(UsageError, match="extra-missing") as refused:
        search("xgb", rows)
    assert "edgeworth[tune]" in refused.value.hint


def test_a_fit_that_fails_is_counted_and_leaves_nothing_running(rows, tmp_path, monkeypatch):
    counted = Counter()

    def broken(self, settings):
        raise MemoryError

    with monkeypatch.context() as patched:
        patched.setattr(tuning.Bench, "gain", broken)
        with pytest.raises(MemoryError):
            search("logistic", rows, tmp_path / "study.db", count=counted)
    assert [status for _, _, status in counted.rows] == ["failed"]
    again = Counter()
    assert search("logistic", rows, tmp_path / "study.db", count=again).trials == 6
    assert [status for _, _, status in again.rows] == ["done"] * 6


KILLED = """
import subprocess
import sys
from pathlib import Path
from tests.support.examples import planted_examples
from edgeworth.core.units import DAY
from edgeworth.research import tuning

rows = tuning.split(planted_examples(11, 1_000)[0], DAY)[0]
told = lambda done, total: print(done, flush=True)
tuning.tune("xgb", rows, tuning.Plan(40, seed=3), Path(sys.argv[1]), (told, tuning.uncounted))
"""


@pytest.mark.slow
def test_a_search_that_was_killed_continues_to_the_same_trials(rows, tmp_path, pytestconfig):
    """Killed without warning in the middle of a fit, twice; at the end the trials are those of one quiet search."""
    plan = replace(PLAN, trials=12)
    expected = search("xgb", rows, plan=plan)
    for reached in ("3", "7"):
        command = [sys.executable, "-c", KILLED, str(tmp_path / "study.db")]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=pytestconfig.rootpath) as process:
            for line in process.stdout:
                if line.strip() == reached:
                    break
            process.kill()
    found = search("xgb", rows, tmp_path / "study.db", plan=plan)
    assert found.resumed >= 7
    assert replace(found, resumed=0) == expected
