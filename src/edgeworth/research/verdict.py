"""The verdict on a rule: what its flat one-share trades prove, and one sentence a person can act on.

Classes, worst first. *invalid*: the lint failed, coverage is below the floor, or the sample looks ahead. *no edge*: it
did not earn its costs. *unproven*: right sign, but the interval contains 0, or the p-value does not survive the number
of rules tried, or there are fewer events than even the largest edge inside the interval needs, or DSR < 0.95, or
PBO > 0.5. *edge at this size*: none of these. A win rate is never stated without its break-even.

Why not "fewer events than the estimated edge needs": power belongs to the plan, before the estimate is seen. Asking the
estimate itself for 80 % power is asking for z >= 1.96 + 0.84, a test at 0.5 % under the name of one at 5 %; whoever
collects the events that 80 % power takes would then be told "unproven" every second time (Hoenig and Heisey 2001). The
number for the estimated edge is still computed and printed: it is how many a fresh confirmation takes.
"""

import math
from dataclasses import dataclass, replace

import numpy as np

from edgeworth.core.config import CostSettings, ProofSettings
from edgeworth.models import anytime
from edgeworth.models.scores import cluster_mean
from edgeworth.research import bootstrap, null, power
from edgeworth.research.deflation import deflated_sharpe, moments
from edgeworth.research.evidence import MULTIPLIERS, Evidence
from edgeworth.research.trials import Trials
from edgeworth.research.types import CostLine, Coverage, LintLine, Verdict, VerdictClass

FEWEST_EVENTS = 30  # below, neither an interval nor a Sharpe ratio of events means anything


@dataclass(frozen=True, slots=True)
class Case:
    """Everything the verdict on one strategy rests on besides its trades."""

    strategy: str
    coverage: Coverage
    lint: tuple[LintLine, ...]
    trials: Trials
    pbo: float | None = None
    look_ahead: bool = False


def judge(evidence: Evidence, case: Case, proof: ProofSettings, costs: CostSettings, seed: int) -> Verdict:
    """Compute every field of the verdict; bootstrap draws depend on `seed` and the strategy's name only."""
    lines = cost_lines(evidence, proof, seed, case.strategy)
    main = lines[1]
    returns = evidence.event_returns()
    sharpe = moments(returns)[0] if evidence.events >= FEWEST_EVENTS else None
    needed = events_needed(evidence)
    rate = evidence.events_per_day()
    p = _p_value(evidence)
    missing = max(needed - evidence.events, 0) if needed is not None else None
    best = None if main.roi_high is None or main.break_even is None else main.roi_high * main.break_even
    draft = Verdict(
        strategy=case.strategy,
        outcome=VerdictClass.UNPROVEN,
        sentence="",
        what_would_change="",
        trades=len(evidence),
        events=evidence.events,
        roi=main.roi,
        roi_low=main.roi_low,
        roi_high=main.roi_high,
        confidence=proof.confidence,
        profit=float(evidence.profit.sum()),
        cost=float(evidence.paid.sum()),
        p_value=p,
        p_adjusted=None if p is None else null.adjusted(p, case.trials.distinct),
        win_rate=float(evidence.payout.mean()) if len(evidence) else None,
        break_even=main.break_even,
        sharpe=sharpe,
        trials=case.trials.total,
        trials_distinct=case.trials.distinct,
        dsr=None if sharpe is None else deflated_sharpe(returns, case.trials.total, _variance(case.trials, returns)),
        pbo=case.pbo,
        e_value=_e_value(evidence),
        costs=lines,
        coverage=case.coverage,
        lint=case.lint,
        fidelity=fidelity(costs),
        events_needed=needed,
        days_needed=None if missing is None or rate <= 0 else missing / rate,
        look_ahead=case.look_ahead,
        events_floor=events_needed(evidence, best),
    )
    return with_sentence(draft, proof)


def cost_lines(evidence: Evidence, proof: ProofSettings, seed: int, name: str) -> tuple[CostLine, ...]:
    """Return ROI with its interval at 0, 1 and 2 times the stated costs, all from the same draws of events."""
    count = len(evidence)
    columns = np.column_stack([evidence.payout, *evidence.cost])
    sums = bootstrap.event_sums(columns, evidence.event) if count else np.zeros((0, 4))
    totals = bootstrap.resample(sums, proof.bootstraps, seed, name)
    observed = sums.sum(axis=0)
    lines = []
    for index, multiplier in enumerate(MULTIPLIERS, start=1):
        cost = float(observed[index])
        profit = float(observed[0]) - cost
        drawn = np.column_stack([totals[:, 0] - totals[:, index], totals[:, index]])
        low, high = bootstrap.ratio_interval(drawn, 0, 1, proof.confidence)
        some = count > 0 and cost > 0
        bounded = some and len(sums) >= 2
        lines.append(
            CostLine(
                multiplier,
                profit / cost if some else None,
                low if bounded else None,
                high if bounded else None,
                profit,
                cost / count if some else None,
            )
        )
    return tuple(lines)


