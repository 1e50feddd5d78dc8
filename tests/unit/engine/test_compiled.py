"""Compilation: a cache that notices changes anywhere in the room, and the same results without it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from edgeworth.engine import compiled
from edgeworth.engine.fees import taker_fee_e6
from edgeworth.engine.walk import walk

SCRIPT = """
import hashlib
import numpy as np
from edgeworth.core.config import CostSettings, RiskSettings
from edgeworth.core.random import stream
from edgeworth.engine.types import EngineConfig, EngineMarkets, EngineOpinions, build_tape
from edgeworth.engine.walk import run
from tests.support.panels import day, hourly, make_panel

rng = stream(3, "compiled")
panel, outcomes = make_panel([
    dict(prices=hourly(np.clip(0.5 + rng.normal(0, 0.03, 60).cumsum(), 0.02, 0.98).round(3).tolist()), event=f"e{k // 3}",
         neg_risk=k % 2 == 0, payout=[0, 1, 0.5, "void", None][k % 5], resolved_at=day(2 + k % 3), fee_rate_e6=40_000,
         fee_exponent=1)
    for k in range(30)
])
tape = build_tape(panel, outcomes)
row = np.sort(rng.choice(panel.point_count, 400, replace=False))
side = rng.choice([-1, 1], 400)
leg = np.where(side > 0, panel.price_e4[row], 10_000 - panel.price_e4[row]) / 10_000
opinions = EngineOpinions.on_tape(tape, row, side, np.minimum(leg + 0.1, 1.0), np.full(400, 0.02))
terms = EngineMarkets.of_panel(panel, np.array(["a", "b", "c"] * 10))
config = EngineConfig.of_settings(CostSettings(), RiskSettings(stop_loss=0.2, take_profit=0.2), max_entries=2)
result = run(tape, terms, opinions, config)
digest = hashlib.sha256()
for table in (result.fills, result.trades, result.curve):
    for name in table:
        digest.update(table[name].tobytes())
digest.update(repr((result.ledger, result.denials, result.shrunk, result.max_drawdown_ppm)).encode())
print(len(result.fills["t"]), digest.hexdigest())
"""


def outcome(**environment: str) -> str:
    root = Path(__file__).parents[3]
    variables = {**os.environ, "PYTHONPATH": str(root), **environment}
    done = subprocess.run([sys.executable, "-c", SCRIPT], env=variables, capture_output=True, text=True, check=True)
    return done.stdout


def test_plain_python_and_another_hash_seed_give_the_same_bytes() -> None:
    first = outcome(PYTHONHASHSEED="1")
    assert int(first.split()[0]) > 30
    assert outcome(PYTHONHASHSEED="2") == first
    assert outcome(NUMBA_DISABLE_JIT="1") == first


@pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="nothing is compiled")
def test_the_cache_is_stamped_with_all_sources() -> None:
    for function in (walk, taker_fee_e6):
        assert function._cache._cache_file._source_stamp == compiled.STAMP
