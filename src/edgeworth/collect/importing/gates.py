"""Plausibility: refuse tables that cannot be what they claim to be. Pure functions on arrays; thresholds argued here.

* A price sampled after the resolution equals the outcome. A quoted price before it cannot be exactly 0 or 1 (the
  smallest tick forbids it) in every row, so exact equality in a few rows is enough; near equality needs many.
* A traded price diffuses: its close-to-close variance grows with the horizon (variance ratio near 1) and its level is
  almost the last level (correlation near 1). Independent draws have a variance ratio of 1/k and correlation 0. Pegged
  and dead coins also revert, but move by a few ticks: they are told apart by the size of the moves and by the number
  of distinct prices.
* A candle's high is its largest price and its low the smallest; a vendor's slip breaks a row, not a share of the rows.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from edgeworth.core.errors import DataError, LeakError
from edgeworth.core.panel import Floats, Int64s

EXACT_ROWS: Final = 3  # both outcomes among them: exact equality is impossible for a quote, whatever the odds
NEAR_ROWS: Final = 50
NEAR: Final = 0.01  # one tick of most markets
NEAR_SHARE: Final = 0.99
BROKEN_SHARE: Final = 0.02
BROKEN_ROWS: Final = 50
MIN_CANDLES: Final = 100
LAG: Final = 5
# A random walk over 100 steps has VR(5) = 1 with standard deviation sqrt(2(2k-1)(k-1)/(3kn)) = 0.22; 0.45 lies 2.5 of
# them below, and the level correlation of the same walk is above 0.8: both together do not happen by chance.
MAX_RATIO: Final = 0.45
MAX_LEVEL_CORRELATION: Final = 0.5
MIN_MOVE: Final = 0.02  # standard deviation of one step: a peg moves far less
MIN_DISTINCT: Final = 0.1  # a dead coin bounces between a handful of ticks
OUTSIDE_SHARE: Final = 0.1
OUTSIDE_ROWS: Final = 50
SERIES_POINTS: Final = 20
IID_POINTS: Final = 200
IID_RATIO: Final = 0.8  # of von Neumann's ratio / 2: 1 for independent draws, near 0 for a price
IID_SPREAD: Final = 0.15


@dataclass(frozen=True, slots=True)
class Candles:
    """Candles of one symbol in time order: `t` int64 microseconds, prices float64, equal lengths."""

    t: Int64s
    open: Floats
    high: Floats
    low: Floats
    close: Floats


def check_price_label(price: Floats, payout: Floats) -> None:
    """Raise LeakError price-label when the price is the outcome in (almost) every row.

    `price` and `payout` have shape (N,), dollars of YES; NaN rows are ignored.
    """
    known = np.isfinite(price) & np.isfinite(payout)
    shown, paid = price[known], payout[known]
    rows = len(shown)
    if rows < EXACT_ROWS or len(np.unique(paid)) < 2:
        return
    distance = np.abs(shown - paid)
    exact = bool(np.all(distance == 0))
    near = rows >= NEAR_ROWS and float(np.mean(distance <= NEAR)) >= NEAR_SHARE
    if exact or near:
        how = "equals" if exact else f"lies within {NEAR} of"
        raise LeakError("price-label", f"the price {how} the outcome in every row ({rows} rows)", rows=rows)


def check_prices(price: Floats, market: Int64s, outside: int = 0) -> None:
    """Raise DataError implausible-prices when a table's prices are in another unit, settled, constant or pure noise.

    `price` (N,) in dollars as given, grouped by `market` (N,) and in time order within one. `outside` rows beyond
    [0, 1] were set aside before and are not in `price`.
    """
    finite = np.isfinite(price)
    price, market = price[finite], market[finite]
    _check_unit(price, outside)
    rows, markets = len(price), len(np.unique(market))
    if rows >= SERIES_POINTS and markets >= 5 and set(np.unique(price)) == {0.0, 1.0}:
        raise DataError(
            "implausible-prices", "every price is 0 or 1: these are outcomes, not quotes", "map them as a resolution"
        )
    if rows >= 1000 and markets >= 10 and np.ptp(price) == 0:
        raise DataError("implausible-prices", f"all {rows} prices of {markets} markets are {price[0]:g}")
    ratio, spread, points = _noise(price, market)
    if points >= IID_POINTS and ratio > IID_RATIO and spread > IID_SPREAD:
        raise DataError(
            "implausible-prices",
            f"successive prices of a market are unrelated (ratio {ratio:.2f}, 1 = independent draws, "
            f"standard deviation {spread:.2f})",
            "check that rows of one market share an id, that time is in order and both legs are not mixed",
        )


def check_stated_unit(price: Floats, unit: str) -> None:
    """Raise DataError implausible-prices when prices stated in hundredths (percent, cents) never exceed one of them.

    `price` (N,) in dollars, after conversion. A table of dollars mapped as cents would be stored a hundred times too
    small, and every later import of the same points would be a duplicate.
    """
    if unit in {"percent", "cents"} and len(price) >= OUTSIDE_ROWS and float(price.max()) <= 0.01:
        raise DataError(
            "implausible-prices",
            f"the mapping says {unit}, but none of {len(price)} prices exceeds one of them",
            'these look like probabilities: leave the unit away, or write unit = "probability"',
        )


def _check_unit(price: Floats, outside: int) -> None:
    beyond = int(np.count_nonzero((price < 0) | (price > 1))) + outside
    rows = len(price) + outside
    share = beyond / rows if rows else 0.0
    if (rows >= OUTSIDE_ROWS and share > OUTSIDE_SHARE) or (rows >= SERIES_POINTS // 2 and share > 0.5):
        raise DataError(
            "implausible-prices",
            f"{beyond} of {rows} prices lie outside [0, 1]",
            'check the unit (a mapping may say unit = "percent" or "cents") and the column',
        )


def _noise(price: Floats, market: Int64s) -> tuple[float, float, int]:
    """Return half of von Neumann's ratio, the standard deviation within markets, and the points of long series."""
    if len(price) < IID_POINTS:
        return 0.0, 0.0, 0
    _, code, size = np.unique(market, return_inverse=True, return_counts=True)
    order = np.argsort(code, kind="stable")
    price, code = price[order], code[order]
    long = size[code] >= SERIES_POINTS
    price, code = price[long], code[long]
    if len(price) < IID_POINTS:
        return 0.0, 0.0, len(price)
    mean = np.bincount(code, price, len(size)) / np.maximum(size, 1)
    squares = float(np.sum((price - mean[code]) ** 2))
    same = code[1:] == code[:-1]
    steps = float(np.sum(np.diff(price)[same] ** 2))
    if squares == 0:
        return 0.0, 0.0, len(price)
    # sums over n and n - 1 terms per series; the difference does not matter at these lengths
    return steps / (2 * squares), float(np.sqrt(squares / len(price))), len(price)


