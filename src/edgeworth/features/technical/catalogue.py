"""The catalogue: 66 columns, each with its meaning, its unit, what it reads, and its formula.

Windows count candles. Amounts of price are shares of the close, so that a value means the same for every symbol.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Final

from edgeworth.core.units import DAY, HOUR
from edgeworth.features.technical import machine as m
from edgeworth.features.technical.graph import Graph, Operand, Plan, Series

TIMEFRAMES: Final = {"1h": HOUR, "4h": 4 * HOUR, "1d": DAY}
LONGEST: Final = 672  # a week of 15-minute candles
_BAR_PARTS: Final = ("log_return", "rsi_14", "ema_distance_20")
_BAR_LOOKBACK: Final = (2, 15, 20)
_SMOOTHING_SETTLES: Final = 10.4  # (1 - 2 / (n + 1)) ** (10.4 n) is 1e-9

Formula = Callable[["Bench"], Series]


@dataclass(frozen=True, slots=True)
class Column:
    """Describe one column.

    `lookback` is how many candles are needed, the row's own among them, before there is a value: candles of the
    series, or bars of `timeframe` where one is named. `settles` is after how many of them the beginning of the series
    moves a value by less than a billionth of its scale: as many as `lookback` for a window, more for a recurrence.
    """

    name: str
    group: str
    unit: str
    lookback: int
    settles: int
    inputs: tuple[str, ...]
    doc: str
    timeframe: str = ""


class Bench(Graph):
    """The parts that several columns are made of; equal ones are computed once."""

    @property
    def per_close(self) -> Series:
        """1 / close."""
        result: Series = self.make(m.RECIPROCAL, self.close)
        return result

    @property
    def log_close(self) -> Series:
        """Logarithm of the close."""
        result: Series = self.make(m.LOG, self.close)
        return result

    @property
    def log_volume(self) -> Series:
        """ln(1 + volume)."""
        result: Series = self.make(m.LOG, self.make(m.LINEAR, self.volume, numbers=(1.0, 1.0)))
        return result

    @property
    def change(self) -> Series:
        """Log-return of one candle."""
        return self.log_return(1)

    def log_return(self, lag: int) -> Series:
        """Return ln(close / close `lag` candles ago)."""
        result: Series = self.make(m.MINUS, self.log_close, self.log_close[lag])
        return result

    def simple_return(self, lag: int) -> Series:
        """Return close / close `lag` candles ago - 1."""
        result: Series = self.make(m.GROWTH, self.close, self.per_close[lag])
        return result

    def share(self, upper: Operand, lower: Operand) -> Series:
        """Return (upper - lower) / close."""
        result: Series = self.make(m.SHARE, upper, lower, self.per_close)
        return result

    def ema(self, period: int) -> Series:
        """Return the exponential mean of the close."""
        return self.smooth(self.close, period)

    def macd(self) -> Series:
        """Return EMA 12 - EMA 26."""
        result: Series = self.make(m.MINUS, self.ema(12), self.ema(26))
        return result

    def rsi(self, period: int) -> Series:
        """Return Wilder's relative strength index."""
        up, down = self.make(m.GAIN, self.close, self.close[1]), self.make(m.GAIN, self.close[1], self.close)
        means = (self.smooth(x, period, wilder=True) for x in (up, down))
        result: Series = self.make(m.STRENGTH, *means)
        return result

    def atr(self, period: int) -> Series:
        """Return Wilder's average true range over the close."""
        true_range = self.make(m.TRUE_RANGE, self.high, self.low, self.close[1])
        result: Series = self.make(m.TIMES, self.smooth(true_range, period, wilder=True), self.per_close)
        return result

    def deviation(self, x: Series, window: int) -> Series:
        """Return the population standard deviation."""
        result: Series = self.make(m.ROOT, self.moments(x, window)[1], numbers=(1.0 / window,))
        return result

    def standing(self, x: Series, window: int) -> Series:
        """Return how many standard deviations x lies above its mean."""
        result: Series = self.make(m.APART, x, self.moments(x, window)[0], self.deviation(x, window))
        return result

    def highest(self, window: int) -> Series:
        """Return the highest high."""
        return self.extreme(m.HIGHER, self.high, window)

    def lowest(self, window: int) -> Series:
        """Return the lowest low."""
        return self.extreme(m.LOWER, self.low, window)

    def in_range(self, window: int) -> Series:
        """Return where the close lies between the lowest low (0) and the highest high (1)."""
        result: Series = self.make(m.POSITION, self.close, self.lowest(window), self.highest(window))
        return result

    def since_cross(self, fast: int, slow: int) -> Series:
        """Return the candles since two exponential means last crossed."""
        means = self.ema(fast), self.ema(slow)
        first = max(x.ready for x in means) - 1
        result: Series = self.make(m.SINCE_CROSS, *means, numbers=(first,), more=1)
        return result

    def width(self, window: int) -> Series:
        """Return the width of the Bollinger bands over their middle."""
        deviation, mean = self.deviation(self.close, window), self.moments(self.close, window)[0]
        result: Series = self.make(m.RATIO, deviation, mean, numbers=(4.0,))
        return result

    def parkinson(self, window: int) -> Series:
        """Return Parkinson's volatility per candle."""
        spread = self.make(m.LOG, self.make(m.RATIO, self.high, self.low, numbers=(1.0,)))
        squares = self.total(self.make(m.TIMES, spread, spread), window)
        result: Series = self.make(m.ROOT, squares, numbers=(_PARKINSON / window,))
        return result

    def smooth_volatility(self, period: int) -> Series:
        """Return the root of the exponential mean of squared log-returns."""
        squares = self.smooth(self.make(m.TIMES, self.change, self.change), period)
        result: Series = self.make(m.ROOT, squares, numbers=(1.0,))
        return result

    def signed_volume(self, window: int) -> Series:
        """Return the volume of rising less that of falling candles over all volume."""
        signed = self.make(m.DIRECTED, self.close, self.close[1], self.volume)
        both = self.total(signed, window), self.total(self.volume, window)
        result: Series = self.make(m.RATIO, *both, numbers=(1.0,))
        return result

    def bar(self, timeframe: str, part: int) -> Series:
        """Return a value of the last completed bar of a timeframe."""
        length = float(TIMEFRAMES[timeframe])
        result: Series = self.make(m.BARS, self.close, self.log_close, numbers=(length,), results=3)[part]
        return result


