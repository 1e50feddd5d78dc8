"""Splits that cannot leak: grouped by event, purged by when labels became known, with an embargo.

An event e occupies the interval [opened_e, known_e]: from its first row until its last resolution was usable. All
times are microseconds; `event` are labels of shape (N,); results are row indices.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

from edgeworth.core.units import DAY
from edgeworth.models.scores import dense

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Rows:
    """What a splitter needs to know of N rows: decision time, event, and when the row's label became known."""

    t: Ints
    event: npt.NDArray[np.integer]
    label_known_at: Ints

    def spans(self) -> tuple[Ints, Ints, Ints]:
        """Return dense event numbers (N,), and per event its first row's time and its last label's time (G,)."""
        numbers, count = dense(self.event)
        opened = np.full(count, np.iinfo(np.int64).max)
        known = np.full(count, np.iinfo(np.int64).min)
        np.minimum.at(opened, numbers, self.t)
        np.maximum.at(known, numbers, self.label_known_at)
        return numbers, opened, known


def walk_forward(rows: Rows, folds: int, embargo: int = DAY) -> Iterator[tuple[Ints, Ints]]:
    """Yield (train, test) for `folds` consecutive blocks of decision time; the first block only trains.

    Train rows lie before the block, belong to events whose labels were all known `embargo` before it, and to no event
    with a row in the block.
    """
    numbers, _, known = rows.spans()
    edges = np.quantile(rows.t, np.linspace(0, 1, folds + 2)).astype(np.int64)
    for index in range(1, folds + 1):
        start, stop = edges[index], edges[index + 1]
        last = index == folds
        test = (rows.t >= start) & ((rows.t <= stop) if last else (rows.t < stop))
        tested = np.zeros(len(known), dtype=bool)
        tested[numbers[test]] = True
        train = (rows.t < start) & (known[numbers] <= start - embargo) & ~tested[numbers]
        yield np.flatnonzero(train), np.flatnonzero(test)


def path_counts(groups: int, tests: int) -> tuple[int, int]:
    """Return the number of splits C(N, k) and of paths C(N, k) k/N of combinatorial purged cross-validation."""
    splits = math.comb(groups, tests)
    return splits, splits * tests // groups


def combinatorial(rows: Rows, groups: int, tests: int, embargo: int = DAY) -> Iterator[tuple[Ints, Ints]]:
    """Yield (train, test) for every choice of `tests` of `groups` event groups, ordered by opening.

    Train loses every event whose interval overlaps that of a tested event, or begins within `embargo` after it.
    Source: Lopez de Prado 2018, chapters 7 and 12.
    """
    numbers, opened, known = rows.spans()
    order = np.argsort(opened, kind="stable")
    group = np.empty(len(opened), dtype=np.int64)
    group[order] = np.arange(len(order)) * groups // max(len(order), 1)
    for chosen in combinations(range(groups), tests):
        tested = np.isin(group, chosen)
        keep = ~tested & ~overlaps(opened, known, tested, embargo)
        yield np.flatnonzero(keep[numbers]), np.flatnonzero(tested[numbers])


def overlaps(opened: Ints, known: Ints, tested: npt.NDArray[np.bool_], embargo: int) -> npt.NDArray[np.bool_]:
    """Tell which events overlap the union of the tested intervals, each prolonged by the embargo, shape (G,)."""
    order = np.argsort(opened[tested], kind="stable")
    starts = opened[tested][order]
    stops = np.maximum.accumulate(known[tested][order])
    stops = np.where(stops > np.iinfo(np.int64).max - embargo, stops, stops + embargo)
    # among tested intervals that begin by our end, the furthest stop decides
    before = np.searchsorted(starts, known, side="right") - 1
    reach = np.where(before >= 0, stops[np.maximum(before, 0)], np.iinfo(np.int64).min)
    return np.asarray(reach >= opened)
