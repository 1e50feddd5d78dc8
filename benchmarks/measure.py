"""Time things, run peers in the same process or a fresh one, and print one JSON line per figure.

A line is {"workload", "name", "value", "unit", "peer", "ratio", "goal", "met"}. With a peer, `ratio` is the peer's
figure divided by ours and the goal is a least ratio; without, the goal is a limit on the value. A peer that is not
installed is a line {"absent", "wanted"}. CPU is user + system time of the process, the least of the rounds.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROUNDS = 3


@dataclass(frozen=True, slots=True)
class Timing:
    """The least CPU and wall seconds of several rounds, and what the work returned last."""

    cpu: float
    wall: float
    result: Any


def best(work: Callable[[], Any], rounds: int = ROUNDS) -> Timing:
    """Run `work` several times; its result of one round is dropped before the next."""
    cpu = wall = float("inf")
    result = None
    for _ in range(rounds):
        result = None
        begun_cpu, begun = time.process_time(), time.perf_counter()
        result = work()
        cpu, wall = min(cpu, time.process_time() - begun_cpu), min(wall, time.perf_counter() - begun)
    return Timing(cpu, wall, result)


def fresh(code: Sequence[str], rounds: int = ROUNDS, **environment: str) -> tuple[float, float, str]:
    """Run a command several times in a process of its own; return least CPU and wall seconds, and its last output."""
    cpu = wall = float("inf")
    out = ""
    for _ in range(rounds):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        begun = time.perf_counter()
        variables = {**os.environ, **environment}  # noqa: TID251  (passed on, not read)
        done = subprocess.run(code, check=True, stdout=subprocess.PIPE, text=True, env=variables)
        wall = min(wall, time.perf_counter() - begun)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = min(cpu, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        out = done.stdout
    return cpu, wall, out


def peak_mb(code: str) -> float:
    """Return the peak resident memory of Python code run in a process of its own, in MB.

    Linux hands the peak of the process that forked on to the new one in rusage, so its own figure is read where it is.
    """
    tail = "from benchmarks.measure import own_peak_mb\nprint(own_peak_mb())"
    _, _, out = fresh([sys.executable, "-c", f"{code}\n{tail}"], rounds=1)
    return float(out.split()[-1])


def own_peak_mb() -> float:
    """Return the peak resident memory of this process, in MB."""
    status = Path("/proc/self/status")
    if status.exists():
        words = status.read_text("ascii", "replace").split()
        return int(words[words.index("VmHWM:") + 1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def say(workload: str, name: str, value: float, unit: str, limit: float | None = None) -> None:
    """Print a figure, with the limit it should stay under if there is one."""
    met = None if limit is None else value <= limit
    _line(workload=workload, name=name, value=value, unit=unit, peer=None, ratio=None, goal=limit, met=met)


def against(  # noqa: PLR0913  (a line has that many parts)
    workload: str, name: str, value: float, unit: str, *, peer: str, theirs: float, goal: float | None = None
) -> None:
    """Print a figure beside a peer's; the goal is the least `theirs / value`."""
    ratio = theirs / value
    met = None if goal is None else ratio >= goal
    _line(workload=workload, name=name, value=value, unit=unit, peer=peer, ratio=ratio, goal=goal, met=met)


def absent(name: str, wanted: str) -> None:
    """Say that a peer is not installed."""
    _line(absent=name, wanted=wanted)


def _line(**parts: Any) -> None:
    rounded = {key: float(f"{part:.4g}") if isinstance(part, float) else part for key, part in parts.items()}
    print(json.dumps(rounded), flush=True)


def options(about: str | None) -> argparse.Namespace:
    """Parse the options every benchmark has: `--quick` for small inputs, `--tiny` for the smallest."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--quick", action="store_true", help="small inputs, for a look")
    parser.add_argument("--tiny", action="store_true", help="the smallest inputs, to see that it runs")
    return parser.parse_args()