_PARKINSON: Final = 0.36067376022224085  # 1 / (4 ln 2)
_WILDER = "J. W. Wilder, New Concepts in Technical Trading Systems (1978)"
_BANDS = "J. Bollinger, Bollinger on Bollinger Bands (2001)"
_CLOSE = ("close",)
_PRICES = ("high", "low", "close")


def _formulas() -> list[tuple[str, str, str, tuple[str, ...], str, Formula]]:
    """Return (name, group, unit, inputs, doc, formula) of every column, in order."""
    found: list[tuple[str, str, str, tuple[str, ...], str, Formula]] = []

    def add(group: str, unit: str, inputs: tuple[str, ...], name: str, doc: str, formula: Formula) -> None:
        found.append((name, group, unit, inputs, doc, formula))

    _returns(add)
    _momentum(add)
    _trend(add)
    _volatility(add)
    _bands(add)
    _range(add)
    _volume(add)
    _timeframes(add)
    _time(add)
    return found


Add = Callable[[str, str, tuple[str, ...], str, str, Formula], None]


def _returns(add: Add) -> None:
    for lag in (1, 2, 4, 8, 16, 32, 96):
        doc = f"ln(close / close {lag} candle{'s' * (lag > 1)} ago)."
        add("returns", "ln", _CLOSE, f"log_return_{lag}", doc, lambda g, lag=lag: g.log_return(lag))  # type: ignore[misc]
    for lag in (4, 96):
        doc = f"close / close {lag} candles ago - 1."
        add("returns", "share", _CLOSE, f"return_{lag}", doc, lambda g, lag=lag: g.simple_return(lag))  # type: ignore[misc]
    doc = "(close - open) / close."
    add("candle", "share of close", ("open", "close"), "candle_body", doc, lambda g: g.share(g.close, g.open))
    doc = "(high - low) / close."
    add("candle", "share of close", _PRICES, "candle_range", doc, lambda g: g.share(g.high, g.low))
    doc = "(close - low) / (high - low) of the candle itself."
    add("candle", "0-1", _PRICES, "close_in_range", doc, lambda g: g.in_range(1))


def _momentum(add: Add) -> None:
    for period in (7, 14, 28):
        doc = f"Relative strength index: 100 U / (U + D), U and D Wilder's means of {period} gains and losses, 50 when "
        doc += f"nothing ever moved ({_WILDER})."
        add("momentum", "0-100", _CLOSE, f"rsi_{period}", doc, lambda g, period=period: g.rsi(period))  # type: ignore[misc]
    doc = "Fast %K as a share: (close - lowest low) / (highest high - lowest low) of 14 candles (G. Lane)."
    add("momentum", "0-1", _PRICES, "stochastic_14", doc, lambda g: g.in_range(14))
    doc = "(EMA 12 - EMA 26) / close (G. Appel)."
    add("momentum", "share of close", _CLOSE, "macd_line", doc, lambda g: g.make(m.TIMES, g.macd(), g.per_close))
    doc = "EMA 9 of (EMA 12 - EMA 26), over close (G. Appel)."
    add(
        "momentum", "share of close", _CLOSE, "macd_signal", doc,
        lambda g: g.make(m.TIMES, g.smooth(g.macd(), 9), g.per_close),
    )  # fmt: skip
    doc = "MACD line less its signal, over close (G. Appel)."
    add("momentum", "share of close", _CLOSE, "macd_histogram", doc, lambda g: g.share(g.macd(), g.smooth(g.macd(), 9)))


