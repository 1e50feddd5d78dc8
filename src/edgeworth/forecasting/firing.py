"""Where rules fire: strategies over a panel's rows, in chunks, computing only what a row may still need.

A rule's condition is split at its top-level `&`. Parts that read static features are decided once per market, parts
without kernels before any kernel runs, so a rule for few markets costs few rows. Every rule is compared with its own
value on shuffled pieces and single rows: one that looks at its neighbours is refused.
"""

import dataclasses
import functools
import operator
import os
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from edgeworth.core.errors import DataError
from edgeworth.core.panel import Floats, Int32s, Int64s, Outcomes, Panel
from edgeworth.core.random import stream
from edgeworth.features.columns import owners
from edgeworth.features.definitions import KERNELS, closure, feature
from edgeworth.features.registry import View
from edgeworth.features.rowwise import first_disagreement
from edgeworth.strategies.base import Strategy
from edgeworth.strategies.evaluate import Decisions, calls_of, decide, expressions, run

if TYPE_CHECKING:
    import polars as pl

CHUNK = 500_000  # points whose features are held at once
_SAMPLE = 300
_Found = tuple[Int64s, Decisions | None]  # rows where a rule fires in a chunk, and how


@dataclass(frozen=True, slots=True)
class Firings:
    """Where a strategy fires, F rows ascending in `row`, the index into the panel's points.

    `side` is +1 YES or -1 NO, `reason` an index into `reasons`; `p` and `se` are of the side winning, NaN where the
    rule states none, None where it never does.
    """

    strategy: str
    row: Int64s
    side: npt.NDArray[np.int8]
    reason: npt.NDArray[np.int16]
    reasons: tuple[str, ...]
    p: Floats | None
    se: Floats | None

    def __len__(self) -> int:
        return len(self.row)

    def take(self, keep: npt.NDArray[Any]) -> "Firings":
        """Return the firings a mask or an ascending index chooses."""
        p, se = (None if values is None else values[keep] for values in (self.p, self.se))
        return Firings(self.strategy, self.row[keep], self.side[keep], self.reason[keep], self.reasons, p, se)


def fire(
    panel: Panel, strategy: Strategy, features: "pl.DataFrame | None" = None, rows: Int64s | None = None
) -> Firings:
    """Return where one strategy fires on all points, or on `rows` (ascending).

    `features`, one row for each asked point, replaces what would be computed. Raises DataError `not-row-wise` or
    `strategy-broken`.
    """
    if features is None:
        return fire_all(panel, [strategy], rows)[0]
    rule = _Rule(strategy, panel.market_count)
    asked = np.arange(panel.point_count) if rows is None else np.asarray(rows, np.int64)
    if features.height != len(asked):
        raise ValueError("features must have one row for each asked point")
    rule.keep(rule.evaluate(asked, features, None, check=True))
    return rule.firings()


def fire_all(
    panel: Panel, strategies: Sequence[Strategy], rows: Int64s | None = None, *, threads: int = 0
) -> list[Firings]:
    """Return where each strategy fires; features that several read are computed once per chunk.

    `threads` (0 = one per processor) work on chunks side by side and change no result.
    """
    view = View(panel)
    rules = [_Rule(strategy, panel.market_count) for strategy in strategies]
    for rule in rules:
        rule.choose_markets(view)
    first, *rest = _chunks(panel, rows) or [np.empty(0, np.int64)]
    if len(first):
        _check_sample(view, rules, first)
    _keep(rules, _fire_chunk(view, rules, first, _unchecked(rules)))
    workers = threads or os.cpu_count() or 1
    with ThreadPoolExecutor(workers) as pool:
        under_way: deque[Future[list[_Found]]] = deque()
        for chunk in rest:
            # what is checked depends on the order of chunks alone, not on which thread is faster
            under_way.append(pool.submit(_fire_chunk, view, rules, chunk, _unchecked(rules)))
            if len(under_way) >= workers:
                _keep(rules, under_way.popleft().result())
        for done in under_way:
            _keep(rules, done.result())
    return [rule.firings() for rule in rules]


def excluding_after_event(firings: Firings, panel: Panel, outcomes: Outcomes) -> Firings:
    """Return the firings before their market's `event_known_at`; for studies only, since that instant is hindsight.

    A live decision may use the proposal flag instead.
    """
    market = owners(panel, firings.row)
    return firings.take(panel.t[firings.row] < outcomes.event_known_at[market])


def _chunks(panel: Panel, rows: Int64s | None) -> list[Int64s]:
    """Split the asked points at market borders into pieces of about CHUNK points."""
    asked = None if rows is None else np.asarray(rows, np.int64)
    total = panel.point_count if asked is None else len(asked)
    pieces, begin = [], 0
    while begin < total:
        goal = min(begin + CHUNK, total) - 1
        point = goal if asked is None else int(asked[goal])
        border = int(panel.offsets[np.searchsorted(panel.offsets, point, side="right")])
        end = border if asked is None else int(np.searchsorted(asked, border))
        pieces.append(np.arange(begin, end) if asked is None else asked[begin:end])
        begin = end
    return pieces