def _p_value(evidence: Evidence) -> float | None:
    if not len(evidence):
        return None
    return null.p_value(evidence.payout, evidence.mid, evidence.side, evidence.event, evidence.exclusive)


def _variance(trials: Trials, returns: np.ndarray) -> float:
    if trials.variance is not None:
        return trials.variance
    return 1.0 / max(len(returns) - 1, 1)  # what chance alone gives a Sharpe ratio of this many events


def _e_value(evidence: Evidence) -> float | None:
    """Return the robust e-value of the learned probabilities against the price, one step per event.

    The trades of one event are averaged (an average of e-values is one), events follow in order of decision; valid
    when events are independent of each other.
    """
    known = np.isfinite(evidence.fair) & (evidence.mid > 0) & (evidence.mid < 1)
    if not known.any():
        return None
    ratios = anytime.likelihood_ratios(evidence.fair[known], evidence.mid[known], evidence.payout[known])
    labels, first, numbers = np.unique(evidence.event[known], return_index=True, return_inverse=True)
    steps = np.bincount(numbers, ratios, len(labels)) / np.bincount(numbers, minlength=len(labels))
    return float(anytime.robust_wealth(steps[np.argsort(first, kind="stable")])[-1])


def events_needed(evidence: Evidence, edge: float | None = None) -> int | None:
    """Return the independent events that 80 % power at 5 % asks for an edge after costs; None without a positive one.

    `edge`: dollars per share, the estimated one by default. The formula for independent bets at break-even price and
    observed win rate, times the design effect of the clustering (cluster variance of the mean profit over the variance
    of independent trades), in events.
    """
    if len(evidence) < 2 or evidence.events < 2:
        return None
    profit = evidence.profit
    edge = float(profit.mean()) if edge is None else edge
    market = min(float(evidence.paid.mean()), 1.0)
    if edge <= 0.0:
        return None
    bets = power.events_for_power(market, edge)
    alone = cluster_mean(profit, np.arange(len(evidence))).error
    effect = (cluster_mean(profit, evidence.event).error / alone) ** 2 if alone > 0 else 1.0
    # a cluster never holds more information than one trade each, nor less than one event
    per_event = len(evidence) / evidence.events
    return max(math.ceil(bets * min(max(effect, 1.0 / per_event), per_event) / per_event), FEWEST_EVENTS)


def fidelity(costs: CostSettings) -> str:
    """Say how real the fills are."""
    return f"low fidelity: stated half spread {costs.half_spread:.3f} $ and depth, fills at the next observation"


def with_sentence(draft: Verdict, proof: ProofSettings) -> Verdict:
    """Classify a computed verdict and say it in words."""
    broken = [line for line in draft.lint if line.passed is False]
    if draft.look_ahead or broken or (draft.coverage.requested and draft.coverage.share < proof.min_coverage):
        return _say(draft, VerdictClass.INVALID, _invalid(draft, broken, proof))
    if draft.roi is None:
        return _say(draft, VerdictClass.UNPROVEN, _no_trade(draft))
    if draft.roi <= 0.0:
        return _say(draft, VerdictClass.NO_EDGE, _no_edge(draft))
    doubts = doubts_of(draft, proof)
    if doubts:
        return _say(draft, VerdictClass.UNPROVEN, _unproven(draft, doubts))
    return _say(draft, VerdictClass.EDGE, _edge(draft))


def _say(draft: Verdict, outcome: VerdictClass, words: tuple[str, str]) -> Verdict:
    return replace(draft, outcome=outcome, sentence=words[0], what_would_change=words[1])


