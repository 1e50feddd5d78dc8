"""Checks of who is in a sample and what counts as one piece of evidence.

Arrays have one entry per row (N,) unless said otherwise; `event` are integer labels, times are microseconds, prices and
payouts dollars of the side looked at.
"""

import math
from typing import Final

import numpy as np
import numpy.typing as npt

from edgeworth.core.panel import UNKNOWN_TIME
from edgeworth.models.scores import cluster_mean, dense
from edgeworth.research.types import LintLine

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

ENOUGH: Final = 20
_SOME: Final = 0.1
_STRONG: Final = 4.0  # standard errors: with thousands of checks in a project's life, 2 would cry wolf every week


def split_random(event: Ints, train: Ints, test: Ints) -> LintLine:
    """Fail when rows of one event stand in `train` and in `test` (row indices)."""
    code = "leak-split-random"
    both = np.intersect1d(event[train], event[test])
    if len(both):
        share = float(np.isin(event[test], both).mean())
        return LintLine(code, False, f"{share:.0%} of the test rows belong to events that also train")
    return LintLine(code, True, f"no event of {len(np.unique(event)):,} is on both sides")


def rows_iid(values: Floats, event: Ints, claimed_error: float) -> LintLine:
    """Fail when a claimed standard error of the mean of `values` lies well below the one clustered by event."""
    code = "leak-rows-iid"
    _, events = dense(event)
    if events < ENOUGH:
        return LintLine(code, None, f"only {events} events")
    error = cluster_mean(values, event).error
    spread = float(values.std(ddof=1))
    effective = min((spread / error) ** 2, float(len(values))) if error > 0 else float(len(values))
    note = f"{len(values):,} rows of {events:,} events are worth {effective:,.0f} independent ones"
    return LintLine(
        code, bool(claimed_error >= 0.8 * error), f"{note}; error {claimed_error:.4g} claimed, {error:.4g} due"
    )


def label_open(train_known_at: Ints, test_t: Ints, lag: int = 0) -> LintLine:
    """Fail when an outcome that trains became usable (`known_at` + `lag`) only after the first test row."""
    code = "leak-label-open"
    if not len(train_known_at) or not len(test_t):
        return LintLine(code, None, "nothing is trained or tested")
    late = train_known_at > int(test_t.min()) - lag
    if late.any():
        return LintLine(code, False, f"{late.mean():.0%} of the training outcomes were not known when testing began")
    return LintLine(code, True, "every training outcome was known before the first test row")


def resolved_so_far(price: Floats, payout: Floats, event: Ints, end: Ints, data_end: int) -> LintLine:
    """Fail when markets that resolved before a scheduled end beyond the data are many, and too often YES.

    `price` and `payout` of YES; `end`: scheduled end as known at the row, UNKNOWN_TIME without one.
    """
    code = "leak-resolved-so-far"
    if not len(end):
        return LintLine(code, None, "no rows")
    open_ = end > data_end
    undated = float((end == UNKNOWN_TIME).mean())
    share = float(open_.mean())
    note = f"{share:.0%} of the trades settled before their scheduled end, which lies after the data"
    early = min(int(open_.sum()), len(np.unique(event[open_]))) if open_.any() else 0
    if share > _SOME and early >= ENOUGH:
        gap = cluster_mean((payout - price)[open_], event[open_])
        error = max(gap.error, 0.5 / math.sqrt(early) / 2)  # never below that of coins at .93: all may be YES
        if gap.value > _STRONG * error:
            return LintLine(code, False, f"{note}; they paid {100 * gap.value:+.1f} points more YES than their price")
    if share > _SOME:
        return LintLine(code, None, f"{note}: early outcomes are mostly YES")
    if undated > _SOME:
        words = f"{undated:.0%} of the trades have no scheduled end"
        return LintLine(code, None, f"{words}: whether late NO outcomes are missing is unknown")
    return LintLine(code, True, "the scheduled end of nearly every traded market lies within the data")


def exclusive(event: Ints, is_exclusive: Bools, unit: Ints) -> LintLine:
    """Fail when legs of one mutually exclusive event count as several units of evidence (`unit`: labels)."""
    code = "bias-exclusive"
    rows = np.flatnonzero(is_exclusive)
    if not len(rows):
        return LintLine(code, True, "no mutually exclusive outcomes")
    pairs = np.unique(np.column_stack([event[rows], unit[rows]]), axis=0)
    events = len(np.unique(pairs[:, 0]))
    if len(pairs) > events:
        return LintLine(code, False, f"{events:,} exclusive events are counted as {len(pairs):,} independent bets")
    return LintLine(code, True, f"{len(rows):,} legs of exclusive events count as {events:,} events")


