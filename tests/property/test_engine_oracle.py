"""The compiled walk against the slow oracle: equal to the last micro-dollar on invented worlds."""

import dataclasses
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st
from tests.oracle.engine_oracle import Oracle, OracleMarket, OracleOpinion, OraclePoint, OracleRules

from edgeworth.core.panel import NEVER, UNKNOWN_TIME, Outcomes
from edgeworth.core.units import DAY, HOUR
from edgeworth.engine import layout as at
from edgeworth.engine.fees import FeeTable
from edgeworth.engine.gate import GateCode
from edgeworth.engine.layout import FillKind
from edgeworth.engine.result import EngineResult
from edgeworth.engine.types import EngineConfig, EngineMarkets, EngineOpinions, Tape
from edgeworth.engine.walk import advance, make_inputs, make_limits, new_state, run, walk

START = 1_704_067_200_000_000


@dataclasses.dataclass
class World:
    markets: list[OracleMarket]
    points: list[OraclePoint]
    opinions: dict[int, OracleOpinion]
    resolutions: list[tuple[int, int, int]]
    rules: OracleRules


PPM = st.one_of(st.just(1_000_000), st.integers(1, 1_000_000), st.just(300_000))
OFF_OR = lambda values: st.one_of(st.just(0), values)

RULES = st.builds(
    OracleRules,
    bankroll=st.sampled_from([1_000_000, 50_000_000, 1_000_000_000, 99_999_999_000_000]),
    kelly=st.sampled_from([1.0, 1.0, 0.25, 0.1]),
    min_edge=st.sampled_from([0, 0, 10_000, 50_000]),
    max_order=st.sampled_from([10**14, 10**14, 25_000_000, 3_000_000]),
    max_market=PPM,
    max_event=PPM,
    max_category=PPM,
    max_total=PPM,
    drawdown_start=st.sampled_from([900_000, 0, 1_000, 50_000]),
    drawdown_stop=st.sampled_from([1_000_000, 2_000, 20_000, 100_000]),
    stop_loss=OFF_OR(st.sampled_from([20_000, 100_000, 300_000, 1_000_000])),
    take_profit=OFF_OR(st.sampled_from([10_000, 100_000, 500_000])),
    max_hold=OFF_OR(st.sampled_from([HOUR, 5 * HOUR, DAY])),
    exit_on_edge_gone=st.booleans(),
    half_e8=st.sampled_from([0, 500_000, 1_000_000, 1_234_567]),
    spread_share=st.sampled_from([0, 20_000]),
    depth=st.sampled_from([10**14, 500_000_000, 7_000_000, 2_000_000]),
    max_entries=st.sampled_from([1, 2, 1_000]),
).map(lambda r: dataclasses.replace(r, drawdown_stop=max(r.drawdown_stop, r.drawdown_start + 1_000)))


@st.composite
def worlds(draw: Any) -> World:
    count = draw(st.integers(1, 6))
    events, categories = draw(st.integers(1, 3)), draw(st.integers(1, 2))
    exclusive = [draw(st.booleans()) for _ in range(events)]
    markets = []
    for _ in range(count):
        event = draw(st.integers(0, events - 1))
        eras = [(UNKNOWN_TIME, draw(st.sampled_from([0, 40_000, 70_000, 250_000])), draw(st.integers(1, 2)))]
        if draw(st.booleans()):
            eras.append((START + draw(st.integers(0, 30)) * HOUR, draw(st.sampled_from([0, 50_000, 1_000_000])), 1))
        tick = draw(st.sampled_from([1, 10, 100]))
        markets.append(
            OracleMarket(event, draw(st.integers(0, categories - 1)), exclusive[event], tick, draw(st.sampled_from([1, 500])), eras)
        )  # fmt: skip
    base = [draw(st.integers(0, 10_000)) for _ in range(count)]
    steps = draw(
        st.lists(
            st.tuples(
                st.integers(0, count - 1), st.sampled_from([0, 0, 1, 3]), st.integers(-1_500, 1_500), st.integers(0, 3)
            ),
            min_size=draw(st.sampled_from([1, 10, 40])),
            max_size=60,
        )
    )
    now, points, wishes = START + 20 * HOUR, [], []
    for market, gap, move, wish in steps:
        now += gap * HOUR
        base[market] = min(max(base[market] + move, 0), 10_000)
        points.append(OraclePoint(now, market, base[market]))
        wishes.append(wish)
    order = sorted(range(len(points)), key=lambda k: (points[k].t, points[k].market, k))
    points, wishes = [points[k] for k in order], [wishes[k] for k in order]
    opinions = {}
    for index, wish in enumerate(wishes):
        if wish:
            side = draw(st.sampled_from([1, 1, -1]))
            leg = points[index].price if side > 0 else 10_000 - points[index].price
            better = draw(st.sampled_from([0.3, 0.3, 0.15, 0.15, 0.08, 0.02, -0.05]))
            p = draw(st.sampled_from([min(max(leg / 10_000 + better, 0.0), 1.0)] * 8 + [float("nan"), 1.5]))
            opinions[index] = OracleOpinion(side, p, draw(st.sampled_from([0.0, 0.0, 0.01, 0.05, 0.5, float("inf")])))
    resolutions = []
    for market in range(count):
        if draw(st.integers(0, 2)):
            known = START + (20 + draw(st.integers(5, 120))) * HOUR
            resolutions.append((known, market, draw(st.sampled_from([0, 10_000, 10_000, 5_000, -2]))))
    return World(markets, points, opinions, resolutions, draw(RULES))