def _trend(add: Add) -> None:
    unit = "share of close"
    for period in (9, 21, 50, 200):
        doc = f"(close - EMA {period}) / close; EMA: alpha 2 / ({period} + 1), begun with the mean of {period} closes."
        add("trend", unit, _CLOSE, f"ema_distance_{period}", doc, lambda g, n=period: g.share(g.close, g.ema(n)))  # type: ignore[misc]
    for fast, slow in ((9, 21), (50, 200)):
        doc = f"(EMA {fast} - EMA {slow}) / close."
        add(
            "trend", unit, _CLOSE, f"ema_cross_{fast}_{slow}", doc,
            lambda g, fast=fast, slow=slow: g.share(g.ema(fast), g.ema(slow)),  # type: ignore[misc]
        )  # fmt: skip
    for fast, slow in ((9, 21), (50, 200)):
        doc = f"Candles since EMA {fast} and EMA {slow} last crossed, 0 at the crossing; none before the first one."
        add(
            "trend", "candles", _CLOSE, f"since_cross_{fast}_{slow}", doc,
            lambda g, fast=fast, slow=slow: g.since_cross(fast, slow),  # type: ignore[misc]
        )  # fmt: skip
    for window in (20, 50, 200):
        doc = f"(close - mean of {window} closes) / close."
        add(
            "trend", unit, _CLOSE, f"sma_distance_{window}", doc,
            lambda g, n=window: g.share(g.close, g.moments(g.close, n)[0]),  # type: ignore[misc]
        )  # fmt: skip


def _volatility(add: Add) -> None:
    for period in (14, 56):
        doc = f"Average true range: Wilder's mean of {period} true ranges, over close ({_WILDER})."
        add("volatility", "share of close", _PRICES, f"atr_{period}", doc, lambda g, n=period: g.atr(n))  # type: ignore[misc]
    for window in (8, 32, 96, LONGEST):
        doc = f"Population standard deviation of {window} one-candle log-returns."
        add(
            "volatility", "ln per candle", _CLOSE, f"volatility_{window}", doc,
            lambda g, n=window: g.deviation(g.change, n),  # type: ignore[misc]
        )  # fmt: skip
    doc = "volatility_8 / volatility_96."
    add(
        "volatility", "ratio", _CLOSE, "volatility_ratio_8_96", doc,
        lambda g: g.make(m.RATIO, g.deviation(g.change, 8), g.deviation(g.change, 96), numbers=(1.0,)),
    )  # fmt: skip
    doc = "sqrt(mean of ln(high / low) ** 2 over 32 candles / (4 ln 2)) (M. Parkinson, Journal of Business 53, 1980)."
    add("volatility", "ln per candle", ("high", "low"), "parkinson_32", doc, lambda g: g.parkinson(32))
    doc = (
        "Root of the exponential mean of squared log-returns, alpha 2 / 33: about RiskMetrics' 0.94 (J.P. Morgan 1996)."
    )
    add("volatility", "ln per candle", _CLOSE, "ewma_volatility_32", doc, lambda g: g.smooth_volatility(32))


def _bands(add: Add) -> None:
    doc = f"(close - mean) / population standard deviation of 20 closes ({_BANDS})."
    add("bands", "deviations", _CLOSE, "bollinger_z_20", doc, lambda g: g.standing(g.close, 20))
    doc = f"Bandwidth: (upper - lower) / middle, the bands two deviations from the mean of 20 closes ({_BANDS})."
    add("bands", "ratio", _CLOSE, "bollinger_width_20", doc, lambda g: g.width(20))
    doc = f"%b: (close - lower) / (upper - lower), 0 at the lower band and 1 at the upper ({_BANDS})."
    add(
        "bands", "ratio", _CLOSE, "bollinger_b_20", doc,
        lambda g: g.make(m.LINEAR, g.standing(g.close, 20), numbers=(0.25, 0.5)),
    )  # fmt: skip
    for window in (50, 200):
        doc = f"(close - mean) / population standard deviation of {window} closes."
        add(
            "bands", "deviations", _CLOSE, f"zscore_{window}", doc, lambda g, n=window: g.standing(g.close, n)  # type: ignore[misc]
        )  # fmt: skip
    doc = "(log-return - mean) / population standard deviation of 96 one-candle log-returns."
    add("bands", "deviations", _CLOSE, "return_z_96", doc, lambda g: g.standing(g.change, 96))


