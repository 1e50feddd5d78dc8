"""The leak lint of a backtest: cheap checks, always on, that catch the usual ways of knowing the answer.

Codes are those of the catalogue in docs/explanation. A check that cannot say anything yet (too few trades) does not
fail. What a check cannot see is said in its note.
"""

import math
from dataclasses import dataclass

import numpy as np

from edgeworth.core.panel import Int64s
from edgeworth.core.schema import is_hindsight
from edgeworth.models.scores import cluster_mean
from edgeworth.research.evidence import Evidence
from edgeworth.research.types import LintLine

_ENOUGH = 20
_SOME = 0.1


@dataclass(frozen=True, slots=True)
class LintInput:
    """What the lint looks at besides the trades.

    `needs`: the strategy's features. `event_known_at`: per trade. `dropped_late`: points that were no decisions (price
    outside the band, or the event known). `look_ahead`: the sample was anchored on the resolution. `undated`: share of
    trades without a scheduled end, `immature`: share whose scheduled end lies after the data.
    """

    needs: tuple[str, ...]
    event_known_at: Int64s
    dropped_late: int
    look_ahead: bool = False
    undated: float = 0.0
    immature: float = 0.0


def lint(evidence: Evidence, given: LintInput) -> tuple[LintLine, ...]:
    """Run every check; returns one line per check, in a fixed order."""
    return (
        _look_ahead(given),
        _hindsight(given),
        LintLine("not-row-wise", True, "a shuffled subset of rows gave the same calls"),
        _post_event(evidence, given),
        _fill_order(evidence),
        _price_label(evidence),
        _loser_price(evidence),
        _resolved_so_far(given),
    )


def _look_ahead(given: LintInput) -> LintLine:
    if given.look_ahead:
        return LintLine("look-ahead", False, "the sample is anchored on the resolution")
    return LintLine("look-ahead", True, "decisions are taken at every observation, none is counted back from the end")


def _hindsight(given: LintInput) -> LintLine:
    found = sorted(name for name in given.needs if is_hindsight(name))
    if found:
        return LintLine("leak-hindsight-column", False, f"the rule reads {', '.join(found)}")
    return LintLine("leak-hindsight-column", True, "the rule reads no column that is known only afterwards")


def _post_event(evidence: Evidence, given: LintInput) -> LintLine:
    late = int(np.count_nonzero(evidence.t >= given.event_known_at))
    note = f"{given.dropped_late:,} points were no decisions: event known, price outside 0.03-0.97, or locked"
    if late:
        return LintLine("leak-post-event", False, f"{late:,} trades decided after the event was known")
    return LintLine("leak-post-event", True, note)


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


def _loser_price(evidence: Evidence) -> LintLine:
    """Compare the losers' mean entry price with what calibrated prices imply: sum p(1-p) / sum (1-p)."""
    p = evidence.mid
    lost = evidence.payout < 0.25
    if int(lost.sum()) < _ENOUGH:
        return LintLine("leak-loser-price", None, "too few losing trades")
    expected = float((p * (1 - p)).sum() / (1 - p).sum())
    observed = float(p[lost].mean())
    # weight of each trade in the mean of the losers, so that the error is clustered by event
    gap = cluster_mean(np.where(lost, p - expected, 0.0), evidence.event)
    z = gap.value / gap.error if gap.error > 0 and math.isfinite(gap.error) else 0.0
    note = f"losers entered at {observed:.3f}, calibrated prices say {expected:.3f}"
    return LintLine("leak-loser-price", not (observed < 0.5 * expected and z < -6.0), note)


def _resolved_so_far(given: LintInput) -> LintLine:
    """Tell whether early outcomes, which are mostly YES, could be over-represented: what matures later is missing."""
    code = "leak-resolved-so-far"
    if given.immature > _SOME:
        note = f"{given.immature:.0%} of the trades settled before their scheduled end, which lies after the data"
        return LintLine(code, None, f"{note}: early outcomes are mostly YES")
    if given.undated > _SOME:
        note = (
            f"{given.undated:.0%} of the trades have no scheduled end: whether late NO outcomes are missing is unknown"
        )
        return LintLine(code, None, note)
    return LintLine(code, True, "the scheduled end of nearly every traded market lies within the data")
