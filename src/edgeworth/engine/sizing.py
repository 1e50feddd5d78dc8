"""How much to stake: Kelly at all-in cost, shrunk by estimation error, a fraction of it, joint where outcomes exclude.

Probabilities and fractions are floats (every formula is evaluated in the written order, so that another implementation
gets the same bits); what comes out is an integer share of equity in millionths. Sources: Kelly 1956; Baker and McHale
2013 (estimation error); Smoczynski and Tomkins 2010 (mutually exclusive outcomes).
"""

import math
from typing import Final

import numpy as np

from edgeworth.core.panel import Floats
from edgeworth.engine.compiled import kernel

PPM: Final = 1_000_000


@kernel
def kelly(p: float, c: float) -> float:
    """Return the growth-optimal share of wealth to spend at all-in cost `c` per share: (p - c) / (1 - c), or 0."""
    if p <= c or c >= 1.0:
        return 0.0
    return (p - c) / (1.0 - c)


@kernel
def growth(p: float, c: float, share: float) -> float:
    """Return expected log growth of spending `share` of wealth at cost `c` on a probability `p`."""
    return p * math.log(1.0 + share * (1.0 - c) / c) + (1.0 - p) * math.log(1.0 - share)


@kernel
def shrink(edge: float, se: float) -> float:
    """Return edge^2 / (edge^2 + se^2), by which an uncertain Kelly stake is multiplied (Baker and McHale 2013)."""
    if edge <= 0.0:
        return 0.0
    return edge * edge / (edge * edge + se * se)


@kernel
def exclusive_stakes(p: Floats, c: Floats) -> Floats:
    """Return the joint Kelly shares of wealth for outcomes of which at most one wins (Smoczynski and Tomkins 2010).

    Legs enter in descending p/c (ties: given order) while p/c > R = (1 - sum p) / (1 - sum c) over the legs so far;
    each then gets p - c R. The first leg that would bring the sum of costs to 1 or more ends the search, and R never
    falls below 0.
    """
    count = len(p)
    stakes = np.zeros(count, np.float64)
    order = np.empty(count, np.int64)
    for k in range(count):
        place = k  # insertion keeps equal ratios in the given order, and compiles faster than a general sort
        while place > 0 and p[order[place - 1]] / c[order[place - 1]] < p[k] / c[k]:
            order[place] = order[place - 1]
            place -= 1
        order[place] = k
    chosen, reserve, sum_p, sum_c = 0, 1.0, 0.0, 0.0
    for k in range(count):
        leg = order[k]
        if not p[leg] / c[leg] > reserve or sum_c + c[leg] >= 1.0:
            break
        sum_p += p[leg]
        sum_c += c[leg]
        reserve = max(0.0, (1.0 - sum_p) / (1.0 - sum_c))
        chosen += 1
    for k in range(chosen):
        leg = order[k]
        stakes[leg] = max(0.0, p[leg] - c[leg] * reserve)
    return stakes


@kernel
def walk_book(p: float, wealth: float, cost: Floats, size: Floats) -> Floats:
    """Return the shares to take from each level of a book (ascending all-in `cost`, `size` in shares), shape of `cost`.

    Level by level with A = W - C + n (wealth if it wins) and B = W - C (if it loses), C spent and n shares so far:
    x = (p(1-c)B - (1-p)cA) / (c(1-c)), capped by the level; stop at the first level that is not exhausted.
    """
    taken = np.zeros(len(cost), np.float64)
    spent, shares = 0.0, 0.0
    for k in range(len(cost)):
        c = cost[k]
        if c >= 1.0 or p <= c:
            break
        win, lose = wealth - spent + shares, wealth - spent
        x = (p * (1.0 - c) * lose - (1.0 - p) * c * win) / (c * (1.0 - c))
        x = min(max(x, 0.0), size[k])
        taken[k] = x
        spent += x * c
        shares += x
        if x < size[k]:
            break
    return taken


@kernel
def probability_e6(p: float) -> int:
    """Return a probability in millionths, rounded down (against us); -1 when it is not a number in [0, 1]."""
    if not 0.0 <= p <= 1.0:
        return -1
    return math.floor(p * 1e6)


@kernel
def decide(share: float, edge_e6: int, se: float, fraction: float) -> int:
    """Return the share of equity to stake, in millionths: Kelly `share` x error shrinkage x `fraction`, rounded down.

    `share` is `kelly` or a leg of `exclusive_stakes`; `edge_e6` probability minus all-in cost per share. A standard
    error that is not a finite number >= 0 stakes nothing.
    """
    if not 0.0 <= se < math.inf:
        return 0
    return math.floor(share * shrink(edge_e6 / 1e6, se) * fraction * 1e6)


@kernel
def part(amount: int, ppm: int) -> int:
    """Return `amount` x `ppm` / 1e6 rounded down, without overflow for any amount up to 9e18 and ppm up to 1e6."""
    return amount // PPM * ppm + amount % PPM * ppm // PPM


@kernel
def ratio_ppm(piece: int, whole: int) -> int:
    """Return `piece` / `whole` in millionths rounded down, 0 <= piece <= whole < 9e15; 0 when `whole` is 0."""
    if whole <= 0:
        return 0
    upper, rest = piece * 1_000 // whole, piece * 1_000 % whole
    return upper * 1_000 + rest * 1_000 // whole


@kernel
def drawdown_scale_ppm(drawdown: int, start: int, stop: int) -> int:
    """Return the factor on stakes, all in millionths: 1 up to `start`, then linearly down to 0 at `stop`."""
    if drawdown >= stop:
        return 0
    if drawdown <= start:
        return PPM
    return (stop - drawdown) * PPM // (stop - start)
