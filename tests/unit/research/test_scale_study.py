"""Scale: coins prepared one at a time and taken up again, recorded and simulated candles never in one pool."""

import numpy as np
import pytest

from edgeworth.core.clock import SystemClock
from edgeworth.core.progress import Silent
from edgeworth.research.candle_columns import peak_memory
from edgeworth.research.scale_page import tables
from edgeworth.research.scale_study import SIMULATED, Plan, parts, prepare, scale, variance


def test_without_a_home_all_coins_are_simulated_and_end_together(tmp_path) -> None:
    plan = Plan(tmp_path / "scale", None, coins=2, bars=4_000)
    whole = parts(plan)
    assert [(part.coin, part.pool, part.bars) for part in whole] == [
        ("S00", SIMULATED, 4_000),
        ("S01", SIMULATED, 4_000),
    ]
    first = prepare(plan, whole[0])
    assert first["bars"] == 4_000
    assert first["columns"] == 66
    assert first["decisions"] == 3_999
    assert first["reason"] == ""
    (file,) = plan.folder.glob("S00-*.npz")
    before = file.stat().st_mtime_ns
    assert prepare(plan, whole[0]) == first
    assert file.stat().st_mtime_ns == before
    with np.load(file) as kept:
        assert kept["x"].dtype == np.float32
        assert kept["x"].shape == (3_999, 66)
        assert np.isfinite(kept["x"][-1]).mean() > 0.9
    assert peak_memory() > 0.05


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_small_study_from_end_to_end(tmp_path) -> None:
    plan = Plan(tmp_path / "scale", None, coins=2, bars=56_000)
    found = scale(plan, Silent(), SystemClock())
    assert (found["coins"], found["rows"], found["recorded"], found["refused"]) == (2, 112_000, 0, [])
    assert found["peak_gb"] < 4.0
    (pool,) = found["pools"]
    assert pool["left_out"] == []
    assert [row["model"] for row in pool["variance"]] == ["RV 30 days", "pooled HAR", "own HAR"]
    assert pool["variance"][1]["excess"] is None
    assert [row["model"] for row in pool["direction"]] == [
        "logistic, pooled",
        "logistic, own",
        "lgbm, pooled",
        "lgbm, own",
    ]
    for row in pool["direction"]:
        assert row["accuracy"]["low"] < 0.53
        assert row["accuracy"]["high"] > 0.47
    told = tables(found)
    assert "| simulated | own HAR | " in told["variance"]
    assert told["bar"] == "met"
    stale = plan.folder / "old.npz"
    stale.write_bytes(b"")
    assert variance(plan, parts(plan)) == pool["variance"]
