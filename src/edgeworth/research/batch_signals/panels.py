"""Small panels out of large ones: the markets worth a look, with the newest snapshots behind their recorded prices."""

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from edgeworth.core.panel import NEVER, UNKNOWN_TIME, Int32s, Int64s, Outcomes, Panel
from edgeworth.core.types import UNRESOLVED

if TYPE_CHECKING:
    import polars as pl

    from edgeworth.store.versions import Ends

NO_QUOTE: Final = -1
SNAPSHOTS: Final = "snapshots"  # the source of a panel made of snapshots alone


@dataclass(frozen=True, slots=True)
class Quotes:
    """The newest snapshot of each of K markets, ascending in `market_no`; NO_QUOTE where a value is missing."""

    market_no: Int64s
    t: Int64s
    bid_e4: Int64s
    ask_e4: Int64s
    depth_e6: Int64s


@dataclass(frozen=True, slots=True)
class Points:
    """Prices of YES out of snapshots, ascending in (market_no, t); `crossed` rows were no quotes and gave none."""

    market_no: Int64s
    t: Int64s
    price_e4: Int32s
    quotes: Quotes
    crossed: int

    def markets(self) -> tuple[Int64s, Int64s]:
        """Return the markets' numbers and the place of each one's first point."""
        number = self.market_no
        first = np.flatnonzero(np.append(True, number[1:] != number[:-1])) if len(number) else np.empty(0, np.int64)
        return number[first].astype(np.int64), first.astype(np.int64)


def read_points(snapshots: "pl.DataFrame") -> Points:
    """Take prices from snapshots: the mid of a sane quote, else the last trade.

    What a source says late, after it has said something newer, is dropped, as in recorded prices; of one instant's news
    the newest counts.
    """
    return points_of(*sane_rows(snapshots))


