"""Formulas become a plan: equal parts are computed once, every series learns how much history its readers need.

A formula is written with the methods of `Graph`; what it gives is a `Series`, and `series[3]` is the same three rows
earlier, which is the only direction there is. `Graph.plan` lays the series out and lists the operations in order.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from edgeworth.features.technical import machine as m
from edgeworth.features.technical.elementwise import Work
from edgeworth.features.technical.sequential import BAR_STATE, INPUTS, LANES, Ints

# windows that are put together of others that are there anyway; any other is the largest power of two and the rest
_JOINS: Final = {20: 10, 40: 20, 50: 40, 100: 50, 200: 100, 192: 96, 384: 192, 672: 384}
_OVERLAPS: Final = {192: 96, 384: 192, 672: 384}
_STATES: Final = {m.SMOOTH: LANES, m.SINCE_CROSS: 2, m.UNBROKEN: 1, m.BARS: BAR_STATE}


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """One operation; `operands` are (series, rows back), `results` are filled in when it is made."""

    kind: int
    operands: tuple[tuple["Series", int], ...]
    numbers: tuple[float, ...]
    depth: int
    results: list["Series"] = field(default_factory=list)


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """A series of the workspace; its value is defined from the `ready`-th candle on."""

    node: Node | None
    ready: int

    def __getitem__(self, back: int) -> "Lagged":
        """Return the series `back` rows earlier."""
        return Lagged(self, back)


@dataclass(frozen=True, slots=True)
class Lagged:
    """A series some rows earlier."""

    series: Series
    back: int


Operand = Series | Lagged


@dataclass(frozen=True, slots=True)
class Plan:
    """What the machine runs: see `machine.advance`; `size` and `states` are how much memory it needs."""

    lines: Ints
    numbers: Work
    regions: Ints
    inputs: Ints
    size: int
    states: int

    @property
    def arrays(self) -> tuple[Any, ...]:
        """The form in which compiled code takes it."""
        return self.lines, self.numbers, self.regions, self.inputs


def split(window: int) -> int:
    """Return the size of the more recent of the two windows that make up one of this size."""
    return _JOINS.get(window) or 1 << ((window - 1).bit_length() - 1)


class Graph:
    """Collect operations; equal ones are the same node."""

    def __init__(self) -> None:
        self._known: dict[Any, Node] = {}
        self.inputs = [Series(None, 1) for _ in range(INPUTS)]
        self.open, self.high, self.low, self.close, self.volume, self.missing = self.inputs

    def make(
        self, kind: int, *operands: Operand, numbers: Sequence[float] = (), results: int = 1, more: int = 0
    ) -> Any:
        """Return the result of an operation, or its results; they are ready `more` rows after the last operand is."""
        placed = tuple((x.series, x.back) if isinstance(x, Lagged) else (x, 0) for x in operands)
        key = (kind, tuple((id(series), back) for series, back in placed), tuple(numbers))
        node = self._known.get(key)
        if node is None:
            before = [series.node.depth for series, _ in placed if series.node is not None]
            depth = max(before, default=0) + (kind == m.SMOOTH)
            node = self._known[key] = Node(kind, placed, tuple(numbers), depth)
            ready = max((series.ready + back for series, back in placed), default=1) + more
            node.results.extend(Series(node, ready) for _ in range(results))
        return node.results[0] if results == 1 else tuple(node.results)

    def moments(self, x: Series, window: int) -> tuple[Series, Series]:
        """Return the mean and the sum of squared deviations of the last `window` values."""
        recent = split(window)
        if window == 2:
            mean, squares = self.make(m.PAIR, x, x[1], results=2)
            return mean, squares
        left, right = self.moments(x, recent), self.moments(x, window - recent)
        share = (window - recent) / window
        operands = (*left, right[0][recent], right[1][recent])
        mean, squares = self.make(m.MERGE, *operands, numbers=(share, share * recent), results=2)
        return mean, squares

    def total(self, x: Series, window: int) -> Series:
        """Return the sum of the last `window` values."""
        if window == 1:
            return x
        recent = split(window)
        result: Series = self.make(m.PLUS, self.total(x, recent), self.total(x, window - recent)[recent])
        return result

    def extreme(self, kind: int, x: Series, window: int) -> Series:
        """Return the highest or lowest of the last `window` values, of two that overlap."""
        if window == 1:
            return x
        half = _OVERLAPS.get(window) or 1 << ((window - 1).bit_length() - 1)
        part = self.extreme(kind, x, half)
        result: Series = self.make(kind, part, part[window - half])
        return result

    def smooth(self, x: Series, period: int, *, wilder: bool = False) -> Series:
        """Return the exponential mean: alpha 2 / (period + 1), or 1 / period as Wilder has it."""
        alpha = 1.0 / period if wilder else 2.0 / (period + 1)
        result: Series = self.make(m.SMOOTH, x, numbers=(alpha, period, x.ready - 1), more=period - 1)
        return result

    def plan(self, columns: Sequence[Series]) -> Plan:
        """Lay out everything that the columns need."""
        return _Layout(self, columns).plan()


class _Layout:
    """One layout: the order of operations, the place of each series, the lines."""

    def __init__(self, graph: Graph, columns: Sequence[Series]) -> None:
        self.graph, self.columns = graph, columns
        self.order: list[tuple[Node, ...] | int] = []  # nodes that run as one operation, or a column to store
        self._lanes = self._group()
        self._placed: set[int] = set()
        for number, column in enumerate(columns):
            self._visit(column)
            self.order.append(number)

    def _group(self) -> dict[int, tuple[Node, ...]]:
        """Put smoothings in groups that do not wait for each other."""
        needed: set[int] = set()
        self._mark(self.columns, needed)
        smooths = [node for node in self.graph._known.values() if node.kind == m.SMOOTH and id(node) in needed]
        groups: dict[int, tuple[Node, ...]] = {}
        for depth in sorted({node.depth for node in smooths}):
            level = [node for node in smooths if node.depth == depth]
            for first in range(0, len(level), LANES):
                group = tuple(level[first : first + LANES])
                groups.update({id(node): group for node in group})
        return groups

    def _mark(self, found: Sequence[Series], needed: set[int]) -> None:
        for series in found:
            if series.node is not None and id(series.node) not in needed:
                needed.add(id(series.node))
                self._mark([operand for operand, _ in series.node.operands], needed)

    def _visit(self, series: Series) -> None:
        node = series.node
        if node is None or id(node) in self._placed:
            return
        group = self._lanes.get(id(node), (node,))
        for member in group:
            for operand, _ in member.operands:
                self._visit(operand)
        if id(node) not in self._placed:
            self._placed.update(id(member) for member in group)
            self.order.append(group)

    def plan(self) -> Plan:
        """Return the plan."""
        history, last = self._lives()
        at, size, regions = self._places(history, last)
        lines = np.zeros((len(self.order), m.WIDTH), dtype=np.int64)
        numbers: list[float] = []
        states = 0
        for place, step in enumerate(self.order):
            line = lines[place]
            line[m.NUMBERS], line[m.STATES] = len(numbers), states
            if isinstance(step, int):
                column = self.columns[step]
                line[m.KIND], line[1], line[2] = m.STORE, at[id(column)], step
                numbers.append(float(column.ready))
                continue
            line[m.KIND] = step[0].kind
            series = self._operands(step, at)
            line[m.FIRST : m.FIRST + len(series)] = series
            numbers.extend(_numbers(step))
            states += _STATES.get(step[0].kind, 0)
        inputs = np.array([at[id(series)] for series in self.graph.inputs], dtype=np.int64)
        return Plan(lines, np.array(numbers), regions, inputs, size, states)

    def _operands(self, group: tuple[Node, ...], at: dict[int, int]) -> list[int]:
        padded = [group[min(lane, len(group) - 1)] for lane in range(LANES)] if group[0].kind == m.SMOOTH else group
        results = [at[id(series)] for node in padded for series in node.results]
        return results + [at[id(series)] - back for node in padded for series, back in node.operands]

    def _lives(self) -> tuple[dict[int, int], dict[int, int]]:
        """Return by series how much history its readers need, and the last operation that reads it."""
        history = {id(series): 0 for series in self.graph.inputs}
        history[id(self.graph.close)] = 1  # a missing candle repeats it
        last: dict[int, int] = {}
        for place, step in enumerate(self.order):
            if isinstance(step, int):
                last[id(self.columns[step])] = place
                continue
            for node in step:
                for series in node.results:
                    history.setdefault(id(series), 0)
                    last.setdefault(id(series), place)
                for series, back in node.operands:
                    history[id(series)] = max(history[id(series)], back)
                    last[id(series)] = place
        return history, last

    def _places(self, history: dict[int, int], last: dict[int, int]) -> tuple[dict[int, int], int, Ints]:
        """Give every series its place; those without history share with ones that were read for the last time."""
        at: dict[int, int] = {}
        regions: list[tuple[int, int]] = []
        free: list[int] = []
        size = 0
        for series in self.graph.inputs:
            at[id(series)] = size + history[id(series)]
            regions.append((size, history[id(series)]))
            size += history[id(series)] + m.STRETCH
        for place, step in enumerate(self.order):
            made = [] if isinstance(step, int) else [series for node in step for series in node.results]
            for series in made:
                kept = history[id(series)]
                if not kept and free:
                    at[id(series)] = free.pop()
                    continue
                at[id(series)] = size + kept
                regions.append((size, kept))
                size += kept + m.STRETCH
            ended = {key for key, end in last.items() if end == place and not history[key] and key in at}
            free.extend(at[key] for key in ended - {id(series) for series in self.graph.inputs})
        kept_regions = [region for region in regions if region[1]]
        return at, size, np.array(kept_regions, dtype=np.int64).reshape(-1, 2)


def _numbers(group: tuple[Node, ...]) -> list[float]:
    if group[0].kind != m.SMOOTH:
        return list(group[0].numbers)
    padded = [group[min(lane, len(group) - 1)].numbers for lane in range(LANES)]
    return [lane[part] for part in range(3) for lane in padded]
