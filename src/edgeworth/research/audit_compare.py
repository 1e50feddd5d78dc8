"""Evaluate rules over an original panel and over changed copies of it, and find the first thing that differs.

Rules are evaluated plainly: every feature at every row, every call over it. The shortcuts of the real run are left out,
so that many copies fit into the time of one.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from edgeworth.core.config import Settings
from edgeworth.core.instants import to_iso
from edgeworth.core.panel import NEVER, UNKNOWN_TIME, Floats, Int64s, Outcomes, Panel
from edgeworth.core.units import Micros
from edgeworth.engine.types import EngineMarkets, build_tape
from edgeworth.features.registry import View
from edgeworth.forecasting.firing import Firings
from edgeworth.forecasting.learning import Opinions, learn
from edgeworth.research import portfolio
from edgeworth.research.audit_copies import Copy, stack
from edgeworth.research.collecting import decision_points
from edgeworth.strategies.base import Strategy, label
from edgeworth.strategies.evaluate import Decisions, calls_of, decide

if TYPE_CHECKING:
    import polars as pl

Fills = dict[str, npt.NDArray[Any]]
Learner = Callable[[Firings, Panel, Outcomes], Opinions]
Walker = Callable[[Panel, Outcomes, Opinions, npt.NDArray[Any]], Fills]
_CLOSE: Final = 1e-9  # a vectorised and a single division may differ in the last bit
_SIDES: Final = {1: "YES", -1: "NO", 0: "nothing"}
_SPOKEN: Final = {
    "side": "the rule says", "reason": "the number of the rule's reason is", "p": "the stated probability is",
    "se": "its stated error is",
}  # fmt: skip
_MONEY: Final = ("market", "side", "kind", "price_e4", "lots", "fee_e6", "cash_e6")


@dataclass(frozen=True, slots=True)
class Pipeline:
    """What follows the rule: what its sides are worth, and what the engine does with that."""

    learn: Learner
    walk: Walker

    @staticmethod
    def of_settings(settings: Settings) -> "Pipeline":
        """Return the pipeline of a backtest with these settings."""
        costs, proof = settings.costs, settings.proof
        spread = {
            "half_spread": costs.half_spread * costs.multiplier, "spread_share": costs.spread_share * costs.multiplier,
        }  # fmt: skip

        def learned(firings: Firings, panel: Panel, outcomes: Outcomes) -> Opinions:
            return learn(firings, panel, outcomes, proof.prior_events, **spread)

        def walked(panel: Panel, outcomes: Outcomes, said: Opinions, category: npt.NDArray[Any]) -> Fills:
            tape, markets = build_tape(panel, outcomes), EngineMarkets.of_panel(panel, category)
            return portfolio.walk(tape, markets, said, settings, UNKNOWN_TIME).fills

        return Pipeline(learned, walked)


@dataclass(slots=True)
class Tally:
    """What one check found about one rule: how many values were compared, and the first difference in words."""

    comparisons: int = 0
    difference: str = ""

    def add(self, count: int, difference: str) -> None:
        """Count comparisons; keep the first difference."""
        self.comparisons += count
        self.difference = self.difference or difference


@dataclass(slots=True)
class _Said:
    """A rule's decisions at every point, 0 and not-a-number where it says nothing or no decision is taken."""

    side: npt.NDArray[np.int8]
    reason: npt.NDArray[np.int16]
    p: Floats
    se: Floats

    def at(self, rows: Int64s, decides: npt.NDArray[np.bool_]) -> "_Said":
        """Return what was said at some points, nothing where no decision is taken."""
        return _Said(
            np.where(decides, self.side[rows], 0).astype(np.int8),
            np.where(decides, self.reason[rows], 0).astype(np.int16),
            np.where(decides, self.p[rows], np.nan),
            np.where(decides, self.se[rows], np.nan),
        )

    def firings(self, name: str, rows: Int64s, at: Int64s) -> Firings:
        """Return the firings among positions `at`, as rows `rows` of some panel."""
        fired = self.side[at] != 0
        at, rows = at[fired], rows[fired]
        p, se = (None if np.isnan(values[at]).all() else values[at] for values in (self.p, self.se))
        reasons = tuple(str(number) for number in range(int(self.reason.max(initial=0)) + 1))
        return Firings(name, rows, self.side[at], self.reason[at], reasons, p, se)


