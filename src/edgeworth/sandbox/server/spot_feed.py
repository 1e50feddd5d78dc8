"""One-minute candles of every coin, derived from the world's five-minute path, and everything longer from those.

Inside a five-minute step the minutes follow a Brownian bridge, and the step's own high and low fall into one minute
each, so that five minutes together give exactly the step. Before the world begins lie three more years, whose last
price is the world's first. Prices and volumes are integers, so longer candles are exact sums of shorter ones.
"""

import threading
from collections import OrderedDict
from datetime import datetime, timedelta
from functools import cached_property

import msgspec
import numpy as np
import numpy.typing as npt

from edgeworth.core.instants import from_datetime, to_datetime
from edgeworth.core.random import stream
from edgeworth.core.units import DAY, HOUR, MINUTE, SECOND, Micros
from edgeworth.sandbox.arrays import WorldData
from edgeworth.sandbox.server.symbols import Symbol
from edgeworth.sandbox.spot import STEP, Spot, simulate_spot

Ints = npt.NDArray[np.int64]
Array = npt.NDArray[np.float64]

INTERVALS: dict[str, int] = {
    "1m": MINUTE,
    "3m": 3 * MINUTE,
    "5m": 5 * MINUTE,
    "15m": 15 * MINUTE,
    "30m": 30 * MINUTE,
    "1h": HOUR,
    "2h": 2 * HOUR,
    "4h": 4 * HOUR,
    "6h": 6 * HOUR,
    "8h": 8 * HOUR,
    "12h": 12 * HOUR,
    "1d": DAY,
    "3d": 3 * DAY,
    "1w": 7 * DAY,
    "1M": 31 * DAY,
}
_BEFORE = 1_200 * DAY  # of history before the world begins
_MINUTES = DAY // MINUTE
_PER_STEP = STEP // MINUTE
_MONDAY = 4 * DAY  # 1970-01-05
_KEPT_DAYS = 160
_QUARTER = 15 * SECOND
VOLUME_UNIT = 100_000  # volumes are counted in 1e-5 coins
QUOTE_UNIT = 1_000_000  # turnover in 1e-6 dollars

OPEN, HIGH, LOW, CLOSE, VOLUME, QUOTE, COUNT, TAKER, TAKER_QUOTE = range(9)


class Bars(msgspec.Struct):
    """Candles: `t` opening instants (n,), `end` closing instants (n,, exclusive), `values` (n, 9) integers.

    Columns: open, high, low, close in units of the symbol's last decimal, volume (1e-5 coins), turnover (1e-6 dollars),
    trades, and taker-bought volume and turnover.
    """

    t: Ints
    end: Ints
    values: Ints


