"""Stakes for markets whose outcomes hang together: the portfolio of levels that grows fastest, as a concave programme.

    maximise  sum_s w_s log(W + held_s + sum_l (A_sl - c_l) x_l) - carry sum_l c_l x_l / W
    subject to  0 <= x_l <= u_l,  sum_l c_l x_l <= cash,  sum_{l in group} c_l x_l <= cap of the group

x_l are shares taken from one level of one token's book at all-in cost c_l (price plus taker fee), A_sl what a share
pays in scenario s, carry the interest lost on money that is locked up until the end. Cost is piecewise linear and
convex because levels come best first. The programme is solved over exponential cones, and the solver is not believed:
with its multipliers as m >= 0, concavity and weak duality bound what any other portfolio could grow more by

    gap = m . caps + sum_l u_l max(0, g_l - c_l sum m) - g . x,      g_l = sum_s w_s (A_sl - c_l) / W_s - carry c_l

which also holds the conditions of optimality (g_l <= 0 without caps, = 0 where a level is partly taken). A portfolio
with a larger gap than `MAX_GAP` is refused and the best closed form is taken instead: the exclusive outcomes' formula,
or the best single leg, each within every cap. Sources: Kelly 1956; Smoczynski and Tomkins 2010; Boyd and
Vandenberghe 2004, chapter 5. The same input gives the same bits.
"""

from typing import Any, Final, NamedTuple

import numpy as np

from edgeworth.core.panel import Floats, Int64s
from edgeworth.engine.scenarios import Scenarios
from edgeworth.engine.sizing import exclusive_stakes, walk_book

MAX_GAP: Final = 1e-6  # of log wealth
LEAST_CARRY: Final = 1e-6  # per dollar: what does not pay even that is left alone, such as a hedge of nothing
_DUST: Final = 1e-5  # of wealth


class Leg(NamedTuple):
    """One token that may be bought: levels with all-in `cost` per share (dollars, ascending) and `size` in shares."""

    market: int
    is_yes: bool
    cost: tuple[float, ...]
    size: tuple[float, ...]


class Cap(NamedTuple):
    """At most `dollars` may be spent on these legs (by place) together."""

    legs: tuple[int, ...]
    dollars: float


class Joint(NamedTuple):
    """`shares`: per leg, one number per level. `growth`: expected log growth. `gap`: how much more any portfolio could
    grow at most; `method`: programme, exclusive, single or nothing (a closed form has gap infinity: not proven).
    """

    shares: tuple[tuple[float, ...], ...]
    growth: float
    gap: float
    method: str

    @property
    def totals(self) -> tuple[float, ...]:
        """Return the shares of each leg."""
        return tuple(sum(levels) for levels in self.shares)


class Problem(NamedTuple):
    """What is to be decided: dollars `wealth` (marked) and `cash`, what is `held` pays per scenario beyond wealth (S,).

    `held` is the pay-out of positions minus the value at which they stand in `wealth`; empty = nothing is held.
    `carry` is the interest on a dollar until the end.
    """

    scenarios: Scenarios
    legs: tuple[Leg, ...]
    wealth: float
    cash: float
    caps: tuple[Cap, ...] = ()
    held: Floats = np.empty(0)
    carry: float = LEAST_CARRY


class _Program(NamedTuple):
    """The programme per dollar of wealth, flat over levels: (L,) cost and room, (S, L) gain, (K, L) rows of caps."""

    weight: Floats
    base: Floats
    gain: Floats
    cost: Floats
    room: Floats
    rows: Floats
    limits: Floats
    owner: Int64s
    carry: float


def solve(problem: Problem) -> Joint:
    """Return the stakes that grow wealth fastest; certified, else the best closed form within the same caps."""
    program = _program(problem)
    if program is None:
        return _pack(problem, None, np.empty(0), 0.0, "nothing")
    found = _optimum(program)
    if found is None:
        return _closed_form(problem, program)
    x, gap = found
    if _worth(program, x) <= gap:
        x = np.zeros(len(x))
    return _pack(problem, program, x, gap, "programme")


