"""The walk on worlds small enough to follow by hand."""

import os
from typing import Any

import numpy as np
import pytest
from tests.support.panels import day, hour, hourly, make_panel

from edgeworth.core.config import CostSettings, RiskSettings
from edgeworth.core.errors import ConfigError
from edgeworth.engine.gate import GateCode
from edgeworth.engine.layout import FillKind
from edgeworth.engine.result import EngineResult
from edgeworth.engine.types import EngineConfig, EngineMarkets, EngineOpinions, build_tape
from edgeworth.engine.walk import prepare, run, walk

FREE = CostSettings(half_spread=0.0, use_fees=False)
WIDE = {"max_order": 1e6, "max_market": 1.0, "max_event": 1.0, "max_category": 1.0, "max_total": 1.0, "kelly": 1.0}


def replay(
    markets: list[dict[str, Any]], wishes: list[tuple[int, int, float]], costs: CostSettings = FREE, **risk: Any
) -> EngineResult:
    """`wishes`: (panel row, side, probability), certain."""
    panel, outcomes = make_panel(markets)
    tape = build_tape(panel, outcomes)
    terms = EngineMarkets.of_panel(panel, np.array(["all"] * panel.market_count))
    row, side, p = (np.array(column) for column in zip(*wishes, strict=True))
    opinions = EngineOpinions.on_tape(tape, row, side, p, np.zeros(len(p)))
    return run(tape, terms, opinions, EngineConfig.of_settings(costs, RiskSettings(**{**WIDE, **risk})))


def market(prices: list[float], **more: Any) -> dict[str, Any]:
    return {"prices": hourly(prices), "payout": 1, "resolved_at": day(9), **more}


def test_yes_bought_at_the_next_price_and_paid() -> None:
    result = replay([market([0.40, 0.50, 0.60])], [(0, 1, 0.70)])
    # Kelly (0.7 - 0.4) / 0.6 = half of 1,000 dollars; 1,000 shares at the next price 0.50
    assert result.fills["price_e4"].tolist() == [5_000, 10_000]
    assert result.fills["lots"].tolist() == [99_999, 99_999]
    assert result.fills["t"].tolist() == [hour(1), day(9)]
    assert result.ledger.equity == 1_499_995_000
    assert result.ledger.imbalance() == 0


def test_no_leg_is_the_mirror() -> None:
    result = replay([market([0.60, 0.50], payout=0)], [(0, -1, 0.70)])
    assert result.fills["price_e4"].tolist() == [5_000, 10_000]
    assert result.ledger.gains == 99_999 * 5_000


@pytest.mark.parametrize(("payout", "gain"), [(0, -99_999 * 5_000), (0.5, 0), ("void", 0), (1, 99_999 * 5_000)])
def test_settlements(payout: Any, gain: int) -> None:
    assert replay([market([0.40, 0.50], payout=payout)], [(0, 1, 0.70)]).ledger.gains == gain


def test_a_void_keeps_the_fees() -> None:
    costs = CostSettings(half_spread=0.0)
    result = replay([market([0.5, 0.5], payout="void", fee_rate_e6=40_000, fee_exponent=1)], [(0, 1, 0.9)], costs)
    assert result.fills["kind"].tolist() == [FillKind.ENTRY, FillKind.VOID]
    assert result.ledger.fees > 0
    assert result.ledger.equity == 1_000_000_000 - result.ledger.fees


def test_no_order_outlives_the_market() -> None:
    result = replay([market([0.4, 0.4, 0.4], resolved_at=hour(1))], [(0, 1, 0.7), (1, 1, 0.7)])
    assert [GateCode(code) for code in result.codes] == [GateCode.NO_NEXT_PRICE, GateCode.AFTER_RESOLUTION]
    assert result.ledger.equity == 1_000_000_000


def test_price_limit() -> None:
    assert replay([market([0.4, 0.71])], [(0, 1, 0.7)]).denials == {GateCode.PRICE_LIMIT: 1}
    assert replay([market([0.4, 0.70])], [(0, 1, 0.7)]).denials == {GateCode.ALLOWED: 1}


def exclusive_pair(first: float, second: float) -> list[dict[str, Any]]:
    return [
        market([first, first], event="e", neg_risk=True, resolved_at=day(9)),
        market([second, second], event="e", neg_risk=True, payout=0),
    ]


def test_exclusive_legs_are_sized_together() -> None:
    deep = CostSettings(half_spread=0.0, use_fees=False, depth=1e6)
    pair = exclusive_pair(0.35, 0.30)
    wishes = [(0, 1, 0.40), (2, 1, 0.35)]
    together = replay(pair, wishes, deep).trades["budget_e6"].tolist()
    # R = (1 - 0.75) / (1 - 0.65); shares of 1,000 dollars: 0.40 - 0.35 R and 0.35 - 0.30 R
    assert together == [150_000_000, 135_714_000]
    apart = replay([{**leg, "neg_risk": False} for leg in pair], wishes, deep).trades["budget_e6"].tolist()
    assert apart == [76_923_000, 71_428_000]