@dataclass(slots=True)
class Original:
    """The panel as it is, with everything computed on it once: features at every point, decisions, odds, fills."""

    panel: Panel
    outcomes: Outcomes
    rules: tuple[Strategy, ...]
    pipeline: Pipeline
    until: int
    features: "pl.DataFrame"
    decides: npt.NDArray[np.bool_]
    said: dict[str, _Said]
    category: npt.NDArray[Any]
    learned: dict[str, tuple[Opinions, Fills]] = field(default_factory=dict)

    @staticmethod
    def of(
        panel: Panel, outcomes: Outcomes, rules: Sequence[Strategy], pipeline: Pipeline, until: int = NEVER
    ) -> "Original":
        """Evaluate the rules; decisions at or after `until` are not looked at."""
        rules = tuple(rules)
        view = View(panel)
        features = view.compute(needs_of(rules))
        decides = _decides(panel, outcomes, until)
        said = _decide(rules, features, decides)
        category = np.asarray(view.static(["category"])["category"].cast(str).to_list(), dtype=np.str_)
        return Original(panel, outcomes, rules, pipeline, until, features, decides, said, category)

    def deep(self, rule: Strategy) -> tuple[Opinions, Fills]:
        """Return the learned odds and the fills of one rule, computed once."""
        name = label(rule)
        if name not in self.learned:
            rows = np.arange(self.panel.point_count, dtype=np.int64)
            firings = self.said[name].firings(rule.name, rows, rows)
            opinions = self.pipeline.learn(firings, self.panel, self.outcomes)
            fills = self.pipeline.walk(self.panel, self.outcomes, opinions, self.category)
            self.learned[name] = (opinions, fills)
        return self.learned[name]


def needs_of(rules: Sequence[Strategy]) -> list[str]:
    """Return every feature that some rule needs, once."""
    return list(dict.fromkeys(name for rule in rules for name in rule.needs))


def compare(original: Original, copies: Sequence[Copy], skip: frozenset[str] = frozenset()) -> dict[str, Tally]:
    """Return per rule what differs between the original and copies of it; `skip` names features left out.

    All copies are evaluated as one panel: fast, and exact for whatever is computed within an event. A difference found
    that way counts only when a copy evaluated alone shows one too, so that one copy cannot disturb another.
    """
    if not copies:
        return {label(rule): Tally() for rule in original.rules}
    found = _compare_group(original, copies, skip)
    open_ = {name for name, tally in found.items() if tally.difference}
    if not open_ or len(copies) == 1:
        return found
    for name in open_:
        found[name].difference = ""
    for copy in copies:
        alone = _compare_group(original, [copy], skip)
        for name in sorted(open_):
            found[name].difference = alone[name].difference
        open_ = {name for name in open_ if not found[name].difference}
        if not open_:
            break
    return found


def _compare_group(original: Original, copies: Sequence[Copy], skip: frozenset[str]) -> dict[str, Tally]:
    base = np.concatenate([copy.base_row[copy.watched] for copy in copies])
    part = np.repeat(np.arange(len(copies)), [len(copy.watched) for copy in copies])
    seen = _Seen(original, copies, base, part)
    marks = [_decides(copy.panel, copy.outcomes, original.until)[copy.watched] & copy.decides for copy in copies]
    decides = np.concatenate(marks)
    expected = original.decides[base] & np.array([copy.decides for copy in copies])[part]
    differing: dict[str, str] = {}
    if all(copy.panel is original.panel for copy in copies):  # only outcomes differ, which no feature is handed
        said = {name: before.at(base, decides) for name, before in original.said.items()}
    else:
        features = _features(original, copies)
        differing = {name: seen.features(name, features[name]) for name in features.columns[2:] if name not in skip}
        said = _decide(original.rules, features, decides)
    found = {}
    for rule in original.rules:
        tally = Tally()
        for name in rule.needs:
            if name in differing:
                tally.add(len(base), differing[name])
        tally.add(len(base), seen.points(decides, expected))
        seen.decisions(rule, said[label(rule)], tally)
        _compare_deep(original, rule, copies, (said[label(rule)], part), tally)
        found[label(rule)] = tally
    return found


