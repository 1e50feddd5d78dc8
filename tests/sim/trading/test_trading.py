"""The whole of order handling under faults and crashes, seed by seed; `tests.support.trading_world` says what is judged."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.support.trading_saboteurs import SABOTEURS
from tests.support.trading_world import run

QUICK = 100  # seeds of the default suite
SEEDS = int(os.environ.get("EDGEWORTH_TEST_SEEDS", "2000"))
CHUNKS = max(8, SEEDS // 2_000)
PATIENCE = 50  # seeds a saboteur may survive
HERE = Path(__file__).parent


def regressions() -> list[int]:
    """Return the seeds that once found a bug."""
    lines = (HERE / "regression_seeds.txt").read_text("utf-8").splitlines()
    return [int(line.partition("#")[0]) for line in lines if line.partition("#")[0].strip()]


def failures(seeds: range | list[int]) -> list[str]:
    """Return the first seeds that break a promise, and which."""
    found = []
    for seed in seeds:
        outcome = run(seed)
        if outcome.violations:
            found.append(f"seed {seed}: {outcome.violations[:3]}")
            if len(found) == 3:
                break
    return found


@pytest.mark.parametrize("chunk", range(4))
def test_no_seed_breaks_a_promise(chunk):
    assert failures(range(chunk * QUICK // 4, (chunk + 1) * QUICK // 4)) == []


def test_seeds_that_found_a_bug_stay_quiet():
    assert failures(regressions()) == []


@pytest.mark.slow
@pytest.mark.timeout(0)
@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_none_of_many_seeds_breaks_a_promise(chunk):
    begin, end = (QUICK + step * SEEDS // CHUNKS for step in (chunk, chunk + 1))
    assert failures(range(begin, end)) == []


@pytest.mark.parametrize("name", SABOTEURS)
def test_a_saboteur_is_noticed(name):
    with SABOTEURS[name]() as parts:
        caught = next((seed for seed in range(PATIENCE) if run(seed, parts).violations), None)
    assert caught is not None, f"nobody noticed: {name}"


def test_the_seeds_are_as_wild_as_they_should_be():
    outcomes = [run(seed) for seed in range(20)]
    points = {point for outcome in outcomes for point in outcome.points}
    assert points == {"journal.before-commit", "journal.after-commit", "venue.before-send", "venue.after-send"}
    assert sum(outcome.crashes for outcome in outcomes) > 60
    assert sum(outcome.orders for outcome in outcomes) > 80
    assert sum(outcome.trades for outcome in outcomes) > 80
    assert len({outcome.trace for outcome in outcomes}) == len(outcomes)


TRACES = "from tests.support.trading_world import run; print(*(run(seed).trace for seed in range({0}, {1})))"


def traces(begin: int, end: int, hash_seed: str) -> list[str]:
    """Run seeds in another process."""
    command = [sys.executable, "-c", TRACES.format(begin, end)]
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(HERE.parents[2])}
    return subprocess.run(command, env=environment, capture_output=True, check=True, text=True).stdout.split()


def test_the_same_seed_is_the_same_trace_in_another_process():
    assert traces(0, 5, "17") == [run(seed).trace for seed in range(5)]


@pytest.mark.slow
def test_a_hundred_seeds_leave_the_same_trace_in_two_processes():
    assert traces(0, 100, "1") == traces(0, 100, "2")
