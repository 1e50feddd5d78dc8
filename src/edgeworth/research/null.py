"""The p-value against "the market price is right", exact in its law and independent between events.

Null: a share bought at a mid price m (before costs) pays with probability m. Within an event the legs are tied: in a
negRisk event exactly one leg wins, so the traded legs are the atoms of one draw; elsewhere the trades of an event win
and lose together (the most dependent law that these prices allow), which can only raise the p-value of a rule that bets
one way. The statistic is the total payout minus the total price, one-sided: large when the rule beats the price.

Its tail is computed by saddlepoint (Lugannani and Rice 1980) from the exact cumulant function of every event, and
bounded by Chernoff's inequality, so that small p-values need no simulation and ten straight wins at 99 cents are worth
what they are worth.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgeworth.models.scores import dense, normal_tail

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
_STEPS = 200
_FAR = 400.0


@dataclass(frozen=True, slots=True)
class Atoms:
    """The null law of every event's total payout minus price: `value` with `chance`, grouped by `event` (0..G-1)."""

    event: Ints
    value: Floats
    chance: Floats
    events: int


def null_atoms(
    win_price: Floats, side: npt.NDArray[np.integer], event: npt.NDArray[np.integer], exclusive: npt.NDArray[np.bool_]
) -> Atoms:
    """Build the null law from the price of the side bought (N,), the side (+1 YES, -1 NO), event and negRisk flag.

    Legs of a negRisk event whose YES prices add up to more than 1 (they were bought at different times) are tied like
    those of any other event.
    """
    numbers, count = dense(event)
    yes_price = np.where(side > 0, win_price, 1.0 - win_price)
    crowded = np.bincount(numbers, yes_price, count) > 1.0 + 1e-9
    apart = exclusive & ~crowded[numbers]
    first = _exclusive(win_price[apart], side[apart], numbers[apart], count)
    second = _together(win_price[~apart], numbers[~apart], count)
    joined = [np.concatenate(pair) for pair in zip(first, second, strict=True)]
    return Atoms(joined[0].astype(np.int64), joined[1], joined[2], count)


def _exclusive(price: Floats, side: npt.NDArray[np.integer], event: Ints, count: int) -> tuple[Ints, Floats, Floats]:
    present = np.flatnonzero(np.bincount(event, minlength=count))
    yes_price = np.where(side > 0, price, 1.0 - price)
    # if no traded leg wins, every NO pays; the winning leg then adds its YES or removes its NO
    base = np.bincount(event, np.where(side > 0, 0.0, 1.0) - price, count)
    rest = np.maximum(1.0 - np.bincount(event, yes_price, count), 0.0)
    values = np.concatenate([base[event] + np.where(side > 0, 1.0, -1.0), base[present]])
    return np.concatenate([event, present]), values, np.concatenate([yes_price, rest[present]])


def _together(price: Floats, event: Ints, count: int) -> tuple[Ints, Floats, Floats]:
    order = np.lexsort((-price, event))
    sorted_price, sorted_event = price[order], event[order]
    total = np.bincount(event, price, count)
    starts = np.searchsorted(sorted_event, sorted_event, side="left")
    rank = np.arange(len(order)) - starts  # wins before this trade when u falls just above its price
    last = np.ones(len(order), dtype=bool)
    last[:-1] = sorted_event[1:] != sorted_event[:-1]
    following = np.where(last, 0.0, np.append(sorted_price[1:], 0.0))
    first = rank == 0
    # u in (p_(1), 1]: nothing wins; u in (p_(k+1), p_(k)]: the k dearest win
    none = (sorted_event[first], -total[sorted_event[first]], 1.0 - sorted_price[first])
    some = (sorted_event, rank + 1.0 - total[sorted_event], sorted_price - following)
    return (
        np.concatenate([none[0], some[0]]),
        np.concatenate([none[1], some[1]]),
        np.concatenate([none[2], some[2]]),
    )


