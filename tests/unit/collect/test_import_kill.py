"""Killed at any step, an import leaves a consistent store, and the same command completes it."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from edgeworth.core.paths import Home

CHILD = """
import sys
from pathlib import Path
from edgeworth.collect.importing.pipeline import Options, run_import
from edgeworth.collect.importing.sink import Limits
from edgeworth.core.clock import ManualClock
from edgeworth.core.paths import Home
from edgeworth.core.progress import Silent

def hook(step):
    print(step, flush=True)
    sys.stdin.readline()  # the parent says go on, or kills

limits = Limits(points=300, bars=200, records=40)
options = Options((Path(sys.argv[1]),), limits=limits, hook=hook)
report = run_import(options, Home(Path(sys.argv[2])), Silent(), ManualClock(1_800_000_000_000_000))
assert report.adds_up()
print("done", flush=True)
"""
T0 = 1_699_999_200
FACTS = ("markets", "market_aliases", "market_versions", "market_resolutions", "quarantine", "coverage", "events")


def write_files(folder: Path) -> None:
    folder.mkdir()
    markets = [
        {
            "id": str(7000 + m),
            "question": f"Will {m} happen?",
            "resolved": True,
            "payout": m % 2,
            "resolved_at": T0 + 90_000,
            "price_history": [{"t": T0 + 600 * n, "p": round(0.2 + 0.03 * ((n * m) % 11), 2)} for n in range(40)]
            + [{"t": T0, "p": 3.0}],
        }
        for m in range(100)
    ]
    (folder / "history.json").write_text(json.dumps({"markets": markets}))
    rows = [
        f"{(T0 + 3600 * n) * 1000},{100 + n % 5},{106 + n % 5},99,{101 + n % 5},1,{(T0 + 3600 * n + 3600) * 1000 - 1},1,1,1,1,0"
        for n in range(300)
    ]
    (folder / "ABCUSDT-1h-2023-11.csv").write_text("\n".join(rows) + "\n")


def run_until(folder: Path, home: Path, steps: int | None) -> tuple[int, bool]:
    """Run the child, kill it at the given step; returns the steps seen and whether it finished."""
    process = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(folder), str(home)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    seen = 0
    finished = False
    for line in process.stdout:
        if line.strip() == "done":
            finished = True
            break
        seen += 1
        if steps is not None and seen >= steps:
            process.kill()
            break
        process.stdin.write("\n")
        process.stdin.flush()
    process.stdin.close()
    process.stdout.close()
    process.wait()
    return seen, finished


def content(desk, home: Path) -> str:
    """A digest of every fact stored, without the times at which it was written."""
    desk.home = Home(home)
    state = hashlib.sha256()
    for table in FACTS:
        rows = [
            {k: v for k, v in row.items() if not k.endswith("recorded_at") and k != "updated_at"}
            for row in desk.rows(table)
        ]
        state.update(repr(sorted(map(repr, rows))).encode())
    for frame in (desk.prices(), desk.candles()):
        state.update(frame.write_csv().encode())
    return state.hexdigest()


@pytest.mark.slow
def test_killed_at_any_step(desk, tmp_path):
    folder = tmp_path / "input"
    write_files(folder)
    steps, finished = run_until(folder, tmp_path / "whole", None)
    assert finished
    assert steps > 20
    wanted = content(desk, tmp_path / "whole")
    for step in range(1, steps, max(1, steps // 8)):
        home = tmp_path / f"home-{step}"
        _, finished = run_until(folder, home, step)
        assert not finished
        _, finished = run_until(folder, home, None)
        assert finished
        assert content(desk, home) == wanted, f"killed at step {step}"


def test_killed_twice_and_resumed(desk, tmp_path):
    folder = tmp_path / "input"
    write_files(folder)
    home = tmp_path / "home"
    for step in (28, 14):
        assert not run_until(folder, home, step)[1]
    desk.home = Home(home)
    report = desk.bring(folder)
    assert any(file.resumed for file in report.files)
    assert report.totals.read == {"market": 100, "resolution": 100, "price": 4100, "candle": 300}
    assert desk.prices().height == 4000
    assert desk.candles().height == 300
    again = desk.bring(folder)
    assert not again.totals.stored
    assert all(file.unchanged for file in again.files)