def sane_rows(snapshots: "pl.DataFrame") -> "tuple[pl.DataFrame, int]":
    """Return the snapshots that state a price, with it, ascending in (market_no, known_at), and how many were crossed.

    What a source says late is dropped here.
    """
    import polars as pl

    bid, ask, last = pl.col("bid_e4"), pl.col("ask_e4"), pl.col("last_e4")
    quoted = (bid > 0) & (ask > 0) & (ask < 10_000)  # a book with one side has no mid
    wrong = (quoted & (bid > ask)) | (bid > 10_000) | (ask > 10_000) | (last > 10_000)
    names = ("bid_e4", "ask_e4", "last_e4", "depth_e6")
    rows = snapshots.with_columns(pl.col(names).fill_null(NO_QUOTE)).with_columns(
        pl.when(quoted).then((bid + ask) // 2).otherwise(last).alias("price"), wrong.alias("wrong")
    )
    crossed = int(rows["wrong"].sum())
    rows = rows.filter(~pl.col("wrong"), pl.col("price") >= 0).sort("market_no", "known_at", "event_time")
    late = pl.col("event_time") < pl.col("event_time").cum_max().over("market_no", "source")
    return rows.filter(~late), crossed


def points_of(rows: "pl.DataFrame", crossed: int) -> Points:
    """Return the prices and the newest quotes of what `sane_rows` returned."""
    rows = rows.unique(("market_no", "known_at"), keep="last", maintain_order=True)
    newest = rows.unique("market_no", keep="last", maintain_order=True)
    quotes = Quotes(*(newest[name].to_numpy() for name in ("market_no", "known_at", "bid_e4", "ask_e4", "depth_e6")))
    number, t, price = (rows[name].to_numpy() for name in ("market_no", "known_at", "price"))
    return Points(number, t, price.astype(np.int32), quotes, crossed)


def join_quotes(before: Quotes, after: Quotes) -> Quotes:
    """Return each market's quote, that of `after` where both have one."""
    number = np.concatenate([before.market_no, after.market_no])
    order = np.argsort(number, kind="stable")
    last = np.append(number[order][1:] != number[order][:-1], True) if len(number) else np.empty(0, bool)
    kept = order[last]
    columns = ("market_no", "t", "bid_e4", "ask_e4", "depth_e6")
    return Quotes(*(np.concatenate([getattr(before, name), getattr(after, name)])[kept] for name in columns))


def newest_rows(panel: Panel, as_of: int) -> Int64s:
    """Return each market's last point known by `as_of`, -1 for none, shape (M,)."""
    first, end = panel.offsets[:-1], panel.offsets[1:]
    if not panel.point_count or int(panel.t.max()) <= as_of:
        return np.where(end > first, end - 1, -1)
    known = np.concatenate(([0], np.cumsum(panel.t <= as_of)))
    count = known[end] - known[first]  # points ascend in time, so those known are the first ones
    return np.where(count > 0, first + count - 1, -1)


def known_ends(panel: Panel, as_of: int) -> Int64s:
    """Return each market's scheduled end as known at `as_of`, UNKNOWN_TIME for none, shape (M,)."""
    from edgeworth.store.asof import scheduled_ends

    return scheduled_ends(panel, np.arange(panel.market_count), np.full(panel.market_count, as_of, np.int64))


def take_markets(panel: Panel, market: Int64s, last: Int64s) -> Panel:
    """Return the panel of some markets, in the order given, with their points up to row `last` (-1 = none): (K,)."""
    first = panel.offsets[market]
    points, offsets = _ranges(first, np.maximum(last + 1 - first, 0))
    ends, end_offsets = _ranges(panel.end_offsets[market], np.diff(panel.end_offsets)[market])
    return Panel(
        panel.markets[market], offsets, panel.t[points], panel.price_e4[points], end_offsets,
        panel.end_known_at[ends], panel.end_value[ends], panel.source, panel.fingerprint,
    )  # fmt: skip


def _ranges(first: Int64s, count: Int64s) -> tuple[Int64s, Int64s]:
    """Return the positions of stretches end to end, and the offsets they then have."""
    starts = np.concatenate(([0], np.cumsum(count))).astype(np.int64)
    within = np.arange(starts[-1]) - np.repeat(starts[:-1], count)
    return np.repeat(first, count) + within, starts


def append_points(base: Panel | None, points: Points, facts: "tuple[pl.DataFrame, Ends]") -> Panel:
    """Return `base` with newer points behind those it has; markets it does not hold are described by `facts`.

    `facts` are rows of schema MARKETS, ascending in market_no, one for each market of `points` at least.
    """
    import polars as pl

    frame, ends = facts
    base = _nothing(frame) if base is None else base
    held = base.markets["market_no"].to_numpy().astype(np.int64)
    added = np.flatnonzero(~np.isin(frame["market_no"].to_numpy(), held))
    markets = pl.concat([base.markets, frame[added]], how="vertical_relaxed")
    number = markets["market_no"].to_numpy().astype(np.int64)
    last = np.full(len(number), UNKNOWN_TIME, np.int64)
    filled = np.flatnonzero(np.diff(base.offsets) > 0)
    last[filled] = base.t[base.offsets[1:][filled] - 1]
    place, keep = _places(number, points.market_no)
    keep &= points.t > last[place]
    had = np.concatenate([np.diff(base.offsets), np.zeros(len(added), np.int64)])
    offsets, old, fresh = _behind(had, place[keep])
    t, price = np.empty(int(offsets[-1]), np.int64), np.empty(int(offsets[-1]), np.int32)
    t[old], t[fresh] = base.t, points.t[keep]
    price[old], price[fresh] = base.price_e4, points.price_e4[keep]
    picked, more = _ranges(ends.offsets[added], np.diff(ends.offsets)[added])
    state = hashlib.blake2b(base.fingerprint.encode(), digest_size=16)
    for array in (points.market_no, points.t, points.price_e4, ends.known_at, ends.value):
        state.update(np.ascontiguousarray(array).data)
    return Panel(
        markets=markets,
        offsets=offsets,
        t=t,
        price_e4=price,
        end_offsets=np.concatenate([base.end_offsets, base.end_offsets[-1] + more[1:]]),
        end_known_at=np.concatenate([base.end_known_at, ends.known_at[picked]]),
        end_value=np.concatenate([base.end_value, ends.value[picked]]),
        source=base.source,
        fingerprint=state.hexdigest(),
    )


def _behind(had: Int64s, place: Int64s) -> tuple[Int64s, Int64s, Int64s]:
    """Return new offsets and the positions of old and new points when each new one goes behind its market's points.

    `had` (M,) points of each market, `place` (N,) the market of each new point; both keep their order.
    """
    more = np.bincount(place, minlength=len(had)).astype(np.int64)
    offsets = np.concatenate(([0], np.cumsum(had + more))).astype(np.int64)
    old = np.arange(int(had.sum())) + np.repeat(np.cumsum(more) - more, had)
    order = np.argsort(place, kind="stable")
    rank = np.arange(len(place)) - np.repeat(np.cumsum(more) - more, more)
    fresh = np.empty(len(place), np.int64)
    fresh[order] = (offsets[:-1] + had)[place[order]] + rank
    return offsets, old, fresh


def _nothing(frame: "pl.DataFrame") -> Panel:
    """Return a panel without markets whose rows have the schema of a frame."""
    none, zero = np.empty(0, np.int64), np.zeros(1, np.int64)
    return Panel(frame.clear(), zero, none, none.astype(np.int32), zero, none, none, SNAPSHOTS, "")


def _places(number: Int64s, wanted: Int64s) -> tuple[Int64s, npt.NDArray[np.bool_]]:
    """Return where each wanted market stands among `number` (distinct, any order), and whether it is there at all."""
    if not len(number):
        return np.zeros(len(wanted), np.int64), np.zeros(len(wanted), bool)
    order = np.argsort(number, kind="stable")
    place = order[np.minimum(np.searchsorted(number[order], wanted), len(order) - 1)]
    return place, number[place] == wanted


def known_outcomes(outcomes: Outcomes, as_of: int) -> Outcomes:
    """Return the outcomes with everything that became known after `as_of` taken out."""
    known = outcomes.known_at <= as_of
    return Outcomes(
        np.where(known, outcomes.payout_e4, UNRESOLVED).astype(np.int32),
        np.where(known, outcomes.resolved_at, NEVER),
        np.where(known, outcomes.known_at, NEVER),
        # a first proposal is public at once; an instant derived from later prices lies after those prices
        np.where(outcomes.event_known_at <= as_of, outcomes.event_known_at, NEVER),
    )


def spacing(panel: Panel, rows: Int64s, market: npt.NDArray[Any], gaps: int = 8) -> Int64s:
    """Return the usual time between a market's newest observations: the median of its last few gaps; 0 with one point.

    `rows`: (R,) newest row of each, `market`: (R,) its panel index. Microseconds, shape (R,).
    """
    first = panel.offsets[market]
    index = rows[:, None] - np.arange(gaps + 1)[None, :]
    there = index >= first[:, None]
    times = np.where(there, panel.t[np.maximum(index, 0)], 0)
    steps = np.where(there[:, 1:], times[:, :-1] - times[:, 1:], -1).astype(np.float64)
    steps[steps < 0] = np.nan
    some = ~np.isnan(steps).all(axis=1)
    result = np.zeros(len(rows), np.int64)
    if some.any():
        result[some] = np.nanmedian(steps[some], axis=1).astype(np.int64)
    return result
