"""The tables a person may query: database tables and lake datasets as lazy frames with readable columns.

Instants become `Datetime(us, UTC)`; prices keep their integers and gain a column in dollars.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from edgeworth.core.paths import Home
from edgeworth.store.frames import read_tables
from edgeworth.store.lake import Lake

if TYPE_CHECKING:
    import polars as pl

TABLES = {
    "markets": "one row per market with what is known of it, never how it ended",
    "events": "groups of markets",
    "market_versions": "every version of a market's facts, by source",
    "aliases": "every id of every market",
    "resolutions": "how markets ended, by source (hindsight)",
    "snapshots": "quotes and sizes seen at one instant",
    "coverage": "what was asked for and what was got",
    "quarantine": "rows set aside, with the reason",
    "import_files": "files imported, and how far",
    "collection_runs": "runs of imports and collectors",
    "collection_slots": "scheduled instants of the collector: met, missed and why",
    "api_usage": "calls to venues per day, host and route",
    "prices": "price points of the YES leg",
    "trades": "public trades in terms of the YES leg",
    "candles": "spot candles",
}
_STORED = {
    "aliases": "market_aliases",
    "resolutions": "market_resolutions",
}
_INSTANTS = frozenset(
    {
        "t",
        "event_time",
        "known_at",
        "created_at",
        "scheduled_end",
        "resolved_at",
        "resolution_known_at",
        "proposed_at",
        "first_t",
        "last_t",
        "recorded_at",
        "updated_at",
        "started_at",
        "finished_at",
        "slot",
        "day",
    }
)


def relations(home: Home, names: Iterable[str]) -> "dict[str, pl.LazyFrame]":
    """Return the named tables (of `TABLES`) as lazy frames; one transaction for all that lie in the database."""
    wanted = list(dict.fromkeys(names))
    lake = Lake(home.lake)
    result: dict[str, pl.LazyFrame] = {}
    stored = [name for name in wanted if name not in {"prices", "candles", "snapshots", "trades"}]
    needed = dict.fromkeys(_STORED.get(name, name) for name in stored)
    if "markets" in stored:
        needed |= dict.fromkeys(("market_versions", "events"))
    frames = read_tables(home, dict.fromkeys(needed, ())) if needed else {}
    for name in stored:
        frame = frames[_STORED.get(name, name)]
        if name == "markets":
            frame = markets_frame(frame, frames["market_versions"], frames["events"])
        result[name] = readable(_renamed(name, frame).lazy())
    if "snapshots" in wanted:
        from edgeworth.store.lake_snapshots import read_snapshots

        result["snapshots"] = readable(read_snapshots(home).lazy())
    if "trades" in wanted:
        from edgeworth.store.lake_trades import TradeLake

        result["trades"] = readable(TradeLake(home.lake).scan(with_source=True))
    if "prices" in wanted:
        result["prices"] = readable(lake.scan_prices(with_source=True))
    if "candles" in wanted:
        result["candles"] = readable(lake.scan_candles(with_source=True))
    return result


def readable(frame: "pl.LazyFrame") -> "pl.LazyFrame":
    """Turn instants into datetimes and add `price` beside `price_e4`."""
    import polars as pl

    names = frame.collect_schema().names()
    instants = [pl.col(name).cast(pl.Datetime("us", "UTC")) for name in names if name in _INSTANTS]
    frame = frame.with_columns(instants)
    if "price_e4" not in names:
        return frame
    return frame.with_columns((pl.col("price_e4") / 10_000).round(4).alias("price"))  # polars divides by reciprocal


def markets_frame(markets: "pl.DataFrame", versions: "pl.DataFrame", events: "pl.DataFrame") -> "pl.DataFrame":
    """Join markets with their latest stored facts and their event."""
    import polars as pl

    facts = (
        versions.sort(pl.col("known_at").fill_null(-1), "version_no")
        .group_by("market_no")
        .agg(
            pl.col("scheduled_end").drop_nulls().last(),
            pl.col("tags").filter(pl.col("tags") != "").last().fill_null(""),
            pl.col("publisher_category").filter(pl.col("publisher_category") != "").last().fill_null(""),
            pl.col("event_title").filter(pl.col("event_title") != "").last().fill_null(""),
            pl.col("neg_risk").any(),
        )
    )
    groups = events.select("event_no", pl.col("native_id").alias("event_id"), pl.col("title").alias("event"))
    joined = markets.join(groups, on="event_no", how="left").join(facts, on="market_no", how="left")
    title = pl.when(pl.col("event") != "").then(pl.col("event")).otherwise(pl.col("event_title")).fill_null("")
    return joined.with_columns(title.alias("event_title")).drop("event", "labels_stated").sort("market_no")


def _renamed(name: str, frame: "pl.DataFrame") -> "pl.DataFrame":
    if name == "resolutions":
        return frame.rename({"known_at": "resolution_known_at"})
    return frame