def _range(add: Add) -> None:
    for window in (20, 55):
        doc = f"(close - lowest low) / (highest high - lowest low) of {window} candles (R. Donchian's channel)."
        add("range", "0-1", _PRICES, f"donchian_{window}", doc, lambda g, n=window: g.in_range(n))  # type: ignore[misc]
    for window in (96, LONGEST):
        doc = f"(close - highest high of {window} candles) / close."
        add(
            "range", "share of close", ("high", "close"), f"from_high_{window}", doc,
            lambda g, n=window: g.share(g.close, g.highest(n)),  # type: ignore[misc]
        )  # fmt: skip
        doc = f"(close - lowest low of {window} candles) / close."
        add(
            "range", "share of close", ("low", "close"), f"from_low_{window}", doc,
            lambda g, n=window: g.share(g.close, g.lowest(n)),  # type: ignore[misc]
        )  # fmt: skip


def _volume(add: Add) -> None:
    inputs = ("volume",)
    for window in (24, 96):
        doc = f"(ln(1 + volume) - mean) / population standard deviation of {window} values."
        add(
            "volume", "deviations", inputs, f"volume_z_{window}", doc, lambda g, n=window: g.standing(g.log_volume, n)  # type: ignore[misc]
        )  # fmt: skip
    doc = "Mean of ln(1 + volume) over 24 candles less that over 96."
    add(
        "volume", "ln", inputs, "volume_trend_24_96", doc,
        lambda g: g.make(m.MINUS, g.moments(g.log_volume, 24)[0], g.moments(g.log_volume, 96)[0]),
    )  # fmt: skip
    doc = "Volume of the rising less that of the falling of 24 candles, over the volume of all 24 (after J. Granville)."
    add("volume", "share", ("close", "volume"), "signed_volume_24", doc, lambda g: g.signed_volume(24))


def _timeframes(add: Add) -> None:
    docs = (
        ("ln", "ln(close / close before) of the last completed bar of {}."),
        ("0-100", "RSI 14 of the closes of completed bars of {}, as rsi_14."),
        ("share of close", "(close - EMA 20) / close over the closes of completed bars of {}."),
    )
    for timeframe in TIMEFRAMES:
        for part, (unit, doc) in enumerate(docs):
            add(
                "timeframes", unit, _CLOSE, f"{_BAR_PARTS[part]}_{timeframe}", doc.format(timeframe),
                lambda g, timeframe=timeframe, part=part: g.bar(timeframe, part),  # type: ignore[misc]
            )  # fmt: skip


def _time(add: Add) -> None:
    doc = "Share of the UTC day that has passed at the close, 0 at midnight."
    add("time", "0-1", ("t",), "day_progress", doc, lambda g: g.make(m.DAY_PROGRESS))
    doc = f"Candles before this one without a missing one among them, at most {LONGEST}."
    add("time", "candles", ("t",), "since_gap", doc, lambda g: g.make(m.UNBROKEN, g.missing, numbers=(float(LONGEST),)))


def _settles(name: str, series: Series) -> int:
    """Return after how many candles the beginning no longer matters; smoothings of smoothings add up."""
    node = series.node
    if node is None:
        return 1
    own = series.ready - max((x.ready + back for x, back in node.operands), default=1)
    if node.kind == m.SMOOTH:
        own = int(-20.8 / _log1m(node.numbers[0])) + 1
    return max((_settles(name, x) + back for x, back in node.operands), default=1) + own


def _log1m(alpha: float) -> float:
    from math import log1p

    return log1p(-alpha)


@cache
def _built() -> tuple[tuple[Column, ...], Plan]:
    bench, columns, results = Bench(), [], []
    for name, group, unit, inputs, doc, formula in _formulas():
        series = formula(bench)
        timeframe = name.rsplit("_", 1)[1] if group == "timeframes" else ""
        lookback, settles = series.ready, _settles(name, series)
        if timeframe:
            part = _BAR_PARTS.index(name.removesuffix(f"_{timeframe}"))
            lookback, settles = _BAR_LOOKBACK[part], (2, 282, 209)[part]
        columns.append(Column(name, group, unit, lookback, settles, inputs, doc, timeframe))
        results.append(series)
    return tuple(columns), bench.plan(results)


def columns() -> tuple[Column, ...]:
    """Return every column in the order of the matrix."""
    return _built()[0]


def names() -> list[str]:
    """Return the names of the columns, in order."""
    return [column.name for column in columns()]


def plan() -> Plan:
    """Return what the machine runs for all columns."""
    return _built()[1]