def _program(problem: Problem) -> _Program | None:
    """Put the problem per dollar of wealth; None when there is nothing to decide."""
    legs, wealth = problem.legs, problem.wealth
    owner = np.array([k for k, leg in enumerate(legs) for _ in leg.cost], np.int64)
    if not len(owner) or not wealth > 0.0 or not problem.cash > 0.0:
        return None
    cost = np.array([c for leg in legs for c in leg.cost])
    size = np.array([s for leg in legs for s in leg.size])
    if not bool(((cost > 0.0) & np.isfinite(cost) & (size >= 0.0)).all()):
        raise ValueError("costs are positive and sizes not negative")
    limits = np.array([min(problem.cash, wealth), *(max(cap.dollars, 0.0) for cap in problem.caps)]) / wealth
    rows = np.vstack([cost, *(np.where(np.isin(owner, cap.legs), cost, 0.0) for cap in problem.caps)])
    tightest = np.where(rows > 0.0, limits[:, None], np.inf).min(axis=0)
    room = np.minimum(size / wealth, tightest / cost)
    pays = np.array([problem.scenarios.leg(legs[k].market, is_yes=legs[k].is_yes) for k in owner]).T
    weight = problem.scenarios.weight
    base = np.ones(len(weight)) + (problem.held / wealth if len(problem.held) else 0.0)
    possible = weight > 0.0
    if not bool((base[possible] > 0.0).all()):
        return None  # ruin is possible already: nothing is added
    return _Program(
        weight[possible],
        base[possible],
        (pays - cost)[possible],
        cost,
        room,
        rows,
        limits,
        owner,
        max(problem.carry, LEAST_CARRY),
    )


def _growth(program: _Program, x: Floats) -> float:
    after = program.base + program.gain @ x
    if not bool((after > 0.0).all()):
        return -np.inf
    return float(program.weight @ (np.log(after) - np.log(program.base)))


def _worth(program: _Program, x: Floats) -> float:
    """Return what the programme maximises: growth less carry."""
    return _growth(program, x) - program.carry * float(program.cost @ x)


def _optimum(program: _Program) -> tuple[Floats, float] | None:
    """Return the solver's shares, made feasible, and their certified gap; None unless the certificate holds.

    The certificate decides, not the solver's own word. What its interior path leaves of unused levels goes if it can.
    """
    try:
        x, multipliers = _solve_cones(program)
    except (ArithmeticError, ValueError, RuntimeError):
        return None
    if not (np.isfinite(x).all() and np.isfinite(multipliers).all()):
        return None
    x = _within(program, np.clip(x, 0.0, program.room))
    tidy = np.where(x * program.cost < _DUST, 0.0, x)
    for candidate in (tidy, x):
        gap = _gap(program, candidate, multipliers)
        if gap <= MAX_GAP:
            return candidate, gap
    return None


def _gap(program: _Program, x: Floats, multipliers: Floats) -> float:
    """Return by how much log growth could be larger at most; infinity when a scenario ruins."""
    after = program.base + program.gain @ x
    if not bool((after > 0.0).all()):
        return np.inf
    slope = (program.weight / after) @ program.gain - program.carry * program.cost
    prices = np.maximum(multipliers, 0.0)
    rent = np.maximum(slope - prices @ program.rows, 0.0)
    return float(prices @ program.limits + program.room @ rent - slope @ x)


