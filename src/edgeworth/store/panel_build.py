"""Build a Panel and its Outcomes from the lake and the market database: the slow path behind the cache."""

import hashlib
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from edgeworth.core.errors import DataError
from edgeworth.core.panel import NEVER, Int32s, Int64s, Outcomes, Panel
from edgeworth.core.paths import Home
from edgeworth.core.types import UNRESOLVED, ResolutionState
from edgeworth.store import packing, versions
from edgeworth.store.frames import read_tables
from edgeworth.store.lake import Lake, PricePoints

if TYPE_CHECKING:
    import polars as pl

ALL = "all"
DECIDED_LOW, DECIDED_HIGH = 300, 9_700  # at or between them a price is still open
_VERSION_COLUMNS = (
    "version_no",
    "market_no",
    "source",
    "known_at",
    "backdated",
    "slug",
    "question",
    "event_title",
    "scheduled_end",
    "created_at",
    "tick_e4",
    "min_size_e6",
    "fee_rate_e6",
    "fee_exponent",
    "neg_risk",
    "tags",
)
_TABLES = {
    "markets": ("market_no", "market_id", "event_no", "slug", "question", "outcome0", "outcome1", "created_at"),
    "market_versions": _VERSION_COLUMNS,
    "events": ("event_no", "title", "neg_risk"),
    "market_resolutions": ("market_no", "source", "payout_e4", "state", "resolved_at", "known_at", "proposed_at"),
}


@dataclass(frozen=True, slots=True)
class Request:
    """What to load; `start` <= t < `end` in microseconds, `source` a name or "all"."""

    source: str
    start: int | None = None
    end: int | None = None
    market_nos: tuple[int, ...] | None = None
    min_points: int = 1


@dataclass(frozen=True, slots=True)
class Series:
    """Price series of M markets as they could be known: market_no (M), offsets (M+1), t and price_e4 (N)."""

    market_no: Int64s
    offsets: Int64s
    t: Int64s
    price_e4: Int32s


def build(home: Home, request: Request) -> tuple[Panel, Outcomes]:
    """Read everything and lay it out; raises DataError no-prices | store-empty | store-corrupt."""
    whole = read_series(Lake(home.lake), request)
    tables = read_tables(home, _TABLES)
    whole = choose_markets(whole, np.isin(whole.market_no, tables["markets"]["market_no"].to_numpy()))
    first = whole.t[whole.offsets[:-1]] if len(whole.market_no) else np.zeros(0, dtype=np.int64)
    outcomes = _outcomes(whole, tables["market_resolutions"], request.source)
    bounded = _window(whole, request.start, request.end)
    enough = np.diff(bounded.offsets) >= max(request.min_points, 1)
    if not enough.any():
        raise DataError("no-prices", "no price lies in the chosen range")
    series = choose_markets(bounded, enough)
    frame, ends = _metadata(tables, series.market_no, first[enough])
    print_ = fingerprint(request.source, series, ends, frame)
    panel = Panel(
        frame,
        series.offsets,
        series.t,
        series.price_e4,
        ends.offsets,
        ends.known_at,
        ends.value,
        request.source,
        print_,
    )
    return panel, _choose_outcomes(outcomes, enough)


# prices


def read_series(lake: Lake, request: Request) -> Series:
    """Read the points of a source, of several observations of one instant the first stored, ordered as known."""
    parts = [part for part in lake.manifest("prices").parts if request.source in {ALL, part.source}]
    if not parts:
        raise DataError("store-empty", "there are no prices yet")
    read = [lake.read_prices(part, request.market_nos) for part in parts]
    in_order = sorted(parts, key=lambda part: part.market_min)
    if all(left.market_max < right.market_min for left, right in pairwise(in_order)):
        read = [points for _, points in sorted(zip(parts, read, strict=True), key=lambda pair: pair[0].market_min)]
    points = _joined(read)
    order = packing.sort_first_wins(points.market_no, points.event_time)
    if len(order) != len(points.market_no) or not packing.is_sorted(points.market_no, points.event_time):
        points = _take(points, order)
    points = _as_known(points)
    starts = packing.starts_of(points.market_no)
    offsets = np.append(starts, len(points.market_no)).astype(np.int64)
    return Series(points.market_no[starts].astype(np.int64), offsets, points.known_at, points.price_e4)


def _joined(read: list[PricePoints]) -> PricePoints:
    if len(read) == 1:
        return read[0]
    return PricePoints(
        np.concatenate([points.market_no for points in read]),
        np.concatenate([points.event_time for points in read]),
        np.concatenate([points.price_e4 for points in read]),
        np.concatenate([points.known_at for points in read]),
    )


