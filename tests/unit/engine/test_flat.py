"""Flat one-share trades."""

from typing import Any

import numpy as np
import pytest
from tests.support.panels import day, hour, hourly, make_panel

from edgeworth.core.config import CostSettings
from edgeworth.engine.fees import FeeTable
from edgeworth.engine.flat import FlatStatus, FlatTrades, flat_trades


def trade(markets: list[dict[str, Any]], row: list[int], side: list[int], **more: Any) -> FlatTrades:
    panel, outcomes = make_panel(markets)
    labels = np.array([f"c{k}" for k in range(panel.market_count)])
    costs = more.pop("costs", CostSettings())
    return flat_trades(panel, outcomes, np.array(row), np.array(side, np.int8), labels, costs, **more)


MARKET = {
    "prices": hourly([0.40, 0.50, 0.60]), "payout": 1, "resolved_at": day(9), "fee_rate_e6": 70_000,
    "fee_exponent": 1, "tick_e4": 100,
}  # fmt: skip


def test_first_firing_is_bought_at_the_next_observation() -> None:
    flat = trade([MARKET], [0, 1], [1, -1])
    assert len(flat) == 1
    assert flat.t_decision.tolist() == [hour(0)]
    assert flat.t_fill.tolist() == [hour(1)]
    assert flat.price_e4.tolist() == [5_000]
    assert flat.ask_e4.tolist() == [5_100]
    assert flat.fee_e6.tolist() == [17_500]
    assert flat.cost_e6.tolist() == [527_500]
    assert flat.pnl_e6.tolist() == [472_500]
    assert flat.category.tolist() == ["c0"]
    assert flat.status.tolist() == [FlatStatus.SETTLED]


def test_multiplier_scales_spread_and_fee_together() -> None:
    costs = [trade([MARKET], [0], [1], multiplier=m).cost_e6.tolist() for m in (0.0, 1.0, 2.0)]
    assert costs == [[500_000], [527_500], [520_000 + 34_950]]  # 0.14 x 0.52 x 0.48 = 0.034944, rounded up


@pytest.mark.parametrize(
    ("payout", "side", "pnl", "status"),
    [
        (1, -1, -500_000, FlatStatus.SETTLED),
        (0, -1, 500_000, FlatStatus.SETTLED),
        (0.5, 1, 0, FlatStatus.SETTLED),
        ("void", 1, 0, FlatStatus.VOID),
        (None, 1, 0, FlatStatus.OPEN),
    ],
)
def test_endings(payout: Any, side: int, pnl: int, status: FlatStatus) -> None:
    flat = trade([{**MARKET, "payout": payout}], [0], [side], multiplier=0.0)
    assert flat.pnl_e6.tolist() == [pnl]
    assert flat.status.tolist() == [status]
    assert flat.done.tolist() == [status != FlatStatus.OPEN]


def test_a_void_keeps_the_fee() -> None:
    assert trade([{**MARKET, "payout": "void"}], [0], [1]).pnl_e6.tolist() == [-17_500]


def test_no_fill_at_the_end_or_after_the_resolution() -> None:
    flat = trade([MARKET, {**MARKET, "resolved_at": hour(1)}, MARKET], [2, 3, 7], [1, 1, 1])
    assert [FlatStatus(s) for s in flat.status] == [FlatStatus.NO_FILL, FlatStatus.NO_FILL, FlatStatus.SETTLED]
    assert flat.fill_row.tolist() == [-1, -1, 8]
    assert flat.cost_e6.tolist()[:2] == [0, 0]


def test_dated_fees() -> None:
    fees = FeeTable.constant(np.array([70_000]), np.array([1]), since=hour(2))
    assert trade([MARKET], [0], [1], fees=fees).fee_e6.tolist() == [0]
    assert trade([MARKET], [1], [1], fees=fees).fee_e6.tolist() == [16_660 + 0]


def test_fees_can_be_switched_off() -> None:
    assert trade([MARKET], [0], [1], costs=CostSettings(use_fees=False)).fee_e6.tolist() == [0]


def test_rows_must_ascend() -> None:
    with pytest.raises(ValueError, match="ascending"):
        trade([MARKET], [1, 0], [1, 1])
    with pytest.raises(ValueError, match="side"):
        trade([MARKET], [1], [0])


def test_frame() -> None:
    frame = trade([MARKET], [0], [1]).to_frame()
    assert frame["status"].to_list() == ["settled"]
    assert len(trade([MARKET], [], []).to_frame()) == 0
