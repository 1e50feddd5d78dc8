"""Run benchmarks one after the other and end in a table of figures against their goals.

`python -m benchmarks.run` runs all, `python -m benchmarks.run ingest storage` some; `--quick` takes small inputs.
Each runs in a process of its own, from the folder that holds `benchmarks`, and prints JSON lines.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
OWN_WORDS = {"bench_engine": ["--small"]}  # what `--quick` is called elsewhere


def names() -> list[str]:
    """Return the names of all benchmarks, without `bench_`."""
    return sorted(path.stem.removeprefix("bench_") for path in HERE.glob("bench_*.py"))


def run(name: str, size: str) -> tuple[list[dict[str, Any]], int]:
    """Run one benchmark, passing its lines on as they come; return those that are JSON, and its exit status."""
    module = f"bench_{name}"
    words = OWN_WORDS.get(module, ["--quick"]) if size == "quick" else []
    lines: list[dict[str, Any]] = []
    command = [sys.executable, "-m", f"benchmarks.{module}", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=HERE.parent) as process:
        for line in process.stdout or ():
            print(line, end="", flush=True)
            if line.startswith("{"):
                lines.append(json.loads(line))
    return lines, process.returncode


def table(lines: list[dict[str, Any]]) -> str:
    """Return the lines that have a goal, as a table of text; those without JSON keys of ours are left out."""
    rows = [("workload", "what", "ours", "peer", "ratio", "goal", "met")]
    for line in lines:
        if line.get("goal") is None:
            continue
        ratio, goal = line["ratio"], line["goal"]
        goal_words = f">= {goal:g} x" if ratio is not None else f"<= {goal:g} {line['unit']}"
        ours = f"{line['value']:g} {line['unit']}"
        times = f"{ratio:.1f} x" if ratio is not None else ""
        rows.append((line["workload"], line["name"], ours, line["peer"] or "", times, goal_words, _word(line["met"])))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    texts = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    missing = [f"absent: {line['absent']} {line['wanted']}" for line in lines if "absent" in line]
    return "\n".join([*texts, *missing])


def _word(met: bool | None) -> str:
    return "" if met is None else "yes" if met else "NO"


def main() -> int:
    """Run what is named; the exit status is that of the last benchmark that failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(names())}; all by default")
    parser.add_argument("--quick", action="store_true", help="small inputs, for a look")
    chosen = parser.parse_args()
    unknown = set(chosen.names) - set(names())
    if unknown:
        parser.error(f"there is no benchmark {', '.join(sorted(unknown))}; there are {', '.join(names())}")
    lines: list[dict[str, Any]] = []
    failed = 0
    for name in chosen.names or names():
        found, status = run(name, "quick" if chosen.quick else "full")
        lines += found
        failed = status or failed
    print(f"\n{table(lines)}")
    return failed


if __name__ == "__main__":
    sys.exit(main())
