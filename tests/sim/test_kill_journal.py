"""SIGKILL at any instant loses no deed that was acknowledged, breaks no chain and lifts no halt."""

import json
import subprocess
import sys

import pytest


def killed(home, kills, seed):
    command = [sys.executable, "-m", "tests.sim.kill_journal", str(home), str(kills), str(seed)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True, timeout=900).stdout)


def judge(found):
    assert found["lost"] == []
    assert found["deeds"] > found["kills"]
    assert found["start_s"] < 15


def test_no_deed_is_lost_to_a_kill(home):
    judge(killed(home, 12, 1))


@pytest.mark.slow
@pytest.mark.timeout(920)
def test_no_deed_is_lost_to_many_kills(home):
    judge(killed(home, 75, 2))
