"""The number of threads decides how long a fit takes and nothing else; the probe keeps the faster number."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.examples import planted_examples

from edgeworth.core.clock import ManualClock
from edgeworth.models import threads
from edgeworth.models.learners import make

ROOT = Path(__file__).parents[3]


class Stopwatch(ManualClock):
    """A clock under which fits take the given seconds in turn."""

    def __init__(self, *seconds: float) -> None:
        super().__init__(0)
        self._ticks = iter([tick for at, taken in enumerate(seconds) for tick in (100.0 * at, 100.0 * at + taken)])

    def monotonic(self) -> float:
        return next(self._ticks)


@pytest.mark.parametrize("kind", ["xgb", "lgbm"])
def test_any_number_of_threads_gives_the_same_model(kind):
    few, many = planted_examples(3, 350)[0], planted_examples(4, 6_000)[0]
    for examples in (few, few.choose(slice(0, 333)), many):
        saved = [make(kind, number).fit(examples, 7).save() for number in (1, 2, 5)]
        assert saved[0] == saved[1] == saved[2]


def test_deep_trees_too():
    examples = planted_examples(5, 5_000)[0]
    for kind, settings in (
        ("xgb", {"depth": 7, "least_weight": 1.0, "rounds": 40, "bins": 256}),
        ("lgbm", {"leaves": 63, "least_rows": 5, "rounds": 40, "bins": 255}),
    ):
        assert make(kind, 1, settings).fit(examples, 7).save() == make(kind, 4, settings).fit(examples, 7).save()


def test_linear_algebra_gives_the_same_bits_on_any_number_of_cores():
    """The library would split these sums: on 40,000 rows its bits differ between one and two threads."""
    code = """
import hashlib
from tests.support.examples import planted_examples
from edgeworth.models.learners import make
from edgeworth.models.stack import Evidence, fit_stack
rows = planted_examples(3, 20_000)[0]
fitted = make("logistic").fit(rows, 7)
said = fitted.correct(rows.x)
stack = fit_stack(("a",), Evidence(said[:, None], rows.price, rows.label, rows.event, rows.weight))
print(hashlib.sha256(fitted.save()["linear.json"] + said.tobytes() + stack.to_json().encode()).hexdigest())
"""
    said = set()
    for number in ("1", "2", "4"):
        variables = {**os.environ, "OPENBLAS_NUM_THREADS": number}
        command = [sys.executable, "-c", code]
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=variables, cwd=ROOT)
        said.add(done.stdout)
    assert len(said) == 1


@pytest.mark.parametrize(
    ("one", "many", "chosen"), [((2.0, 1.9), (1.0, 1.1), 4), ((1.0, 1.2), (1.0, 0.95), 1), ((1.0, 9.0), (40.0, 2.0), 1)]
)
def test_the_faster_number_is_kept(one, many, chosen):
    examples = planted_examples(1, 60)[0]
    found = threads.probe(examples, Stopwatch(one[0], many[0], one[1], many[1]), 4)
    assert found.threads == chosen
    assert (found.one, found.many) == (pytest.approx(min(one)), pytest.approx(min(many)))


def test_a_number_is_taken_as_it_is_and_one_core_needs_no_probe():
    examples = planted_examples(1, 60)[0]
    assert threads.resolve("3", examples, Stopwatch()).threads == 3
    assert threads.resolve("auto", examples, Stopwatch(), limit=1).threads == 1
    assert threads.probe(examples.choose(slice(0, 0)), Stopwatch(), 4).threads == 1
    assert replace(make("lgbm", 3), threads=1) == make("lgbm", 1)
    assert make("nn", 3) == make("nn", 1)
