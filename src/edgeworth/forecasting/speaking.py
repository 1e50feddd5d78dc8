"""Who says what: rules speak about the newest row of each open market, and their sides are worth what they earned.

`Speaker` is the seam at which anything else that has opinions joins: it is handed a panel with some of its rows and
returns sides with odds. Rules are one kind of speaker; a model that states a probability is another.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

import numpy as np
import numpy.typing as npt

from edgeworth.core.config import Settings
from edgeworth.core.panel import Floats, Int64s, Panel
from edgeworth.features.registry import View
from edgeworth.forecasting.learning import Record
from edgeworth.forecasting.odds import Odds, learned, stated
from edgeworth.strategies.base import Strategy, label
from edgeworth.strategies.evaluate import Decisions, calls_of, decide

if TYPE_CHECKING:
    import polars as pl

_MIDS: Final = 10_000.0


Drivers = tuple[tuple[str, float], ...]
Explain = Callable[[Int64s], tuple[Drivers, ...]]


@dataclass(frozen=True, slots=True)
class Stated:
    """What a model states of YES on all R rows it was handed (none where it must not speak), arrays (R,).

    `low`, `high`: 95 % interval. `explain` returns for some of the rows their largest (feature, log-odds of YES).
    """

    model_id: str
    digest: str
    p: Floats
    low: Floats
    high: Floats
    se: Floats
    explain: Explain


@dataclass(frozen=True, slots=True)
class Said:
    """What one speaker says about R rows: where (`index` into the rows, ascending), which side, why, at which odds."""

    speaker: str
    version: int
    exhibit: bool
    index: Int64s
    side: npt.NDArray[np.int8]
    reason: tuple[str, ...]
    odds: Odds
    stated: Stated | None = None

    def interval(self) -> tuple[Floats, Floats]:
        """Return the interval of its sides as stated, NaN where it is the odds' own; shape of `index`."""
        if self.stated is None:
            none = np.full(len(self.index), np.nan)
            return none, none
        low, high = self.stated.low[self.index], self.stated.high[self.index]
        return np.where(self.side > 0, low, 1.0 - high), np.where(self.side > 0, high, 1.0 - low)


@dataclass(frozen=True, slots=True)
class Rows:
    """The newest rows that speakers are handed: ascending points `row` of a panel, features, YES prices; shape (R,).

    `asks` are the best asks of the YES and of the NO leg where books were seen, 0 where not; None without books.
    """

    panel: Panel
    row: Int64s
    frame: "pl.DataFrame"
    price_e4: Int64s
    asks: tuple[Int64s, Int64s] | None = None


class Speaker(Protocol):
    """Anything with opinions about the newest rows of a panel."""

    @property
    def needs(self) -> tuple[str, ...]:
        """Features it reads."""

    @property
    def name(self) -> str:
        """Name shown to people."""

    def speak(self, rows: Rows, as_of: int) -> Said:
        """Say what it thinks of rows, knowing what was known at `as_of`."""


@dataclass(frozen=True, slots=True)
class RuleSpeaker:
    """A rule with its own resolved past."""

    rule: Strategy
    past: Record | None
    settings: Settings

    @property
    def needs(self) -> tuple[str, ...]:
        """Return the features the rule reads."""
        return tuple(self.rule.needs)

    @property
    def name(self) -> str:
        """Return the rule's name with its changed parameters."""
        return label(self.rule)

    def experience(self, as_of: int) -> tuple[int, float, float]:
        """Return (independent events, win rate, mean price paid) as known at `as_of`; NaN rates without any."""
        past = self.past
        step = -1 if past is None else int(np.searchsorted(past.at, as_of, side="right")) - 1
        if past is None or step < 0:
            return 0, float("nan"), float("nan")
        return int(past.events[step]), float(past.win_rate[step]), float(past.price_paid[step])

    def speak(self, rows: Rows, as_of: int) -> Said:
        """Evaluate the rule's thresholds on every row."""
        calls, price_e4 = calls_of(self.rule), rows.price_e4
        said = decide(self.rule, rows.frame, calls)
        index = np.flatnonzero(said.side).astype(np.int64)
        side = said.side[index]
        leg = np.where(side > 0, price_e4[index], 10_000 - price_e4[index]) / _MIDS
        odds = self._odds(said, index, self._paid(rows, index, side, leg), self.experience(as_of))
        reasons = tuple(calls[int(number)].reason for number in said.reason[index])
        return Said(self.name, self.rule.version, bool(self.rule.exhibit), index, side, reasons, odds)

    def _paid(self, rows: Rows, index: Int64s, side: npt.NDArray[np.int8], leg: Floats) -> Floats:
        """Return what one would pay for each side: the stated cost, or the best ask where that is lower.

        A rule without a past is worth what one pays. Were that more than the market asks, a spread narrower than the
        stated one would look like an edge.
        """
        stated = stated_cost(leg, self.settings)
        if rows.asks is None:
            return stated
        seen = np.where(side > 0, rows.asks[0][index], rows.asks[1][index]) / _MIDS
        return np.where(seen > 0, np.minimum(stated, seen), stated)

    def _odds(self, said: Decisions, index: Int64s, price: Floats, past: tuple[int, float, float]) -> Odds:
        own = learned(past, price, self.settings.proof.prior_events)
        p = None if said.p is None else said.p[index]
        if p is None or not len(p):
            return own
        error = own.error() if said.se is None else np.where(np.isnan(said.se[index]), own.error(), said.se[index])
        theirs = stated(np.nan_to_num(p, nan=0.5), error, own.events, own.paid)
        states = ~np.isnan(p)
        return Odds(
            *(
                np.where(states, getattr(theirs, name), getattr(own, name))
                for name in ("mean", "weight", "shift", "events", "paid")
            )
        )


def stated_cost(leg: Floats, settings: Settings) -> Floats:
    """Return the leg's mid plus the stated half spread, at most a dollar: the price that the past was counted in."""
    costs = settings.costs
    half = (costs.half_spread + costs.spread_share * leg * (1.0 - leg)) * costs.multiplier
    return np.minimum(leg + half, 1.0)


def listen(
    panel: Panel, rows: Int64s, speakers: Sequence[Speaker], as_of: int, asks: tuple[Int64s, Int64s] | None = None
) -> list[Said]:
    """Return what all speakers say about some rows (ascending); features are computed once for all. `asks`: `Rows`."""
    names = list(dict.fromkeys(name for speaker in speakers for name in speaker.needs))
    frame = View(panel).compute(names, rows)
    seen = Rows(panel, rows, frame, panel.price_e4[rows].astype(np.int64), asks)
    return [speaker.speak(seen, as_of) for speaker in speakers]
