"""What a contract is worth as of t: terms and closed candles in, a probability with its interval or nothing out.

The last closed candle's close is the spot, and variance runs from that close to the deadline, so a price that is a
little old widens the value instead of biasing it. Volatility is an argument: median `sigma` and `spread` of ln sigma.
Rows are independent of each other: one row alone gives the same numbers as a thousand.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from edgeworth.core.contract import ContractKind, ContractTerms
from edgeworth.core.units import DAY
from edgeworth.features.fairvalue import formulas
from edgeworth.features.fairvalue.mixture import mix
from edgeworth.features.fairvalue.path import MISSING, Facts, History, facts_of

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Strings = npt.NDArray[np.str_]
Formula = Callable[[Floats, Floats, float], Floats]  # (spot, sigma, drift) -> value, all of shape (n, nodes)

DRIFTS: Final = (-0.2, 0.0, 0.2, 0.4)
YEAR: Final = 365 * DAY
CARRY_FROM: Final = 30 * DAY
_BUMP: Final = 1e-4


@dataclass(frozen=True, slots=True)
class Options:
    """`max_age`: the oldest spot in microseconds, 0 = two candles; `tick` the price step that makes ties possible;
    `proxy` lets candles of another venue stand in for those of the rule; without `slopes`, the values at other drifts
    and the sensitivities stay NaN, which is seven times as fast.
    """

    max_age: int = 0
    tick: float = 0.0
    proxy: bool = False
    slopes: bool = True


@dataclass(frozen=True, slots=True)
class FairValues:
    """Values of one contract at n instants; NaN where there is none, and `reason` says why (empty where there is one).

    `p`, `low`, `high` (10-90 %) and `se` over the volatility's uncertainty; `drifts` (n, 4) the value at DRIFTS;
    `per_sigma` dp per 1.00 of volatility, `per_spot` dp per dollar. `distance` from spot to the level in units of
    sigma sqrt(tau), positive above; `so_far` the window's extreme over the level; `left` microseconds from t to the
    deadline.
    """

    p: Floats
    low: Floats
    high: Floats
    se: Floats
    drifts: Floats
    per_sigma: Floats
    per_spot: Floats
    distance: Floats
    so_far: Floats
    spot: Floats
    left: Ints
    reason: Strings

    def __len__(self) -> int:
        """Return the number of instants."""
        return len(self.p)


def fair_values(
    terms: ContractTerms,
    history: History | None,
    t: Ints,
    volatility: tuple[npt.ArrayLike, npt.ArrayLike],
    options: Options | None = None,
) -> FairValues:
    """Return the value of a contract at instants t (n,) from candles closed by then.

    `volatility` is (sigma, spread of ln sigma), numbers or (n,), as known at t; NaN gives no value.
    """
    chosen = options or Options()
    t = np.atleast_1d(np.asarray(t, dtype=np.int64))
    sigma, spread = (np.broadcast_to(np.asarray(x, dtype=np.float64), t.shape) for x in volatility)
    facts = facts_of(terms, history, t, (chosen.max_age, chosen.proxy))
    open_ = (facts.reason == "") & np.isnan(facts.decided)
    unknown = open_ & ~(np.isfinite(sigma) & (sigma > 0) & np.isfinite(spread))
    reason = np.where(unknown, "no volatility forecast", facts.reason)
    result = _Table(len(t), facts, reason)
    result.settle(facts.decided)
    rows = np.flatnonzero(open_ & ~unknown)
    if len(rows):
        formula = _formula(terms, facts, rows, chosen.tick)
        _evaluate(result, rows, formula, (sigma[rows], spread[rows]))
        if chosen.slopes:
            _slopes(result, rows, formula, (sigma[rows], spread[rows]))
    return result.freeze(terms, t, sigma)


def carry(p: npt.ArrayLike, left: npt.ArrayLike, rate: float) -> tuple[Floats, Floats]:
    """Return what YES and NO are worth when money earns `rate` a year until the deadline `left` microseconds away."""
    years = np.asarray(left, dtype=np.float64) / YEAR
    values = np.asarray(p, dtype=np.float64)
    return np.asarray(values * np.exp(-rate * years), dtype=np.float64), formulas.fair_no(values, years, rate)


def carry_note(p: float, left: int, rate: float) -> str:
    """Say what waiting costs, for deadlines more than a month away; empty for nearer ones."""
    if left <= CARRY_FROM or not np.isfinite(p):
        return ""
    yes, no = (float(value) for value in carry(p, left, rate))
    return f"money at {rate:.1%} a year until then: YES is worth {yes:.4f}, NO {no:.4f} today"


# inside


class _Table:
    """Columns that are being filled; NaN at first."""

    def __init__(self, rows: int, facts: Facts, reason: Strings) -> None:
        self.facts, self.reason = facts, reason
        self.p, self.low, self.high, self.se = (np.full(rows, np.nan) for _ in range(4))
        self.drifts = np.full((rows, len(DRIFTS)), np.nan)
        self.per_sigma, self.per_spot = np.full(rows, np.nan), np.full(rows, np.nan)

    def settle(self, decided: Floats) -> None:
        """Fill the rows that the path has decided already."""
        known = np.isfinite(decided) & (self.reason == "")
        for column in (self.p, self.low, self.high):
            column[known] = decided[known]
        self.drifts[known] = decided[known, None]
        for column in (self.se, self.per_sigma, self.per_spot):
            column[known] = 0.0

    def freeze(self, terms: ContractTerms, t: Ints, sigma: Floats) -> FairValues:
        facts = self.facts
        with np.errstate(divide="ignore", invalid="ignore"):
            width = sigma * np.sqrt(facts.variance_left / YEAR)
            distance = np.where(width > 0, np.log(facts.target / facts.spot) / width, np.nan)
        end = MISSING if terms.window_end is None else int(terms.window_end)
        left = np.maximum(end - t, 0) if end != MISSING else np.full(len(t), MISSING)
        return FairValues(
            self.p, self.low, self.high, self.se, self.drifts, self.per_sigma, self.per_spot,
            np.where(np.isfinite(self.p), distance, np.nan), facts.so_far, facts.spot, left, self.reason,
        )  # fmt: skip


def _bounded(spot: Floats, formula: Formula, drift: float, factor: float = 1.0) -> Callable[[Floats], Floats]:
    return lambda nodes: np.clip(formula(spot * factor, nodes, drift), 0.0, 1.0)


def _evaluate(table: _Table, rows: Ints, formula: Formula, volatility: tuple[Floats, Floats]) -> None:
    centre = mix(_bounded(table.facts.spot[rows][:, None], formula, 0.0), *volatility)
    table.p[rows], table.se[rows] = centre.p, centre.se
    # far out the mean over volatilities can lie beyond its own 90 % quantile: the interval then ends at the mean
    table.low[rows], table.high[rows] = np.minimum(centre.low, centre.p), np.maximum(centre.high, centre.p)


def _slopes(table: _Table, rows: Ints, formula: Formula, volatility: tuple[Floats, Floats]) -> None:
    sigma, spread = volatility
    spot = table.facts.spot[rows][:, None]
    for column, drift in enumerate(DRIFTS):
        still = drift == 0
        table.drifts[rows, column] = table.p[rows] if still else mix(_bounded(spot, formula, drift), sigma, spread).p
    centre = _bounded(spot, formula, 0.0)
    up, down = (mix(centre, sigma * (1 + step), spread).p for step in (_BUMP, -_BUMP))
    table.per_sigma[rows] = (up - down) / (2 * _BUMP * sigma)
    up, down = (mix(_bounded(spot, formula, 0.0, 1 + step), sigma, spread).p for step in (_BUMP, -_BUMP))
    table.per_spot[rows] = (up - down) / (2 * _BUMP * spot[:, 0])


def _formula(terms: ContractTerms, facts: Facts, rows: Ints, tick: float) -> Formula:
    years = (facts.variance_left[rows] / YEAR)[:, None]
    kind = terms.kind
    if terms.is_touch:
        level, up = terms.levels[0], kind is ContractKind.TOUCH_UP
        return lambda s, v, mu: np.where(
            (s >= level) if up else (s <= level), 1.0, formulas.touch(s, level, years, v, mu)
        )
    if kind is ContractKind.ABOVE_ON_DAY:
        level, under = terms.levels[0], terms.comparator.startswith("<")
        return lambda s, v, mu: (
            1.0 - formulas.above(s, level, years, v, mu) if under else formulas.above(s, level, years, v, mu)
        )
    if kind is ContractKind.BETWEEN_ON_DAY:
        low, high = terms.levels
        return lambda s, v, mu: formulas.between(s, (low, high), years, v, mu)
    if kind is ContractKind.FIRST_OF_TWO:
        pair, place = (terms.levels[0], terms.levels[1]), 0 if terms.comparator == ">" else 1
        return lambda s, v, mu: formulas.first_of_two_by(s, pair, years, v, mu)[place]
    reference = facts.target[rows][:, None]
    if terms.average_us:
        years = np.maximum(years - 2.0 * terms.average_us / YEAR / 3.0, 0.0)
    return _up_or_down(reference, years, _tie_side(terms), tick)


def _tie_side(terms: ContractTerms) -> float:
    """Return which half of the price step around the reference belongs to Up: both pay half where a tie does."""
    return {"yes": 0.5, "no": -0.5}.get(terms.tie, 0.0)


def _up_or_down(reference: Floats, years: Floats, side: float, tick: float) -> Formula:
    def value(s: Floats, v: Floats, mu: float) -> Floats:
        own = np.where(np.isnan(reference), s, reference)  # a window that has not begun starts where spot will be
        up = formulas.up_or_down(s, own, years, v, mu)
        if not tick or not side:
            return up
        # an end equal to the tick is as likely as the density at the reference, and belongs to one leg alone
        width = v * np.sqrt(years)
        z = (np.log(own / s) - (mu - v * v / 2) * years) / width
        return np.asarray(up + side * tick / (own * width) * np.exp(-z * z / 2) / np.sqrt(2 * np.pi))

    return value


__all__ = [
    "CARRY_FROM", "DRIFTS", "FairValues", "History", "Options", "carry", "carry_note", "fair_values",
]  # fmt: skip
