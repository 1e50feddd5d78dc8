"""Closed forms for price contracts under geometric Brownian motion; elementwise, in float64, with no clock and no I/O.

Symbols: `spot` S, `level` K, `years` T to the deadline (365 days), `sigma` annual volatility, `drift` mu of the price,
nu = mu - sigma^2/2, v = sigma sqrt(T), b = ln(K/S). All arguments broadcast. Degenerate cases take their limits: with
no time or no volatility left the path is the drift alone, and a level that is touched already is worth 1.

Sources: reflection principle and the Cameron-Martin shift (Karatzas and Shreve, Brownian Motion and Stochastic
Calculus, ch. 2.8 and 3.5); two barriers by modes or images (Borodin and Salminen, Handbook of Brownian Motion, II.3.0);
the discrete correction by Broadie, Glasserman and Kou (Mathematical Finance 7(4), 1997).
"""

from typing import Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
ArrayLike = npt.ArrayLike

_DISCRETE: Final = 0.582597157939010  # -zeta(1/2)/sqrt(2 pi)
_LONG: Final = 0.7  # sigma sqrt(T) in units of the corridor: beyond it few modes suffice, below it few images
_MODES: Final = 8  # the ninth is below exp(-190) at the boundary
_IMAGES: Final = 6  # the seventh is 17 standard deviations away at the boundary


def phi(x: ArrayLike) -> Floats:
    """Return the standard normal distribution function."""
    from scipy.special import ndtr

    return np.asarray(ndtr(np.asarray(x, dtype=np.float64)), dtype=np.float64)


def above(spot: ArrayLike, level: ArrayLike, years: ArrayLike, sigma: ArrayLike, drift: ArrayLike = 0.0) -> Floats:
    """Return P(S_T > K), the digital: Phi((-b + nu T)/v). With v = 0 it is 1 where the drift ends above, 1/2 at K."""
    b, nu, v, t = _symbols(spot, level, years, sigma, drift)
    with np.errstate(divide="ignore", invalid="ignore"):
        z = (nu * t - b) / v
    return np.asarray(np.where(v > 0, phi(np.where(v > 0, z, 0.0)), _step(nu * t - b)), dtype=np.float64)


def between(
    spot: ArrayLike,
    levels: tuple[ArrayLike, ArrayLike],
    years: ArrayLike,
    sigma: ArrayLike,
    drift: ArrayLike = 0.0,
) -> Floats:
    """Return P(A < S_T < B) for levels (A, B), A <= B."""
    low, high = levels
    return above(spot, low, years, sigma, drift) - above(spot, high, years, sigma, drift)


def touch(spot: ArrayLike, level: ArrayLike, years: ArrayLike, sigma: ArrayLike, drift: ArrayLike = 0.0) -> Floats:
    """Return P(the path touches K by T), upwards for K > S, downwards for K < S; 1 where spot stands at K already.

    Phi((-b + nu T)/v) + exp(2 nu b / sigma^2) Phi((-b - nu T)/v) for an upper level, mirrored for a lower one. A level
    the path has passed before is the caller's to know, see `touched_already`.
    """
    b, nu, v, t = _symbols(spot, level, years, sigma, drift)
    side = np.where(b >= 0, 1.0, -1.0)
    b, nu = side * b, side * nu
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        variance = np.where(t > 0, v * v / np.where(t > 0, t, 1.0), 0.0)
        safe = np.where(v > 0, v, 1.0)
        first = phi((nu * t - b) / safe)
        exponent = np.where(variance > 0, 2.0 * nu * b / np.where(variance > 0, variance, 1.0), 0.0)
        second = np.exp(exponent + _log_phi((-b - nu * t) / safe))
    moving = np.clip(first + second, 0.0, 1.0)
    still = np.where((nu * t >= b), 1.0, 0.0)
    return np.where(b <= 0, 1.0, np.where(v > 0, moving, still))


def touched_already(spot: ArrayLike, level: ArrayLike, extreme: ArrayLike, *, up: bool) -> npt.NDArray[np.bool_]:
    """Tell where a window that has begun is decided: its `extreme` so far, or spot, has reached the level.

    `extreme` is the highest price since the window began for an upper level (`up`), the lowest for a lower one. Such a
    contract is worth 1, whatever `touch` says of the path to come.
    """
    level, extreme, spot = (np.asarray(value, dtype=np.float64) for value in (level, extreme, spot))
    return np.asarray(np.maximum(extreme, spot) >= level if up else np.minimum(extreme, spot) <= level)


def discrete_level(level: ArrayLike, spot: ArrayLike, sigma: ArrayLike, step_years: ArrayLike) -> Floats:
    """Return the level moved away from spot by exp(0.5826 sigma sqrt(dt)), for paths looked at every `step_years`.

    Right where only closes count; one-minute highs and lows are continuous within the bar and need none.
    """
    level, spot = np.asarray(level, dtype=np.float64), np.asarray(spot, dtype=np.float64)
    shift = _DISCRETE * np.asarray(sigma, dtype=np.float64) * np.sqrt(np.asarray(step_years, dtype=np.float64))
    return level * np.exp(np.where(level >= spot, shift, -shift))