def judge_candles(candles: Candles, broken: int = 0) -> str | None:
    """Return why candles of one symbol are no traded price, or None. `broken` rows were set aside before."""
    rows = len(candles.t) + broken
    wrong = broken + int(np.count_nonzero(broken_candles(candles)))
    if rows >= BROKEN_ROWS and wrong > BROKEN_SHARE * rows:
        return f"in {wrong} of {rows} candles the high is not the highest or the low not the lowest price"
    if len(candles.t) < MIN_CANDLES:
        return None
    return _no_diffusion(candles)


def broken_candles(candles: Candles) -> "np.ndarray[tuple[int], np.dtype[np.bool_]]":
    """Return, per candle, whether high or low contradict the other prices; shape (N,)."""
    top = np.maximum(candles.open, candles.close)
    bottom = np.minimum(candles.open, candles.close)
    result: np.ndarray[tuple[int], np.dtype[np.bool_]] = (candles.high < top) | (candles.low > bottom)
    return result


def _no_diffusion(candles: Candles) -> str | None:
    good = np.isfinite(candles.close) & (candles.close > 0)
    t, level = candles.t[good], np.log(candles.close[good])
    if len(level) < MIN_CANDLES:
        return None
    gap = np.diff(t)
    step = np.median(gap)
    run = np.append(0, np.cumsum(gap != step))  # candles without a hole between them share a number
    one, many = run[1:] == run[:-1], run[LAG:] == run[:-LAG]
    if np.count_nonzero(one) < MIN_CANDLES // 2 or np.count_nonzero(many) < MIN_CANDLES // 2:
        return None
    short = np.diff(level)[one]
    move = float(np.std(short))
    distinct = len(np.unique(level)) / len(level)
    if move < MIN_MOVE or distinct < MIN_DISTINCT:
        return None
    ratio = float(np.var((level[LAG:] - level[:-LAG])[many]) / (LAG * np.var(short)))
    before, after = level[:-1][one], level[1:][one]
    correlation = float(np.corrcoef(before, after)[0, 1])
    if ratio < MAX_RATIO and correlation < MAX_LEVEL_CORRELATION:
        return (
            f"closes do not diffuse: {move:.0%} standard deviation per candle, correlation of successive closes "
            f"{correlation:.2f}, variance ratio over {LAG} candles {ratio:.2f} (a traded price: near 1 and 1)"
        )
    return None


def refuse_candles(rows: dict[str, int], problems: dict[str, str]) -> None:
    """Raise DataError implausible-candles when the symbols with a problem hold most of the rows.

    `rows` counts candles per symbol, `problems` names why a symbol is no traded price.
    """
    bad = sum(rows[symbol] for symbol in problems)
    if problems and bad * 2 > sum(rows.values()):
        symbol = max(problems, key=lambda name: rows[name])
        raise DataError("implausible-candles", f"{symbol}: {problems[symbol]}", symbols=sorted(problems))
