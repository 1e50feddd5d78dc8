"""The concave programme against published values, brute force and the closed forms."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeworth.engine import joint
from edgeworth.engine.joint import MAX_GAP, Cap, Joint, Leg, Problem, solve
from edgeworth.engine.scenarios import nested, one_winner
from edgeworth.engine.sizing import exclusive_stakes, kelly, walk_book

FIVE = ((0.40, 0.28, 0.18, 0.09, 0.05), (0.35, 0.30, 0.20, 0.12, 0.08))
THREE = ((0.50, 0.30, 0.20), (0.45, 0.33, 0.27))
ENDLESS = 1e9


def _exclusive(case, spread: float | None, wealth: float = 1.0) -> Problem:
    p, c = case
    legs = [Leg(k, True, (cost,), (ENDLESS,)) for k, cost in enumerate(c)]
    if spread is not None:
        legs += [Leg(k, False, (1 - cost + spread,), (ENDLESS,)) for k, cost in enumerate(c)]
    return Problem(one_winner(np.array(p), complete=True), tuple(legs), wealth, wealth)


def _staked(problem: Problem, found: Joint) -> list[float]:
    return [shares * leg.cost[0] / problem.wealth for shares, leg in zip(found.totals, problem.legs, strict=True)]


@pytest.mark.parametrize(
    ("case", "spread", "growth", "stakes"),
    [
        (FIVE, None, 0.00541866, {0: 0.08, 1: 0.0057143}),
        (FIVE, 0.02, 0.00575174, {0: 0.0714, 8: 0.0349, 9: 0.0991}),
        (THREE, None, 0.00502517, {0: 0.0909}),
        (THREE, 0.02, 0.00945103, {4: 0.1163, 5: 0.2523}),
    ],
)
def test_published_values(case, spread: float | None, growth: float, stakes: dict[int, float]) -> None:
    problem = _exclusive(case, spread)
    found = solve(problem)
    assert found.method == "programme"
    assert 0 <= found.gap <= MAX_GAP
    assert found.growth == pytest.approx(growth, abs=6e-9)
    np.testing.assert_allclose(
        _staked(problem, found), [stakes.get(k, 0.0) for k in range(len(problem.legs))], atol=6e-5
    )


def test_published_reserve_of_the_exclusive_formula() -> None:
    p, c = (np.array(x) for x in FIVE)
    chosen = exclusive_stakes(p, c) > 0
    assert (1 - p[chosen].sum()) / (1 - c[chosen].sum()) == pytest.approx(0.9142857, abs=5e-8)


def test_one_leg_alone_is_kelly_and_walks_its_book() -> None:
    cost, size = (0.50, 0.51, 0.52, 0.54, 0.57), (200.0, 300.0, 500.0, 800.0, 2_000.0)
    for wealth, shares in ((1_000, 360.864), (3_000, 963.782), (10_000, 1_800), (100_000, 3_800)):
        found = solve(Problem(one_winner(np.array([0.6])), (Leg(0, True, cost, size),), wealth, wealth))
        assert found.totals[0] == pytest.approx(shares, rel=2e-5)
    single = solve(Problem(one_winner(np.array([0.6])), (Leg(0, True, (0.5,), (ENDLESS,)),), 1.0, 1.0))
    assert single.totals[0] * 0.5 == pytest.approx(kelly(0.6, 0.5), abs=2e-6)


def test_nested_touches_are_one_bet_not_six() -> None:
    p = np.array([0.105, 0.08, 0.06, 0.047, 0.036, 0.028])
    no = tuple(Leg(k, False, (1 - chance - 0.02,), (ENDLESS,)) for k, chance in enumerate(p))
    found = solve(Problem(nested(p), no, 1_000.0, 1_000.0))
    alone = [walk_book(1 - chance, 1_000.0, np.array([1 - chance - 0.02]), np.array([ENDLESS])).sum() for chance in p]
    assert found.method == "programme"
    assert found.totals[0] < alone[0]
    assert sum(found.totals) < sum(alone) / 3


def test_what_is_held_already_is_not_bought_twice() -> None:
    held = np.array([400.0, 0.0]) - 200.0  # 400 shares that stand in wealth at 0.50
    fresh = Problem(one_winner(np.array([0.6])), (Leg(0, True, (0.5,), (ENDLESS,)),), 1_000.0, 800.0)
    assert solve(fresh).totals[0] == pytest.approx(400.0, abs=0.05)
    assert solve(fresh._replace(held=held)).totals[0] == pytest.approx(0.0, abs=0.05)


def test_a_hedge_of_nothing_is_left_alone() -> None:
    """YES of one level and NO of the next cost together what they pay: no growth, so no money is locked up."""
    p = np.array([0.0978, 0.0978])
    legs = (Leg(0, False, (1 - p[0],), (30.0,)), Leg(1, True, (p[1],), (30.0,)))
    assert solve(Problem(nested(p), legs, 100.0, 26.0)).totals == (0.0, 0.0)


def test_carry_shrinks_what_is_locked_up() -> None:
    legs = (Leg(0, True, (0.5,), (ENDLESS,)),)
    free, dear = (solve(Problem(one_winner(np.array([0.6])), legs, 1.0, 1.0, carry=c)).totals[0] for c in (0.0, 0.04))
    # the gain per dollar falls from .2 to .16, and so does the stake, nearly
    assert dear / free == pytest.approx(0.8, abs=0.02)


def test_nothing_to_decide_is_nothing() -> None:
    problem = _exclusive(THREE, None)
    assert solve(problem._replace(cash=0.0)).method == "nothing"
    assert solve(problem._replace(legs=())).totals == ()
    assert solve(problem._replace(held=np.array([-2.0, 0.0, 0.0]))).totals == (0.0, 0.0, 0.0)


def test_costs_that_are_not_positive_are_refused() -> None:
    with pytest.raises(ValueError, match="positive"):
        solve(Problem(one_winner(np.array([0.6])), (Leg(0, True, (0.0,), (1.0,)),), 1.0, 1.0))


@pytest.mark.parametrize("breakage", ["raises", "garbage", "not finite"])
def test_a_broken_solver_falls_back_to_a_closed_form_within_every_cap(monkeypatch, breakage: str) -> None:
    def broken(program):
        if breakage == "raises":
            raise RuntimeError("the solver is gone")
        fill = np.nan if breakage == "not finite" else 1e3
        return np.full(len(program.cost), fill), np.zeros(len(program.limits))

    problem = _exclusive(FIVE, 0.02, 1_000.0)._replace(caps=(Cap((0, 1, 2, 3, 4), 50.0),))
    best = solve(problem)
    monkeypatch.setattr(joint, "_solve_cones", broken)
    found = solve(problem)
    assert found.method in {"exclusive", "single"}
    assert np.isinf(found.gap)
    assert 0 < found.growth <= best.growth
    stakes = np.array(_staked(problem, found)) * 1_000
    assert stakes[:5].sum() <= 50.0 + 1e-9


legs_of = st.lists(
    st.tuples(st.floats(0.05, 0.95), st.floats(-0.08, 0.08), st.booleans(), st.floats(1, 40), st.floats(1, 40)),
    min_size=1, max_size=4,
)  # fmt: skip


def _random_problem(rows, chain: bool, cash: float, cap: float) -> Problem:
    p = np.array([row[0] for row in rows])
    scenarios = nested(p) if chain else one_winner(p / max(1.0, p.sum() * 1.1))
    legs = []
    for k, (_, off, is_yes, near, far) in enumerate(rows):
        cost = float(np.clip(scenarios.probability(k, is_yes=is_yes) + off, 0.02, 0.97))
        legs.append(Leg(k, is_yes, (cost, cost + 0.01), (near, far)))
    return Problem(scenarios, tuple(legs), 100.0, cash, (Cap((0,), cap),))


@settings(max_examples=60)
@given(legs_of, st.booleans(), st.floats(1, 100), st.floats(0, 50))
def test_never_more_than_cash_caps_or_book_and_never_worse_than_a_closed_form(rows, chain, cash, cap) -> None:
    problem = _random_problem(rows, chain, cash, cap)
    found = solve(problem)
    spent = [
        sum(c * x for c, x in zip(leg.cost, xs, strict=True))
        for leg, xs in zip(problem.legs, found.shares, strict=True)
    ]
    assert sum(spent) <= cash + 1e-9
    assert spent[0] <= cap + 1e-9
    for leg, xs in zip(problem.legs, found.shares, strict=True):
        assert all(0 <= x <= size + 1e-9 for x, size in zip(xs, leg.size, strict=True))
    assert found.growth >= -1e-12
    assert solve(problem) == found  # the same bits
    program = joint._program(problem)
    if program is not None and found.method == "programme":
        assert found.growth + found.gap + 1e-12 >= joint._closed_form(problem, program).growth


@settings(max_examples=12)
@given(
    st.tuples(st.floats(0.2, 0.5), st.floats(0.1, 0.4)),
    st.tuples(st.floats(-0.1, 0.02), st.floats(-0.1, 0.02)),
    st.booleans(),
)
def test_optimum_against_every_portfolio_of_hundredths(p, off, second_is_yes) -> None:
    scenarios = one_winner(np.array(p))
    cost = [
        float(np.clip(scenarios.probability(k, is_yes=yes) + o, 0.05, 0.95))
        for k, (o, yes) in enumerate(zip(off, (True, second_is_yes), strict=True))
    ]
    size = 2.5
    legs = (Leg(0, True, (cost[0],), (size,)), Leg(1, second_is_yes, (cost[1],), (size,)))
    problem = Problem(scenarios, legs, 8.0, 8.0)
    found = solve(problem)
    grid = np.arange(0, size + 0.005, 0.01)
    gain = [scenarios.leg(k, is_yes=yes) - cost[k] for k, yes in enumerate((True, second_is_yes))]
    after = 1 + (grid[:, None, None] * gain[0] + grid[None, :, None] * gain[1]) / 8.0
    best = float((np.log(after) @ scenarios.weight).max())
    assert best <= found.growth + found.gap + 1e-12
    assert found.growth <= best + 2e-5  # what a grid of hundredths may miss
    x, y = (round(total / 0.01) for total in found.totals)
    near = float(np.log(after[x, y]) @ scenarios.weight)
    assert near >= best - 2e-5