def doubts_of(verdict: Verdict, proof: ProofSettings) -> list[str]:
    """Return every reason why a positive estimate is not a proven edge; empty when there is none."""
    level = 1.0 - proof.confidence
    doubts = []
    if verdict.events < FEWEST_EVENTS:
        doubts.append(f"only {verdict.events:,} independent events (at least {FEWEST_EVENTS} are needed)")
    elif verdict.events_floor is None or verdict.events < verdict.events_floor:
        needed = "more" if verdict.events_floor is None else f"{verdict.events_floor:,}"
        doubts.append(
            f"{verdict.events:,} independent events where even the largest edge in the interval needs {needed}"
        )
    if verdict.roi_low is None or verdict.roi_low <= 0.0:
        doubts.append("the interval contains zero")
    if verdict.p_adjusted is None or verdict.p_adjusted >= level:
        doubts.append(f"p {_number(verdict.p_adjusted)} after {verdict.trials_distinct} rules tried")
    if verdict.dsr is None or verdict.dsr < 0.95:
        known = "cannot be computed" if verdict.dsr is None else f"{_number(verdict.dsr)} is below 0.95"
        doubts.append(f"deflated Sharpe {known} after {_tries(verdict.trials)}")
    if verdict.pbo is not None and verdict.pbo > 0.5:
        doubts.append(f"probability of overfitting {verdict.pbo:.2f} is above 0.5")
    return doubts


def _number(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.3f}"


def _percent(value: float | None) -> str:
    return "unknown" if value is None else f"{100 * value:+.1f} %"


def _roi(verdict: Verdict) -> str:
    where = f"{verdict.trades:,} trades in {verdict.events:,} events"
    return f"return {_percent(verdict.roi)} [{_percent(verdict.roi_low)}, {_percent(verdict.roi_high)}] on {where}"


def _rates(verdict: Verdict) -> str:
    win, even = verdict.win_rate or 0.0, verdict.break_even or 0.0
    return f"it won {100 * win:.1f} % where {100 * even:.1f} % breaks even"


def _invalid(verdict: Verdict, broken: list[LintLine], proof: ProofSettings) -> tuple[str, str]:
    if verdict.look_ahead:
        reason, fix = "the sample looks ahead", "sample by calendar or age"
    elif broken:
        reason, fix = f"{broken[0].code}: {broken[0].note}", "remove the leak, then run again"
    else:
        have = f"{verdict.coverage.priced:,} of {verdict.coverage.requested:,} markets"
        reason = f"only {have} have prices (floor {proof.min_coverage:.0%})"
        fix = "import more prices, or choose a range that is covered"
    return (f"Invalid, no conclusion can be drawn: {reason}.", f"{fix}.")


def _no_trade(verdict: Verdict) -> tuple[str, str]:
    return (
        f"Nothing to judge: the rule made no settled trade in {verdict.coverage.requested:,} markets.",
        "Data on markets the rule is about, or a rule that fires.",
    )


def _no_edge(verdict: Verdict) -> tuple[str, str]:
    free = next((line for line in verdict.costs if line.multiplier == 0.0), None)
    before = free is not None and free.roi is not None and free.roi > 0
    more = "Lower costs might: before costs it is positive." if before else "Nothing in sight: it loses before costs."
    return (f"No edge: {_roi(verdict)}; {_rates(verdict)}.", more)


def _unproven(verdict: Verdict, doubts: list[str]) -> tuple[str, str]:
    sentence = f"Unproven: {_roi(verdict)}; {_rates(verdict)}; {'; '.join(doubts)}."
    if verdict.events_needed is None:
        return (sentence, "More independent events.")
    days = "" if verdict.days_needed is None else f", about {verdict.days_needed:,.0f} more days at the present rate"
    if verdict.events >= verdict.events_needed:
        return (sentence, "A fresh sample for this one rule, with nothing else tried.")
    return (sentence, f"{verdict.events_needed:,} independent events{days}.")


def _edge(verdict: Verdict) -> tuple[str, str]:
    double = next((line for line in verdict.costs if line.multiplier == 2.0), None)
    fragile = double is None or double.roi is None or double.roi <= 0
    fidelity = verdict.fidelity.partition(":")[0]
    note = "it does not survive twice the costs" if fragile else "it survives twice the costs"
    fresh = "" if verdict.events_needed is None else f" (80 % sure with {verdict.events_needed:,} fresh events)"
    return (
        f"Edge at this size: {_roi(verdict)}; {_rates(verdict)}; {note}; fills are of {fidelity}.",
        (
            "Wider spreads than stated (young markets have them), larger size, or a market that has learned. "
            f"Confirm once on the hold-out, then on paper{fresh}."
        ),
    )


def _tries(number: int) -> str:
    return "1 trial" if number == 1 else f"{number} trials"