def _take(points: PricePoints, order: "np.typing.NDArray[np.integer | np.bool_]") -> PricePoints:
    return PricePoints(
        points.market_no[order], points.event_time[order], points.price_e4[order], points.known_at[order]
    )


def _as_known(points: PricePoints) -> PricePoints:
    """Order by known_at: what came late and was already outdated is dropped, of one instant's news the newest stays."""
    if points.known_at is points.event_time or packing.is_sorted(points.market_no, points.known_at):
        return points
    points = _take(points, np.lexsort((points.event_time, points.known_at, points.market_no)))
    newest = _running_max(points.market_no, points.event_time)
    points = _take(points, points.event_time >= newest)
    same = (points.market_no[1:] == points.market_no[:-1]) & (points.known_at[1:] == points.known_at[:-1])
    return _take(points, np.append(~same, True))


def _running_max(group: Int32s, values: Int64s) -> Int64s:
    import polars as pl

    frame = pl.DataFrame({"g": group, "v": values})
    return frame.select(pl.col("v").cum_max().over("g")).to_series().to_numpy()


def _window(series: Series, start: int | None, end: int | None) -> Series:
    if start is None and end is None:
        return series
    keep = np.ones(len(series.t), dtype=np.bool_)
    if start is not None:
        keep &= series.t >= start
    if end is not None:
        keep &= series.t < end
    counted = np.concatenate(([0], np.cumsum(keep))).astype(np.int64)
    return Series(series.market_no, counted[series.offsets], series.t[keep], series.price_e4[keep])


def choose_markets(series: Series, chosen: "np.typing.NDArray[np.bool_]") -> Series:
    """Keep some of the markets with their points."""
    if chosen.all():
        return series
    lengths = np.diff(series.offsets)
    keep = np.repeat(chosen, lengths)
    offsets = np.concatenate(([0], np.cumsum(lengths[chosen]))).astype(np.int64)
    return Series(series.market_no[chosen], offsets, series.t[keep], series.price_e4[keep])


# metadata


def _metadata(
    tables: "dict[str, pl.DataFrame]", market_no: Int64s, first_point: Int64s
) -> "tuple[pl.DataFrame, versions.Ends]":
    import polars as pl

    wanted = pl.DataFrame({"market_no": market_no.astype(np.int32), "first_point": first_point})
    said = tables["market_versions"].join(wanted, on="market_no", how="semi")
    created = said.group_by("market_no").agg(pl.col("created_at").min().alias("listed"))
    markets = wanted.join(tables["markets"], on="market_no", how="left", maintain_order="left")
    markets = markets.join(created, on="market_no", how="left", maintain_order="left")
    markets = markets.with_columns(pl.min_horizontal("created_at", "listed").alias("created_at"))
    grouped = versions.by_market(said)
    changes, since = [], {}
    for number, listed, first in markets.select("market_no", "created_at", "first_point").iter_rows():
        mine = grouped.get(number, [])
        times = versions.effective_times(mine, first if listed is None else listed)
        since.update({version.version_no: time for version, time in zip(mine, times, strict=True)})
        changes.append(versions.end_changes(mine, times))
    times_frame = pl.DataFrame(
        {"version_no": list(since), "since": list(since.values())}, schema={"version_no": pl.Int32, "since": pl.Int64}
    )
    facts = said.join(times_frame, on="version_no", how="left").sort("market_no", "since", "version_no")
    return _markets_frame(markets, _first_facts(facts), tables["events"]), versions.pack_ends(changes)


def _first_facts(facts: "pl.DataFrame") -> "pl.DataFrame":
    """Return per market what was first stated of each fact; a default is no statement."""
    import polars as pl

    def first(name: str, default: str | int = "") -> "pl.Expr":
        column = pl.col(name)
        return column.filter(column.ne(default)).first().alias(name)

    fee_stated = pl.col("fee_rate_e6") != 0
    return facts.group_by("market_no", maintain_order=True).agg(
        first("slug"),
        first("question"),
        first("event_title"),
        first("tags"),
        first("tick_e4", 100),
        first("min_size_e6", 5_000_000),
        pl.col("fee_rate_e6").filter(fee_stated).first(),
        pl.col("fee_exponent").filter(fee_stated).first(),
        pl.col("neg_risk").any(),
        pl.col("backdated").first(),
    )


