"""Audits of a strategy: whatever is put in place of what was not known yet, what it said before must not change.

    scramble             prices, scheduled ends and outcomes after an instant become noise, nothing, 0 or 1
    outcome-permutation  outcomes not known at an instant are permuted: decisions, learned odds and fills stay
    warm-up              a longer past changes no value once its lookback is filled
    prefix-stability     a longer date range does not change the earlier part
    batch-incremental    the newest row computed alone equals the same row of the whole history

Instants ("cuts") are the rule's own decisions: a peek that fires rarely hides between evenly spaced ones. The fast form
looks at a few events and cuts and is part of every backtest; the complete form takes at least 20 cuts with 3 seeds.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any, Final

import numpy as np

from edgeworth.core.panel import NEVER, Int64s, Outcomes, Panel
from edgeworth.core.random import stream
from edgeworth.features.columns import owners
from edgeworth.features.definitions import Kind, closure, feature
from edgeworth.forecasting.firing import Firings
from edgeworth.research import audit_copies as copies
from edgeworth.research.audit_compare import Original, Pipeline, Tally, compare, needs_of
from edgeworth.research.audit_copies import Copy, Fill
from edgeworth.research.types import LintLine, plain
from edgeworth.strategies.base import Strategy, label

SCRAMBLE, PERMUTATION, WARM_UP = "scramble", "outcome-permutation", "warm-up"
PREFIX, INCREMENTAL = "prefix-stability", "batch-incremental"
CHECKS: Final = (SCRAMBLE, PERMUTATION, WARM_UP, PREFIX, INCREMENTAL)
_STACKED: Final = 400_000  # points of copies that are evaluated at once
_PLACES: Final = 4_000  # firings looked at to choose events and cuts
Cuts = list[tuple[int, int]]  # an instant and the number of the seed that is used at it
Makers = list[Callable[[], Copy]]


@dataclass(frozen=True, slots=True)
class Depth:
    """How thoroughly to look: `cuts` per rule and seed, `seeds`, `events` per rule and `points` of the sub-sample.

    `deep`: at how many cuts learned odds and fills are compared too. `shares`: where the warm-up cuts the past.
    """

    name: str
    cuts: int
    seeds: int
    events: int
    points: int
    deep: int
    shares: tuple[float, ...]


FAST = Depth("fast", 6, 1, 12, 3_000, 2, (0.5,))
COMPLETE = Depth("complete", 20, 3, 300, 30_000, 60, (0.2, 0.4, 0.6, 0.8))


@dataclass(frozen=True, slots=True)
class AuditCheck:
    """One check of one strategy: `passed` None when there was nothing to compare, `difference` the first in words."""

    name: str
    passed: bool | None
    comparisons: int
    difference: str = ""


@dataclass(frozen=True, slots=True)
class AuditResult:
    """What the audits found about one strategy, on `points` points of `markets` markets, at `cuts` instants."""

    strategy: str
    form: str
    markets: int
    points: int
    cuts: int
    checks: tuple[AuditCheck, ...]

    @property
    def passed(self) -> bool:
        """Return whether no check failed."""
        return all(check.passed is not False for check in self.checks)

    def lines(self) -> tuple[LintLine, ...]:
        """Return one line of the lint per check."""
        return tuple(LintLine(f"audit-{check.name}", check.passed, self._note(check)) for check in self.checks)

    def _note(self, check: AuditCheck) -> str:
        if check.difference:
            return check.difference
        if check.passed is None:
            return "nothing could be compared"
        return f"{check.comparisons:,} values compared at {self.cuts} cuts in {self.markets} markets ({self.form} form)"

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready values."""
        return plain({**asdict(self), "passed": self.passed})


def audit(
    panel: Panel,
    outcomes: Outcomes,
    fired: tuple[Strategy, Firings],
    pipeline: Pipeline,
    *,
    seed: int = 0,
    until: int = NEVER,
) -> AuditResult:
    """Audit one strategy completely; its firings on this panel choose where to look, `until` bounds decisions."""
    return _audit(panel, outcomes, [fired], pipeline, COMPLETE, (seed, until))[label(fired[0])]


def quick_audit(
    panel: Panel,
    outcomes: Outcomes,
    fired: Sequence[tuple[Strategy, Firings]],
    pipeline: Pipeline,
    *,
    seed: int = 0,
    until: int = NEVER,
) -> dict[str, AuditResult]:
    """Audit several strategies in the fast form on one common sub-sample; returns a result per label."""
    if not fired:
        return {}
    try:
        return _audit(panel, outcomes, fired, pipeline, FAST, (seed, until))
    except Exception:
        if len(fired) == 1:
            raise
    result: dict[str, AuditResult] = {}
    for item in fired:  # one of them is broken: the others are audited without it
        result |= quick_audit(panel, outcomes, [item], pipeline, seed=seed, until=until)
    return result


