"""Start-up (W0): fresh processes for --help, imports, and a warm backtest command on a small simulated home."""

import sys
import tempfile
from pathlib import Path

from benchmarks.measure import ROUNDS, fresh, options, say

COMMAND = (sys.executable, "-m", "edgeworth.cli")
IMPORTS = ("edgeworth.core.config", "edgeworth.store.lake", "edgeworth.venues.readers", "edgeworth.research.backtest")


def main() -> None:
    """Time each as the least of several rounds."""
    chosen = options(__doc__)
    rounds = 1 if chosen.tiny else ROUNDS if chosen.quick else 5
    for name, code in (("python", "pass"), *((f"import {module}", f"import {module}") for module in IMPORTS)):
        cpu, wall, _ = fresh([sys.executable, "-c", code], rounds)
        say("W0", f"{name}, CPU", cpu, "s")
        say("W0", f"{name}, wall", wall, "s")
    _, wall, _ = fresh([*COMMAND, "--help"], rounds)
    say("W0", "edgeworth --help, wall", wall, "s", limit=0.25)
    with tempfile.TemporaryDirectory() as folder:
        scenario = "newcomer" if not (chosen.quick or chosen.tiny) else "tiny"
        fresh([*COMMAND, "demo", "--scenario", scenario, "--json"], 1, EDGEWORTH_HOME=folder)
        home = str(Path(folder) / "demo")
        if not chosen.tiny:  # where the numbers count, the first call has filled the caches
            fresh([*COMMAND, "backtest", "all", "--json"], 1, EDGEWORTH_HOME=home)
        cpu, wall, _ = fresh([*COMMAND, "backtest", "all", "--json"], rounds, EDGEWORTH_HOME=home)
        say("W0", f"warm backtest of all strategies ({scenario}), CPU", cpu, "s")
        say("W0", f"warm backtest of all strategies ({scenario}), wall", wall, "s", limit=3.0)


if __name__ == "__main__":
    main()
