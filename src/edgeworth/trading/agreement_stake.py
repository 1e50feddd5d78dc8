"""One decision as a function of everything it depends on, so that a difference can be traced to the inputs behind it.

`stake_of` is the walk's decision, made of the engine's own functions. `exchanged` goes from one party's inputs to the
other's and returns those without which the stake does not change.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from edgeworth.core.units import ONE_SHARE, ONE_USD
from edgeworth.engine.cost import FEE_CUSHION_E6, FeeTerms, affordable_e6
from edgeworth.engine.gate import blocked, gate
from edgeworth.engine.sizing import decide, drawdown_scale_ppm, exclusive_stakes, kelly, part, ratio_ppm
from edgeworth.trading.agreement_reasons import Reason
from edgeworth.trading.sizing import Rules


@dataclass(frozen=True, slots=True)
class Case:
    """Everything that a stake depends on, the walk's or the bot's; money in 1e-6 dollars.

    `equity`: now, at its peak. `spent`: market, event, category, total; free cash. `rivals`: (fair, cost) of the
    exclusive event's other legs with an edge, None when it stands alone; `before` of them come before it. `least_e6`:
    the smallest order in shares; `dollar`: whether the venue takes no order below a dollar.
    """

    fair_e6: int
    ask_e4: int
    fee: FeeTerms
    se: float
    equity: tuple[int, int]
    spent: tuple[int, int, int, int, int]
    rivals: tuple[tuple[int, int], ...] | None
    before: int
    depth_e6: int
    least_e6: int
    dollar: bool

    @property
    def cost_e6(self) -> int:
        """Return what a share costs at the ask, fee included."""
        return share_cost_e6(self.ask_e4, self.fee)

    def buys_e6(self, stake_e6: int) -> int:
        """Return the shares that a stake buys at the ask."""
        return bought_e6(stake_e6, self.ask_e4, self.fee)


_ORDER: Final = (
    (Reason.INTEREST, ("fair_e6",)),
    (Reason.SPREAD, ("ask_e4",)),
    (Reason.FEE, ("fee",)),
    (Reason.ACCOUNT, ("equity",)),
    (Reason.EXPOSURE, ("spent",)),
    (Reason.SIBLINGS, ("rivals", "before")),
    (Reason.STATED_DEPTH, ("depth_e6",)),
    (Reason.VENUE_MINIMUM, ("dollar",)),
)


def share_cost_e6(ask_e4: int, fee: FeeTerms) -> int:
    """Return what a share costs at an ask, fee included."""
    return ask_e4 * 100 + fee.fee_e6(ask_e4, ONE_SHARE)


def bought_e6(stake_e6: int, ask_e4: int, fee: FeeTerms) -> int:
    """Return the shares that a stake buys at an ask, as walk and bot count them; 0 without an ask."""
    return affordable_e6(stake_e6 + (FEE_CUSHION_E6 if fee.rate_e6 else 0), ask_e4, fee) if ask_e4 > 0 else 0


def stake_of(case: Case, rules: Rules) -> int:
    """Return the stake that the engine's functions give, 0 where they make no order."""
    edge = case.fair_e6 - case.cost_e6
    if case.fair_e6 < 0 or not 0.0 <= case.se < math.inf or edge < max(rules.min_edge_e6, 1) or not case.ask_e4:
        return 0
    now, peak = case.equity
    drawdown = ratio_ppm(max(peak - now, 0), peak)
    rooms = _rooms(case, rules)
    if drawdown >= rules.drawdown_stop or blocked(rooms):
        return 0
    ppm = decide(_share(case), edge, case.se, rules.fraction)
    if ppm <= 0:
        return 0
    scale = drawdown_scale_ppm(drawdown, rules.drawdown_start, rules.drawdown_stop)
    stake, _ = gate(part(part(now, ppm), scale), rooms)
    shares = case.buys_e6(stake)
    small = shares < max(case.least_e6, 1) or (case.dollar and case.ask_e4 * shares // 10_000 < ONE_USD)
    return 0 if small else int(stake)


def exchanged(start: Case, goals: Iterable[Case], target: int, rules: Rules) -> list[Reason]:
    """Return the inputs that must be exchanged for those of a goal to get from a start's stake to the target.

    Goals are tried in order; [UNEXPLAINED] when none of them gives the target.
    """
    for goal in goals:
        case, needed = start, []
        for reason, names in _ORDER:
            if stake_of(case, rules) == target:
                break
            after = replace(case, **{name: getattr(goal, name) for name in names})
            if after != case:
                case = after
                needed.append((reason, names))
        if stake_of(case, rules) != target:
            continue
        for reason, names in list(needed):  # without what makes no difference
            less = replace(case, **{name: getattr(start, name) for name in names})
            if stake_of(less, rules) == target:
                case = less
                needed.remove((reason, names))
        return [reason for reason, _ in needed]
    return [Reason.UNEXPLAINED]


def _rooms(case: Case, rules: Rules) -> tuple[int, ...]:
    """Return the dollars left under each cap, in the order of `engine.gate.CAPS`."""
    worth = case.equity[0]
    market, event, category, total, free = case.spent
    return (
        rules.max_order_e6,
        case.depth_e6,
        part(worth, rules.max_market) - market,
        part(worth, rules.max_event) - event,
        part(worth, rules.max_category) - category,
        part(worth, rules.max_total) - total,
        free,
    )


def _share(case: Case) -> float:
    """Return the Kelly share of wealth: alone, or jointly with the exclusive event's other legs."""
    if case.rivals is None:
        return float(kelly(case.fair_e6 / 1e6, case.cost_e6 / 1e6))
    legs = [*case.rivals[: case.before], (case.fair_e6, case.cost_e6), *case.rivals[case.before :]]
    p, c = (np.array([leg[k] / 1e6 for leg in legs]) for k in (0, 1))
    return float(exclusive_stakes(p, c)[case.before])