def test_legs_whose_costs_reach_one_are_not_all_bought() -> None:
    result = replay(exclusive_pair(0.60, 0.50), [(0, 1, 0.70), (2, 1, 0.60)])
    assert result.denials == {GateCode.ALLOWED: 1, GateCode.BETTER_SIBLING: 1}


def test_reserved_cash_is_not_spent_twice() -> None:
    deep = CostSettings(half_spread=0.0, use_fees=False, depth=1e6)
    result = replay([market([0.5, 0.5]), market([0.5, 0.5])], [(0, 1, 1.0), (2, 1, 1.0)], deep)
    assert result.denials == {GateCode.ALLOWED: 1, GateCode.MAX_CATEGORY: 1}  # one category holds all
    assert result.ledger.equity == 2_000_000_000


def test_an_exit_larger_than_the_depth_takes_several_observations() -> None:
    costs = CostSettings(half_spread=0.0, use_fees=False, depth=100.0)
    result = replay([market([0.50, 0.50, 0.40, 0.40, 0.30, 0.30])], [(0, 1, 0.9)], costs, stop_loss=0.1)
    kinds = [FillKind(kind) for kind in result.fills["kind"]]
    assert kinds == [FillKind.ENTRY, FillKind.STOP_LOSS]
    deep = replay([market([0.10, 0.10, 0.90, 0.90, 0.90, 0.90])], [(0, 1, 0.9)], costs, take_profit=1.0)
    assert [FillKind(kind) for kind in deep.fills["kind"]][1:4] == [FillKind.TAKE_PROFIT] * 3
    assert deep.ledger.imbalance() == 0


def test_frames_and_ledger_agree() -> None:
    result = replay([market([0.40, 0.50, 0.60]), market([0.5, 0.4], payout=None)], [(0, 1, 0.70), (3, -1, 0.9)])
    frames = result.to_frames()
    assert set(frames) == {"fills", "trades", "equity"}
    assert frames["trades"]["pnl_e6"].sum() == result.ledger.gains - result.ledger.fees
    assert frames["equity"]["equity_e6"][-1] == result.ledger.equity
    assert frames["fills"]["cash_e6"].sum() == result.ledger.cash - 1_000_000_000


def test_no_opinions_and_no_points() -> None:
    panel, outcomes = make_panel([])
    tape = build_tape(panel, outcomes)
    nothing = np.empty(0)
    opinions = EngineOpinions.on_tape(tape, nothing.astype(np.int64), nothing.astype(np.int8), nothing, nothing)
    terms = EngineMarkets.of_panel(panel, np.empty(0, dtype="<U1"))
    result = run(tape, terms, opinions, EngineConfig.of_settings(FREE, RiskSettings()))
    assert result.ledger.equity == 1_000_000_000
    assert result.fills["t"].tolist() == []


def test_two_opinions_on_one_point_are_refused() -> None:
    panel, outcomes = make_panel([market([0.4, 0.5])])
    tape = build_tape(panel, outcomes)
    with pytest.raises(ValueError, match="same point"):
        EngineOpinions.on_tape(tape, np.array([0, 0]), np.array([1, 1]), np.array([0.5, 0.5]), np.zeros(2))


def test_settings_beyond_the_integers_are_refused() -> None:
    with pytest.raises(ConfigError, match="bankroll"):
        EngineConfig.of_settings(FREE, RiskSettings(bankroll=2e8))
    with pytest.raises(ConfigError, match="drawdown_stop"):
        EngineConfig.of_settings(FREE, RiskSettings(drawdown_start=0.3, drawdown_stop=0.2))


def test_small_buffers_are_enlarged() -> None:
    prices = [0.5, 0.5] * 3_000
    costs = CostSettings(half_spread=0.0, use_fees=False, depth=0.01)
    result = replay([market(prices, resolved_at=day(400), min_size_e6=0)], [(0, 1, 0.9)], costs)
    assert result.ledger.imbalance() == 0
    result = replay(
        [market([0.01, 0.01, *[0.99] * 6_000], resolved_at=day(400), min_size_e6=0)], [(0, 1, 0.9)],
        CostSettings(half_spread=0.0, use_fees=False, depth=1.0), take_profit=0.5,
    )  # fmt: skip
    assert result.ledger.imbalance() == 0
    assert result.ledger.equity == 1_000_000_000 + result.ledger.gains


@pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="nothing is compiled")
def test_preparing_compiles_what_every_walk_needs() -> None:
    prepare()
    replay([market([0.40, 0.50, 0.60])], [(0, 1, 0.70)])
    assert len(walk.signatures) == 1