def first_of_two(
    spot: ArrayLike, levels: tuple[ArrayLike, ArrayLike], sigma: ArrayLike, drift: ArrayLike = 0.0
) -> Floats:
    """Return P(the upper of levels (D, U) is touched before the lower), without a deadline; D < S < U.

    d/(u+d) at nu = 0, else (1 - exp(2 nu d / s^2)) / (exp(-2 nu u / s^2) - exp(2 nu d / s^2)); for mu = 0 it is
    (S - D)/(U - D). 1 or 0 where spot stands at a level already.
    """
    u, d, nu, sigma = _corridor(spot, levels, sigma, drift)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        rate = 2.0 * nu / (sigma * sigma)
        # expm1 in the form without overflow: the larger exponent is taken out
        up = np.where(
            rate > 0,
            -np.expm1(-rate * d) / -np.expm1(-rate * (u + d)),
            np.exp(rate * u) * np.expm1(rate * d) / np.expm1(rate * (u + d)),
        )
    result = np.where(np.abs(rate) * (u + d) < 1e-9, d / (u + d), up)
    return np.where(u <= 0, 1.0, np.where(d <= 0, 0.0, result))


def first_of_two_by(
    spot: ArrayLike,
    levels: tuple[ArrayLike, ArrayLike],
    years: ArrayLike,
    sigma: ArrayLike,
    drift: ArrayLike = 0.0,
) -> tuple[Floats, Floats]:
    """Return (P(U first and by T), P(D first and by T)) for levels (D, U); the rest is neither.

    With L = u + d, for long times: P_inf - exp(nu u / s^2) sum_k (-1)^(k+1) (k pi s^2 / L^2) sin(k pi d / L)
    exp(-l_k T) / l_k, l_k = (nu^2/s^2 + (k pi s / L)^2)/2; for short ones the same by images at u + 2 n L. The lower
    level by symmetry.
    """
    u, d, nu, sigma = _corridor(spot, levels, sigma, drift)
    t = np.broadcast_to(np.asarray(years, dtype=np.float64), u.shape)
    forever = first_of_two(spot, levels, sigma, drift)
    upper = _by_deadline(np.where(u > 0, forever, 1.0), u, d, nu, sigma, t)
    lower = _by_deadline(np.where(d > 0, 1.0 - forever, 1.0), d, u, -nu, sigma, t)
    at_up, at_low = u <= 0, d <= 0
    return np.where(at_up, 1.0, np.where(at_low, 0.0, upper)), np.where(at_low, 1.0, np.where(at_up, 0.0, lower))


def up_or_down(
    spot: ArrayLike, reference: ArrayLike, years: ArrayLike, sigma: ArrayLike, drift: ArrayLike = 0.0
) -> Floats:
    """Return P(the window ends at or above its reference price) with `years` of it left."""
    return above(spot, reference, years, sigma, drift)


def average_variance_years(left: ArrayLike, average: ArrayLike) -> Floats:
    """Return the years of variance in a mean over the last `average` years, with `left` >= average until its end.

    left - 2 average / 3; what is known of the average inside the window goes through `up_or_down_average`.
    """
    return np.asarray(left, dtype=np.float64) - 2.0 * np.asarray(average, dtype=np.float64) / 3.0


def up_or_down_average(
    spot: ArrayLike,
    reference: ArrayLike,
    left: ArrayLike,
    sigma: ArrayLike,
    average: tuple[ArrayLike, ArrayLike, ArrayLike],
) -> Floats:
    """Return P(Up) where the end value is a time average over the last w years; zero drift.

    `average` is (w, a, mean so far): the length of the average, how much of it has passed, and its mean over that part.
    Before it begins (a = 0) the variance is sigma^2 (left - 2w/3); inside, mean (a M + (w - a) S)/w and variance
    sigma^2 (w - a)^3 / (3 w^2), relative to the spot. Derived from the variance of an integrated Brownian motion.
    """
    s, k, tau, sd = (np.asarray(value, dtype=np.float64) for value in (spot, reference, left, sigma))
    w, passed, mean = (np.asarray(value, dtype=np.float64) for value in average)
    inside = passed > 0
    centre = np.where(inside, (passed * mean + (w - passed) * s) / w, s)
    years = np.where(inside, (w - passed) ** 3 / (3.0 * w * w), average_variance_years(tau, w))
    deviation = sd * np.sqrt(np.maximum(years, 0.0))
    gap = np.log(centre / k)
    with np.errstate(divide="ignore", invalid="ignore"):
        z = gap / deviation
    return np.where(deviation > 0, phi(np.where(deviation > 0, z, 0.0)), _step(gap))


