"""The catalogue's technical columns as one writes them with pandas: rolling, ewm, resample and reindex."""

import importlib
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

pd: Any = importlib.import_module("pandas")
DAY = 86_400_000_000
LAGS, EMAS, FRAMES = (1, 2, 4, 8, 16, 32, 96), (9, 12, 21, 26, 50, 200), ("1h", "4h", "1D")


def _rsi(close: Any, period: int) -> Any:
    change = close.diff()
    up = change.clip(lower=0).ewm(alpha=1 / period, adjust=False, min_periods=period).mean()
    down = (-change).clip(lower=0).ewm(alpha=1 / period, adjust=False, min_periods=period).mean()
    return 100 * up / (up + down)


def _since(d: Any) -> Any:
    sign = np.sign(d)
    return sign.groupby(sign.ne(sign.shift()).cumsum()).cumcount()


def _trend(out: dict[str, Any], close: Any) -> None:
    ema = {n: close.ewm(span=n, adjust=False, min_periods=n).mean() for n in EMAS}
    macd = ema[12] - ema[26]
    signal = macd.ewm(span=9, adjust=False, min_periods=9).mean()
    out["macd_line"], out["macd_signal"], out["macd_histogram"] = macd / close, signal / close, (macd - signal) / close
    for n in (9, 21, 50, 200):
        out[f"ema_distance_{n}"] = (close - ema[n]) / close
    for fast, slow in ((9, 21), (50, 200)):
        out[f"ema_cross_{fast}_{slow}"] = (ema[fast] - ema[slow]) / close
        out[f"since_cross_{fast}_{slow}"] = _since(ema[fast] - ema[slow])


def _bands(out: dict[str, Any], close: Any) -> None:
    for n in (20, 50, 200):
        rolling = close.rolling(n)
        mean, std = rolling.mean(), rolling.std(ddof=0)
        out[f"sma_distance_{n}"] = (close - mean) / close
        out[f"zscore_{n}"] = (close - mean) / std
        if n == 20:
            out["bollinger_z_20"] = out.pop("zscore_20")
            out["bollinger_width_20"] = 4 * std / mean
            out["bollinger_b_20"] = (close - (mean - 2 * std)) / (4 * std)


def _ranges(out: dict[str, Any], high: Any, low: Any, close: Any) -> None:
    for n, name in ((14, "stochastic_14"), (20, "donchian_20"), (55, "donchian_55")):
        top, bottom = high.rolling(n).max(), low.rolling(n).min()
        out[name] = (close - bottom) / (top - bottom)
    for n in (96, 672):
        out[f"from_high_{n}"] = (close - high.rolling(n).max()) / close
        out[f"from_low_{n}"] = (close - low.rolling(n).min()) / close


def _volatility(out: dict[str, Any], change: Any, high: Any, low: Any, close: Any) -> None:
    before = close.shift()
    true_range = np.maximum(high, before) - np.minimum(low, before)
    for n in (14, 56):
        out[f"atr_{n}"] = true_range.ewm(alpha=1 / n, adjust=False, min_periods=n).mean() / close
    for n in (8, 32, 96, 672):
        out[f"volatility_{n}"] = change.rolling(n).std(ddof=0)
    out["volatility_ratio_8_96"] = out["volatility_8"] / out["volatility_96"]
    out["return_z_96"] = (change - change.rolling(96).mean()) / out["volatility_96"]
    out["parkinson_32"] = np.sqrt((np.log(high / low) ** 2).rolling(32).mean() / (4 * np.log(2)))
    out["ewma_volatility_32"] = np.sqrt((change**2).ewm(span=32, adjust=False, min_periods=32).mean())


def _volume(out: dict[str, Any], volume: Any, close: Any) -> None:
    logs, mean = np.log1p(volume), {}
    for n in (24, 96):
        mean[n] = logs.rolling(n).mean()
        out[f"volume_z_{n}"] = (logs - mean[n]) / logs.rolling(n).std(ddof=0)
    out["volume_trend_24_96"] = mean[24] - mean[96]
    out["signed_volume_24"] = (np.sign(close.diff()) * volume).rolling(24).sum() / volume.rolling(24).sum()


def _frames(out: dict[str, Any], close: Any, known: Any) -> None:
    at_close = pd.Series(close.to_numpy(), index=pd.DatetimeIndex(known * 1000))
    for frame in FRAMES:
        bars = at_close.resample(frame, closed="right", label="right").last().dropna()
        mean = bars.ewm(span=20, adjust=False, min_periods=20).mean()
        values = pd.DataFrame(
            {"log_return": np.log(bars).diff(), "rsi_14": _rsi(bars, 14), "ema_distance_20": (bars - mean) / bars}
        )
        found = values.reindex(at_close.index, method="ffill")
        for name in values.columns:
            out[f"{name}_{frame.lower()}"] = found[name]


def _symbol(candles: dict[str, Any]) -> dict[str, Any]:
    frame = pd.DataFrame({name: candles[name] for name in ("open", "high", "low", "close", "volume")})
    opened, high, low, close, volume = (frame[name] for name in frame.columns)
    t = candles["t"]
    step = int(t[1] - t[0])
    logs = np.log(close)
    out: dict[str, Any] = {f"log_return_{lag}": logs.diff(lag) for lag in LAGS}
    out |= {f"return_{lag}": close / close.shift(lag) - 1 for lag in (4, 96)}
    out["candle_body"], out["candle_range"] = (close - opened) / close, (high - low) / close
    out["close_in_range"] = (close - low) / (high - low)
    out |= {f"rsi_{n}": _rsi(close, n) for n in (7, 14, 28)}
    _trend(out, close)
    _bands(out, close)
    _ranges(out, high, low, close)
    _volatility(out, out["log_return_1"], high, low, close)
    _volume(out, volume, close)
    _frames(out, close, t + step)
    out["day_progress"] = ((t + step) % DAY) / DAY
    gap = pd.Series(t).diff().ne(step)
    out["since_gap"] = gap.groupby(gap.cumsum()).cumcount().clip(upper=672)
    return {name: np.asarray(values, dtype=np.float32) for name, values in out.items()}


def compute(symbols: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the columns of each symbol, two symbols at a time."""
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(_symbol, symbols))


def _names() -> frozenset[str]:
    draw = np.random.Generator(np.random.PCG64(1))  # noqa: TID251  (numpy alone: this runs in the peers' environment)
    close = np.exp(draw.normal(0, 0.01, 50).cumsum())
    few = {"t": np.arange(50) * 900_000_000, "open": close, "high": close, "low": close, "close": close}
    with np.errstate(all="ignore"):
        return frozenset(_symbol({**few, "volume": close}))


COLUMNS = _names()
