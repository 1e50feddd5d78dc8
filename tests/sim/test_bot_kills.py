"""kill -9 of the trading bot at random instants: nothing doubled, nothing forgotten, stops and baselines survive."""

import json
import os
import subprocess
import sys

import pytest

KILLS = int(os.environ.get("EDGEWORTH_TEST_BOT_KILLS", "30"))
BATCHES = max(2, -(-KILLS // 30))  # each has its own world, because a bot buys in every market once
PAPER = 6  # of so many kills one hits a bot that trades on paper


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("batch", range(BATCHES))
def test_killed_while_trading(tmp_path, batch):
    kills = KILLS // BATCHES + (batch < KILLS % BATCHES)
    paper = kills // PAPER + (batch == 0)
    words = [str(tmp_path / "killed"), str(kills - paper), str(paper), str(7 + batch)]
    command = [sys.executable, "-m", "tests.sim.bot_kills", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout.splitlines()[-1])
    print(result)  # noqa: T201  (how long starts took)
    assert result["wrong"] == []
    assert result["kills"] == kills
    assert result["orders"]["sandbox"] > kills // 3
    assert result["orders"]["paper"] > 0
    assert result["slowest_start"] <= 45.0  # 15 s on a machine that does nothing else
