"""What a rule's side is worth: learned walk-forward from the rule's own resolved past, shrunk to the market price.

Beta-binomial on independent events. By an instant, the rule's past is its first firing in each market whose outcome was
known by then; the markets of one event are averaged, so that an event weighs one. With K events, win rate w and mean
price paid c, and a prior that believes the market with the weight of n0 events:

    mean = (K w + n0 c) / (K + n0)      fair value = price now + (mean - c)      se^2 = mean (1 - mean) / (K + n0 + 1)

Example: 154 of 164 events won at a mean price of .9027, n0 = 100: mean .92527, a learned edge of 2.3 points.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeworth.core.panel import NEVER, UNKNOWN_TIME, Floats, Int32s, Int64s, Outcomes, Panel
from edgeworth.core.types import Payout
from edgeworth.engine.flat import first_firings
from edgeworth.features.columns import ends_known, owners
from edgeworth.forecasting.firing import Firings

_E6 = 1_000_000
_BLOCK = 1_000_000  # firings whose temporary arrays are held at once


@dataclass(frozen=True, slots=True)
class Opinions:
    """What a strategy believes at its firings, F rows as in `Firings`.

    `p` and `se` are of the side winning; `evidence` counts the independent resolved events behind them.
    """

    row: Int64s
    side: npt.NDArray[np.int8]
    p: Floats
    se: Floats
    evidence: Int32s


@dataclass(frozen=True, slots=True)
class Learning:
    """How fair values are learned.

    `prior_events`: weight of the market price. `half_spread` and `spread_share`: what the side costs above the mid,
    half_spread + spread_share * p * (1 - p) dollars. `min_events`: below it the price stands. `mature`: an outcome
    counts only once the end that was scheduled when the rule fired has passed, since early outcomes are mostly YES.
    """

    prior_events: float = 100.0
    half_spread: float = 0.0
    spread_share: float = 0.0
    min_events: int = 0
    mature: bool = True


@dataclass(frozen=True, slots=True)
class Record:
    """A rule's resolved past as steps in time: after step i, `events` independent events with these means.

    `at` (S, ascending): when each resolved firing became usable.
    """

    at: Int64s
    events: Int64s
    win_rate: Floats
    price_paid: Floats


def learn(firings: Firings, panel: Panel, outcomes: Outcomes, prior_events: float = 100.0, **settings: Any) -> Opinions:
    """Return an opinion for every firing; `settings` are the other fields of `Learning`.

    A probability the rule states itself stands; its standard error is learned where the rule states none.
    """
    how = Learning(prior_events=prior_events, **settings)
    past = record(firings, panel, outcomes, how)
    count = len(firings)
    p, se, evidence = np.empty(count), np.empty(count), np.zeros(count, np.int32)
    for begin in range(0, count, _BLOCK):
        part = slice(begin, begin + _BLOCK)
        stated = [None if values is None else values[part] for values in (firings.p, firings.se)]
        if all(values is not None and not np.isnan(values).any() for values in stated):
            p[part], se[part] = stated
            evidence[part] = _events(past, panel.t[firings.row[part]])[1]
            continue
        _believe(firings, panel, past, how, part, (p[part], se[part], evidence[part]))
        for learned, said in zip((p[part], se[part]), stated, strict=True):
            if said is not None:
                np.copyto(learned, said, where=~np.isnan(said))
    return Opinions(firings.row, firings.side, p, se, evidence)


def record(firings: Firings, panel: Panel, outcomes: Outcomes, how: Learning) -> Record:
    """Return the rule's resolved past: first firing per market, ordered by when its outcome became usable."""
    first = first_firings(panel, firings.row)
    market = owners(panel, firings.row[first])
    fired_at = panel.t[firings.row[first]]
    usable = outcomes.known_at[market]
    if how.mature:
        end = ends_known(panel, firings.row[first], market)
        usable = np.where(end == UNKNOWN_TIME, usable, np.maximum(usable, end))
    # A firing that came after its outcome was known proves nothing; void outcomes and ones never known do not count.
    valid = (outcomes.payout_e4[market] >= 0) & (outcomes.known_at[market] > fired_at) & (usable != NEVER)
    first, market, usable = first[valid], market[valid], usable[valid]
    order = np.lexsort((firings.row[first], usable))
    first, market, usable = first[order], market[order], usable[order]
    payout = outcomes.payout_e4[market].astype(np.int64)
    won = np.where(firings.side[first] > 0, payout, int(Payout.YES) - payout)
    paid = np.rint(_cost(firings, panel, how, first) * _E6).astype(np.int64)
    event = np.unique(panel.markets["event_no"].to_numpy()[market], return_inverse=True)[1]
    return _steps(usable, event, won, paid)


def _steps(at: Int64s, event: npt.NDArray[np.intp], won: Int64s, paid: Int64s) -> Record:
    """Average within events as their markets resolve, then over events; what comes later changes no earlier step.

    Sums within an event are integers and every float is accumulated in time order, so a prefix is exact.
    """
    order = np.argsort(event, kind="stable")
    begins = np.flatnonzero(np.diff(event[order], prepend=-1))
    start = np.repeat(begins, np.diff(np.append(begins, len(order))))
    size = np.arange(len(order)) - start + 1
    before = size - 1

    def change(values: Int64s) -> Floats:
        total = np.cumsum(values[order])
        inside = total - np.where(start > 0, total[np.maximum(start - 1, 0)], 0)
        earlier = np.where(before > 0, (inside - values[order]) / np.maximum(before, 1), 0.0)
        step = np.empty(len(order))
        step[order] = inside / size - earlier
        return np.cumsum(step)

    fresh = np.empty(len(order), np.int64)
    fresh[order] = before == 0
    events = np.cumsum(fresh)
    divisor = np.maximum(events, 1)
    return Record(at, events, change(won) / 10_000 / divisor, change(paid) / _E6 / divisor)


def _believe(firings: Firings, panel: Panel, past: Record, how: Learning, part: slice, out: tuple[Any, ...]) -> None:
    from edgeworth.models.shrinkage import believe

    said = firings.row[part], firings.side[part]
    steps = past.at, past.events, past.win_rate, past.price_paid
    settings = float(how.prior_events), float(how.half_spread), float(how.spread_share), int(how.min_events)
    fixed = [tuple(_fixed(array) for array in arrays) for arrays in ((panel.t, panel.price_e4), said, steps)]
    believe(*fixed, settings, out)


def _fixed(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return a read-only view: one compiled version serves arrays in memory and mapped files."""
    view = np.ascontiguousarray(array).view(np.ndarray)[:]
    view.flags.writeable = False
    return view


def _events(past: Record, now: Int64s) -> tuple[Int64s, Int64s]:
    """Return for each instant the last step of the record by then (-1 before the first) and its number of events."""
    step = np.searchsorted(past.at, now, side="right") - 1
    if not len(past.at):
        return step, np.zeros(len(step), np.int64)
    return step, np.where(step >= 0, past.events[np.maximum(step, 0)], 0)


def _cost(firings: Firings, panel: Panel, how: Learning, which: "slice | npt.NDArray[np.intp]") -> Floats:
    """Return what one share of the side costs at the firing: the side's mid plus half the spread, at most a dollar."""
    price = panel.price_e4[firings.row[which]].astype(np.int64)
    mid = np.where(firings.side[which] > 0, price, 10_000 - price) / 10_000
    return np.minimum(mid + how.half_spread + how.spread_share * mid * (1.0 - mid), 1.0)
