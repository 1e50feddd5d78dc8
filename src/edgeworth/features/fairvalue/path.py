"""What a price path has settled of a contract by t: spot, reference, extremes inside the window, and what is missing.

Only candles closed by t count. A missing candle inside the window leaves a contract without a value, unless another
candle has decided it already: that a level was touched stays a fact whatever else is unknown.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from edgeworth.core.contract import ContractKind, ContractTerms
from edgeworth.core.units import MINUTE
from edgeworth.features.fairvalue.realised import Bars

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Strings = npt.NDArray[np.str_]
Bools = npt.NDArray[np.bool_]
MISSING: Final = -1
_REFERENCE_SLACK: Final = (
    MINUTE  # noon's close read from hourly candles is a minute early; that minute's variance counts
)
_WORDS: Final = "<U48"


@dataclass(frozen=True, slots=True)
class History:
    """Candles of one pair in time order: open times `t` in microseconds, `step` apart, prices in dollars; shape (n,).

    Of a candle that has not closed by the instant asked about nothing is read. `venue` says whose prices they are.
    """

    t: Ints
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    step: int
    venue: str = "binance"

    @property
    def known_at(self) -> Ints:
        """When each candle was final: its close."""
        return self.t + self.step

    @property
    def bars(self) -> Bars:
        """The candles as the variance functions take them."""
        return Bars(self.t, self.high, self.low, self.close, self.step)


@dataclass(slots=True)
class Facts:
    """What is settled per instant, shape (n,).

    `variance_left` microseconds of variance from `spot` to the deadline; `target` the level or reference the distance
    is measured to, NaN before a window begins; `so_far` the window's extreme over its level; `decided` 1 or 0 where the
    path has settled it, else NaN; `reason` why there is no value, empty where there may be one.
    """

    spot: Floats
    variance_left: Floats
    target: Floats
    so_far: Floats
    decided: Floats
    reason: Strings

    def refuse(self, rows: Bools, why: str) -> None:
        """Note why rows have no value; the first reason stands."""
        self.reason[rows & (self.reason == "")] = why


@dataclass(frozen=True, slots=True)
class _Seen:
    """Candles, the instants, the last candle closed by each (-1 for none) and when it closed."""

    history: History
    t: Ints
    last: Ints
    at: Ints


def facts_of(terms: ContractTerms, history: History | None, t: Ints, limits: tuple[int, bool]) -> Facts:
    """Return what is settled at instants t (n,); `limits` are the oldest spot (0 = two candles) and whether candles of
    another venue may stand in.
    """
    count = len(t)
    spot, left, target, so_far, decided = (np.full(count, np.nan) for _ in range(5))
    facts = Facts(spot, left, target, so_far, decided, np.full(count, "", dtype=_WORDS))
    if terms.kind is ContractKind.NONE or terms.window_end is None:
        facts.refuse(np.ones(count, dtype=bool), "the rule is not understood")
        return facts
    if history is None or not len(history.t):
        facts.refuse(np.ones(count, dtype=bool), "there are no candles")
        return facts
    if history.venue != terms.venue_of_record and not limits[1]:
        facts.refuse(np.ones(count, dtype=bool), f"the candles are not {terms.venue_of_record}'s")
        return facts
    seen = _see(facts, history, t)
    facts.variance_left[:] = np.maximum(terms.window_end - seen.at, 0)
    _SETTLE[_family(terms)](facts, terms, seen)
    undecided = np.isnan(facts.decided)
    facts.refuse(undecided & (t >= terms.window_end), "the deadline has passed")
    facts.refuse(undecided & (t - seen.at > (limits[0] or 2 * history.step)), "the last candle is too old")
    return facts


def _see(facts: Facts, history: History, t: Ints) -> _Seen:
    last = np.searchsorted(history.known_at, t, side="right") - 1
    seen = _Seen(history, t, last, np.where(last >= 0, history.known_at[last], 0))
    facts.refuse(last < 0, "no candle has closed yet")
    facts.spot[:] = np.where(last >= 0, history.close[last], np.nan)
    facts.refuse(~(facts.spot > 0), "the last candle has no price")
    return seen


def _family(terms: ContractTerms) -> str:
    if terms.is_touch:
        return "touch"
    if terms.is_up_or_down:
        return "updown"
    return "first" if terms.kind is ContractKind.FIRST_OF_TWO else "end"


def _end(facts: Facts, terms: ContractTerms, seen: _Seen) -> None:
    """A price at one instant: nothing is settled before it."""
    del seen
    levels = np.array(terms.levels)
    nearest = np.abs(np.log(levels[None, :] / facts.spot[:, None]))
    facts.target[:] = levels[np.argmin(np.where(np.isnan(nearest), np.inf, nearest), axis=1)]


def _window(terms: ContractTerms, seen: _Seen) -> tuple[int, Bools]:
    """Return the first candle that opens inside the window, and per instant whether every candle since it is there."""
    history, start = seen.history, int(terms.window_start or 0)
    first = int(np.searchsorted(history.t, start))
    due = -(-start // history.step) * history.step  # candles open on multiples of their length
    inside = np.minimum(seen.last, _last_inside(terms, history)) - first + 1
    wanted = np.where(inside > 0, (history.t[np.maximum(seen.last, 0)] - due) // history.step + 1, 0)
    wanted = np.minimum(wanted, (int(terms.window_end or 0) - due) // history.step)
    return first, (inside >= wanted) & (inside >= 0)


def _last_inside(terms: ContractTerms, history: History) -> int:
    """Return the last candle that closes by the deadline."""
    return int(np.searchsorted(history.known_at, int(terms.window_end or 0), side="right")) - 1


def _upto(running: npt.NDArray[np.generic], seen: _Seen, first: int, none: float, stop: int) -> Floats:
    """Return a running value of the candles inside the window as of each instant; `none` before the first closed."""
    place = np.minimum(seen.last, stop) - first
    if not len(running):
        return np.full(len(place), none)
    return np.asarray(np.where(place >= 0, running[np.maximum(place, 0)], none), dtype=np.float64)


def _touch(facts: Facts, terms: ContractTerms, seen: _Seen) -> None:
    up, level = terms.kind is ContractKind.TOUCH_UP, terms.levels[0]
    history = seen.history
    first, whole = _window(terms, seen)
    stop = _last_inside(terms, history)
    prices, accumulate = (history.high, np.fmax) if up else (history.low, np.fmin)
    running = accumulate.accumulate(prices[first : stop + 1]) if first <= stop else np.empty(0)
    extreme = _upto(running, seen, first, np.nan, stop)
    facts.target[:] = level
    facts.so_far[:] = extreme / level
    touched = (extreme >= level) if up else (extreme <= level)
    facts.decided[touched] = 1.0
    facts.refuse(~touched & (seen.at < int(terms.window_start or 0)), "the window has not begun")
    facts.refuse(~touched & ~whole, "a candle inside the window is missing")
    facts.refuse(~touched & _doubtful_edge(terms, seen, first), "a candle across the window's start reached it")


def _doubtful_edge(terms: ContractTerms, seen: _Seen, first: int) -> Bools:
    """Tell whether a candle that began before the window reached the level: nobody knows on which side of its start."""
    history, start = seen.history, int(terms.window_start or 0)
    across = first - 1
    if start % history.step == 0:
        return np.zeros(len(seen.t), dtype=bool)
    if across < 0 or history.known_at[across] <= start:
        return np.ones(len(seen.t), dtype=bool)
    high, low = history.high[across], history.low[across]
    reached = (high >= terms.levels[-1]) if terms.kind is not ContractKind.TOUCH_DOWN else False
    reached = reached or (terms.kind is not ContractKind.TOUCH_UP and low <= terms.levels[0])
    return np.full(len(seen.t), bool(reached))


def _first_of_two(facts: Facts, terms: ContractTerms, seen: _Seen) -> None:
    low, high = terms.levels
    history = seen.history
    first, whole = _window(terms, seen)
    stop = _last_inside(terms, history)
    one = _first_place(history.high[first : stop + 1] >= high)
    two = _first_place(history.low[first : stop + 1] <= low)
    place = np.minimum(seen.last, stop) - first
    over = place >= min(one, two)
    facts.target[:] = high if terms.comparator == ">" else low
    facts.refuse(seen.at < int(terms.window_start or 0), "the window has not begun")
    facts.refuse(~whole, "a candle inside the window is missing")
    facts.refuse(_doubtful_edge(terms, seen, first), "a candle across the window's start reached it")
    facts.refuse(over & (one == two), "one candle reached both levels")
    upper = one < two
    facts.decided[over & (facts.reason == "")] = float(upper is (terms.comparator == ">"))


def _first_place(hits: Bools) -> int:
    """Return where a condition first holds, far away where it never does."""
    return int(hits.argmax()) if hits.any() else 1 << 60


def _up_or_down(facts: Facts, terms: ContractTerms, seen: _Seen) -> None:
    start, end = int(terms.window_start or 0), int(terms.window_end or 0)
    reference, gap = _reference(terms, seen)
    before = seen.at < start - _REFERENCE_SLACK
    before |= seen.t < start
    facts.target[:] = np.where(before, np.nan, reference)
    facts.variance_left[:] = np.where(before, end - start, facts.variance_left + gap)
    facts.refuse(~before & ~np.isfinite(reference), "the reference price is not known")
    averaging = ~before & (end - seen.at < terms.average_us)
    facts.refuse(averaging, "the average has begun")


def _reference(terms: ContractTerms, seen: _Seen) -> tuple[Floats, int]:
    """Return the price at the window's start as known at each instant, and by how much its candle is early.

    The open of the candle that begins there once it has closed; until then, and for a rule that names a close, the
    close that lies at the start or up to a minute before it.
    """
    history, start = seen.history, int(terms.window_start or 0)
    own = int(np.searchsorted(history.t, start))
    before = int(np.searchsorted(history.known_at, start, side="right")) - 1
    result, gap = np.full(len(seen.t), np.nan), 0
    if before >= 0 and start - history.known_at[before] <= _REFERENCE_SLACK:
        gap = int(start - history.known_at[before])
        result[seen.last >= before] = history.close[before]
    opens = terms.kind is ContractKind.HOURLY_UPDOWN and own < len(history.t) and history.t[own] == start
    if opens:
        result[seen.last >= own] = history.open[own]
    return result, gap


_SETTLE: Final = {"touch": _touch, "end": _end, "first": _first_of_two, "updown": _up_or_down}
