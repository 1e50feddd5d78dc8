"""Price paths of constant volatility, and contracts settled by replaying them: the judge of fair values.

Highs and lows come from the exact law of a Brownian bridge's extremes, drawn together by following the path in finer
steps, so that touches are as likely as the closed forms say up to the finer steps' own extremes.
"""

import numpy as np

from edgeworth.core.contract import ContractKind, ContractTerms
from edgeworth.core.random import stream
from edgeworth.core.units import DAY, HOUR
from edgeworth.features.fairvalue.value import YEAR, History

START = 1_767_225_600_000_000  # 2026-01-01


def gbm(seed, bars, sigma=0.6, step=HOUR, fine=6, name="gbm"):
    """A martingale path of `bars` candles; each is `fine` steps whose own extremes are drawn from the bridge."""
    draw = stream(seed, name)
    v = sigma**2 * step / YEAR / fine
    noise = draw.standard_normal(bars * fine)
    level = np.log(70_000) + np.concatenate([[0.0], np.cumsum(np.sqrt(v) * noise - v / 2)])
    a, b = level[:-1], level[1:]
    up, down = (np.sqrt((b - a) ** 2 - 2 * v * np.log1p(-draw.random(len(a)))) for _ in range(2))
    high = ((a + b + up) / 2).reshape(bars, fine).max(axis=1)
    low = ((a + b - down) / 2).reshape(bars, fine).min(axis=1)
    t = START + np.arange(bars) * step
    return History(t, np.exp(level[:-1:fine]), np.exp(high), np.exp(low), np.exp(level[fine::fine]), step)


def uniform_candles(seed, bars, low=40_000.0, high=60_000.0, order=False, step=HOUR):
    """Candles of four independent uniform draws; with `order` at least high and low are put right."""
    o, h, bottom, c = stream(seed, "uniform-candles").uniform(low, high, (4, bars))
    if order:
        h, bottom = np.maximum.reduce([o, h, bottom, c]), np.minimum.reduce([o, h, bottom, c])
    return History(START + np.arange(bars) * step, o, h, bottom, c, step)


def contract(kind, history, first, days, rng, sigma=0.6):
    """A contract whose window begins at candle `first` and lasts `days`, at a random distance."""
    start = int(history.t[first])
    end = start + round(days * DAY)
    spot, width = float(history.open[first]), sigma * np.sqrt(days / 365)
    z = rng.uniform(0.2, 1.8)
    plain = ("BTC", "BTC/USDT", "binance")
    if kind is ContractKind.TOUCH_UP:
        return ContractTerms(kind, *plain, "high", "1m", (spot * np.exp(z * width),), ">=", start, end)
    if kind is ContractKind.TOUCH_DOWN:
        return ContractTerms(kind, *plain, "low", "1m", (spot * np.exp(-z * width),), "<=", start, end)
    if kind is ContractKind.ABOVE_ON_DAY:
        return ContractTerms(kind, *plain, "close", "1m", (spot * np.exp((z - 1) * width),), ">", None, end)
    if kind is ContractKind.BETWEEN_ON_DAY:
        levels = spot * np.exp((z - 1) * width), spot * np.exp(z * width)
        return ContractTerms(kind, *plain, "close", "1m", levels, "[)", None, end)
    if kind is ContractKind.FIRST_OF_TWO:
        levels = spot * np.exp(-z * width), spot * np.exp(rng.uniform(0.2, 1.8) * width)
        return ContractTerms(kind, *plain, "high", "1m", levels, ">", start, end)
    return ContractTerms(kind, *plain, "close", "1h", (), ">=", start, end, tie="yes")


def settle(terms, history):
    """Replay the path under the rule: 1 or 0."""
    last = int(np.searchsorted(history.known_at, terms.window_end))
    if terms.kind is ContractKind.ABOVE_ON_DAY:
        return float(history.close[last] > terms.levels[0])
    if terms.kind is ContractKind.BETWEEN_ON_DAY:
        return float(terms.levels[0] <= history.close[last] < terms.levels[1])
    first = int(np.searchsorted(history.t, terms.window_start))
    high, low = history.high[first : last + 1], history.low[first : last + 1]
    if terms.kind is ContractKind.TOUCH_UP:
        return float(high.max() >= terms.levels[0])
    if terms.kind is ContractKind.TOUCH_DOWN:
        return float(low.min() <= terms.levels[0])
    if terms.kind is ContractKind.FIRST_OF_TWO:
        up, down = high >= terms.levels[1], low <= terms.levels[0]
        return float(up.any() and (not down.any() or up.argmax() < down.argmax()))
    return float(history.close[last] >= history.open[first])