def _cumulants(atoms: Atoms, theta: float) -> tuple[float, float, float]:
    exponent = theta * atoms.value
    top = np.full(atoms.events, -np.inf)
    np.maximum.at(top, atoms.event, exponent)
    weight = atoms.chance * np.exp(exponent - top[atoms.event])
    mass = np.bincount(atoms.event, weight, atoms.events)
    mean = np.bincount(atoms.event, weight * atoms.value, atoms.events) / mass
    square = np.bincount(atoms.event, weight * atoms.value**2, atoms.events) / mass
    return float((np.log(mass) + top).sum()), float(mean.sum()), float((square - mean**2).sum())


def tail(atoms: Atoms, observed: float) -> float:
    """Return P(total >= observed) under the null."""
    keep = atoms.chance > 0.0
    law = Atoms(atoms.event[keep], atoms.value[keep], atoms.chance[keep], atoms.events)
    best = np.full(law.events, -np.inf)
    np.maximum.at(best, law.event, law.value)
    highest = float(best.sum())
    if observed >= highest - 1e-9:
        at_best = law.value >= best[law.event] - 1e-12
        chance = np.bincount(law.event[at_best], law.chance[at_best], law.events)
        return float(np.exp(np.log(chance).sum())) if observed <= highest + 1e-6 else 0.0
    worst = np.full(law.events, np.inf)
    np.minimum.at(worst, law.event, law.value)
    _, _, variance = _cumulants(law, 0.0)
    if variance <= 0.0 or observed <= float(worst.sum()) + 1e-9:
        return 1.0
    theta = _solve(law, observed)
    cumulant, _, _ = _cumulants(law, theta)
    chernoff = math.exp(min(cumulant - theta * observed, 0.0))
    estimate = _lugannani_rice(law, observed, theta)
    # Chernoff bounds the upper tail above the mean, and the lower tail below it
    return min(estimate, chernoff) if theta > 0 else max(estimate, 1.0 - chernoff)


def _solve(law: Atoms, observed: float) -> float:
    """Find theta with K'(theta) = observed, by bisection inside and Newton at the end."""
    low, high = (-_FAR, 0.0) if observed < 0 else (0.0, _FAR)
    theta = 0.0
    for _ in range(_STEPS):
        _, mean, variance = _cumulants(law, theta)
        gap = mean - observed
        if abs(gap) < 1e-10 * (1.0 + abs(observed)):
            break
        low, high = (low, theta) if gap > 0 else (theta, high)
        proposal = theta - gap / variance if variance > 1e-300 else 0.5 * (low + high)
        theta = proposal if low < proposal < high else 0.5 * (low + high)
        if high - low < 1e-13:
            break
    return theta


def _lugannani_rice(law: Atoms, observed: float, theta: float) -> float:
    cumulant, _, variance = _cumulants(law, theta)
    root = math.copysign(math.sqrt(max(2.0 * (theta * observed - cumulant), 0.0)), theta)
    spread = theta * math.sqrt(max(variance, 0.0))
    if abs(root) < 1e-3 or abs(spread) < 1e-6:
        _, _, flat = _cumulants(law, 0.0)
        return normal_tail(observed / math.sqrt(flat))
    density = math.exp(-root * root / 2) / math.sqrt(2 * math.pi)
    return min(max(normal_tail(root) + density * (1.0 / spread - 1.0 / root), 0.0), 1.0)


def p_value(
    payout: Floats,
    win_price: Floats,
    side: npt.NDArray[np.integer],
    event: npt.NDArray[np.integer],
    exclusive: npt.NDArray[np.bool_],
) -> float:
    """Return the one-sided p-value of payouts (N,) of the side bought against its mid prices (N,)."""
    atoms = null_atoms(win_price, side, event, exclusive)
    return tail(atoms, float((payout - win_price).sum()))


def adjusted(p: float, tries: int) -> float:
    """Return Sidak's 1 - (1-p)^tries: the chance that the best of `tries` independent rules looks this good."""
    return -math.expm1(max(tries, 1) * math.log1p(-min(p, 1.0 - 1e-16)))
