"""How much real money a strategy has earned the right to use: an e-value decides, from paper only to its full size.

The e-value is the marked wealth of one self-financing book that bets the strategy's forecasts against the market price
at zero cost (the mean over Kelly fractions): a fair price makes it a martingale whatever the dependence between open
bets, so it may be looked at every minute and P(ever >= 1/a) <= a. Source: Ville 1939; `models.anytime` holds the same
numbers for bets that follow one another. A stage is won one step at a time and lost at a share of its threshold, so
that an e-value near a threshold does not make sizes flicker; an alarm that the edge is gone loses all of them.
"""

from collections.abc import Sequence
from enum import IntEnum
from itertools import pairwise
from typing import Final

import msgspec

from edgeworth.core.config import TradingSettings
from edgeworth.core.errors import ConfigError
from edgeworth.core.units import Micros
from edgeworth.models.anytime import KELLY_MIXTURE

PPM: Final = 1_000_000


class Stage(IntEnum):
    """What a strategy may do with real money."""

    PAPER = 0
    PROBE = 1
    QUARTER = 2
    HALF = 3
    FULL = 4

    @property
    def text(self) -> str:
        """Return the word shown to people."""
        return "paper only" if self is Stage.PAPER else self.name.lower()

    @property
    def size_ppm(self) -> int:
        """Return the share of its size in millionths; a probe is bounded per order instead."""
        return _SIZE[self]


