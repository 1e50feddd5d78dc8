"""How much to buy from a real book: Kelly level by level at all-in cost, in integers, never rounded up.

The estimation error and the fraction of Kelly enter as a probability drawn towards the cost of the best level,
p' = c + k (p - c) with k = fraction x shrinkage: at one level this is k times the Kelly stake, and deeper levels are
taken only as far as they are worth it at p'. Sources: Kelly 1956; Baker and McHale 2013.
"""

import math
from collections.abc import Sequence
from typing import Final

import msgspec
import numpy as np

from edgeworth.core.panel import Floats
from edgeworth.core.units import DAY
from edgeworth.engine.cost import LOT_E6, NO_FEE, FeeTerms, buy_cost_e6, lots_down
from edgeworth.engine.sizing import shrink, walk_book

YEAR: Final = 365 * DAY
CARRY_FROM: Final = 30 * DAY  # nearer deadlines cost no carry


class Levels(msgspec.Struct, frozen=True):
    """One side of a book with its fee, best first; `cost` and `size` are the same in dollars and shares."""

    price_e4: tuple[int, ...]
    size_e6: tuple[int, ...]
    fee: FeeTerms = NO_FEE

    @staticmethod
    def of(asks: Sequence[tuple[int, int]], fee: FeeTerms = NO_FEE, share: float = 1.0) -> "Levels":
        """Take levels (price_e4, shares_e6), best first, each with a `share` of its size in whole hundredths."""
        kept = [(price, lots_down(math.floor(size * share + 1e-6))) for price, size in asks]
        kept = [(price, size) for price, size in kept if size > 0 and 0 < price < 10_000]
        return Levels(tuple(price for price, _ in kept), tuple(size for _, size in kept), fee)

    @property
    def cost(self) -> Floats:
        """Return the all-in cost of a share at each level in dollars."""
        return np.array([price / 1e4 + self.fee.per_share(price / 1e4) for price in self.price_e4])

    @property
    def size(self) -> Floats:
        """Return the shares offered at each level."""
        return np.array([size / 1e6 for size in self.size_e6])


class BookSize(msgspec.Struct, frozen=True, kw_only=True):
    """A purchase: total shares, what it costs at most with fees, and the price of the last level it needs."""

    shares_e6: int = 0
    cost_e6: int = 0
    limit_e4: int = 0
    taken_e6: tuple[int, ...] = ()


def drawn(p: float, cost: float, se: float, fraction: float) -> float:
    """Return the probability by which a fractional, error-shrunk Kelly bettor acts; `cost` when there is no edge."""
    if not (0.0 <= se < math.inf and p > cost):
        return cost
    return cost + fraction * shrink(p - cost, se) * (p - cost)


def discounted(p: float, rate: float, micros_to_end: int) -> float:
    """Return a win probability less the interest that money earns elsewhere until the end, from a month on."""
    return p * math.exp(-rate * micros_to_end / YEAR) if micros_to_end > CARRY_FROM else p


def size_on_book(p: float, wealth_e6: int, levels: Levels, budget_e6: int) -> BookSize:
    """Return full Kelly at probability `p` over the levels, within a budget of cash; exact and never above either."""
    if not levels.price_e4 or wealth_e6 <= 0 or not 0.0 < p < 1.0:
        return BookSize()
    shares = walk_book(p, wealth_e6 / 1e6, levels.cost, levels.size)
    return in_lots(shares.tolist(), levels, min(budget_e6, wealth_e6))


def in_lots(shares: Sequence[float], levels: Levels, budget_e6: int) -> BookSize:
    """Return shares per level in whole hundredths, rounded down, cut at the dear end until the budget holds."""
    taken = [min(lots_down(math.floor(x * 1e6 + 1e-3)), size) for x, size in zip(shares, levels.size_e6, strict=True)]
    for k in range(len(taken) - 1, -1, -1):
        over = _cost(taken, levels) - budget_e6
        if over <= 0:
            break
        taken[k] = max(taken[k] - _lots_for(over, levels.price_e4[k]), 0)
    used = [k for k, amount in enumerate(taken) if amount > 0]
    if not used or _cost(taken, levels) > budget_e6:
        return BookSize()
    return BookSize(
        shares_e6=sum(taken),
        cost_e6=_cost(taken, levels),
        limit_e4=levels.price_e4[used[-1]],
        taken_e6=tuple(taken),
    )


def _lots_for(over_e6: int, price_e4: int) -> int:
    """Return the shares, in whole hundredths, that give back at least an excess of dollars."""
    return (-(-over_e6 // price_e4)) * LOT_E6


def _cost(taken: Sequence[int], levels: Levels) -> int:
    """Return the exact cost of what is taken, each level one fill with its own fee."""
    return sum(buy_cost_e6(levels.price_e4[k], amount, levels.fee) for k, amount in enumerate(taken) if amount)


def growth_per_day(rate: float, micros_to_end: int) -> float:
    """Return log growth per day that the money is locked up, by which purchases compete; at least an hour counts."""
    return rate / max(micros_to_end / DAY, 1 / 24)