class SpotFeed:
    """Candles and prices of the exchange's symbols as of any instant of the world."""

    def __init__(self, world: WorldData) -> None:
        self._world = world
        self._days: OrderedDict[tuple[str, int], Ints] = OrderedDict()
        self._lock = threading.Lock()  # sockets ask from outside the venue's own lock
        self.begin = world.spot.origin - _BEFORE
        self.end = world.spot.origin + (world.spot.log_price.shape[1] - 1) * STEP

    @cached_property
    def _before(self) -> Spot:
        """The years before the world: a path of its own, moved so that it ends where the world's begins."""
        spot = simulate_spot(self._world.seed ^ 0x5EED, self.begin, self._world.spot.origin)
        shift = (self._world.spot.log_price[:, 0] - spot.log_price[:, -1])[:, None]
        return Spot(spot.origin, spot.log_price + shift, spot.variance, spot.high + shift, spot.low + shift)

    def life(self, symbol: Symbol) -> tuple[int, int]:
        """Return when a symbol began and ended trading here."""
        begin = self.begin if symbol.listed is None else max(symbol.listed, self.begin)
        return begin, self.end if symbol.gone is None else min(symbol.gone, self.end)

    def price(self, symbol: Symbol, now: int) -> int:
        """Return the last price: of a finished quarter of a minute, in units of the last decimal."""
        begin, end = self.life(symbol)
        at = min(max(now, begin), end - MINUTE)
        row = self._day(symbol, at // DAY)[at % DAY // MINUTE]
        return _partial(row, at % MINUTE)[CLOSE] if at == now else int(row[CLOSE])

    def candles(self, symbol: Symbol, interval: str, begin: int, end: int, now: int) -> Bars:
        """Return the candles that open in [begin, end) and no later than `now`; the last one may be unfinished."""
        first, last = self.life(symbol)
        begin, end = max(begin, opening(first, interval)), min(end, now + 1, last)
        if end <= begin:
            return Bars(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros((0, 9), np.int64))
        opens = _openings(interval, begin, end)
        if not len(opens):
            return Bars(opens, opens, np.zeros((0, 9), np.int64))
        ends = _closings(interval, opens)
        t, values = self._minutes(symbol, max(int(opens[0]), first), min(int(ends[-1]), now + 1, last), now)
        place = np.searchsorted(t, opens)
        full = place < np.append(place[1:], len(t))
        opens, ends, place = opens[full], ends[full], place[full]
        return Bars(opens, ends, _merged(values, place))

    def _minutes(self, symbol: Symbol, begin: int, end: int, now: int) -> tuple[Ints, Ints]:
        """Return the minutes that open in [begin, end), the one of `now` as far as it has come."""
        days = range(begin // DAY, (end - 1) // DAY + 1)
        values = np.concatenate([self._day(symbol, day) for day in days])
        t = np.arange(days.start * DAY, days.stop * DAY, MINUTE, dtype=np.int64)
        keep = slice(int(np.searchsorted(t, begin)), int(np.searchsorted(t, end)))
        t, values = t[keep], values[keep].copy()
        if len(t) and t[-1] + MINUTE > now:
            values[-1] = _partial(values[-1], now - int(t[-1]))
        return t, values

    def _day(self, symbol: Symbol, day: int) -> Ints:
        """Return the 1,440 minutes of a day, shape (1440, 9)."""
        key = (symbol.name, day)
        with self._lock:
            found = self._days.get(key)
            if found is None:
                found = self._days[key] = self._make_day(symbol, day)
                while len(self._days) > _KEPT_DAYS:
                    self._days.popitem(last=False)
            else:
                self._days.move_to_end(key)
            return found

    def _make_day(self, symbol: Symbol, day: int) -> Ints:
        spot = self._world.spot if day * DAY >= self._world.spot.origin else self._before
        first = (day * DAY - spot.origin) // STEP
        chosen = slice(first, first + DAY // STEP)
        level = spot.log_price[symbol.coin, first : first + DAY // STEP + 1]
        step = np.diff(spot.variance[symbol.coin, first : first + DAY // STEP + 1])
        rng = stream(self._world.seed, "minutes", symbol.coin, day)
        path = _bridge(rng.standard_normal((len(step), _PER_STEP)), level, step)
        highs, lows = spot.high[symbol.coin, chosen], spot.low[symbol.coin, chosen]
        path[:, 1:-1] = np.clip(path[:, 1:-1], lows[:, None], highs[:, None])
        high, low = _extremes(
            path, highs, lows, rng.exponential(0.3, (2, len(step), _PER_STEP)) * np.sqrt(step / 5)[:, None]
        )
        unit = symbol.scale * 10.0**symbol.decimals
        ends = np.maximum(np.rint(np.exp(path) * unit), 1).astype(np.int64)
        opens, closes = ends[:, :-1].ravel(), ends[:, 1:].ravel()
        top = np.maximum(np.rint(np.exp(high) * unit).astype(np.int64).ravel(), np.maximum(opens, closes))
        bottom = np.minimum(np.rint(np.exp(low) * unit).astype(np.int64).ravel(), np.minimum(opens, closes))
        bottom = np.maximum(bottom, 1)
        return _with_volume(symbol, np.column_stack([opens, top, bottom, closes]), rng.random((_MINUTES, 2)))


def _bridge(noise: Array, level: Array, step: Array) -> Array:
    """Return log prices at the minutes of each step, shape (steps, 6), tied to the step's ends."""
    walk = np.cumsum(noise, axis=1) * np.sqrt(step / _PER_STEP)[:, None]
    share = np.arange(1, _PER_STEP + 1) / _PER_STEP
    inner = level[:-1, None] + walk - share * walk[:, -1:] + share * (level[1:] - level[:-1])[:, None]
    path = np.concatenate([level[:-1, None], inner], axis=1)
    path[:, -1] = level[1:]
    return path


def _extremes(path: Array, highs: Array, lows: Array, excess: Array) -> tuple[Array, Array]:
    """Return each minute's log high and low; the step's own fall into the minute that comes closest."""
    high = np.minimum(np.maximum(path[:, :-1], path[:, 1:]) + excess[0], highs[:, None])
    low = np.maximum(np.minimum(path[:, :-1], path[:, 1:]) - excess[1], lows[:, None])
    rows = np.arange(len(path))
    high[rows, high.argmax(axis=1)] = highs
    low[rows, low.argmin(axis=1)] = lows
    return high, low


def _with_volume(symbol: Symbol, prices: Ints, draws: Array) -> Ints:
    """Add volume columns: more is traded in minutes that move."""
    unit = 10.0**symbol.decimals
    spread = np.log(prices[:, HIGH] / prices[:, LOW])
    mid = (prices[:, OPEN] + prices[:, CLOSE]) / 2 / unit
    coins = 4e8 / 60 * (0.2 + 300 * spread) * (0.5 + draws[:, 0]) / mid / (1 + 3 * symbol.coin)
    volume = np.rint(coins * VOLUME_UNIT).astype(np.int64)
    quote = np.rint(volume / VOLUME_UNIT * mid * QUOTE_UNIT).astype(np.int64)
    share = 0.5 + 0.15 * np.sign(prices[:, CLOSE] - prices[:, OPEN]) * draws[:, 1]
    count = quote // (900 * QUOTE_UNIT) + 1
    taker, taker_quote = (np.rint(column * share).astype(np.int64) for column in (volume, quote))
    return np.column_stack([prices, volume, quote, count, taker, taker_quote]).astype(np.int64)


def _partial(row: Ints, passed: int) -> Ints:
    """Return a minute as far as it has come: it moves in quarters."""
    quarter = passed // _QUARTER
    close = int(row[OPEN]) + (int(row[CLOSE]) - int(row[OPEN])) * quarter // 4
    high, low = max(int(row[OPEN]), close), min(int(row[OPEN]), close)
    return np.array([row[OPEN], high, low, close, *(row[VOLUME:] * quarter // 4)], dtype=np.int64)


def _merged(values: Ints, place: Ints) -> Ints:
    """Merge consecutive minutes into candles that begin at `place`."""
    last = np.append(place[1:], len(values)) - 1
    sums = np.add.reduceat(values[:, VOLUME:], place, axis=0)
    high = np.maximum.reduceat(values[:, HIGH], place)
    low = np.minimum.reduceat(values[:, LOW], place)
    return np.column_stack([values[place, OPEN], high, low, values[last, CLOSE], sums])


def opening(instant: int, interval: str) -> int:
    """Return the beginning of the candle an instant lies in."""
    if interval == "1M":
        value = to_datetime(Micros(instant))
        return int(from_datetime(datetime(value.year, value.month, 1, tzinfo=value.tzinfo)))
    size = INTERVALS[interval]
    origin = _MONDAY if interval == "1w" else 0
    return (instant - origin) // size * size + origin


def _openings(interval: str, begin: int, end: int) -> Ints:
    """Return the candles' opening instants in [begin, end)."""
    if interval == "1M":
        found, at = [], opening(begin, interval)
        while at < end:
            if at >= begin:
                found.append(at)
            at = opening(at + 32 * DAY, interval)
        return np.array(found, dtype=np.int64)
    size = INTERVALS[interval]
    first = opening(begin, interval)
    return np.arange(first if first >= begin else first + size, end, size, dtype=np.int64)


def _closings(interval: str, opens: Ints) -> Ints:
    if interval == "1M":
        return np.array([opening(at + 32 * DAY, interval) for at in opens.tolist()], dtype=np.int64)
    return opens + INTERVALS[interval]


def month_bounds(year: int, month: int) -> tuple[int, int]:
    """Return the first instants of a month and of the next."""
    begin = int(from_datetime(datetime(year, month, 1)))  # noqa: DTZ001  (a naive datetime is UTC there)
    return begin, opening(begin + 32 * DAY, "1M")


def day_bounds(year: int, month: int, day: int) -> tuple[int, int]:
    """Return the first instants of a day and of the next."""
    begin = datetime(year, month, day)  # noqa: DTZ001
    return int(from_datetime(begin)), int(from_datetime(begin + timedelta(days=1)))
