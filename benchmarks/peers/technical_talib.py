"""The technical columns that TA-Lib has, or that follow from its functions with numpy: 53 of the catalogue's."""

import importlib
from typing import Any

import numpy as np

ta: Any = importlib.import_module("talib")
LAGS = (1, 2, 4, 8, 16, 32, 96)


def _back(values: Any, lag: int) -> Any:
    found = np.full(len(values), np.nan)
    found[lag:] = values[:-lag]
    return found


def _trend(out: dict[str, Any], close: Any) -> None:
    ema = {n: ta.EMA(close, n) for n in (9, 21, 50, 200)}
    line, signal, histogram = ta.MACD(close, 12, 26, 9)
    out["macd_line"], out["macd_signal"], out["macd_histogram"] = line / close, signal / close, histogram / close
    for n, values in ema.items():
        out[f"ema_distance_{n}"] = (close - values) / close
    for fast, slow in ((9, 21), (50, 200)):
        out[f"ema_cross_{fast}_{slow}"] = (ema[fast] - ema[slow]) / close
    for n in (50, 200):
        mean = ta.SMA(close, n)
        out[f"sma_distance_{n}"] = (close - mean) / close
        out[f"zscore_{n}"] = (close - mean) / ta.STDDEV(close, n)
    upper, middle, lower = ta.BBANDS(close, 20, 2, 2)
    out["sma_distance_20"], out["bollinger_z_20"] = (close - middle) / close, 4 * (close - middle) / (upper - lower)
    out["bollinger_width_20"], out["bollinger_b_20"] = (upper - lower) / middle, (close - lower) / (upper - lower)


def _volatility(out: dict[str, Any], change: Any, high: Any, low: Any, close: Any) -> None:
    valid = change[1:]  # its functions begin at the first number, and do not take NaN in between

    def late(values: Any) -> Any:
        return np.concatenate(([np.nan], values))

    for n in (14, 56):
        out[f"atr_{n}"] = ta.ATR(high, low, close, n) / close
    for n in (8, 32, 96, 672):
        out[f"volatility_{n}"] = late(ta.STDDEV(valid, n))
    out["volatility_ratio_8_96"] = out["volatility_8"] / out["volatility_96"]
    out["return_z_96"] = (change - late(ta.SMA(valid, 96))) / out["volatility_96"]
    out["parkinson_32"] = np.sqrt(ta.SMA(ta.LN(high / low) ** 2, 32) / (4 * np.log(2)))
    out["ewma_volatility_32"] = np.sqrt(late(ta.EMA(valid * valid, 32)))


def _symbol(candles: dict[str, Any]) -> dict[str, Any]:
    opened, high, low, close, volume = (
        np.ascontiguousarray(candles[name]) for name in ("open", "high", "low", "close", "volume")
    )
    logs = ta.LN(close)
    out: dict[str, Any] = {f"log_return_{lag}": logs - _back(logs, lag) for lag in LAGS}
    out |= {f"return_{lag}": ta.ROCP(close, lag) for lag in (4, 96)}
    out["candle_body"], out["candle_range"] = (close - opened) / close, (high - low) / close
    out["close_in_range"] = (close - low) / (high - low)
    out |= {f"rsi_{n}": ta.RSI(close, n) for n in (7, 14, 28)}
    _trend(out, close)
    for n, name in ((14, "stochastic_14"), (20, "donchian_20"), (55, "donchian_55")):
        top, bottom = ta.MAX(high, n), ta.MIN(low, n)
        out[name] = (close - bottom) / (top - bottom)
    for n in (96, 672):
        out[f"from_high_{n}"] = (close - ta.MAX(high, n)) / close
        out[f"from_low_{n}"] = (close - ta.MIN(low, n)) / close
    _volatility(out, out["log_return_1"], high, low, close)
    amount = ta.LN(1 + volume)
    mean = {n: ta.SMA(amount, n) for n in (24, 96)}
    for n in (24, 96):
        out[f"volume_z_{n}"] = (amount - mean[n]) / ta.STDDEV(amount, n)
    out["volume_trend_24_96"] = mean[24] - mean[96]
    signed = np.sign(np.diff(close, prepend=close[0])) * volume
    out["signed_volume_24"] = ta.SUM(signed, 24) / ta.SUM(volume, 24)
    return out


def compute(symbols: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the columns of each symbol, on one thread."""
    return [_symbol(candles) for candles in symbols]


def _names() -> frozenset[str]:
    draw = np.random.Generator(np.random.PCG64(1))  # noqa: TID251  (as the other peers: numpy alone)
    close = np.exp(draw.normal(0, 0.01, 800).cumsum())
    few = dict.fromkeys(("open", "high", "low", "close", "volume"), close)
    with np.errstate(all="ignore"):
        return frozenset(_symbol(few))


COLUMNS = _names()
