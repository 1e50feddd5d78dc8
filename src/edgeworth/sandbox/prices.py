"""Exact conditional probabilities: each function returns P(outcome | what the simulated market knows at that time).

A conditional probability is a martingale and E[outcome | price] = price at every time, with no estimation error. Shapes
are (events, markets, times) unless said otherwise.
"""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, ndtri

from edgeworth.sandbox.spot import STEP, Spot

if TYPE_CHECKING:
    from edgeworth.core.random import Generator

Array = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


class Paths(NamedTuple):
    """Latent probabilities (E, M, T), outcome of YES (E, M), and when a YES came early (E, M).

    `touch` is in microseconds after the first grid point; infinity where the market ran to its end.
    """

    latent: Array
    yes: Bools
    touch: Array


def _never(yes: Bools) -> Array:
    return np.full(yes.shape, np.inf)


def above(spot: Spot, coin: Ints, grid: Ints, end: Ints, strikes: Array) -> Paths:
    """Price "above K at `end`": Phi((ln S/K - V/2) / sqrt V), V the remaining variance.

    `coin`, `end` (E,), `grid` (E, T) spot positions, `strikes` (E, M) dollars.
    """
    level = spot.log_price[coin[:, None], grid]
    left = spot.variance[coin, end][:, None] - spot.variance[coin[:, None], grid]
    distance = level[:, None, :] - np.log(strikes)[:, :, None] - left[:, None, :] / 2
    latent: Array = ndtr(distance / np.sqrt(left)[:, None, :])
    yes: Bools = spot.log_price[coin, end][:, None] > np.log(strikes)
    return Paths(latent, yes, _never(yes))


def up_or_down(spot: Spot, coin: Ints, grid: Ints, window: Ints, end: Ints) -> Paths:
    """Price "close >= open" of the window from spot position `window` to `end`; a known constant before it opens."""
    seen = np.maximum(grid, window[:, None])
    reference = spot.log_price[coin, window][:, None]
    left = spot.variance[coin, end][:, None] - spot.variance[coin[:, None], seen]
    moved = spot.log_price[coin[:, None], seen] - reference
    latent: Array = ndtr((moved - left / 2) / np.sqrt(left))[:, None, :]
    yes: Bools = spot.log_price[coin, end][:, None] >= reference
    return Paths(latent, yes, _never(yes))


def touch(spot: Spot, coin: Ints, grid: Ints, end: Ints, strikes: Array, up: Bools) -> Paths:
    """Price "reaches K by `end`" (`up`, per market) or "dips to K"; resolves YES at the touch.

    With b = |ln K/S|: Phi((-b -+ V/2) / sqrt V) + exp(-+b) Phi((-b +- V/2) / sqrt V) (reflection under the spot's own
    martingale measure). Touches are found with the exact extremes inside each step.
    """
    first = grid[:, 0]
    length = int((end - first).max())
    window = first[:, None] + np.arange(length)
    past = np.arange(length) >= (end - first)[:, None]
    reach = np.where(past, -np.inf, spot.high[coin[:, None], window])
    dip = np.where(past, -np.inf, -spot.low[coin[:, None], window])
    highest, lowest = np.maximum.accumulate(reach, axis=1), np.maximum.accumulate(dip, axis=1)
    level = spot.log_price[coin[:, None], grid]
    left = spot.variance[coin, end][:, None] - spot.variance[coin[:, None], grid]
    latent = np.empty((*strikes.shape, grid.shape[1]))
    hit = np.empty(strikes.shape)
    for market in range(strikes.shape[1]):
        sign = 1.0 if up[market] else -1.0
        goal = np.log(strikes[:, market])
        extreme = (highest if up[market] else lowest) >= (sign * goal)[:, None]
        hit[:, market] = np.where(extreme.any(axis=1), extreme.argmax(axis=1) + 1.0, np.inf)
        chance = _touch_chance(sign * (goal[:, None] - level), left, sign)
        touched = (grid - first[:, None]) >= hit[:, market][:, None]
        latent[:, market] = np.where(touched, 1.0, chance)
    return Paths(latent, np.isfinite(hit), hit * STEP)


def _touch_chance(gap: Array, left: Array, sign: float) -> Array:
    gap = np.maximum(gap, 0.0)
    root = np.sqrt(left)
    drift = sign * left / 2
    chance: Array = ndtr((-gap - drift) / root) + np.exp(-sign * gap) * ndtr((-gap + drift) / root)
    return np.minimum(chance, 1.0)


