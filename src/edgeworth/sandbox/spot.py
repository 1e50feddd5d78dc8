"""Crypto paths with stochastic volatility on a five-minute grid, with exact extremes between grid points.

The volatility path is independent of the price's own randomness and the simulated market knows it (it is the known
schedule of variance), so contract prices are exact conditional probabilities, not estimates: given the volatility,
log-prices are Gaussian with a known remaining variance. Under this measure every price is a martingale.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgeworth.core.random import stream
from edgeworth.core.units import DAY, HOUR, MINUTE

Array = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

STEP = 5 * MINUTE
_PER_HOUR = HOUR // STEP
_YEAR_HOURS = 365.25 * 24


@dataclass(frozen=True, slots=True)
class Coin:
    """One asset: its names, where its path starts, its mean yearly volatility and its correlation with Bitcoin."""

    symbol: str
    name: str
    start: float
    volatility: float
    correlation: float
    decimals: int


COINS: tuple[Coin, ...] = (
    Coin("BTC", "Bitcoin", 64_000.0, 0.55, 1.0, 2),
    Coin("ETH", "Ethereum", 2_900.0, 0.70, 0.80, 2),
    Coin("SOL", "Solana", 150.0, 0.90, 0.70, 2),
    Coin("XRP", "XRP", 1.10, 0.95, 0.60, 4),
    Coin("DOGE", "Dogecoin", 0.21, 1.00, 0.60, 5),
)
COIN_INDEX = {coin.symbol: index for index, coin in enumerate(COINS)}


@dataclass(frozen=True, slots=True)
class Spot:
    """Paths of all coins. `log_price` and `variance` (cumulative) have shape (coins, n+1); grid point i is at
    `origin + i * STEP`. `high` and `low` (coins, n) are the log extremes within step i.

    High and low are each drawn from the exact law of a Brownian bridge's extreme given the two ends, independently of
    each other: every touch-up and every touch-down probability is exact, their joint law is not claimed.
    """

    origin: int
    log_price: Array
    variance: Array
    high: Array
    low: Array

    def index(self, instants: Ints) -> Ints:
        """Return grid positions of instants that lie on the grid."""
        result: Ints = (instants - self.origin) // STEP
        return result

    def candles(self, coin: int, start: int, end: int) -> tuple[Ints, Array]:
        """Return hourly candles opening in [start, end): times (n,) and open, high, low, close, volume (n, 5)."""
        first, last = (int(np.ceil((bound - self.origin) / HOUR)) for bound in (start, end))
        stop = last * _PER_HOUR
        edges = np.arange(first * _PER_HOUR, stop + 1, _PER_HOUR)
        inner = slice(first * _PER_HOUR, stop)
        opens = np.exp(self.log_price[coin, edges])
        highs = np.exp(self.high[coin, inner].reshape(-1, _PER_HOUR).max(axis=1))
        lows = np.exp(self.low[coin, inner].reshape(-1, _PER_HOUR).min(axis=1))
        spread = np.log(highs / lows)
        volume = 4e8 * (0.2 + 100 * spread) / opens[:-1] / (1 + 3 * coin)
        times = self.origin + edges[:-1].astype(np.int64) * STEP
        return times, np.column_stack([opens[:-1], highs, lows, opens[1:], volume])


def simulate_spot(seed: int, start: int, end: int) -> Spot:
    """Simulate all coins from `start` to `end` (microseconds); the origin is the midnight before `start`."""
    origin = start // DAY * DAY
    hours = int(-(-(end - origin) // HOUR))
    shape = (len(COINS), hours * _PER_HOUR + 1)
    log_price, variance = np.zeros(shape), np.zeros(shape)
    high, low = np.zeros((shape[0], shape[1] - 1)), np.zeros((shape[0], shape[1] - 1))
    common = stream(seed, "spot", "common").standard_normal(shape[1] - 1)
    market_vol = _volatility(seed, "market", hours)
    for row, coin in enumerate(COINS):
        own = _volatility(seed, coin.symbol, hours) if row else np.zeros(hours)
        yearly = coin.volatility * np.exp(market_vol + 0.5 * own)
        step = np.repeat(yearly**2 / _YEAR_HOURS / _PER_HOUR, _PER_HOUR)
        noise = stream(seed, "spot", coin.symbol).standard_normal(shape[1] - 1)
        shock = coin.correlation * common + np.sqrt(1 - coin.correlation**2) * noise
        log_price[row, 0] = np.log(coin.start)
        log_price[row, 1:] = log_price[row, 0] + np.cumsum(np.sqrt(step) * shock - step / 2)
        variance[row, 1:] = np.cumsum(step)
        high[row], low[row] = _extremes(seed, coin.symbol, log_price[row], step)
    return Spot(origin, log_price, variance, high, low)


def _volatility(seed: int, name: str, hours: int) -> Array:
    """Return the log of the volatility factor per hour: a mean-reverting daily path (half-life about 12 days)."""
    days = hours // 24 + 2
    draws = stream(seed, "volatility", name).standard_normal(days)
    path = np.zeros(days)
    for day in range(1, days):
        path[day] = 0.944 * path[day - 1] + 0.11 * draws[day]
    daily: Array = np.interp(np.arange(hours) / 24.0, np.arange(days), path)
    return daily - 0.06


def _extremes(seed: int, name: str, log_price: Array, step: Array) -> tuple[Array, Array]:
    """Draw the bridge maximum and minimum of every step: m = (a + b + sqrt((b-a)^2 - 2 v ln U)) / 2."""
    a, b = log_price[:-1], log_price[1:]
    rng = stream(seed, "bridge", name)
    up, down = (np.sqrt((b - a) ** 2 - 2 * step * np.log1p(-rng.random(len(step)))) for _ in range(2))
    return (a + b + up) / 2, (a + b - down) / 2
