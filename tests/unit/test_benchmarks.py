"""Every benchmark runs at its smallest size and prints lines of the agreed form; no times are judged here."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from benchmarks import run

ROOT = Path(run.__file__).parent.parent
KEYS = {"workload", "name", "value", "unit", "peer", "ratio", "goal", "met"}


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("startup", marks=pytest.mark.slow),
        *("ingest", "storage", "collect", "stream", "training", "orders", "trading", "live"),
    ],
)
def test_a_benchmark_prints_lines_of_the_agreed_form(name, tmp_path):
    command = [sys.executable, "-m", f"benchmarks.bench_{name}", "--tiny"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(lines) >= 5
    for line in lines:
        assert set(line) in (KEYS, {"absent", "wanted"})
        if "value" in line:
            assert line["value"] > 0
            assert (line["ratio"] is None) == (line["peer"] is None)


def test_the_table_shows_what_has_a_goal():
    with_goal = {
        "workload": "W1",
        "name": "a",
        "value": 2.0,
        "unit": "s",
        "peer": "json",
        "ratio": 9.0,
        "goal": 8.0,
        "met": True,
    }
    limit = {**with_goal, "name": "b", "peer": None, "ratio": None, "goal": 1.0, "met": False}
    text = run.table(
        [
            with_goal,
            limit,
            {**with_goal, "name": "c", "goal": None},
            {"absent": "orjson", "wanted": "3"},
            {"bench": "x"},
        ]
    )
    assert text.splitlines()[1:] == [
        "W1        a     2 s   json  9.0 x  >= 8 x  yes",
        "W1        b     2 s                <= 1 s  NO",
        "absent: orjson 3",
    ]


def test_every_benchmark_file_has_a_name():
    assert {"ingest", "startup", "storage"} <= set(run.names())
