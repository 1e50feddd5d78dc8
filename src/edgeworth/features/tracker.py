"""The tracker's twelve features over snapshot series, as of each snapshot and never later, null until warm.

A series holds one market's snapshots from one source, on a grid of slots (the instants a snapshot was due). *As of* an
instant means the newest observation at or before it, unless that is more than two intervals older: then there is none.
An observation that became known later than its successors is never looked back upon. Prices are the mid of a two-sided
book, else the last trade, carried as integers of half a 1e-4 dollar, so that differences are exact.

The definitions stand in `DEFINITIONS`; docs/reference/tracker-features.md is generated from them.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from edgeworth.core.panel import Floats, Int64s
from edgeworth.core.units import HOUR, MINUTE
from edgeworth.features.quality import Quality, Quotes, quality

if TYPE_CHECKING:
    import polars as pl

__all__ = ["DEFINITIONS", "FEATURES", "Quality", "Quotes", "Series", "quality", "tracker_frame"]

INTERVAL: Final = 15 * MINUTE
STALE: Final = 2  # intervals after which an observation no longer stands for an instant
RSI_CHANGES: Final = 14
VOLATILITY_PRICES: Final = 6  # the last five and the current one
SPIKE_INTERVALS: Final = 3
_HALF_E4: Final = 20_000.0  # half of 1e-4 dollars, in dollars
_LOGIT_EDGE: Final = 1e-4
_NONE: Final = -1
_MILLI: Final = 1_000
_INPUTS: Final = {
    "market_no": "Int32", "source": "String", "slot": "Int64", "event_time": "Int64", "known_at": "Int64",
    "bid_e4": "Int32", "ask_e4": "Int32", "last_e4": "Int32", "volume_e6": "Int64", "liquidity_e6": "Int64",
    "depth_e6": "Int64", "spot_e4": "Int64", "spot_change_24h_e6": "Int64", "book_age_us": "Int64",
    "scheduled_end": "Int64",
}  # fmt: skip

Bools = npt.NDArray[np.bool_]


class Definition(NamedTuple):
    """Document one column of the tracker."""

    name: str
    unit: str
    meaning: str
    null: str


DEFINITIONS: Final = (
    Definition(
        "market_probability", "$", "Mid of the two-sided book at the snapshot, else the last trade.", "no price"
    ),
    Definition("volume", "ln $", "ln(1 + dollars traded so far).", "not stated"),
    Definition("liquidity", "$", "Dollars resting in the book, as the venue counts them.", "not stated"),
    Definition("btc_spot_price", "$", "Spot price known at the snapshot.", "no spot was known"),
    Definition("btc_24h_change_pct", "%", "Change of the spot over 24 h, from candles closed by then.", "no candle"),
    Definition("price_momentum_15m", "$", "p(t) - p(as of t - 15 min).", "either is missing or stale"),
    Definition("price_momentum_1h", "$", "p(t) - p(as of t - 1 h).", "either is missing or stale"),
    Definition(
        "volume_spike",
        "ratio",
        "(v - mean of the 3 intervals before) / mean, v = dollars traded since the snapshot before, per interval.",
        "fewer than 4 intervals, a stale or falling total, or a mean of 0",
    ),
    Definition("price_volatility", "$", "Population sd of the last 5 grid prices and the current one.", "fewer than 6"),
    Definition(
        "rsi_14",
        "0..100",
        "100 G / (G + L), G and L the sums of gains and losses of 14 grid changes (simple mean); 50 when both are 0.",
        "fewer than 15 grid prices",
    ),
    Definition("market_edge", "$", "|p - 0.5|: certainty, not an edge; the name is kept for exports.", "no price"),
    Definition("time_to_expiry_hours", "h", "Scheduled end, in the version known at t, minus t.", "no end was known"),
)
FEATURES: Final = tuple(definition.name for definition in DEFINITIONS)
BESIDES: Final = (
    Definition("price_age_s", "s", "Age of the quote when it was read.", "not stated"),
    Definition("traded_volume", "$", "Dollars traded since the snapshot before, per interval.", "stale, falling total"),
    Definition("depth", "$", "Dollars within five cents of the mid, both sides.", "no book"),
    Definition("logit_volatility", "logits", "Population sd of the last 5 grid changes of ln(p/(1-p)).", "under 6"),
    Definition(
        "rsi_14_wilder",
        "0..100",
        "RSI with Wilder's smoothing: the first average is simple, then (13 x average + change) / 14.",
        "fewer than 14 changes since a hole of more than two intervals",
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Series:
    """Snapshots of several series end to end, ascending in `slot` within each. Arrays of N; missing numbers are NaN.

    `code` is the series of each row (ascending), `slot` its grid instant in microseconds, `half_e4` twice the price in
    1e-4 dollars (-1 = none), `volume` the dollars traded so far; `usable` tells which rows may be looked back upon.
    """

    code: Int64s
    slot: Int64s
    half_e4: Int64s
    volume: Floats
    usable: Bools
    interval: int = INTERVAL

    def half_as_of(self, lag: int) -> Int64s:
        """Return twice the price as of `lag` microseconds before each row (its own at 0), -1 where there is none."""
        if not lag:
            return self.half_e4
        return np.where(
            (found := self.row_as_of(lag, self.half_e4 != _NONE)) >= 0, self.half_e4[np.maximum(found, 0)], _NONE
        )

    def row_as_of(self, lag: int, valid: Bools) -> Int64s:
        """Return the newest usable and valid row at or before `slot - lag`, -1 when there is none or it is stale."""
        rows = np.flatnonzero(valid & self.usable)
        if not len(rows) or not len(self.slot):
            return np.full(len(self.slot), _NONE, dtype=np.int64)
        base = int(self.slot.min())
        span = (int(self.slot.max()) - base) // _MILLI + 2 + lag // _MILLI
        key = self.code * span + (self.slot - base) // _MILLI
        at = np.searchsorted(key[rows], key - lag // _MILLI, side="right") - 1
        found = rows[np.maximum(at, 0)]
        age = self.slot - lag - self.slot[found]
        good = (at >= 0) & (self.code[found] == self.code) & (age <= STALE * self.interval)
        return np.where(good, found, _NONE)

    def grid(self, count: int) -> Int64s:
        """Return twice the price as of 0 .. `count` - 1 intervals ago, shape (count, N), -1 where there is none."""
        return np.stack([self.half_as_of(step * self.interval) for step in range(count)])


def momentum(series: Series, lag: int) -> Floats:
    """Return p(t) - p(as of t - lag) in dollars, NaN where either is missing, shape (N,)."""
    now, before = series.half_e4, series.half_as_of(lag)
    return np.where((now != _NONE) & (before != _NONE), (now - before) / _HALF_E4, np.nan)


def volatility(series: Series) -> Floats:
    """Return the population standard deviation of the last six grid prices in dollars, NaN until warm, shape (N,)."""
    prices = series.grid(VOLATILITY_PRICES)
    warm = (prices != _NONE).all(axis=0)
    return np.where(warm, np.std(prices, axis=0) / _HALF_E4, np.nan)


def logit_volatility(series: Series) -> Floats:
    """Return the population standard deviation of the last five grid changes of the logit, NaN until warm, shape (N,).

    Prices are kept 1e-4 away from 0 and 1.
    """
    prices = series.grid(VOLATILITY_PRICES)
    warm = (prices != _NONE).all(axis=0)
    p = np.clip(prices / _HALF_E4, _LOGIT_EDGE, 1 - _LOGIT_EDGE)
    return np.where(warm, np.std(np.diff(np.log(p / (1 - p)), axis=0), axis=0), np.nan)


def rsi(series: Series) -> Floats:
    """Return the relative strength index of 14 grid changes, simple means, NaN until warm, shape (N,).

    100 G / (G + L); 100 without losses, 50 without any change. Source: Cutler's variant of Wilder (1978).
    """
    prices = series.grid(RSI_CHANGES + 1)
    warm = (prices != _NONE).all(axis=0)
    changes = prices[:-1] - prices[1:]
    gains, losses = np.maximum(changes, 0).sum(axis=0), np.maximum(-changes, 0).sum(axis=0)
    return np.where(warm, _strength(gains.astype(np.float64), losses.astype(np.float64)), np.nan)


def rsi_wilder(series: Series) -> Floats:
    """Return the relative strength index with Wilder's smoothing over successive prices, NaN until warm, shape (N,).

    Average = mean of the first 14 changes, then (13 average + change) / 14; it starts again after a hole of more than
    two intervals. Source: Wilder, New Concepts in Technical Trading Systems (1978).
    """
    import polars as pl

    rows = np.flatnonzero((series.half_e4 != _NONE) & series.usable)
    result = np.full(len(series.slot), np.nan)
    code, slot, half = series.code[rows], series.slot[rows], series.half_e4[rows]
    follows = (np.diff(code) == 0) & (np.diff(slot) <= STALE * series.interval)
    stretch = np.concatenate((np.zeros(min(len(rows), 1), np.int64), np.cumsum(~follows)))
    changes = np.concatenate((np.full(min(len(rows), 1), np.nan), np.where(follows, np.diff(half), np.nan)))
    number, change = pl.int_range(pl.len()).over("stretch"), pl.col("change")
    frame = pl.DataFrame({"stretch": stretch, "change": changes}).with_columns(number.alias("number"))

    def smoothed(part: "pl.Expr") -> "pl.Expr":
        first = part.rolling_mean(RSI_CHANGES)
        seed = pl.when(pl.col("number") > RSI_CHANGES).then(part).when(pl.col("number") == RSI_CHANGES).then(first)
        return seed.ewm_mean(alpha=1 / RSI_CHANGES, adjust=False, ignore_nulls=True).over("stretch")

    gain, loss = pl.max_horizontal(change, 0.0), pl.max_horizontal(-change, 0.0)
    averages = frame.select(smoothed(gain).alias("gain"), smoothed(loss).alias("loss"))
    result[rows] = _strength(averages["gain"].to_numpy(), averages["loss"].to_numpy())
    return result


def _strength(gains: Floats, losses: Floats) -> Floats:
    total = gains + losses
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(total == 0, 50.0, 100.0 * gains / total)


def traded_volume(series: Series) -> Floats:
    """Return the dollars traded since the snapshot before, per interval of the grid, shape (N,).

    NaN without an earlier total, where that is more than two intervals old, or where the total fell (a revision).
    """
    rows = np.flatnonzero(~np.isnan(series.volume) & series.usable)
    result = np.full(len(series.slot), np.nan)
    if len(rows) < 2:
        return result
    elapsed, added = np.diff(series.slot[rows]), np.diff(series.volume[rows])
    good = (np.diff(series.code[rows]) == 0) & (elapsed > 0) & (elapsed <= STALE * series.interval) & (added >= 0)
    result[rows[1:]] = np.where(good, added * series.interval / np.maximum(elapsed, 1), np.nan)
    return result


def volume_spike(series: Series) -> Floats:
    """Return (v - mean of the three intervals before) / mean of the traded volume, NaN until warm, shape (N,)."""
    traded = traded_volume(series)
    rows = np.flatnonzero(~np.isnan(series.volume) & series.usable)
    result = np.full(len(series.slot), np.nan)
    if len(rows) <= SPIKE_INTERVALS:
        return result
    v, code = traded[rows], series.code[rows]
    mean = (v[2:-1] + v[1:-2] + v[:-3]) / SPIKE_INTERVALS
    good = (code[3:] == code[:-3]) & (mean > 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        result[rows[3:]] = np.where(good, (v[3:] - mean) / mean, np.nan)
    return result


def tracker_frame(snapshots: "pl.DataFrame", interval: int = INTERVAL) -> "pl.DataFrame":
    """Return the snapshots, sorted by (market_no, source, slot, event_time), with FEATURES and the columns of BESIDES.

    `snapshots` has the columns of `market_snapshots` (instants in microseconds); `scheduled_end` is the end as known at
    the row. Missing columns count as not stated. A row that nobody scheduled (its slot is null, or its own event_time)
    belongs to the interval it lies in.
    """
    import polars as pl

    given = snapshots.with_columns(
        pl.lit(None, dtype=getattr(pl, kind)).alias(name)
        for name, kind in _INPUTS.items()
        if name not in snapshots.columns
    )
    unscheduled = pl.col("slot").is_null() | (pl.col("slot") == pl.col("event_time"))
    own = pl.when(unscheduled).then(pl.col("event_time") // interval * interval).otherwise("slot")
    frame = given.with_columns(own.alias("_slot")).sort(
        "market_no", "source", "_slot", "event_time", maintain_order=True
    )
    series = _series(frame, interval)
    return _with_features(frame, series).drop("_slot")


def _series(frame: "pl.DataFrame", interval: int) -> Series:
    import polars as pl

    two_sided = (pl.col("bid_e4") > 0) & (pl.col("ask_e4") < 10_000) & (pl.col("bid_e4") <= pl.col("ask_e4"))
    half = pl.when(two_sided).then(pl.col("bid_e4") + pl.col("ask_e4")).otherwise(2 * pl.col("last_e4"))
    keys = ["market_no", "source"]
    columns = frame.select(
        pl.struct(keys).rle_id().cast(pl.Int64).alias("code"),
        pl.col("_slot"),
        half.cast(pl.Int64).fill_null(_NONE).alias("half"),
        (pl.col("volume_e6") / 1e6).fill_null(np.nan).alias("volume"),
        (pl.col("known_at") <= pl.col("known_at").cum_min(reverse=True).over(keys)).fill_null(True).alias("usable"),
    )
    code, slot, half_e4, volume, usable = (column.to_numpy() for column in columns.get_columns())
    return Series(code, slot, half_e4, volume, usable, interval)


def _with_features(frame: "pl.DataFrame", series: Series) -> "pl.DataFrame":
    import polars as pl

    price = np.where(series.half_e4 == _NONE, np.nan, series.half_e4 / _HALF_E4)
    calculated = {
        "market_probability": price,
        "volume": np.log1p(series.volume),
        "price_momentum_15m": momentum(series, 15 * MINUTE),
        "price_momentum_1h": momentum(series, HOUR),
        "volume_spike": volume_spike(series),
        "price_volatility": volatility(series),
        "rsi_14": rsi(series),
        "market_edge": np.where(series.half_e4 == _NONE, np.nan, np.abs(series.half_e4 - 10_000) / _HALF_E4),
        "traded_volume": traded_volume(series),
        "logit_volatility": logit_volatility(series),
        "rsi_14_wilder": rsi_wilder(series),
    }
    stated = {
        # rounded because polars divides by the reciprocal
        "liquidity": (pl.col("liquidity_e6") / 1e6).round(6),
        "btc_spot_price": (pl.col("spot_e4") / 1e4).round(4),
        "btc_24h_change_pct": (pl.col("spot_change_24h_e6") / 1e4).round(4),
        "time_to_expiry_hours": (pl.col("scheduled_end") - pl.coalesce("slot", "event_time")) / HOUR,
        "price_age_s": (pl.col("book_age_us") / 1e6).round(6),
        "depth": (pl.col("depth_e6") / 1e6).round(6),
    }
    given = [pl.Series(name, values, nan_to_null=True) for name, values in calculated.items()]
    return frame.with_columns(*given, **stated)


def reference_page() -> str:
    """Return the page docs/reference/tracker-features.md."""
    from edgeworth.features import quality as judged

    factors = (judged.__doc__ or "").split("\n\n")[2].rstrip()
    rows = ["| name | unit | meaning | null when |", "|---|---|---|---|"]

    def table(definitions: tuple[Definition, ...]) -> list[str]:
        return rows + [
            f"| `{d.name}` | {d.unit} | {d.meaning.replace('|', chr(92) + '|')} | {d.null} |" for d in definitions
        ]

    return "\n".join(
        [_PAGE_HEAD, *table(DEFINITIONS), _PAGE_BESIDES, *table(BESIDES), _PAGE_QUALITY, factors, "```", ""]
    )


_PAGE_HEAD: Final = """# Features of the tracker

`edgeworth data export --ml` writes these columns for every snapshot. A value is computed from what was known at its
snapshot, and from nothing else; it is null until there is enough history, never a made-up neutral number.

Snapshots lie on a grid of slots (every 15 minutes by default). *As of* an instant means the newest observation at or
before it, unless that is more than two intervals older: then there is none. Series of different sources are never
mixed, and a snapshot that became known late is not looked back upon.
"""
_PAGE_BESIDES: Final = "\n## Besides the twelve\n"
_PAGE_QUALITY: Final = """
## data_quality_score

completeness x freshness x adequacy of spread and depth (x agreement, where two sources exist), in [0, 1]. It is stored
with the snapshot. It is a filter, not a feature: `--min-quality 0.7` leaves out what lies below.

```text"""
