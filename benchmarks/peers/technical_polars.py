"""The catalogue's technical columns as one writes them with polars: one lazy frame per symbol, collected together."""

import importlib
from typing import Any

import numpy as np

pl: Any = importlib.import_module("polars")
DAY = 86_400_000_000
LAGS, EMAS, FRAMES = (1, 2, 4, 8, 16, 32, 96), (9, 12, 21, 26, 50, 200), ("1h", "4h", "1d")
C = pl.col("close")


def _wilder(x: Any, n: int) -> Any:
    return x.ewm_mean(alpha=1 / n, adjust=False, min_samples=n)


def _rsi(close: Any, n: int) -> Any:
    change = close.diff()
    up, down = _wilder(change.clip(lower_bound=0), n), _wilder((-change).clip(lower_bound=0), n)
    return 100 * up / (up + down)


def _since(d: Any) -> Any:
    sign, place = d.sign(), pl.int_range(pl.len())
    return place - pl.when(sign.ne_missing(sign.shift())).then(place).forward_fill()


def _parts(n: int) -> list[Any]:
    mean, std = C.rolling_mean(n), C.rolling_std(n, ddof=0)
    return [mean.alias(f"mean{n}"), std.alias(f"std{n}")]


def _first() -> list[Any]:
    change, logs = C.log().diff(), pl.col("volume").log1p()
    high, low = pl.col("high"), pl.col("low")
    found = [C.ewm_mean(span=n, adjust=False, min_samples=n).alias(f"ema{n}") for n in EMAS]
    for n in (20, 50, 200):
        found += _parts(n)
    found += [high.rolling_max(n).alias(f"top{n}") for n in (14, 20, 55, 96, 672)]
    found += [low.rolling_min(n).alias(f"bottom{n}") for n in (14, 20, 55, 96, 672)]
    found += [change.rolling_std(n, ddof=0).alias(f"volatility_{n}") for n in (8, 32, 96, 672)]
    for n in (24, 96):
        found += [logs.rolling_mean(n).alias(f"logs{n}"), logs.rolling_std(n, ddof=0).alias(f"spread{n}")]
    return [*found, change.alias("change"), C.log().alias("log"), logs.alias("logs"), C.diff().sign().alias("sign")]


def _second() -> dict[str, Any]:
    high, low, before, col, change = pl.col("high"), pl.col("low"), C.shift(), pl.col, pl.col("change")
    out = {f"log_return_{lag}": col("log") - col("log").shift(lag) for lag in LAGS}
    out |= {f"return_{lag}": C / C.shift(lag) - 1 for lag in (4, 96)}
    out |= {"candle_body": (C - col("open")) / C, "candle_range": (high - low) / C}
    out["close_in_range"] = (C - low) / (high - low)
    out |= {f"rsi_{n}": _rsi(C, n) for n in (7, 14, 28)}
    macd = col("ema12") - col("ema26")
    signal = macd.ewm_mean(span=9, adjust=False, min_samples=9)
    out |= {"macd_line": macd / C, "macd_signal": signal / C, "macd_histogram": (macd - signal) / C}
    out |= {f"ema_distance_{n}": (C - col(f"ema{n}")) / C for n in (9, 21, 50, 200)}
    for fast, slow in ((9, 21), (50, 200)):
        apart = col(f"ema{fast}") - col(f"ema{slow}")
        out |= {f"ema_cross_{fast}_{slow}": apart / C, f"since_cross_{fast}_{slow}": _since(apart)}
    out |= {f"sma_distance_{n}": (C - col(f"mean{n}")) / C for n in (20, 50, 200)}
    out |= {f"zscore_{n}": (C - col(f"mean{n}")) / col(f"std{n}") for n in (50, 200)}
    mean, std = col("mean20"), col("std20")
    out |= {"bollinger_z_20": (C - mean) / std, "bollinger_width_20": 4 * std / mean}
    out["bollinger_b_20"] = (C - (mean - 2 * std)) / (4 * std)
    for n, name in ((14, "stochastic_14"), (20, "donchian_20"), (55, "donchian_55")):
        out[name] = (C - col(f"bottom{n}")) / (col(f"top{n}") - col(f"bottom{n}"))
    for n in (96, 672):
        out |= {f"from_high_{n}": (C - col(f"top{n}")) / C, f"from_low_{n}": (C - col(f"bottom{n}")) / C}
    true_range = pl.max_horizontal(high, before) - pl.min_horizontal(low, before)
    true_range = pl.when(before.is_not_null()).then(true_range)
    out |= {f"atr_{n}": _wilder(true_range, n) / C for n in (14, 56)}
    out |= {f"volatility_{n}": col(f"volatility_{n}") for n in (8, 32, 96, 672)}
    out["volatility_ratio_8_96"] = col("volatility_8") / col("volatility_96")
    out["return_z_96"] = (change - change.rolling_mean(96)) / col("volatility_96")
    out["parkinson_32"] = (((high / low).log() ** 2).rolling_mean(32) / (4 * np.log(2))).sqrt()
    out["ewma_volatility_32"] = (change**2).ewm_mean(span=32, adjust=False, min_samples=32).sqrt()
    out |= {f"volume_z_{n}": (col("logs") - col(f"logs{n}")) / col(f"spread{n}") for n in (24, 96)}
    out["volume_trend_24_96"] = col("logs24") - col("logs96")
    volume = col("volume")
    out["signed_volume_24"] = (col("sign") * volume).rolling_sum(24) / volume.rolling_sum(24)
    return out


def _bars(frame: Any, every: str) -> Any:
    mean = C.ewm_mean(span=20, adjust=False, min_samples=20)
    values = {"log_return": C.log().diff(), "rsi_14": _rsi(C, 14), "ema_distance_20": (C - mean) / C}
    bars = frame.group_by_dynamic("known", every=every, closed="right", label="right").agg(C.last())
    return bars.select("known", *(value.cast(pl.Float32).alias(f"{name}_{every}") for name, value in values.items()))


def _symbol(candles: dict[str, Any]) -> Any:
    step = int(candles["t"][1] - candles["t"][0])
    frame = pl.DataFrame({**candles, "known": (candles["t"] + step).astype("datetime64[us]")}).lazy()
    frame = frame.set_sorted("known")
    place = pl.int_range(pl.len())
    time = {
        "day_progress": ((pl.col("t") + step) % DAY) / DAY,
        "since_gap": (place - pl.when(pl.col("t").diff().ne_missing(step)).then(place).forward_fill()).clip(0, 672),
    }
    values = {**_second(), **time}
    whole = frame.with_columns(_first()).select(
        "known", *(value.cast(pl.Float32).alias(name) for name, value in values.items())
    )
    for every in FRAMES:
        whole = whole.join_asof(_bars(frame, every), on="known")
    return whole.drop("known")


def compute(symbols: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the columns of each symbol."""
    frames = pl.collect_all([_symbol(candles) for candles in symbols])
    return [{name: frame[name].to_numpy() for name in frame.columns} for frame in frames]


_FEW = {name: np.ones(50) for name in ("open", "high", "low", "close", "volume")}
COLUMNS = frozenset(compute([{**_FEW, "t": np.arange(50) * 900_000_000}])[0])
