"""Volume and liquidity as of then: levels and trends out of the snapshots of a market that were known by the row.

Each field is read on its own: the newest statement of it known by the instant, unless the observation is older than
`max_age`; then it is unknown, never zero. A change compares it with what was known a day or a week earlier. A source's
late word about the past (an event time below one it had stated before) is dropped.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from edgeworth.core.instants import to_iso
from edgeworth.core.panel import Floats, Int64s, Panel
from edgeworth.core.units import DAY, HOUR, Micros
from edgeworth.features.providers import digest

if TYPE_CHECKING:
    import polars as pl

MAX_AGE: Final = 2 * DAY
REACH: Final = 7 * DAY + MAX_AGE  # how far back a row's columns look
LAGS: Final = (("1d", DAY), ("7d", 7 * DAY))
FIELDS: Final = ("volume", "volume_24h", "liquidity", "depth", "spread")
MEANING: Final = {
    "flow_volume_log": ("ln $", "ln(1 + dollars traded so far)."),
    "flow_volume_24h_log": ("ln $", "ln(1 + dollars of the last 24 hours as the venue states them)."),
    "flow_liquidity_log": ("ln $", "ln(1 + dollars resting in the book as the venue counts them)."),
    "flow_depth_log": ("ln $", "ln(1 + dollars within five cents of the mid, both sides)."),
    "flow_spread": ("$", "Ask minus bid."),
    "flow_volume_1d": ("ln $", "ln(1 + dollars traded in the last day), from two totals."),
    "flow_volume_7d": ("ln $", "ln(1 + dollars traded in the last 7 days), from two totals."),
    "flow_volume_trend": ("log", "Dollars of the last day against the daily mean of the last 7, in logs."),
    "flow_liquidity_change_1d": ("log", "Change of the log of liquidity over a day."),
    "flow_liquidity_change_7d": ("log", "Change of the log of liquidity over 7 days."),
    "flow_depth_change_1d": ("log", "Change of the log of depth over a day."),
    "flow_depth_change_7d": ("log", "Change of the log of depth over 7 days."),
    "flow_spread_change_1d": ("$", "Change of the spread over a day."),
    "flow_spread_change_7d": ("$", "Change of the spread over 7 days."),
    "flow_age_hours": ("h", "Age of the newest observation used."),
}
NAMES: Final = tuple(MEANING)
INPUTS: Final = (
    "market_no", "source", "event_time", "known_at", "bid_e4", "ask_e4", "volume_e6", "volume_24h_e6", "liquidity_e6",
    "depth_e6",
)  # fmt: skip
_VERSION: Final = 1
_DOLLAR: Final = 1_000_000.0
_WEEK: Final = 7.0


@dataclass(frozen=True, slots=True)
class Track:
    """What was stated of one field: K markets' numbers ascending, their stretches `offsets` (K+1) of N statements.

    `known_at` ascends within a market, `event_time` is when it was so, `value` dollars (the spread: a price).
    """

    market_no: Int64s
    offsets: Int64s
    known_at: Int64s
    event_time: Int64s
    value: Floats

    def at(self, market_no: Int64s, t: Int64s) -> tuple[Floats, Int64s]:
        """Return (value, event time) of the newest statement known at each (market, instant) (n,); NaN, -1: none."""
        value, when = np.full(len(t), np.nan), np.full(len(t), -1, np.int64)
        if not len(self.market_no):
            return value, when
        slot = np.minimum(np.searchsorted(self.market_no, market_no), len(self.market_no) - 1)
        there = np.flatnonzero(self.market_no[slot] == market_no)
        first, last = self.offsets[slot[there]], self.offsets[slot[there] + 1]
        place = _last_known(self.known_at, first, last, t[there])
        found = place >= first
        value[there[found]], when[there[found]] = self.value[place[found]], self.event_time[place[found]]
        return value, when


@dataclass(frozen=True, slots=True)
class FlowColumns:
    """Volume, liquidity, depth and spread columns of panel rows, by market number.

    `older` answers where nothing was stated here; all of it was known before anything here was.
    """

    tracks: Mapping[str, Track] = field(repr=False)
    newest: int = -1
    older: "FlowColumns | None" = field(default=None, repr=False)

    @property
    def key(self) -> str:
        """Return `flow`."""
        return "flow"

    @property
    def stamp(self) -> str:
        """Return the digest of what was stated."""
        state = hashlib.blake2b(digest_size=12)
        for name in FIELDS:
            track = self.tracks[name]
            for array in (track.market_no, track.offsets, track.known_at, track.event_time, track.value):
                state.update(np.ascontiguousarray(array).data)
        return state.hexdigest()

    @property
    def names(self) -> tuple[str, ...]:
        """The columns' names."""
        return NAMES

    @property
    def fingerprint(self) -> str:
        """Return what decides the columns' meaning."""
        return digest([*NAMES, str(_VERSION), str(MAX_AGE)])

    def lacks(self, as_of: int) -> str:
        """Say when no snapshot was known, or the newest one was too old, as of an instant."""
        known = [track.known_at[track.known_at <= as_of] for track in self.tracks.values()]
        newest = max((int(times.max()) for times in known if len(times)), default=-1)
        if newest < 0:
            if self.older is not None:
                return self.older.lacks(as_of)
            return "no snapshot states a volume, a liquidity or a quote by then"
        return "" if as_of - newest <= MAX_AGE else f"the newest snapshot is of {to_iso(Micros(newest))}"

    def __call__(self, panel: Panel, rows: Int64s) -> "pl.DataFrame":
        """Return the columns for ascending points of a panel, one row per point; unknown is null."""
        import polars as pl

        from edgeworth.features.columns import owners

        rows = np.asarray(rows, np.int64)
        number = panel.markets["market_no"].to_numpy().astype(np.int64)[owners(panel, rows)]
        values = self.at(number, panel.t[rows])
        return pl.DataFrame({name: pl.Series(values[:, i], nan_to_null=True) for i, name in enumerate(NAMES)})

    def volume(self, market_no: Int64s, t: Int64s) -> Floats:
        """Return the dollars traded so far as known at each (market, instant), NaN where unknown or too old, (n,)."""
        return self._level("volume", market_no, t)[0]

    def at(self, market_no: Int64s, t: Int64s) -> Floats:
        """Return the columns of (market number, instant) pairs, shape (n, len(NAMES)); NaN where unknown."""
        now, newest = {}, np.full(len(t), -1, np.int64)
        for name in FIELDS:
            now[name], when = self._level(name, market_no, t)
            newest = np.maximum(newest, np.where(np.isnan(now[name]), -1, when))
        before = {
            (name, label): self._level(name, market_no, t - lag)[0]
            for name in ("volume", "liquidity", "depth", "spread")
            for label, lag in LAGS
        }
        day, week = (_traded(now["volume"], before["volume", label]) for label, _ in LAGS)
        changes = [_log(now[name]) - _log(before[name, label]) for name in ("liquidity", "depth") for label, _ in LAGS]
        spreads = [now["spread"] - before["spread", label] for label, _ in LAGS]
        levels = [_log(now[name]) for name in FIELDS[:-1]]
        trend = _log(day) - _log(week / _WEEK)
        age = np.where(newest >= 0, (t - newest) / HOUR, np.nan)
        return np.column_stack([*levels, now["spread"], _log(day), _log(week), trend, *changes, *spreads, age])

    def _level(self, name: str, market_no: Int64s, t: Int64s) -> tuple[Floats, Int64s]:
        value, when = self.tracks[name].at(market_no, t)
        if self.older is not None:
            before, then = self.older.tracks[name].at(market_no, t)
            value, when = np.where(when < 0, before, value), np.where(when < 0, then, when)
        return np.where((when >= 0) & (t - when <= MAX_AGE), value, np.nan), when