def engine_inputs(world: World) -> tuple[Tape, EngineMarkets, EngineOpinions, EngineConfig]:
    count = len(world.points)
    # panel rows: market-major, as everywhere else
    rows = sorted(range(count), key=lambda k: (world.points[k].market, world.points[k].t, k))
    row_of = np.empty(count, np.int32)
    row_of[rows] = np.arange(count, dtype=np.int32)
    position = np.empty(count, np.int32)
    position[row_of] = np.arange(count, dtype=np.int32)
    slot_market = np.arange(len(world.markets), dtype=np.int32)[::-1].copy()  # any numbering gives the same result
    tape = Tape(
        np.array([p.t for p in world.points], np.int64),
        np.array([slot_market.tolist().index(p.market) << at.PRICE_BITS | p.price for p in world.points], np.uint32),
        position,
        np.searchsorted([world.points[k].market for k in rows], np.arange(len(world.markets) + 1)).astype(np.int64),
        slot_market,
    )
    known = np.full(len(world.markets), NEVER, np.int64)
    payout = np.full(len(world.markets), -1, np.int32)
    for when, market, paid in world.resolutions:
        known[market], payout[market] = when, paid
    tape = tape.with_outcomes(Outcomes(payout, known, known, known))
    eras = [era for market in world.markets for era in market.eras]
    fees = FeeTable(
        np.cumsum([0] + [len(market.eras) for market in world.markets]).astype(np.int64),
        np.array([era[0] for era in eras], np.int64),
        np.array([era[1] for era in eras], np.int64),
        np.array([era[2] for era in eras], np.int64),
    )
    terms = EngineMarkets(
        event=np.array([m.event for m in world.markets], np.int32),
        category=np.array([m.category for m in world.markets], np.int32),
        exclusive=np.array([m.exclusive for m in world.markets], bool),
        tick_e4=np.array([m.tick for m in world.markets], np.int64),
        min_lots=np.array([m.min_lots for m in world.markets], np.int64),
        fees=fees,
        event_no=np.arange(3),
        categories=("a", "b"),
    )
    chosen = sorted(world.opinions)
    opinions = EngineOpinions.on_tape(
        tape,
        row_of[np.array(chosen, np.int64)].astype(np.int64),
        np.array([world.opinions[k].side for k in chosen], np.int8),
        np.array([world.opinions[k].p for k in chosen]),
        np.array([world.opinions[k].se for k in chosen]),
    )
    r = world.rules
    config = EngineConfig(
        r.bankroll, r.kelly, r.min_edge, r.max_order, r.max_market, r.max_event, r.max_category, r.max_total,
        r.drawdown_start, r.drawdown_stop, r.stop_loss, r.take_profit, r.max_hold, r.exit_on_edge_gone, r.half_e8,
        r.spread_share, r.depth, 1.0, r.max_entries,
    )  # fmt: skip
    return tape, terms, opinions, config


def oracle_of(world: World) -> Oracle:
    oracle = Oracle(world.markets, world.rules, world.points, world.opinions)
    oracle.run(sorted(world.resolutions))
    return oracle


def in_order(oracle: Oracle) -> list[int]:
    """The points with opinions as the engine holds them: market by market."""
    return sorted(oracle.codes, key=lambda k: (oracle.points[k].market, k))


def differences(result: EngineResult, oracle: Oracle) -> list[str]:
    """Names of what differs; empty when the two agree to the last bit."""
    f = result.fills
    ours = list(
        zip(
            f["t"].tolist(), f["market"].tolist(), f["side"].tolist(), [FillKind(k).text for k in f["kind"].tolist()],
            f["price_e4"].tolist(), f["lots"].tolist(), f["fee_e6"].tolist(), f["cash_e6"].tolist(), f["gain_e6"].tolist(),
            strict=True,
        )
    )  # fmt: skip
    ledger = result.ledger
    pairs = {
        "fills": (ours, [dataclasses.astuple(fill) for fill in oracle.fills]),
        "codes": ([GateCode(c).text for c in result.codes.tolist()], [oracle.codes[k] for k in in_order(oracle)]),
        "shrunk": ({c.text: n for c, n in result.shrunk.items()}, dict(oracle.shrunk)),
        "cash": (ledger.cash, oracle.cash),
        "reserved": (ledger.reserved, 0),
        "positions": (ledger.positions, oracle.at_cost()),
        "fees": (ledger.fees, oracle.fees),
        "gains": (ledger.gains, oracle.gains),
        "equity": (ledger.equity, oracle.equity()),
        "imbalance": (ledger.imbalance(), 0),
        "drawdown": ((result.max_drawdown_e6, result.max_drawdown_ppm), (oracle.worst_drop, oracle.worst_ppm)),
        "trades": (int(result.trades["pnl_e6"].sum()), oracle.gains - oracle.fees),
        "denials": (sum(result.denials.values()), len(oracle.opinions)),
    }
    return [f"{name}: {a} != {b}" for name, (a, b) in pairs.items() if a != b]


