"""The same seed, data and version give the same trades, whatever the process, its hash seed or its threads."""

import os
import subprocess
import sys
from pathlib import Path

SCRIPT = """
import hashlib, sys, tempfile
from pathlib import Path
import polars as pl
from edgeworth.core.clock import ManualClock
from edgeworth.core.config import ProofSettings, RunSettings, Settings
from edgeworth.core.paths import Home
from edgeworth.research.backtest import run_backtest
from edgeworth.strategies.registry import find
from tests.support.panels import START
from tests.support.worlds import efficient_world

rules = [find(name) for name in ("crypto-favorite-fade", "favorite-longshot", "follow-the-market")]
settings = Settings(proof=ProofSettings(bootstraps=100), run=RunSettings(seed=3, threads=int(sys.argv[1])))
with tempfile.TemporaryDirectory() as name:
    home = Home(Path(name))
    result = run_backtest(home, rules, settings, data=efficient_world(7, 300, planted=0.1), clock=ManualClock(START))
    digest = hashlib.sha256()
    for file in ("trades.parquet", "equity.parquet"):
        frame = pl.read_parquet(result.folder / file)
        assert frame.height > 100
        digest.update(frame.write_json().encode())
    digest.update(repr([item.verdict.to_dict() for item in (*result.results, *result.reverses)]).encode())
print(digest.hexdigest())
"""


def trade_hash(hash_seed: str, threads: int) -> str:
    variables = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "PYTHONHASHSEED": hash_seed}
    command = [sys.executable, "-c", SCRIPT, str(threads)]
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_processes_hash_seeds_and_threads_change_nothing() -> None:
    first = trade_hash("1", 1)
    assert len(first) == 64
    assert trade_hash("2", 1) == first
    assert trade_hash("1", 2) == first