@dataclass(frozen=True, slots=True)
class FlowTail:
    """Columns of snapshots known by `cut`, to which later ones are added without reading those again.

    `heads` holds the last row of each market and source, which decides whether a later one comes late.
    """

    old: FlowColumns
    heads: "pl.DataFrame"
    cut: int

    def followed_by(self, snapshots: "pl.DataFrame") -> FlowColumns:
        """Return the columns of the old snapshots and of those known after the cut."""
        import polars as pl

        new = snapshots.select(INPUTS).filter(pl.col("known_at") > self.cut)
        rows = _in_order(pl.concat([self.heads, new])).filter(pl.col("known_at") > self.cut)
        found = _columns(rows)
        return FlowColumns(found.tracks, max(found.newest, self.old.newest), self.old)


def begin_flow(snapshots: "pl.DataFrame", cut: int) -> FlowTail:
    """Return the tail of snapshots with the columns INPUTS, of which those known after `cut` are left out."""
    import polars as pl

    rows = _in_order(snapshots.select(INPUTS).filter(pl.col("known_at") <= cut))
    return FlowTail(_columns(rows), rows.unique(("market_no", "source"), keep="last", maintain_order=True), cut)


def read_flow(snapshots: "pl.DataFrame") -> FlowColumns:
    """Return the columns of snapshots with the columns INPUTS, in any order."""
    return _columns(_in_order(snapshots.select(INPUTS)))


