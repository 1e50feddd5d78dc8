"""kill -9 at random instants loses no acknowledged snapshot and tears no row; starting again is quick."""

import json
import os
import subprocess
import sys

import pytest

KILLS = int(os.environ.get("EDGEWORTH_TEST_KILLS", "100"))


@pytest.mark.parametrize("kills", [20, pytest.param(KILLS, marks=pytest.mark.slow)], ids=["few", "many"])
def test_killed_at_random_instants(home, kills):
    command = [sys.executable, "-m", "tests.sim.kill_range", str(home), str(kills), "7"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    result = json.loads(done.stdout)
    assert result["wrong"] == []
    assert result["kills"] == kills
    assert result["acknowledged"] > kills * 20
    assert result["slowest_start"] <= 2.0