def tie_probability(spot: ArrayLike, tick: ArrayLike, years: ArrayLike, sigma: ArrayLike) -> Floats:
    """Return about how likely the end equals the reference to the tick: tick / (sigma sqrt(T) S) phi(0)."""
    s, t, sd = (np.asarray(value, dtype=np.float64) for value in (spot, years, sigma))
    width = sd * np.sqrt(t) * s
    with np.errstate(divide="ignore"):
        density = np.asarray(tick, dtype=np.float64) / width / np.sqrt(2.0 * np.pi)
    return np.asarray(np.minimum(density, 1.0), dtype=np.float64)


def fair_no(p: ArrayLike, years: ArrayLike, rate: ArrayLike) -> Floats:
    """Return what NO is worth when money earns `rate` meanwhile: (1 - p) exp(-r T)."""
    growth = np.asarray(rate, dtype=np.float64) * np.asarray(years, dtype=np.float64)
    return np.asarray((1.0 - np.asarray(p, dtype=np.float64)) * np.exp(-growth), dtype=np.float64)


def annual_return(p_win: ArrayLike, cost: ArrayLike, years: ArrayLike) -> Floats:
    """Return (p/q)^(1/T) - 1, the yearly return expected from paying `cost` for a share that pays 1 with `p_win`."""
    ratio = np.asarray(p_win, dtype=np.float64) / np.asarray(cost, dtype=np.float64)
    return np.asarray(ratio ** (1.0 / np.asarray(years, dtype=np.float64)) - 1.0, dtype=np.float64)


# inside


def _symbols(
    spot: ArrayLike, level: ArrayLike, years: ArrayLike, sigma: ArrayLike, drift: ArrayLike
) -> tuple[Floats, Floats, Floats, Floats]:
    s, k, t, sd, mu = np.broadcast_arrays(
        *(np.asarray(x, dtype=np.float64) for x in (spot, level, years, sigma, drift))
    )
    t = np.maximum(t, 0.0)
    return np.log(k / s), mu - sd * sd / 2.0, sd * np.sqrt(t), t


def _corridor(
    spot: ArrayLike, levels: tuple[ArrayLike, ArrayLike], sigma: ArrayLike, drift: ArrayLike
) -> tuple[Floats, Floats, Floats, Floats]:
    arrays = (spot, *levels, sigma, drift)
    s, low, high, sd, mu = np.broadcast_arrays(*(np.asarray(value, dtype=np.float64) for value in arrays))
    return np.log(high / s), np.log(s / low), mu - sd * sd / 2.0, sd


def _by_deadline(forever: Floats, u: Floats, d: Floats, nu: Floats, sigma: Floats, t: Floats) -> Floats:
    """Return P(the barrier at distance u first and by t); the arrays are of one shape."""
    inside = (u > 0) & (d > 0)
    u, d = np.where(inside, u, 1.0), np.where(inside, d, 1.0)
    spread = np.where(t > 0, sigma * np.sqrt(t), 1.0)
    long = spread > _LONG * (u + d)
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        value = np.where(long, forever - _modes(u, d, nu, sigma, t), _images(u, d, nu, sigma, spread, t))
    return np.where(t > 0, np.clip(value, 0.0, 1.0), 0.0)


def _modes(u: Floats, d: Floats, nu: Floats, sigma: Floats, t: Floats) -> Floats:
    """Return what is still to come after t, as a series of decaying modes; for long times."""
    length = u + d
    total = np.zeros_like(length)
    for k in range(1, _MODES + 1):
        decay = 0.5 * ((nu / sigma) ** 2 + (k * np.pi * sigma / length) ** 2)
        size = k * np.pi * (sigma / length) ** 2 * np.exp(nu * u / sigma**2 - decay * t) / decay
        total += (1.0 if k % 2 else -1.0) * size * np.sin(k * np.pi * d / length)
    return total


def _images(u: Floats, d: Floats, nu: Floats, sigma: Floats, spread: Floats, t: Floats) -> Floats:
    """Return the probability as a sum over mirror images of the barrier; for short times, stable for any drift."""
    total = np.zeros_like(u)
    for n in range(-_IMAGES, _IMAGES + 1):
        place = u + 2.0 * n * (u + d)
        a = np.abs(place)
        first = np.exp(nu * (u - a) / sigma**2 + _log_phi((nu * t - a) / spread))
        second = np.exp(nu * (u + a) / sigma**2 + _log_phi((-nu * t - a) / spread))
        total += np.sign(place) * (first + second)
    return total


def _log_phi(x: Floats) -> Floats:
    from scipy.special import log_ndtr

    return np.asarray(log_ndtr(x), dtype=np.float64)


def _step(x: Floats) -> Floats:
    return np.asarray(np.where(x > 0, 1.0, np.where(x < 0, 0.0, 0.5)), dtype=np.float64)