def _in_order(rows: "pl.DataFrame") -> "pl.DataFrame":
    """Return rows in the order they became known, without a source's late words."""
    import polars as pl

    rows = rows.sort("market_no", "known_at", "event_time", "source")
    return rows.filter(pl.col("event_time") >= pl.col("event_time").cum_max().over("market_no", "source"))


def _columns(rows: "pl.DataFrame") -> FlowColumns:
    import polars as pl

    bid, ask = pl.col("bid_e4"), pl.col("ask_e4")
    quoted = (bid > 0) & (ask > 0) & (ask < 10_000) & (bid <= ask)
    rows = rows.with_columns(
        (pl.col("volume_e6") / _DOLLAR).alias("volume"), (pl.col("volume_24h_e6") / _DOLLAR).alias("volume_24h"),
        (pl.col("liquidity_e6") / _DOLLAR).alias("liquidity"), (pl.col("depth_e6") / _DOLLAR).alias("depth"),
        pl.when(quoted).then((ask - bid) / 10_000).alias("spread"),
    )  # fmt: skip
    newest = rows["known_at"].max()
    return FlowColumns({name: _track(rows, name) for name in FIELDS}, -1 if newest is None else int(str(newest)))


def _track(rows: "pl.DataFrame", name: str) -> Track:
    import polars as pl

    stated = rows.filter(pl.col(name).is_not_null() & (pl.col(name) >= 0))
    numbers = stated["market_no"].to_numpy().astype(np.int64)
    market, first = np.unique(numbers, return_index=True)
    known, when = (stated[column].to_numpy().astype(np.int64) for column in ("known_at", "event_time"))
    offsets = np.append(first, len(numbers)).astype(np.int64)
    return Track(market, offsets, known, when, stated[name].to_numpy().astype(np.float64))


def _last_known(known_at: Int64s, first: Int64s, last: Int64s, t: Int64s) -> Int64s:
    """Return the last place in [first, last) whose `known_at` is at most t, first - 1 for none; bisection, (n,)."""
    low, high = first.copy(), last.copy()
    while bool((open_ := low < high).any()):
        middle = (low + high) // 2
        early = open_ & (known_at[np.minimum(middle, len(known_at) - 1)] <= t)
        low = np.where(early, middle + 1, low)
        high = np.where(open_ & ~early, middle, high)
    return low - 1


def _traded(now: Floats, before: Floats) -> Floats:
    """Return dollars traded between two totals; a total that fell was revised and says nothing."""
    return np.where(now >= before, now - before, np.nan)


def _log(dollars: npt.NDArray[np.float64]) -> Floats:
    return np.log1p(dollars)