def _solve_cones(program: _Program) -> tuple[Floats, Floats]:
    """Hand the programme to the solver; returns the shares (L,) and the caps' multipliers (K,)."""
    import clarabel
    from scipy import sparse

    levels, states, caps = len(program.cost), len(program.weight), len(program.limits)
    flat = 2 * levels + caps
    # slack = right - matrix @ (x, t): first x >= 0, x <= room, caps; then for each scenario (t, 1, wealth), which lies
    # in the cone y exp(x / y) <= z exactly when t <= log(wealth)
    matrix, right = np.zeros((flat + 3 * states, levels + states)), np.zeros(flat + 3 * states)
    matrix[:levels, :levels], matrix[levels : 2 * levels, :levels] = -np.eye(levels), np.eye(levels)
    matrix[2 * levels : flat, :levels] = program.rows
    right[levels:flat] = np.concatenate([program.room, program.limits])
    matrix[flat::3, levels:] = -np.eye(states)
    right[flat + 1 :: 3] = 1.0
    matrix[flat + 2 :: 3, :levels], right[flat + 2 :: 3] = -program.gain, program.base
    target = np.concatenate([program.carry * program.cost, -program.weight])
    cones: list[Any] = [clarabel.NonnegativeConeT(flat)]
    cones += [clarabel.ExponentialConeT()] * states
    nothing = sparse.csc_matrix((levels + states, levels + states))
    answer = clarabel.DefaultSolver(
        nothing, target, sparse.csc_matrix(matrix), right, cones, _solver_settings()
    ).solve()
    z = np.array(answer.z)
    return np.array(answer.x)[:levels], z[2 * levels : flat]


def _solver_settings() -> Any:
    import clarabel

    settings = clarabel.DefaultSettings()
    settings.verbose = False
    settings.max_threads = 1  # one thread, one factorisation: the same bits every time
    settings.direct_solve_method = "qdldl"
    settings.tol_gap_abs = settings.tol_gap_rel = 1e-11
    settings.tol_feas = 1e-11
    return settings


def _closed_form(problem: Problem, program: _Program) -> Joint:
    """Return the best of the closed forms that reach this problem, each cut to every cap."""
    choices = [(f"single:{k}", _single(problem, program, k)) for k in range(len(problem.legs))]
    exclusive = _exclusive(problem, program)
    if exclusive is not None:
        choices.insert(0, ("exclusive", exclusive))
    best, name = np.zeros(len(program.cost)), "nothing"
    for label, x in choices:
        if _worth(program, x) > _worth(program, best):
            best, name = x, label.partition(":")[0]
    return _pack(problem, program, best, np.inf, name)


def _single(problem: Problem, program: _Program, leg: int) -> Floats:
    """Return Kelly on one leg alone, level by level."""
    mine = np.flatnonzero(program.owner == leg)
    token = problem.legs[leg]
    p = problem.scenarios.probability(token.market, is_yes=token.is_yes)
    x = np.zeros(len(program.cost))
    x[mine] = walk_book(p, 1.0, program.cost[mine], program.room[mine])
    return _within(program, x)


def _exclusive(problem: Problem, program: _Program) -> Floats | None:
    """Return the exclusive outcomes' formula on each YES token's best level; None where outcomes are not exclusive."""
    if bool((problem.scenarios.pays.sum(axis=1) > 1.0).any()):
        return None
    first = {int(k): int(np.flatnonzero(program.owner == k)[0]) for k in np.unique(program.owner)}
    legs = [k for k in first if problem.legs[k].is_yes]
    if not legs or len({problem.legs[k].market for k in legs}) < len(legs):
        return None
    p = np.array([problem.scenarios.probability(problem.legs[k].market, is_yes=True) for k in legs])
    places = np.array([first[k] for k in legs])
    cost = program.cost[places]
    x = np.zeros(len(program.cost))
    x[places] = np.minimum(exclusive_stakes(p, cost) / cost, program.room[places])
    return _within(program, x)


def _within(program: _Program, x: Floats) -> Floats:
    """Scale shares down until every cap holds."""
    used = program.rows @ x
    share = np.min(np.where(used > program.limits, program.limits / np.maximum(used, 1e-300), 1.0))
    return np.asarray(x * share)


def _pack(problem: Problem, program: _Program | None, x: Floats, gap: float, method: str) -> Joint:
    """Return shares leg by leg in dollars' own units."""
    if program is None:
        return Joint(tuple((0.0,) * len(leg.cost) for leg in problem.legs), 0.0, gap, method)
    whole = x * problem.wealth
    shares = tuple(tuple(whole[program.owner == k].tolist()) for k in range(len(problem.legs)))
    return Joint(shares, _growth(program, x), gap, method)