def _markets_frame(markets: "pl.DataFrame", facts: "pl.DataFrame", events: "pl.DataFrame") -> "pl.DataFrame":
    import polars as pl

    events = events.rename({"neg_risk": "event_neg_risk"})
    joined = markets.join(facts, on="market_no", how="left", suffix="_said", maintain_order="left")
    joined = joined.join(events, on="event_no", how="left", maintain_order="left")

    def text(*names: str) -> "pl.Expr":
        return pl.coalesce(*(pl.when(pl.col(name) != "").then(pl.col(name)) for name in names), pl.lit(""))

    tags = pl.col("tags").fill_null("[]").str.json_decode(pl.List(pl.String))
    return joined.select(
        "market_no",
        "market_id",
        pl.coalesce("event_no", -pl.col("market_no")).cast(pl.Int32).alias("event_no"),
        text("slug_said", "slug").alias("slug"),
        text("question_said", "question").alias("question"),
        text("title", "event_title").alias("event_title"),
        "outcome0",
        "outcome1",
        tags.alias("tags"),
        (pl.col("neg_risk").fill_null(False) | pl.col("event_neg_risk").fill_null(False)).alias("neg_risk"),
        pl.col("tick_e4").fill_null(100).cast(pl.Int32),
        pl.col("min_size_e6").fill_null(5_000_000).cast(pl.Int64),
        pl.col("fee_rate_e6").fill_null(0).cast(pl.Int32),
        pl.col("fee_exponent").fill_null(1).cast(pl.Int32),
        "created_at",
        pl.col("backdated").fill_null(True),
    )


# outcomes


def _outcomes(series: Series, resolutions: "pl.DataFrame", source: str) -> Outcomes:
    """Choose each market's resolution: final, of the prices' own source, else the earliest known."""
    import polars as pl

    wanted = pl.DataFrame({"market_no": series.market_no.astype(np.int32)})
    final = resolutions.filter((pl.col("state") == str(ResolutionState.FINAL)) & pl.col("resolved_at").is_not_null())
    usable = final.with_columns(
        pl.max_horizontal("known_at", "resolved_at").alias("known_at"), (pl.col("source") != source).alias("foreign")
    )
    best = usable.sort("market_no", "foreign", "known_at", "source").unique("market_no", keep="first")
    proposals = resolutions.group_by("market_no").agg(pl.col("proposed_at").min().alias("first_proposal"))
    rows = wanted.join(best, on="market_no", how="left", maintain_order="left")
    rows = rows.join(proposals, on="market_no", how="left", maintain_order="left")
    resolved_at = rows["resolved_at"].fill_null(NEVER).to_numpy()
    decided = decided_at(series, resolved_at)
    proposed = rows["first_proposal"].fill_null(NEVER).to_numpy()
    return Outcomes(
        rows["payout_e4"].fill_null(UNRESOLVED).cast(pl.Int32).to_numpy(),
        resolved_at,
        rows["known_at"].fill_null(NEVER).to_numpy(),
        np.where(proposed != NEVER, proposed, np.where(resolved_at != NEVER, decided, NEVER)),
    )


def decided_at(series: Series, resolved_at: Int64s) -> Int64s:
    """Return the first instant after which each market's price stays outside [0.03, 0.97], NEVER where it never does.

    Prices after the resolution count as decided whatever they say. Shape (M,).
    """
    lengths = np.diff(series.offsets)
    still_open = (series.price_e4 >= DECIDED_LOW) & (series.price_e4 <= DECIDED_HIGH)
    still_open &= series.t <= np.repeat(resolved_at, lengths)
    position = np.where(still_open, np.arange(1, len(series.t) + 1, dtype=np.int64), 0)
    filled = lengths > 0
    last = series.offsets[:-1].copy()
    if filled.any():
        last[filled] = np.maximum(np.maximum.reduceat(position, series.offsets[:-1][filled]), last[filled])
    decided = np.full(len(lengths), NEVER, dtype=np.int64)
    there = last < series.offsets[1:]
    decided[there] = series.t[last[there]]
    return decided


def _choose_outcomes(outcomes: Outcomes, chosen: "np.typing.NDArray[np.bool_]") -> Outcomes:
    return Outcomes(
        outcomes.payout_e4[chosen],
        outcomes.resolved_at[chosen],
        outcomes.known_at[chosen],
        outcomes.event_known_at[chosen],
    )


def fingerprint(source: str, series: Series, ends: versions.Ends, markets: "pl.DataFrame") -> str:
    """Return a digest of a panel's content."""
    state = hashlib.blake2b(source.encode(), digest_size=16)
    for array in (series.offsets, series.t, series.price_e4, ends.offsets, ends.known_at, ends.value):
        state.update(np.ascontiguousarray(array).data)
    state.update(markets.write_ndjson().encode())
    return state.hexdigest()