def _features(original: Original, copies: Sequence[Copy]) -> "pl.DataFrame":
    """Compute what the rules need at the watched rows of all copies, as one panel."""
    panel = copies[0].panel if len(copies) == 1 else stack([copy.panel for copy in copies])
    shift = np.cumsum([0, *(copy.panel.point_count for copy in copies)])
    rows = np.concatenate([copy.watched + first for copy, first in zip(copies, shift[:-1], strict=True)])
    return View(panel).compute(needs_of(original.rules), rows)


@dataclass(slots=True)
class _Seen:
    """What is compared: watched rows of copies with rows `base` of the original, `part` the number of the copy."""

    original: Original
    copies: Sequence[Copy]
    base: Int64s
    part: Int64s

    def features(self, name: str, values: "pl.Series") -> str:
        """Return the first differing value of one feature in words."""
        here = self.original.features[name].gather(self.base)
        found = _differing(here, values)
        if not len(found):
            return ""
        k = int(found[0])
        return self._words(k, f"`{name}` is {_value(here[k])}", _value(values[k]))

    def points(self, decides: npt.NDArray[np.bool_], expected: npt.NDArray[np.bool_]) -> str:
        """Return the first point that is a decision in one and none in the other."""
        found = np.flatnonzero(decides != expected)
        if not len(found):
            return ""
        words = {True: "a decision point", False: "none"}
        k = int(found[0])
        return self._words(k, f"the point is {words[bool(expected[k])]}", words[bool(decides[k])])

    def decisions(self, rule: Strategy, said: _Said, tally: Tally) -> None:
        """Compare sides, reasons and stated probabilities."""
        before = self.original.said[label(rule)]
        wanted = before.side[self.base]
        wanted[~np.array([copy.decides for copy in self.copies])[self.part]] = 0
        fired = np.flatnonzero((wanted != 0) | (said.side != 0))
        difference = ""
        for what, words in _SPOKEN.items():
            left = wanted[fired] if what == "side" else getattr(before, what)[self.base[fired]]
            right = getattr(said, what)[fired]
            found = _unequal(left, right)
            if len(found):
                k = int(found[0])
                spoken = [_SIDES[int(v)] if what == "side" else f"{v:.6g}" for v in (left[k], right[k])]
                difference = self._words(int(fired[k]), f"{words} {spoken[0]}", spoken[1])
                break
        tally.add(len(fired), difference)

    def _words(self, k: int, before: str, after: str) -> str:
        copy, row = self.copies[int(self.part[k])], int(self.base[k])
        return f"{where(self.original.panel, row)}: {before}, {copy.how}{_cut(copy)} {after}"


def _compare_deep(
    original: Original, rule: Strategy, copies: Sequence[Copy], seen: tuple[_Said, Int64s], tally: Tally
) -> None:
    """Compare learned odds and engine fills up to the cut, copy by copy."""
    said, part = seen
    for number, copy in enumerate(copies):
        if not (copy.deep and copy.decides):
            continue
        at = np.flatnonzero(part == number)
        firings = said.firings(rule.name, copy.watched, at)
        opinions = original.pipeline.learn(firings, copy.panel, copy.outcomes)
        before, fills = original.deep(rule)
        count, difference = _odds(original, before, opinions, copy)
        tally.add(count, difference)
        if difference:
            continue
        category = original.category[copy.base_market]
        again = original.pipeline.walk(copy.panel, copy.outcomes, opinions, category)
        tally.add(*_fills(original, fills, again, copy))


def _odds(original: Original, before: Opinions, after: Opinions, copy: Copy) -> tuple[int, str]:
    early = original.panel.t[before.row] <= copy.cut
    kept = np.flatnonzero(early)
    rows = copy.base_row[after.row]
    if not np.array_equal(before.row[kept], rows):
        return len(kept), ""  # the decisions differ, which is said elsewhere
    for what in ("p", "se", "evidence"):
        left, right = getattr(before, what)[kept], getattr(after, what)
        found = _unequal(left, right)
        if len(found):
            k = int(found[0])
            words = {"p": "the learned probability", "se": "its error", "evidence": "its number of events"}[what]
            place = where(original.panel, int(rows[k]))
            return len(kept), f"{place}: {words} is {left[k]:.6g}, {copy.how}{_cut(copy)} {right[k]:.6g}"
    return len(kept), ""