def _audit(
    panel: Panel,
    outcomes: Outcomes,
    fired: Sequence[tuple[Strategy, Firings]],
    pipeline: Pipeline,
    depth: Depth,
    how: tuple[int, int],
) -> dict[str, AuditResult]:
    seed, until = how
    chosen = _choose_markets(panel, [firings for _, firings in fired], depth, seed)
    smaller, ends = copies.subset(panel, outcomes, chosen)
    rules = [rule for rule, _ in fired]
    try:
        original = Original.of(smaller, ends, rules, pipeline, until)
        return _examine(original, depth, seed)
    except Exception as error:
        if len(rules) > 1:
            raise
        # the edge to a user's code: what ran on the whole panel and fails without its future relies on that future
        words = f"it cannot be evaluated when the future is missing: {type(error).__name__}: {error}"
        failed = AuditCheck(SCRAMBLE, False, 0, words)
        rest = tuple(AuditCheck(name, None, 0) for name in CHECKS[1:])
        return {
            label(rules[0]): AuditResult(
                label(rules[0]), depth.name, smaller.market_count, smaller.point_count, 0, (failed, *rest)
            )
        }


def _examine(original: Original, depth: Depth, seed: int) -> dict[str, AuditResult]:
    cuts = _choose_cuts(original, depth, seed)
    needs = needs_of(original.rules)
    plans: dict[str, tuple[Makers, frozenset[str]]] = {
        SCRAMBLE: (_scrambles(original, cuts, depth, seed), frozenset()),
        PERMUTATION: (_permutations(original, cuts, depth, seed), frozenset()),
        WARM_UP: (_warm_ups(original, depth, needs), frozenset(name for name in needs if memory(name) is None)),
        PREFIX: (_prefixes(original, cuts, depth), frozenset()),
        INCREMENTAL: (_tails(original, cuts, depth), frozenset()),
    }
    found: dict[str, dict[str, Tally]] = {name: _run(original, *plan) for name, plan in plans.items()}
    size = (original.panel.market_count, original.panel.point_count, len({cut for cut, _ in cuts}))
    return {
        label(rule): AuditResult(
            label(rule), depth.name, *size, tuple(_check(name, found[name][label(rule)]) for name in CHECKS)
        )
        for rule in original.rules
    }


def _check(name: str, tally: Tally) -> AuditCheck:
    passed = None if not tally.comparisons else not tally.difference
    return AuditCheck(name, passed, tally.comparisons, tally.difference)