def buckets(forecast: Array, left_sd: Array, final: Array, edges: Array) -> Paths:
    """Price exclusive buckets of a Gaussian quantity: differences of Phi((edge - forecast) / remaining sd).

    `forecast` (E, T) is a Gaussian martingale ending in `final` (E,), `left_sd` (T,) or (E, T) what is still to come,
    `edges` (E, M-1) ascending. Prices of an event sum to 1 and exactly one bucket wins.
    """
    spread = np.broadcast_to(left_sd, forecast.shape)
    z = (edges[:, :, None] - forecast[:, None, :]) / spread[:, None, :]
    cumulative = ndtr(z)
    ones = np.ones((z.shape[0], 1, z.shape[2]))
    latent: Array = np.diff(np.concatenate([0 * ones, cumulative, ones], axis=1), axis=1)
    winner = (final[:, None] >= edges).sum(axis=1)
    yes: Bools = np.equal(np.arange(edges.shape[1] + 1), winner[:, None])
    return Paths(latent, yes, _never(yes))


def gaussian_forecast(rng: "Generator", start: Array, scale: Array, clock: Array) -> tuple[Array, Array, Array]:
    """Draw forecasts (E, T), their remaining sd (E, T) and final values (E,); `clock` (T,) is the share learned."""
    steps = np.diff(np.append(clock, 1.0))
    draws = rng.standard_normal((len(start), len(clock))) * np.sqrt(steps)
    walk = np.cumsum(draws, axis=1)
    forecast = start[:, None] + scale[:, None] * np.concatenate([np.zeros((len(start), 1)), walk[:, :-1]], axis=1)
    left = scale[:, None] * np.sqrt(1.0 - clock)[None, :]
    return forecast, left, start + scale * walk[:, -1]


def choices(rng: "Generator", prior: Array, clock: Array, information: float) -> Paths:
    """Price exclusive outcomes by Bayes' rule from a noisy signal about the winner.

    `prior` (E, M) sums to 1; `clock` (T,) in [0, 1] is when information arrives, `information` its total strength (the
    squared drift of the winner's signal). Posterior of k is proportional to prior_k exp(a Z_k - a^2 v / 2), where
    Z_k = a 1{k wins} v + Brownian noise: exact, sums to 1, exactly one wins.
    """
    events, outcomes = prior.shape
    pick: Array = rng.random((events, 1))
    beyond: Ints = np.sum(pick > np.cumsum(prior, axis=1), axis=1)
    yes: Bools = np.equal(np.arange(outcomes), np.minimum(beyond, outcomes - 1)[:, None])
    steps = np.diff(clock, prepend=0.0)
    noise = np.cumsum(rng.standard_normal((events, outcomes, len(clock))) * np.sqrt(steps), axis=2)
    strength = np.sqrt(information)
    signal = strength * np.where(yes[:, :, None], clock, 0.0) + noise
    score = np.log(prior)[:, :, None] + strength * signal
    score -= score.max(axis=1, keepdims=True)
    weight = np.exp(score)
    return Paths(weight / weight.sum(axis=1, keepdims=True), yes, _never(yes))


def deadline(rng: "Generator", chance: Array, times: int, step: int) -> Paths:
    """Price "happens by the deadline": a hidden Brownian motion reaches a barrier; YES resolves at the touch.

    `chance` (E,) is the opening probability; 2 Phi(-gap / sqrt(time left)) by the reflection principle, touches between
    grid points drawn from the exact bridge maximum. One market per event, T = `times` steps of `step` microseconds.
    """
    events = len(chance)
    barrier = -ndtri(chance / 2) * np.sqrt(times)
    walk = np.concatenate([np.zeros((events, 1)), np.cumsum(rng.standard_normal((events, times)), axis=1)], axis=1)
    a, b = walk[:, :-1], walk[:, 1:]
    top = (a + b + np.sqrt((b - a) ** 2 - 2 * np.log1p(-rng.random((events, times))))) / 2
    crossed = top >= barrier[:, None]
    number = np.where(crossed.any(axis=1), crossed.argmax(axis=1) + 0.0, np.inf)
    touched_at = (number + rng.random(events)) * step
    before = np.arange(times) <= number[:, None]
    gap = np.maximum(barrier[:, None] - a, 0.0)
    price = np.where(before, 2 * ndtr(-gap / np.sqrt(times - np.arange(times))), 1.0)
    return Paths(price[:, None, :], np.isfinite(number)[:, None], touched_at[:, None])