def mirror(question: Ints, market: Ints, t: Ints, price: Floats) -> LintLine:
    """Fail when questions appear as two markets whose prices add up to 1: their YES and their NO side.

    `question`: labels of equal wording; a pair counts with at least three common instants, 90 % of which add up, and
    the sample fails when such pairs hold one percent of its markets.
    """
    code = "bias-mirror"
    order = np.lexsort((market, t, question))
    q, m, when, p = question[order], market[order], t[order], price[order]
    pair = (q[1:] == q[:-1]) & (when[1:] == when[:-1]) & (m[1:] != m[:-1])
    where = np.flatnonzero(pair)
    if not len(where):
        return LintLine(code, True, "no question appears twice at one instant")
    both = np.sort(np.column_stack([m[where], m[where + 1]]), axis=1)
    sums = np.abs(p[where] + p[where + 1] - 1.0) < 0.005
    _, number = np.unique(both, axis=0, return_inverse=True)
    number = number.ravel()
    count = np.bincount(number)
    share = np.bincount(number, sums) / count
    # two markets that stay at one half add up to 1 without being sides of one
    still = np.bincount(number, np.abs(p[where] - 0.5) < 0.005) / count > 0.5
    found = (count >= 3) & (share >= 0.9) & ~still
    sides, markets = 2 * int(found.sum()), len(np.unique(market))
    # one pair in a hundred adds up by chance where series are short: what counts is a share of the sample
    if sides >= max(0.01 * markets, 1):
        return LintLine(code, False, f"{sides:,} of {markets:,} equally worded markets are two sides of one")
    return LintLine(code, True, f"{sides:,} of {markets:,} equally worded markets add up to 1 with another")


def survivor(payout_e4: npt.NDArray[np.integer], kept: Bools, reported: bool) -> LintLine:
    """Fail when awkward outcomes vanish from a sample, or more than a tenth of it silently.

    `payout_e4` (M,) of the markets asked for (0, 5000, 10000, -2 void, -1 unresolved), `kept`: in the sample.
    """
    code = "bias-survivor"
    final = payout_e4 != -1
    if int(final.sum()) < ENOUGH:
        return LintLine(code, None, "too few resolved markets")
    odd = np.isin(payout_e4, (5_000, -2))
    gone = float((~kept[final]).mean())
    note = f"{gone:.1%} of the resolved markets are not in the sample"
    if not reported and int(odd.sum()) >= 3 and not kept[odd].any():
        return LintLine(code, False, f"all {int(odd.sum()):,} markets that paid one half or were void are left out")
    if not reported and gone > _SOME:
        return LintLine(code, False, f"{note}, and nothing says so")
    return LintLine(code, True, note)


def double_count(market: Ints, t: Ints, size: Floats, price: Floats) -> LintLine:
    """Fail when trades appear twice: once per leg of a match, at one price or at its complement."""
    code = "bias-double-count"
    if len(t) < ENOUGH:
        return LintLine(code, None, "too few trades")
    level = np.rint(np.minimum(price, 1.0 - price) * 1e4).astype(np.int64)
    lots = np.rint(size * 1e6).astype(np.int64)
    order = np.lexsort((level, lots, t, market))
    same = np.ones(len(t) - 1, dtype=bool)
    for column in (market, t, lots, level):
        same &= np.diff(column[order]) == 0
    share = float(same.sum() / len(t))
    note = f"{share:.1%} of the trades repeat another of the same market, instant and size"
    return LintLine(code, share <= 0.05, note)


def length(index: Ints, size: Ints, t: Ints, listed: Ints, end: Ints) -> LintLine:
    """Fail when entries lie at one share of the complete series, or one count from its end, which nobody knows yet.

    `index` of the entry in its market's series of `size` points; a constant share of the time from `listed` to the
    scheduled `end` (as known then, UNKNOWN_TIME without one) explains it honestly.
    """
    code = "leak-length"
    long = size >= ENOUGH
    if int(long.sum()) < ENOUGH or _spread(size[long]) < 1.5:
        return LintLine(code, None, "too few entries in long series of different lengths")
    index, size = index[long], size[long]
    known = end[long] != UNKNOWN_TIME
    planned = np.where(known, end[long] - listed[long], 1).astype(np.float64)
    left = np.where(known, end[long] - t[long], 0).astype(np.float64)
    share, back = index / (size - 1), size - 1 - index
    constant = float(np.median(share))
    at_share = np.abs(index - constant * (size - 1)) <= 1.0
    at_back = np.abs(back - np.median(back)) <= 0.5
    step = np.maximum((t[long] - listed[long]) / np.maximum(index, 1), 1.0)
    honest_share = known & (
        np.abs((t[long] - listed[long]) / planned - _median(1 - left / planned, known)) * planned <= 2 * step
    )
    honest_back = known & (np.abs(left - _median(left, known)) <= 2 * step)
    moved = _spread(index + 1) >= 1.3
    for found, honest, words in (
        (at_share, honest_share, f"at {constant:.0%} of the complete series"),
        (at_back, honest_back, f"{int(np.median(back))} points before the end of the series"),
    ):
        if moved and constant > 0.03 and found.mean() >= 0.9 and honest.mean() < 0.7:
            return LintLine(code, False, f"{found.mean():.0%} of the entries lie {words}: the end was not known then")
    return LintLine(code, True, "entries do not follow the length of the series")


def _median(values: Floats, known: Bools) -> float:
    return float(np.median(values[known])) if known.any() else math.inf


def _spread(values: npt.NDArray[np.integer]) -> float:
    low, high = np.quantile(values, [0.1, 0.9])
    return float(high / max(low, 1.0))