def _run(original: Original, makers: Makers, skip: frozenset[str]) -> dict[str, Tally]:
    """Make the copies in batches, so that only some of them are held at once."""
    found = {label(rule): Tally() for rule in original.rules}
    size = max(_STACKED // max(original.panel.point_count, 1), 1)
    for begin in range(0, len(makers), size):
        batch = [make() for make in makers[begin : begin + size]]
        for name, tally in compare(original, batch, skip).items():
            found[name].add(tally.comparisons, tally.difference)
    return found


def _scrambles(original: Original, cuts: Cuts, depth: Depth, seed: int) -> Makers:
    deep = set(_some(cuts, depth.deep))
    makers: Makers = []
    for number, cut in enumerate(cuts):
        fills = list(Fill)
        if depth is FAST:  # noise always, truncation and the constants by turns
            fills = [Fill.NOISE, (Fill.TRUNCATE, Fill.ZERO, Fill.ONE)[number % 3]]
        for fill in fills:
            looks_deep = cut in deep and (depth is COMPLETE or fill is Fill.NOISE)
            makers.append(partial(_future, original, cut[0], fill, seed + cut[1], looks_deep))
    return makers


def _future(original: Original, cut: int, fill: Fill, seed: int, deep: bool) -> Copy:
    return replace(copies.another_future(original.panel, original.outcomes, cut, fill, seed), deep=deep)


def _permutations(original: Original, cuts: Cuts, depth: Depth, seed: int) -> Makers:
    return [
        partial(copies.other_outcomes, original.panel, original.outcomes, cut, seed + draw)
        for cut, draw in _some(cuts, depth.deep)
    ]


def _prefixes(original: Original, cuts: Cuts, depth: Depth) -> Makers:
    return [partial(_prefix, original, cut) for cut, _ in _some(_distinct(cuts), depth.deep)]


def _prefix(original: Original, cut: int) -> Copy:
    return replace(copies.shorter_range(original.panel, original.outcomes, cut), deep=True)


def _tails(original: Original, cuts: Cuts, depth: Depth) -> Makers:
    chosen = _some(_distinct(cuts), 2 * depth.deep)
    return [partial(copies.newest_rows, original.panel, original.outcomes, cut) for cut, _ in chosen]


def _warm_ups(original: Original, depth: Depth, needs: list[str]) -> Makers:
    known = [found for found in (memory(name) for name in needs) if found is not None]
    if not known or not original.panel.point_count:
        return []
    longest = (max(item[0] for item in known), max(item[1] for item in known))
    return [partial(copies.shorter_past, original.panel, original.outcomes, share, longest) for share in depth.shares]


def _distinct(cuts: Cuts) -> Cuts:
    return list({cut: (cut, draw) for cut, draw in cuts}.values())


def _some(cuts: Cuts, count: int) -> Cuts:
    """Return at most `count` of the cuts, spread over them."""
    if len(cuts) <= count:
        return cuts
    return [cuts[int(place)] for place in np.linspace(0, len(cuts) - 1, count)]


def memory(name: str) -> tuple[int, int] | None:
    """Return how far back a feature looks, microseconds and points, None when over its whole past."""
    if any(found.kind is Kind.RECURRENCE for found in closure([name])):
        return None
    found = feature(name)
    time, points = 0, 0
    if found.kind is Kind.WINDOW:
        if found.lookback is None and not found.points:
            return None
        time, points = (0, found.points) if found.points else (found.lookback or 0, 1)
    elif found.kind in {Kind.PANEL, Kind.CROSS_SECTION}:
        points = 0 if found.static else 2
    below = [memory(source) for source in found.inputs]
    if any(item is None for item in below):
        return None
    deepest = [item for item in below if item is not None] or [(0, 0)]
    return time + max(item[0] for item in deepest), points + max(item[1] for item in deepest)


def _choose_markets(panel: Panel, fired: Sequence[Firings], depth: Depth, seed: int) -> Int64s:
    """Choose whole events where the rules fire, and as many others; events beyond the budget of points are left out."""
    _, event = np.unique(panel.markets["event_no"].to_numpy(), return_inverse=True)
    size = np.bincount(event, np.diff(panel.offsets))
    wanted: list[int] = []
    budget = depth.points * 3 // 4 // len(fired)
    for number, firings in enumerate(fired):
        rows = firings.row
        if len(rows) > _PLACES:
            rows = np.sort(stream(seed, "audit-places", number).choice(rows, _PLACES))
        own = np.unique(event[owners(panel, rows)]) if len(rows) else np.zeros(0, np.int64)
        own = stream(seed, "audit-events", number).permutation(own)
        wanted += _within(own, size, depth.events * 3 // 4, budget)
    if not wanted or depth is COMPLETE:  # some events where nothing fires
        share = depth.events // (4 if wanted else 1)
        rest = stream(seed, "audit-others").permutation(np.flatnonzero(size > 0))
        wanted += _within(rest, size, share, depth.points // (4 if wanted else 1))
    return np.flatnonzero(np.isin(event, wanted)).astype(np.int64)


def _within(events: Int64s, size: "np.ndarray[Any, Any]", most: int, points: int) -> list[int]:
    """Take events in order while they fit; the smallest of them when none does."""
    taken: list[int] = []
    left = float(points)
    for number in events[: 4 * most].tolist():
        if size[number] <= left and len(taken) < most:
            taken.append(int(number))
            left -= size[number]
    if not taken and len(events):
        taken = [int(events[int(np.argmin(size[events]))])]
    return taken


def _choose_cuts(original: Original, depth: Depth, seed: int) -> Cuts:
    """Return (instant, seed) pairs: every rule's own decisions, half of them its first in a market."""
    panel = original.panel
    owner = panel.market_of_point()
    per_rule = max(depth.cuts if len(original.rules) < 3 else depth.cuts // 3, 1)
    found: dict[tuple[int, int], None] = {}
    for rule in original.rules:
        fired = np.flatnonzero(original.said[label(rule)].side)
        first = fired[np.flatnonzero(np.diff(owner[fired], prepend=-1))]
        for draw in range(depth.seeds):
            some = stream(seed, "audit-cuts", label(rule), draw)
            own = [np.unique(panel.t[rows]) for rows in (first, fired)]
            picked = [*some.permutation(own[0])[: (per_rule + 1) // 2], *some.permutation(own[1])]
            instants = list(dict.fromkeys(int(t) for t in picked))[:per_rule]
            if len(instants) < per_rule and panel.point_count:
                even = np.quantile(panel.t, np.linspace(0.1, 0.9, per_rule - len(instants)))
                instants += [int(t) for t in even]
            found |= dict.fromkeys((t, draw) for t in instants)
    return list(found)