_SIZE: Final = {Stage.PAPER: 0, Stage.PROBE: PPM, Stage.QUARTER: PPM // 4, Stage.HALF: PPM // 2, Stage.FULL: PPM}


class Bet(msgspec.Struct, frozen=True):
    """One open bet of the book: on which side, the forecast, the price then and now, shares by Kelly fraction."""

    event_no: int
    market_no: int
    side: int
    forecast: float
    price: float
    mark: float
    shares: tuple[float, ...]


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """A strategy's book of evidence: a row. Events are its unit: at most one bet per event is open at a time.

    `events` have been settled; `decay` is the e-CUSUM of the reverse bet, whose null is that the forecasts are right.
    """

    strategy: str
    cash: tuple[float, ...] = (1.0,) * len(KELLY_MIXTURE)
    bets: tuple[Bet, ...] = ()
    events: int = 0
    decay: float = 0.0

    @property
    def e(self) -> float:
        """Return the e-value: mean wealth with every open bet at its last price."""
        open_now = [sum(bet.shares[k] * bet.mark for bet in self.bets) for k in range(len(self.cash))]
        return sum(map(float.__add__, self.cash, open_now)) / len(self.cash)

    def placed(self, where: tuple[int, int], side: int, forecast: float, price: float) -> "Evidence":
        """Bet a forecast of a side's win against its price, where = (event, market); a second one is not taken.

        Nothing is bet on a forecast equal to the price, or outside (0, 1). A forecast below it bets on the other side.
        """
        if not (0.0 < forecast < 1.0 and 0.0 < price < 1.0) or forecast == price:
            return self
        if any(bet.event_no == where[0] for bet in self.bets):
            return self
        if forecast < price:
            side, forecast, price = -side, 1.0 - forecast, 1.0 - price
        kelly = (forecast - price) / (1.0 - price)
        stakes = [share * kelly * cash for share, cash in zip(KELLY_MIXTURE, self.cash, strict=True)]
        bet = Bet(*where, side, forecast, price, price, tuple(stake / price for stake in stakes))
        cash = tuple(have - stake for have, stake in zip(self.cash, stakes, strict=True))
        return msgspec.structs.replace(self, cash=cash, bets=(*self.bets, bet))

    def marked(self, market_no: int, yes_price: float) -> "Evidence":
        """Mark the market's bet at a YES price."""
        bets = tuple(
            msgspec.structs.replace(bet, mark=_leg(yes_price, bet.side)) if bet.market_no == market_no else bet
            for bet in self.bets
        )
        return msgspec.structs.replace(self, bets=bets)

    def settled(self, market_no: int, yes_payout: float) -> "Evidence":
        """Pay the market's bet out; a payout that is neither 0 nor 1 says nothing about decay."""
        bet = next((bet for bet in self.bets if bet.market_no == market_no), None)
        if bet is None:
            return self
        pays = _leg(yes_payout, bet.side)
        cash = tuple(have + shares * pays for have, shares in zip(self.cash, bet.shares, strict=True))
        decay = self.decay
        if pays in {0.0, 1.0}:
            reverse = bet.price / bet.forecast if pays else (1.0 - bet.price) / (1.0 - bet.forecast)
            decay = max(decay, 1.0) * reverse
        bets = tuple(other for other in self.bets if other is not bet)
        return msgspec.structs.replace(self, cash=cash, bets=bets, events=self.events + 1, decay=decay)

    def voided(self, market_no: int) -> "Evidence":
        """Give a bet's stake back: its market paid nobody."""
        bet = next((bet for bet in self.bets if bet.market_no == market_no), None)
        if bet is None:
            return self
        cash = tuple(have + shares * bet.price for have, shares in zip(self.cash, bet.shares, strict=True))
        return msgspec.structs.replace(self, cash=cash, bets=tuple(other for other in self.bets if other is not bet))


def _leg(yes: float, side: int) -> float:
    return yes if side > 0 else 1.0 - yes


class Ladder(msgspec.Struct, frozen=True, kw_only=True):
    """The e-values at which stages are won, ascending; `keep` of one is where it is lost; `alarm` ends them all."""

    thresholds: tuple[float, float, float, float]
    keep: float
    alarm: float
    probe_order_e6: int

    @staticmethod
    def of(settings: TradingSettings) -> "Ladder":
        """Take the settings; raises ConfigError `config-bad-value` unless the thresholds rise."""
        steps = (settings.stage_probe, settings.stage_quarter, settings.stage_half, settings.stage_full)
        if any(low >= high for low, high in pairwise(steps)):
            raise ConfigError("config-bad-value", "'trading.stage_*': the thresholds must rise from probe to full")
        return Ladder(
            thresholds=steps,
            keep=settings.stage_keep,
            alarm=settings.drift_alarm,
            probe_order_e6=int(settings.probe_order * 1e6),
        )

    def reached(self, e: float, share: float = 1.0) -> Stage:
        """Return the highest stage whose threshold, times `share`, an e-value reaches."""
        return Stage(sum(e >= step * share for step in self.thresholds))


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """Where a strategy stands: a row. `events` is how much evidence there was at the last step up."""

    strategy: str
    stage: Stage = Stage.PAPER
    since: Micros = Micros(0)
    events: int = 0
    e: float = 1.0
    reason: str = "no evidence yet"

    def allowance(self, ladder: Ladder) -> tuple[int, int]:
        """Return (share of its size in millionths, most dollars of one order in 1e-6; 0 = no such bound)."""
        return self.stage.size_ppm, ladder.probe_order_e6 if self.stage is Stage.PROBE else 0


def advance(standing: Standing, evidence: Evidence, ladder: Ladder, at: Micros) -> Standing:
    """Return where a strategy stands after looking at its evidence; unchanged apart from `e` if nothing moves.

    One stage up at most, and only when an event was settled since the last step; down as far as the evidence fell.
    """
    e = evidence.e
    if evidence.decay >= ladder.alarm and standing.stage is not Stage.PAPER:
        return _moved(
            standing, Stage.PAPER, evidence, at, f"its forecasts no longer hold: e-CUSUM {evidence.decay:.1f}"
        )
    kept = min(standing.stage, ladder.reached(e, ladder.keep))
    if kept < standing.stage:
        return _moved(standing, kept, evidence, at, f"the e-value fell to {e:.2f}")
    if ladder.reached(e) > standing.stage and evidence.events > standing.events and evidence.decay < ladder.alarm:
        return _moved(standing, Stage(standing.stage + 1), evidence, at, f"the e-value reached {e:.2f}")
    return msgspec.structs.replace(standing, e=e)


def _moved(standing: Standing, stage: Stage, evidence: Evidence, at: Micros, reason: str) -> Standing:
    return Standing(
        strategy=standing.strategy, stage=stage, since=at, events=evidence.events, e=evidence.e, reason=reason
    )


def played(strategy: str, bets: Sequence[tuple[float, float, int]]) -> Evidence:
    """Return the evidence of bets that follow one another: (forecast of YES, price of YES, outcome)."""
    evidence = Evidence(strategy=strategy)
    for number, (forecast, price, outcome) in enumerate(bets):
        evidence = evidence.placed((number, number), 1, forecast, price).settled(number, float(outcome))
    return evidence