def _fills(original: Original, before: Fills, after: Fills, copy: Copy) -> tuple[int, str]:
    left = {name: before[name][before["t"] <= copy.cut] for name in ("t", *_MONEY)}
    right = {name: after[name][after["t"] <= copy.cut] for name in ("t", *_MONEY)}
    if len(right["market"]):
        right["market"] = copy.base_market[right["market"].astype(np.int64)]
    count = min(len(left["t"]), len(right["t"]))
    changed = np.zeros(count, dtype=bool)
    for name, values in left.items():
        changed |= values[:count] != right[name][:count]
    found = np.flatnonzero(changed)
    if not len(found) and len(left["t"]) == len(right["t"]):
        return count, ""
    if not len(found):
        times = (len(left["t"]), len(right["t"]))
        return count, f"the engine moved money {times[0]} times up to the cut, {copy.how}{_cut(copy)} {times[1]} times"
    k = int(found[0])
    market = original.panel.markets["market_id"][int(left["market"][k])]
    place = f"{to_iso(Micros(int(left['t'][k])))} market {market}"
    money = [int(side["cash_e6"][k]) / 1e6 for side in (left, right)]
    return count, f"{place}: the engine's fill moves {money[0]:.2f} $, {copy.how}{_cut(copy)} {money[1]:.2f} $"


def where(panel: Panel, row: int) -> str:
    """Say at which instant of which market a point lies."""
    market = int(np.searchsorted(panel.offsets, row, side="right")) - 1
    return f"{to_iso(Micros(int(panel.t[row])))} market {panel.markets['market_id'][market]}"


def _cut(copy: Copy) -> str:
    if copy.cut in {UNKNOWN_TIME, NEVER}:
        return ""
    return f" after {to_iso(Micros(copy.cut))}"


def _decides(panel: Panel, outcomes: Outcomes, until: int) -> npt.NDArray[np.bool_]:
    mark = np.zeros(panel.point_count, dtype=bool)
    mark[decision_points(panel, outcomes, UNKNOWN_TIME, until)] = True
    return mark


def _decide(rules: Sequence[Strategy], features: "pl.DataFrame", decides: npt.NDArray[np.bool_]) -> dict[str, _Said]:
    import polars as pl

    count = len(decides)
    frame = features if decides.all() else features.filter(pl.Series(decides))
    result = {}
    for rule in rules:
        said = decide(rule, frame, calls_of(rule)) if frame.height else _nothing()
        result[label(rule)] = _Said(
            _spread(said.side, decides, count, 0),
            _spread(said.reason, decides, count, 0),
            _spread(said.p, decides, count, np.nan),
            _spread(said.se, decides, count, np.nan),
        )
    return result


def _nothing() -> Decisions:
    return Decisions(np.zeros(0, np.int8), np.zeros(0, np.int16), None, None)


def _spread(values: npt.NDArray[Any] | None, where_: npt.NDArray[np.bool_], count: int, empty: float) -> Any:
    if values is None:
        return np.full(count, empty)
    full = np.full(count, empty, values.dtype)
    full[where_] = values
    return full


def _differing(left: "pl.Series", right: "pl.Series") -> npt.NDArray[np.intp]:
    if left.dtype.is_float():
        return _unequal(*(series.fill_null(float("nan")).to_numpy() for series in (left, right)))
    return np.flatnonzero(~left.eq_missing(right).to_numpy())


def _unequal(left: npt.NDArray[Any], right: npt.NDArray[Any]) -> npt.NDArray[np.intp]:
    found = np.flatnonzero(left != right)
    if len(found) and left.dtype.kind == "f":
        found = found[~np.isclose(left[found], right[found], _CLOSE, _CLOSE, equal_nan=True)]
    return found


def _value(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
