"""Count what can be used of what was fetched: resolved markets with prices, and the independent events behind them."""

from typing import TYPE_CHECKING, Final

from edgeworth.core.paths import Home
from edgeworth.core.types import Payout
from edgeworth.core.units import DAY
from edgeworth.store.frames import read_tables
from edgeworth.store.snapshot_facts import outcomes

if TYPE_CHECKING:
    import polars as pl

QUARTERS_BELOW: Final = 3 * 365 * DAY  # shorter spans are split into quarters, longer ones into years


def usable_by_range(home: Home, source: str, since: int, until: int) -> "pl.DataFrame":
    """Return one row per year or quarter (of the resolution) and one for all of [since, until).

    Columns: range, asked (markets the source was asked for), resolved (final, dated), yes, no, other (one half, void),
    usable (yes or no, with prices), events (independent ones among the usable; a market without an event is its own).
    """
    import polars as pl

    tables = read_tables(
        home,
        {"coverage": ("source", "market_no", "dataset", "status"), "markets": ("market_no", "event_no")},
    )
    asked = tables["coverage"].filter((pl.col("source") == source) & (pl.col("dataset") == "prices"))
    own = pl.coalesce("event_no", -pl.col("market_no")).alias("event")
    ends = outcomes(home).filter(pl.col("resolved_at").is_between(since, until, closed="left"))
    rows = ends.join(asked, on="market_no").join(tables["markets"].with_columns(own), on="market_no")
    instant = pl.col("resolved_at").cast(pl.Datetime("us", "UTC"))
    quarter = pl.format("{}-Q{}", instant.dt.year(), instant.dt.quarter())
    name = quarter if until - since < QUARTERS_BELOW else instant.dt.year().cast(pl.String)
    rows = rows.with_columns(name.alias("range"))
    whole = _counted(rows.with_columns(pl.lit("all").alias("range")))
    return pl.concat([_counted(rows), whole if whole.height else _counted(rows)])


def _counted(rows: "pl.DataFrame") -> "pl.DataFrame":
    import polars as pl

    payout = pl.col("payout_e4")
    yes, no = payout == int(Payout.YES), payout == int(Payout.NO)
    good = (yes | no) & (pl.col("status") == "present")
    counts = (
        pl.len().alias("asked"), yes.sum().alias("yes"), no.sum().alias("no"), (~(yes | no)).sum().alias("other"),
        good.sum().alias("usable"), pl.col("event").filter(good).n_unique().alias("events"),
    )  # fmt: skip
    return rows.group_by("range").agg(*counts).sort("range")