class _Rule:
    """A strategy on its way through the chunks: its calls, the parts of its conditions, what it has fired so far."""

    def __init__(self, strategy: Strategy, markets: int) -> None:
        self.strategy = strategy
        self.calls = self._whole = calls_of(strategy)
        self.markets = np.ones(markets, np.bool_)
        self._masks: list[npt.NDArray[np.bool_]] | None = None
        self._found: list[_Found] = []
        self.checked = False
        self._sort_needs()

    def _sort_needs(self) -> None:
        """Sort the features that the calls still read by what they cost."""
        roots = {name for part in expressions(self.calls).values() for name in part.meta.root_names()}
        needs = [name for name in self.strategy.needs if name in roots]
        self.static = [name for name in needs if feature(name).static]
        self.heavy = [name for name in needs if not feature(name).static and _heavy(name)]
        self.cheap = [name for name in needs if name not in {*self.static, *self.heavy}]

    @property
    def reads(self) -> list[str]:
        """Features that the whole rule reads."""
        roots = {name for part in expressions(self._whole).values() for name in part.meta.root_names()}
        return [name for name in self.strategy.needs if name in roots]

    def choose_markets(self, view: View) -> None:
        """Decide the parts of each condition that are static, once per market, and take them out of the calls."""
        import polars as pl

        known = set(self.static)
        splits = [_split(call.when, known) for call in self._whole]
        named = {f"when{number}": done for number, (done, _) in enumerate(splits) if done is not None}
        if not named:
            return
        frame = view.static(self.static)
        self._check(frame, named)
        values = run(self.strategy, frame, named)
        every = np.ones(view.panel.market_count, np.bool_)
        self._masks = [
            values[name].to_numpy() if (name := f"when{number}") in named else every for number in range(len(splits))
        ]
        self.markets = np.logical_or.reduce(self._masks)
        self.calls = tuple(
            dataclasses.replace(call, when=pl.lit(value=True) if rest is None else rest)
            for call, (_, rest) in zip(self._whole, splits, strict=True)
        )
        self._sort_needs()

    def preselect(self, light: "pl.DataFrame", index: Int64s, check: bool) -> Int64s:
        """Decide the parts that need no kernel; return the positions where the rule may still fire."""
        condition = self._cheap_condition() if self.heavy and len(index) else None
        if condition is None:
            return index
        frame = _pick(light, self.cheap, index)
        if check:
            self._check(frame, {"when": condition})
        holds: npt.NDArray[np.bool_] = run(self.strategy, frame, {"when": condition})["when"].to_numpy()
        return index[holds]

    def evaluate(self, rows: Int64s, frame: "pl.DataFrame", market: Int32s | None, check: bool) -> "_Found":
        """Evaluate the calls on rows whose features are complete; `market` is needed after `choose_markets`."""
        if not len(rows):
            return rows, None
        allowed = None if self._masks is None else [mask[market] for mask in self._masks]
        said = decide(self.strategy, frame, self.calls, allowed)
        fired = np.flatnonzero(said.side)
        if check:
            prefer = stream(0, "prefer", len(fired)).permutation(fired)
            self._check(frame, expressions(self.calls), prefer)
        p, se = (None if values is None else values[fired] for values in (said.p, said.se))
        return rows[fired], Decisions(said.side[fired], said.reason[fired], p, se)

    def keep(self, found: "_Found") -> None:
        """Add what was found on the next chunk; a rule counts as checked once it was compared where it fires."""
        if found[1] is not None:
            self._found.append(found)
            self.checked = self.checked or len(found[0]) > 0

    def firings(self) -> Firings:
        """Return everything found."""
        found = self._found
        states_p, states_se = (any(getattr(call, kind) is not None for call in self.calls) for kind in ("p", "se"))
        return Firings(
            strategy=self.strategy.name,
            row=_joined([rows for rows, _ in found], np.int64),
            side=_joined([said.side for _, said in found if said], np.int8),
            reason=_joined([said.reason for _, said in found if said], np.int16),
            reasons=tuple(call.reason for call in self.calls),
            p=_joined([said.p for _, said in found if said], np.float64) if states_p else None,
            se=_joined([said.se for _, said in found if said], np.float64) if states_se else None,
        )

    def _check(
        self, frame: "pl.DataFrame", named: "dict[str, pl.Expr]", prefer: npt.NDArray[Any] | None = None
    ) -> None:
        run(self.strategy, frame.head(1), named)  # a rule that cannot run at all is told as such
        reason = first_disagreement(frame, named, prefer=prefer)
        if reason:
            raise DataError("not-row-wise", f"strategy '{self.strategy.name}': {reason}")

    def _cheap_condition(self) -> "pl.Expr | None":
        """Return a condition without kernels that holds wherever any call does, None when there is none."""
        splits = [_split(call.when, set(self.cheap))[0] for call in self.calls]
        return functools.reduce(operator.or_, splits) if all(part is not None for part in splits) else None

    def check_sample(self, frame: "pl.DataFrame") -> None:
        """Compare every expression and every part of a condition with its value on pieces of a sample of rows."""
        parts = {f"{i}.{j}": part for i, call in enumerate(self._whole) for j, part in enumerate(_parts(call.when))}
        self._check(frame, {**parts, **expressions(self._whole)})