@settings(
    max_examples=max(250, settings.default.max_examples),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(worlds())
def test_walk_equals_the_oracle(world: World) -> None:
    assert differences(run(*engine_inputs(world)), oracle_of(world)) == []


@settings(
    max_examples=max(80, settings.default.max_examples), deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
@given(worlds())
def test_the_ledger_balances_after_every_event(world: World) -> None:
    tape, terms, opinions, config = engine_inputs(world)
    view, limits = make_inputs(tape, terms, opinions, config), make_limits(config)
    state = new_state(view, terms, config, 1_024)
    point = 0
    while point < len(tape):
        point = advance(view, limits, state, point, point + 1)
        account = state.account
        kept = account[at.CASH] + account[at.RESERVED] + account[at.POSITIONS] + account[at.FEES]
        assert kept == account[at.CAPITAL] + account[at.GAINS]
        assert account[at.CASH] >= 0
        assert account[at.RESERVED] >= 0
        assert account[at.RESERVED] + account[at.POSITIONS] == state.exposure[0].sum() == state.exposure[1].sum()
        marks = (state.hot[:, at.LOTS] * state.hot[:, at.BID]).sum()
        assert account[at.VALUE] == marks


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(worlds())
def test_walk_equals_its_python_form(world: World) -> None:
    tape, terms, opinions, config = engine_inputs(world)
    view, limits = make_inputs(tape, terms, opinions, config), make_limits(config)
    compiled, plain = new_state(view, terms, config, 1_024), new_state(view, terms, config, 1_024)
    walk(view, limits, compiled)
    walk.py_func(view, limits, plain)
    for name in compiled._fields:
        np.testing.assert_array_equal(getattr(compiled, name), getattr(plain, name))


def _set(**changes: Any) -> Any:
    return lambda config: dataclasses.replace(config, **changes)


FAULTS = {
    "no fee": _set(fee_multiplier=0.0),
    "no spread": _set(half_e8=0, spread_share=0),
    "full kelly": lambda config: dataclasses.replace(config, kelly=config.kelly * 2),
    "no event limit": _set(max_event=1_000_000),
    "no total limit": _set(max_total=1_000_000),
    "no order limit": _set(max_order_e6=10**14),
    "no drawdown stop": _set(drawdown_start=999_000, drawdown_stop=1_000_000),
    "no stop loss": _set(stop_loss=0),
    "no take profit": _set(take_profit=0),
    "no time exit": _set(max_hold=0),
    "edge may go": _set(exit_on_edge_gone=False),
    "endless depth": _set(depth_e6=10**14),
    "enter again": _set(max_entries=1_000),
    "no minimal edge": _set(min_edge_e6=0),
}


def _some_world(shows: Any) -> World:
    """Return the first invented world that shows a fault, one in a hundred or so; raises NoSuchExample."""
    return find(
        worlds(), shows,
        settings=settings(
            max_examples=5_000, phases=[Phase.generate], deadline=None, database=None, derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_seen(fault: str) -> None:
    """Were the walk to ignore a rule, some invented world would show it."""

    def shows(world: World) -> bool:
        tape, terms, opinions, config = engine_inputs(world)
        return differences(run(tape, terms, opinions, FAULTS[fault](config)), oracle_of(world)) != []

    assert shows(_some_world(shows))


def _void_pays_nothing(world: World) -> World:
    return dataclasses.replace(
        world, resolutions=[(t, m, 0 if paid == -2 else paid) for t, m, paid in world.resolutions]
    )


def _late_resolutions(world: World) -> World:
    return dataclasses.replace(world, resolutions=[(t + 1, m, paid) for t, m, paid in world.resolutions])


def _not_exclusive(world: World) -> World:
    return dataclasses.replace(world, markets=[dataclasses.replace(m, exclusive=False) for m in world.markets])


def _undated_fees(world: World) -> World:
    return dataclasses.replace(world, markets=[dataclasses.replace(m, eras=m.eras[-1:]) for m in world.markets])


def _any_size(world: World) -> World:
    return dataclasses.replace(world, markets=[dataclasses.replace(m, min_lots=1) for m in world.markets])


@pytest.mark.parametrize("fault", [_void_pays_nothing, _late_resolutions, _not_exclusive, _undated_fees, _any_size])
def test_a_planted_fault_in_the_world_is_seen(fault: Any) -> None:
    def shows(world: World) -> bool:
        return differences(run(*engine_inputs(fault(world))), oracle_of(world)) != []

    assert shows(_some_world(shows))
