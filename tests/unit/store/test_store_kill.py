"""kill -9 between any two steps leaves a consistent store, and the import started again completes it."""

import asyncio
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from edgeworth.core.paths import Home
from edgeworth.store.lake import Lake
from edgeworth.store.market_db import MarketStore
from edgeworth.store.verify import check_databases, verify

WORKER = Path(__file__).with_name("kill_worker.py")
STEPS = [
    ("before-commit", 1),  # inside the migration
    ("before-commit", 3),
    ("part-renamed", 2),
    ("manifest-written", 2),
]
MORE_STEPS = [
    ("after-commit", 1),
    ("after-commit", 3),
    ("before-commit", 4),
    ("part-written", 2),
    ("part-synced", 1),
    ("manifest-synced", 1),
    ("manifest-renamed", 3),
]


def run(home: Path, step: str = "none", nth: int = 0) -> int:
    return subprocess.run([sys.executable, WORKER, home, step, str(nth)], check=False).returncode


@pytest.mark.parametrize(
    ("step", "nth"), [*STEPS, *(pytest.param(*more, marks=pytest.mark.slow) for more in MORE_STEPS)]
)
def test_killed_and_started_again(home, step, nth):
    place = Home(home)
    assert run(home, step, nth) == -signal.SIGKILL
    assert check_databases(place) == []
    assert all(problem.harmless for problem in Lake(place.lake).verify())
    assert run(home) == 0
    found = verify(place)
    assert found.sound
    assert (found.counts["markets"], found.counts["market_versions"], found.sources[0]["points"]) == (60, 60, 1800)
    points = Lake(place.lake).scan_prices().collect()
    assert points.n_unique(["market_no", "event_time"]) == points.height == 1800

    async def state():
        async with await MarketStore.open(place) as store:
            return await store.import_state("file")

    done = asyncio.run(state())
    assert done.done
    assert done.counts["stored"] == {"market": 60}  # offset, rows and counts move together
