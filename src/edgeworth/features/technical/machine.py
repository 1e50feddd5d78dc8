"""The machine that runs a plan: candles in, columns out, in stretches that stay in the processor's cache.

The workspace holds every series of the plan as history and one stretch. A stretch may have any length, down to a single
candle: the same loops serve a whole history and the live bot. Nothing in here can see a row that was not loaded yet.
"""

from typing import Any, Final

import numpy as np

from edgeworth.features.technical import elementwise as each
from edgeworth.features.technical import sequential as carried
from edgeworth.features.technical.compiled import kernel, step
from edgeworth.features.technical.elementwise import Work
from edgeworth.features.technical.sequential import Ints, State

DAY: Final = 86_400_000_000
STRETCH: Final = 1_024  # rows computed at a time
(
    STORE, LOG, RECIPROCAL, PLUS, MINUS, TIMES, HIGHER, LOWER, GAIN, RATIO, APART, GROWTH, SHARE,
    POSITION, STRENGTH, DIRECTED, TRUE_RANGE, ROOT, LINEAR, PAIR, MERGE, SMOOTH, SINCE_CROSS, UNBROKEN, DAY_PROGRESS,
    BARS,
) = range(26)  # fmt: skip
# what a line of a plan holds: the operation, places of up to eight series, its first number and its first state
KIND, FIRST, NUMBERS, STATES, WIDTH = 0, 1, 9, 10, 11
# progress: see `sequential.load`; behind it the stretch's fill and the candles seen since the beginning
ROW, LAST, INTERVAL, KNOWN, MOST, FILLED, SEEN, PROGRESS = range(8)


@step
def _store(work: Work, a: int, n: int, hidden: int, out: Any, where: Ints, gaps: bool) -> None:  # noqa: PLR0913, PLR0917
    """Write a column's stretch to the rows of its candles; the first `hidden` values are not defined yet."""
    x = work[a : a + n]
    hidden = max(0, min(hidden, n))
    if gaps:
        for i in range(n):
            if where[i] >= 0:
                out[where[i]] = x[i] if i >= hidden else np.nan
        return
    result = out[where[0] : where[0] + n]
    for i in range(n):
        result[i] = x[i]
    result[:hidden] = np.nan


@step
def _run(lines: Ints, numbers: State, work: Work, state: State, clock: Any, target: Any) -> None:  # noqa: C901, PLR0912, PLR0915
    """Run every line of a plan over one stretch: `clock` says which (see `advance`)."""
    p, n, before, opens, interval = clock
    single, exact, where, gaps = target
    for place in range(len(lines)):
        line = lines[place]
        kind, k = line[KIND], line[NUMBERS]
        o, a, b, c, d, e = line[1] + p, line[2] + p, line[3] + p, line[4] + p, line[5] + p, line[6] + p
        if kind == STORE:
            hidden = int(numbers[k]) - 1 - before
            if single.shape[1] > 0:
                _store(work, o, n, hidden, single[line[2]], where, gaps)
            else:
                _store(work, o, n, hidden, exact[line[2]], where, gaps)
        elif kind == MERGE:
            each.merge(work, (o, a), (b, c), (d, e), n, (numbers[k], numbers[k + 1]))
        elif kind == PAIR:
            each.pair(work, o, a, b, c, n)
        elif kind == HIGHER:
            each.higher(work, o, a, b, n)
        elif kind == LOWER:
            each.lower(work, o, a, b, n)
        elif kind == SHARE:
            each.share(work, o, a, b, c, n)
        elif kind == MINUS:
            each.minus(work, o, a, b, n)
        elif kind == PLUS:
            each.plus(work, o, a, b, n)
        elif kind == TIMES:
            each.times(work, o, a, b, n)
        elif kind == ROOT:
            each.root(work, o, a, n, numbers[k])
        elif kind == APART:
            each.apart(work, o, a, b, c, n)
        elif kind == SMOOTH:
            carried.smooth(work, line[FIRST:], (p, n, before), state[line[STATES] :], numbers[k:])
        elif kind == POSITION:
            each.position(work, o, a, b, c, n)
        elif kind == STRENGTH:
            each.strength(work, o, a, b, n)
        elif kind == BARS:
            carried.bars(work, (o, a, b, c, d), (opens, interval, int(numbers[k])), n, state[line[STATES] :])
        elif kind == RATIO:
            each.ratio(work, o, a, b, n, numbers[k])
        elif kind == GROWTH:
            each.growth(work, o, a, b, n)
        elif kind == GAIN:
            each.gain(work, o, a, b, n)
        elif kind == SINCE_CROSS:
            carried.since_cross(work, (o, a, b), (n, before, int(numbers[k])), state[line[STATES] :])
        elif kind == LOG:
            each.log(work, o, a, n)
        elif kind == RECIPROCAL:
            each.reciprocal(work, o, a, n)
        elif kind == LINEAR:
            each.linear(work, o, a, n, numbers[k], numbers[k + 1])
        elif kind == TRUE_RANGE:
            each.true_range(work, o, a, b, c, n)
        elif kind == DIRECTED:
            each.directed(work, o, a, b, c, n)
        elif kind == UNBROKEN:
            carried.unbroken(work, o, a, n, state[line[STATES] :], numbers[k])
        elif kind == DAY_PROGRESS:
            carried.day_progress(work, o, n, opens, interval, DAY)


@step
def _slide(work: Work, regions: Ints) -> None:
    for k in range(len(regions)):
        begin, kept = regions[k, 0], regions[k, 1]
        for i in range(kept):  # forwards: the target lies before the source
            work[begin + i] = work[begin + STRETCH + i]


@kernel
def check(candles: Any, interval: int, last: int) -> tuple[int, int]:
    """Return what is wrong with candles and where; see `sequential.plausible`."""
    result: tuple[int, int] = carried.plausible(candles, interval, last)
    return result


@kernel
def advance(plan: Any, memory: Any, candles: Any, out: Any, begin: int) -> None:
    """Compute the columns of candles that continue those seen so far.

    `plan` is (lines, numbers, regions, places of the inputs), `memory` (workspace, state, progress, where), `candles`
    (t, open, high, low, close, volume), `out` two arrays (columns, rows), float32 and float64: the one that has rows is
    written, from row `begin` on, so that there is one function to compile.
    """
    lines, numbers, regions, inputs = plan
    work, state, progress, where = memory
    t = candles[0]
    progress[ROW] = 0
    while progress[ROW] < len(t):
        if carried.broken(t, progress):
            work[:] = 0.0
            state[:] = 0.0
            progress[KNOWN], progress[FILLED], progress[SEEN] = 0, 0, 0
        if progress[FILLED] == STRETCH:
            _slide(work, regions)
            progress[FILLED] = 0
        p = progress[FILLED]
        opens = progress[LAST] + progress[INTERVAL] if progress[KNOWN] == 1 else t[progress[ROW]]
        n, gaps = carried.load(work, inputs, p, STRETCH - p, candles, progress, where)
        clock = (p, n, progress[SEEN], opens, progress[INTERVAL])
        for i in range(n):
            where[i] += begin * (where[i] >= 0)
        _run(lines, numbers, work, state, clock, (out[0], out[1], where, gaps))
        progress[FILLED] += n
        progress[SEEN] += n
