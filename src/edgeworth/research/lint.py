"""The leak lint of a backtest: cheap checks, always on, that catch the usual ways of knowing the answer.

Codes are those of the catalogue in `research.leaks.catalogue` and docs/explanation/audits.md. A check that cannot say
anything yet (too few trades) does not fail. What a check cannot see is said in its note.
"""

import math
from dataclasses import dataclass

import numpy as np

from edgeworth.core.panel import UNKNOWN_TIME, Int64s, Outcomes, Panel
from edgeworth.models.scores import cluster_mean
from edgeworth.research.evidence import Evidence
from edgeworth.research.leaks import claims, prices, samples
from edgeworth.research.types import LintLine

_ENOUGH = 20


@dataclass(frozen=True, slots=True)
class Trail:
    """Where the trades of an evidence lie in their series: per trade, in its order.

    `index` of the decision in its market's series of `size` points, `listed`: when the market was known, `end`: its
    scheduled end as known at the decision (UNKNOWN_TIME without one); `data_end`: the last instant of the data.
    """

    index: Int64s
    size: Int64s
    listed: Int64s
    end: Int64s
    data_end: int


@dataclass(frozen=True, slots=True)
class LintInput:
    """What the lint looks at besides the trades.

    `needs`: the strategy's features. `event_known_at`: per trade. `dropped_late`: points that were no decisions (price
    outside the band, or the event known). `look_ahead`: the sample was anchored on the resolution. `undated`: share of
    trades without a scheduled end, `immature`: share whose scheduled end lies after the data; both are taken from
    `trail` when that is given. `trials`: reported and counted ones. `fired`: payouts of all markets where the rule
    fired and which of them are in the evidence. `shared`: lines about the data, equal for all strategies of a run.
    """

    needs: tuple[str, ...]
    event_known_at: Int64s
    dropped_late: int
    look_ahead: bool = False
    undated: float = 0.0
    immature: float = 0.0
    trail: Trail | None = None
    trials: tuple[int, int] | None = None
    fired: "tuple[np.ndarray[tuple[int], np.dtype[np.int32]], np.ndarray[tuple[int], np.dtype[np.bool_]]] | None" = None
    shared: tuple[LintLine, ...] = ()


def lint(evidence: Evidence, given: LintInput) -> tuple[LintLine, ...]:
    """Run every check; returns one line per check, in a fixed order."""
    note = f"{given.dropped_late:,} points were no decisions: event known, price outside 0.03-0.97, or locked"
    lines = [
        _look_ahead(given),
        claims.hindsight_column(given.needs),
        LintLine("not-row-wise", True, "a shuffled subset of rows gave the same calls"),
        prices.post_event(evidence.t, given.event_known_at, note),
        _fill_order(evidence),
        prices.unfillable(evidence.mid, evidence.paid, evidence.t, evidence.t_fill),
        _price_label(evidence),
        prices.loser_price(evidence.mid, evidence.payout, evidence.event),
        _resolved_so_far(evidence, given),
        _length(evidence, given),
        samples.exclusive(evidence.event, evidence.exclusive, evidence.event),
        _rows(evidence),
    ]
    if given.fired is not None:
        lines.append(samples.survivor(*given.fired, reported=True))
    if given.trials is not None:
        lines.append(claims.trials(*given.trials))
    return (*lines, *given.shared)


def lint_data(panel: Panel, outcomes: Outcomes) -> tuple[LintLine, ...]:
    """Run the checks that look at the data alone: once per run, whatever the strategies."""
    last = panel.offsets[1:] - 1
    some = np.diff(panel.offsets) > 0
    final = outcomes.payout_e4[some]
    price, t = panel.price_e4[last[some]], panel.t[last[some]]
    return (prices.price_label(final, price, outcomes.resolved_at[some], t), _mirrored(panel))


def _mirrored(panel: Panel) -> LintLine:
    """Look for both sides of one question among markets of equal wording."""
    wording = panel.markets.select("question")
    twice = np.flatnonzero(wording.is_duplicated().to_numpy() & (np.diff(panel.offsets) > 0))[:2_000]
    if not len(twice):
        return LintLine("bias-mirror", True, "no two markets ask the same question")
    code = wording["question"].gather(twice).rank("dense").to_numpy().astype(np.int64)
    size = np.minimum(np.diff(panel.offsets)[twice], 200)
    begin = panel.offsets[twice]
    rows = np.repeat(begin - np.concatenate([[0], np.cumsum(size)[:-1]]), size) + np.arange(int(size.sum()))
    price = panel.price_e4[rows] / 10_000
    return samples.mirror(np.repeat(code, size), np.repeat(twice, size), panel.t[rows], price)


def _look_ahead(given: LintInput) -> LintLine:
    if given.look_ahead:
        return LintLine("look-ahead", False, "the sample is anchored on the resolution")
    return LintLine("look-ahead", True, "decisions are taken at every observation, none is counted back from the end")


def _fill_order(evidence: Evidence) -> LintLine:
    early = int(np.count_nonzero(evidence.t_fill <= evidence.t))
    if early:
        return LintLine("fill-before-decision", False, f"{early:,} trades filled no later than decided")
    return LintLine("fill-before-decision", True, "every fill uses an observation after the decision")


def _price_label(evidence: Evidence) -> LintLine:
    won, lost = evidence.payout > 0.75, evidence.payout < 0.25
    if min(int(won.sum()), int(lost.sum())) < _ENOUGH // 4 or len(evidence) < _ENOUGH:
        return LintLine("price-label", None, "too few trades of both outcomes")
    gap = float(np.abs(evidence.payout - evidence.mid)[won | lost].mean())
    if gap < 0.02:
        return LintLine("price-label", False, f"prices equal outcomes within {gap:.3f}: sampled after the resolution")
    return LintLine("price-label", True, f"mean distance of price and outcome {gap:.3f}")


def _resolved_so_far(evidence: Evidence, given: LintInput) -> LintLine:
    """Tell whether early outcomes, which are mostly YES, are over-represented: what matures later is missing."""
    code = "leak-resolved-so-far"
    yes = evidence.side > 0
    price, payout = (np.where(yes, values, 1.0 - values) for values in (evidence.mid, evidence.payout))
    if given.trail is not None:
        return samples.resolved_so_far(price, payout, evidence.event, given.trail.end, given.trail.data_end)
    # without the trail only the shares are known: make rows that have them
    end = np.zeros(1_000, np.int64)
    end[: round(1_000 * given.immature)] = 2
    end[len(end) - round(1_000 * given.undated) :] = UNKNOWN_TIME
    flat = np.zeros(len(end))
    return samples.resolved_so_far(flat, flat, np.arange(len(end)), end, 1) if len(end) else LintLine(code, None, "")


def _length(evidence: Evidence, given: LintInput) -> LintLine:
    if given.trail is None:
        return LintLine("leak-length", None, "the series of the trades are not known")
    trail = given.trail
    return samples.length(trail.index, trail.size, evidence.t, trail.listed, trail.end)


def _rows(evidence: Evidence) -> LintLine:
    """State how many independent rows the trades are worth; the verdict's own error is the clustered one."""
    error = cluster_mean(evidence.profit, evidence.event).error if len(evidence) else math.inf
    return samples.rows_iid(evidence.profit, evidence.event, error)