def _check_sample(view: View, rules: Sequence[_Rule], chosen: Int64s) -> None:
    """Check all rules on rows of the first chunk, whether they could fire there or not."""
    rows = np.sort(stream(0, "sample", len(chosen)).permutation(chosen)[:_SAMPLE])
    needs = list(dict.fromkeys(name for rule in rules for name in rule.reads))
    if needs:
        frame = view.compute(needs, rows)
        for rule in rules:
            rule.check_sample(frame)


def _unchecked(rules: Sequence[_Rule]) -> list[bool]:
    return [not rule.checked for rule in rules]


def _keep(rules: Sequence[_Rule], found: "Sequence[_Found]") -> None:
    for rule, part in zip(rules, found, strict=True):
        rule.keep(part)


def _fire_chunk(view: View, rules: Sequence[_Rule], chosen: Int64s, check: Sequence[bool]) -> "list[_Found]":
    """Narrow the rows rule by rule, compute each group of features once for the union, decide."""
    owner = owners(view.panel, chosen)
    wanted = [rule.markets[owner] for rule in rules]
    union = np.flatnonzero(functools.reduce(operator.or_, wanted, np.zeros(len(chosen), np.bool_)))
    rows, market = chosen[union], owner[union]
    light = view.compute(list(dict.fromkeys(name for rule in rules for name in rule.cheap)), rows)
    left = []
    for rule, mask, first in zip(rules, wanted, check, strict=True):
        left.append(rule.preselect(light, np.flatnonzero(mask[union]), first))
    need = np.zeros(len(rows), np.bool_)
    for rule, index in zip(rules, left, strict=True):
        if rule.heavy:
            need[index] = True
    names = list(dict.fromkeys(name for rule in rules for name in rule.heavy))
    deep = view.compute(names, rows[need]) if names else None
    position = np.cumsum(need) - 1
    found = []
    for rule, index, first in zip(rules, left, check, strict=True):
        columns = _pick(light, rule.cheap, index).get_columns()
        if rule.static:
            columns += view.static(rule.static)[market[index]].get_columns()
        if rule.heavy and deep is not None:
            columns += _pick(deep, rule.heavy, position[index]).get_columns()
        found.append(rule.evaluate(rows[index], _frame(columns, len(index)), market[index], first))
    return found


def _frame(columns: "list[pl.Series]", height: int) -> "pl.DataFrame":
    import polars as pl

    return pl.DataFrame(columns) if columns else pl.DataFrame({"row": np.zeros(height, np.int8)})


def _pick(frame: "pl.DataFrame", names: Sequence[str], index: Int64s) -> "pl.DataFrame":
    chosen = frame.select(names)
    return chosen if not names or len(index) == frame.height else chosen[index]


def _heavy(name: str) -> bool:
    return any(found.kind in KERNELS for found in closure([name]))


def _parts(condition: "pl.Expr") -> "list[pl.Expr]":
    """Split a condition at its top-level conjunctions, by asking polars what the outermost operation joins."""
    inputs = condition.meta.pop()
    if len(inputs) == 2:
        for left, right in (inputs, inputs[::-1]):
            if (left & right).meta.eq(condition):
                return [*_parts(left), *_parts(right)]
    return [condition]


def _split(condition: "pl.Expr", known: set[str]) -> "tuple[pl.Expr | None, pl.Expr | None]":
    """Split a condition into what reads only the `known` features and the rest; null counts as false in the former."""
    parts = [(part, set(part.meta.root_names())) for part in _parts(condition)]
    inside = [part for part, roots in parts if roots and roots <= known]
    rest = [part for part, roots in parts if not roots or not roots <= known]
    done = functools.reduce(operator.and_, inside).fill_null(value=False) if inside else None
    return done, functools.reduce(operator.and_, rest) if rest else None


def _joined(arrays: Sequence[npt.NDArray[Any] | None], dtype: type) -> npt.NDArray[Any]:
    present = [array for array in arrays if array is not None]
    return np.concatenate(present) if present else np.empty(0, dtype)
