"""How far a snapshot can be trusted: completeness x freshness x adequacy of spread and depth (x agreement), in [0, 1].

A filter, not a feature: nothing here says which way a price will go. Every factor is returned beside their product, so
that a low score always has a reason. Whole arrays at once: a tick of a thousand markets costs well under a millisecond.

    completeness  share of the expected fields that are filled; 0 without any price
    freshness     1 while the quote is at most one interval old, then interval / age; 1/2 when no age is known
    spread        1 up to 4 cents, falling linearly to 0 at 40 cents; 1/2 when one side of the book is missing
    depth         square root of (dollars within five cents of the mid, both sides) / $100, at most 1; 1/2 when unknown
    adequacy      the smaller of spread and depth: a market is as tradable as its weaker side
    agreement     1 while two sources differ by at most 2 cents, falling linearly to 0 at 12 cents; NaN with one source
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgeworth.core.panel import Floats
from edgeworth.core.units import MINUTE

INTERVAL = 15 * MINUTE
GOOD_SPREAD_E4, NO_SPREAD_E4 = 400.0, 4_000.0
GOOD_DEPTH_E6 = 100_000_000.0  # a hundred dollars: several orders of the default size
SAME_E4, DIFFERENT_E4 = 200.0, 1_200.0
UNKNOWN = 0.5
_ONE = 10_000.0

Ints = npt.NDArray[np.int64]
Numbers = npt.ArrayLike


@dataclass(frozen=True, slots=True)
class Quotes:
    """What N snapshots hold, as arrays of N numbers; NaN (or None in a list) = not stated.

    Prices in 1e-4 dollars, `depth_e6` in 1e-6 dollars within five cents of the mid, `age_us` the age of the quote when
    it was read. `facts` are further fields that a complete snapshot would fill (last trade, volumes, liquidity, spot);
    `other_e4` is a second source's price, None where no second source was asked.
    """

    bid_e4: Numbers
    ask_e4: Numbers
    depth_e6: Numbers
    age_us: Numbers
    facts: tuple[Numbers, ...] = ()
    other_e4: Numbers | None = None


@dataclass(frozen=True, slots=True)
class Quality:
    """The factors and their product, shape (N,) each and in [0, 1]; `agreement` is NaN where one source spoke."""

    completeness: Floats
    freshness: Floats
    spread: Floats
    depth: Floats
    adequacy: Floats
    agreement: Floats
    score: Floats

    @property
    def score_e4(self) -> Ints:
        """The score as integers of 1e-4."""
        return np.rint(self.score * _ONE).astype(np.int64)


def quality(quotes: Quotes, interval: int = INTERVAL) -> Quality:
    """Return factors and score of N snapshots taken every `interval` microseconds."""
    bid, ask = _array(quotes.bid_e4), _array(quotes.ask_e4)
    depth, age = _array(quotes.depth_e6), _array(quotes.age_us)
    facts = [_array(values) for values in quotes.facts]
    with np.errstate(invalid="ignore", divide="ignore"):
        full = _completeness(bid, ask, [depth, *facts])
        fresh = np.where(np.isnan(age), UNKNOWN, np.where(age <= interval, 1.0, interval / np.maximum(age, 1.0)))
        two_sided = (bid > 0) & (ask < _ONE) & (ask > bid)
        narrow = _falling(ask - bid, GOOD_SPREAD_E4, NO_SPREAD_E4)
        spread = np.where(two_sided, narrow, np.where((bid > 0) | (ask < _ONE), UNKNOWN, 0.0))
        deep = np.where(np.isnan(depth), UNKNOWN, np.sqrt(np.clip(depth / GOOD_DEPTH_E6, 0.0, 1.0)))
        agreement = np.full(len(bid), np.nan)
        if quotes.other_e4 is not None:
            middle = np.where(two_sided, (bid + ask) / 2, np.nan)
            agreement = _falling(np.abs(middle - _array(quotes.other_e4)), SAME_E4, DIFFERENT_E4)
    adequacy = np.minimum(spread, deep)
    score = full * fresh * adequacy * np.where(np.isnan(agreement), 1.0, agreement)
    return Quality(full, fresh, spread, deep, adequacy, agreement, score)


def _array(values: Numbers) -> Floats:
    return np.asarray(values, dtype=np.float64)  # None becomes NaN


def _completeness(bid: Floats, ask: Floats, others: list[Floats]) -> Floats:
    fields = [bid, ask, *others]
    filled = np.sum([~np.isnan(values) for values in fields], axis=0) / len(fields)
    return np.where(np.isnan(bid) & np.isnan(ask), 0.0, filled)


def _falling(values: Floats, best: float, worst: float) -> Floats:
    """Return 1 up to `best`, 0 from `worst`, linear between; NaN stays."""
    return np.clip((worst - values) / (worst - best), 0.0, 1.0)
