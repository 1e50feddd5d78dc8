"""Loops that carry something from row to row: smoothing, counts, longer timeframes, and the reading of candles.

What they carry lies in `state`, so that a stretch may be computed in pieces of any length with the same result.
"""

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from edgeworth.features.technical.compiled import step
from edgeworth.features.technical.elementwise import FLAT_STRENGTH, Work

State = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

INPUTS: Final = 6  # open, high, low, close, volume, whether the candle was missing
LANES: Final = 4
BAR_STATE: Final = 9
_BAR_MEAN: Final = 20
_BAR_STRENGTH: Final = 14

FINE, UNORDERED, OFF_GRID, IMPLAUSIBLE = 0, 1, 2, 3
LEAST, MOST = 1e-100, 1e100  # squares and quotients of such numbers are finite


@step
def _warm(value: float, x: float, seen: int, period: int, alpha: float) -> float:
    if seen <= 0:
        return 0.0
    if seen <= period:
        return value + (x - value) / seen
    return alpha * x + (1.0 - alpha) * value


@step
def smooth(work: Work, at: Ints, place: tuple[int, int, int], state: State, numbers: State) -> None:
    """Smooth four series at once: the mean of the first `period` values, then y = alpha x + (1 - alpha) y.

    `at` holds four results and four operands, `place` is (shift of all, values to write, values seen before);
    `numbers` holds alpha, period and the first value of each lane. Four chains hide each other's latency.
    """
    p, n, before = place
    cut = 0
    for lane in range(LANES):
        warm_until = int(numbers[LANES + lane] + numbers[2 * LANES + lane])
        cut = max(cut, min(n, warm_until - before))
    if cut > 0:
        for lane in range(LANES):
            out, x = work[at[lane] + p : at[lane] + p + n], work[at[LANES + lane] + p : at[LANES + lane] + p + n]
            alpha, period = numbers[lane], int(numbers[LANES + lane])
            first = int(numbers[2 * LANES + lane])
            value = state[lane]
            for i in range(cut):
                value = _warm(value, x[i], before + i + 1 - first, period, alpha)
                out[i] = value
            state[lane] = value
    size = p + n
    out0, x0 = work[at[0] + p : at[0] + size], work[at[4] + p : at[4] + size]
    out1, x1 = work[at[1] + p : at[1] + size], work[at[5] + p : at[5] + size]
    out2, x2 = work[at[2] + p : at[2] + size], work[at[6] + p : at[6] + size]
    out3, x3 = work[at[3] + p : at[3] + size], work[at[7] + p : at[7] + size]
    w0, w1, w2, w3 = numbers[0], numbers[1], numbers[2], numbers[3]
    k0, k1, k2, k3 = 1.0 - w0, 1.0 - w1, 1.0 - w2, 1.0 - w3
    y0, y1, y2, y3 = state[0], state[1], state[2], state[3]
    for i in range(cut, n):
        y0 = w0 * x0[i] + k0 * y0
        y1 = w1 * x1[i] + k1 * y1
        y2 = w2 * x2[i] + k2 * y2
        y3 = w3 * x3[i] + k3 * y3
        out0[i], out1[i], out2[i], out3[i] = y0, y1, y2, y3
    state[0], state[1], state[2], state[3] = y0, y1, y2, y3


@step
def since_cross(work: Work, at: tuple[int, int, int], place: tuple[int, int, int], state: State) -> None:
    """Write how many rows ago the order of `a` and `b` last changed; NaN before that; equality changes nothing.

    `at` is (result, a, b), `place` is (values to write, values seen before, values to pass over). State: sign, count.
    """
    n, before, first = place
    out, x, y = work[at[0] : at[0] + n], work[at[1] : at[1] + n], work[at[2] : at[2] + n]
    sign, count = state[0], state[1]
    for i in range(n):
        if before + i < first:
            out[i] = np.nan
            continue
        now = 1.0 if x[i] > y[i] else -1.0 if x[i] < y[i] else sign
        if sign == 0.0:
            count = np.nan
        elif now != sign:
            count = 0.0
        else:
            count += 1.0
        sign = now
        out[i] = count
    state[0], state[1] = sign, count


@step
def unbroken(work: Work, o: int, a: int, n: int, state: State, most: float) -> None:
    """Write how many rows before this one `a` has been 0 without a break, at most `most`. State: the next count."""
    out, missing = work[o : o + n], work[a : a + n]
    count, broken_off = state[0], 0.0
    for i in range(n):
        broken_off += missing[i]
    if broken_off == 0.0 and count == most:
        out[:] = most
        return
    for i in range(n):
        if missing[i] != 0.0:
            count = 0.0
        out[i] = count
        if missing[i] == 0.0 and count < most:
            count += 1.0
    state[0] = count


@step
def day_progress(work: Work, o: int, n: int, opens: int, interval: int, day: int) -> None:
    """Write which share of the UTC day has passed at the close of each row; `opens` is when the first one opens."""
    out = work[o : o + n]
    begin, passed = 0, (opens + interval) % day
    while begin < n:
        stop = min(n, begin + (day - passed) // interval)
        for i in range(stop - begin):
            out[begin + i] = (passed + i * interval) / day
        begin, passed = stop, 0


@step
def bars(work: Work, at: tuple[int, int, int, int, int], clock: Any, n: int, state: State) -> None:
    """Write log-return, RSI and distance from the EMA of the last *completed* bar of a longer timeframe.

    `at` is (three results, close, its logarithm), `clock` is (when the first row opens, interval, length of a bar).
    A bar is completed by the row that closes when it ends. State: bars, last close, its logarithm, average gain and
    loss, EMA, and the three values in force.
    """
    opens, interval, length = clock
    out0, out1, out2 = work[at[0] : at[0] + n], work[at[1] : at[1] + n], work[at[2] : at[2] + n]
    close, logs = work[at[3] : at[3] + n], work[at[4] : at[4] + n]
    if length % interval:  # the timeframe cannot be made of such candles
        out0[:], out1[:], out2[:] = np.nan, np.nan, np.nan
        return
    if state[0] == 0.0:
        state[6], state[7], state[8] = np.nan, np.nan, np.nan
    rest, stride, i = (opens + interval) % length, length // interval, 0
    end = (length - rest) // interval if rest else 0
    while i < n:
        stop = min(end, n)
        for j in range(i, stop):
            out0[j], out1[j], out2[j] = state[6], state[7], state[8]
        if end >= n:
            break
        _close_bar(state, close[end], logs[end])
        out0[end], out1[end], out2[end] = state[6], state[7], state[8]
        i = end + 1
        end += stride


@step
def _close_bar(state: State, close: float, log: float) -> None:
    count = state[0]
    if count > 0.0:
        change = close - state[1]
        weight = 1.0 / min(count, _BAR_STRENGTH)
        state[3] += (max(change, 0.0) - state[3]) * weight
        state[4] += (max(-change, 0.0) - state[4]) * weight
        state[6] = log - state[2]
    count += 1.0
    state[0], state[1], state[2] = count, close, log
    state[5] += (close - state[5]) * (1.0 / count if count <= _BAR_MEAN else 2.0 / (_BAR_MEAN + 1))
    if count > _BAR_STRENGTH:
        total = state[3] + state[4]
        state[7] = FLAT_STRENGTH if total == 0.0 else 100.0 * state[3] / total
    if count >= _BAR_MEAN:
        state[8] = (close - state[5]) / close


@step
def plausible(candles: Any, interval: int, last: int) -> tuple[int, int]:
    """Return what is wrong with candles and in which row: FINE, UNORDERED, OFF_GRID or IMPLAUSIBLE.

    `last` is when the candle before opened. Prices must lie between LEAST and MOST with low <= open, close <= high, the
    volume between 0 and MOST, opening times must be ascending multiples of `interval`. The first loop only counts,
    without a branch, since nearly always there is nothing to find.
    """
    t, opened, high, low, close, volume = candles
    faults = 0
    for i in range(len(t)):
        inside = (low[i] <= opened[i]) & (opened[i] <= high[i]) & (low[i] <= close[i]) & (close[i] <= high[i])
        bounded = (low[i] >= LEAST) & (high[i] <= MOST) & (volume[i] >= 0.0) & (volume[i] <= MOST)
        faults += not (inside & bounded)
    for i in range(1, len(t)):
        faults += t[i] - t[i - 1] != interval
    if faults == 0 and len(t) > 0 and t[0] > last and t[0] % interval == 0:
        return FINE, 0
    for i in range(len(t)):
        if t[i] <= last:
            return UNORDERED, i
        if t[i] - last != interval and t[i] % interval:
            return OFF_GRID, i
        last = t[i]
        inside = (low[i] <= opened[i]) & (opened[i] <= high[i]) & (low[i] <= close[i]) & (close[i] <= high[i])
        bounded = (low[i] >= LEAST) & (high[i] <= MOST) & (volume[i] >= 0.0) & (volume[i] <= MOST)
        if not (inside & bounded):
            return IMPLAUSIBLE, i
    return FINE, 0


@step
def broken(t: Ints, progress: Ints) -> bool:
    """Return whether the next candle comes after too long a gap; `progress` as in `load`."""
    row, last, interval, known, most = progress[0], progress[1], progress[2], progress[3], progress[4]
    return bool(known == 1 and (t[row] - last) // interval > most + 1)


@step
def load(work: Work, at: Ints, p: int, room: int, candles: Any, progress: Ints, where: Ints) -> tuple[int, bool]:  # noqa: PLR0913, PLR0917
    """Copy up to `room` candles into the workspace, a flat one for each that is missing; stop before too long a gap.

    `at` says where open, high, low, close, volume and missing begin, `p` how full they are. `progress` is (next row,
    when the last candle opened, interval, 1 if there is a last candle, most candles that may be missing); `where` is
    given the row of each candle, -1 for a missing one. Return how many were copied and whether any was missing.
    """
    t, opened, high, low, close, volume = candles
    count, gaps = 0, False
    while count < room and progress[0] < len(t):
        row, interval, place = progress[0], progress[2], p + count
        if progress[3] == 1 and t[row] != progress[1] + interval:
            if broken(t, progress):
                break
            before = work[at[3] + place - 1]
            for k in range(4):
                work[at[k] + place] = before
            work[at[4] + place], work[at[5] + place] = 0.0, 1.0
            where[count] = -1
            progress[1] += interval
            gaps = True
            count += 1
            continue
        limit, stop = min(len(t), row + room - count), row + 1
        while stop < limit and t[stop] - t[stop - 1] == interval:
            stop += 1
        n = stop - row
        _move(work, at[0] + place, opened, row, n)
        _move(work, at[1] + place, high, row, n)
        _move(work, at[2] + place, low, row, n)
        _move(work, at[3] + place, close, row, n)
        _move(work, at[4] + place, volume, row, n)
        for i in range(n):
            work[at[5] + place + i] = 0.0
            where[count + i] = row + i
        progress[0], progress[1], progress[3] = stop, t[stop - 1], 1
        count += n
    return count, gaps


@step
def _move(work: Work, o: int, values: Work, row: int, n: int) -> None:
    out, x = work[o : o + n], values[row : row + n]
    for i in range(n):
        out[i] = x[i]
