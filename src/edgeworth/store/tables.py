"""Table definitions of the market database, in portable types; the migrations create exactly these.

Times are UTC microseconds, prices 1e-4 dollars, sizes and dollars 1e-6. `market_no` and `event_no` are given out by the
single writer. Money and time columns are 64-bit.
"""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _text(name: str, **options: Any) -> "Column[Any]":
    return Column(name, Text, nullable=False, default="", server_default="", **options)


def _count(name: str) -> "Column[Any]":
    return Column(name, Integer, nullable=False, default=0, server_default="0")


def _market(*, primary: bool = False) -> "Column[Any]":
    return Column("market_no", Integer, ForeignKey("markets.market_no"), primary_key=primary, nullable=False)


# `facts` changes with every stored market fact; readers use its digest to know whether their cache still holds.
meta = Table(
    "meta",
    metadata,
    Column("key", String(32), primary_key=True),
    Column("counter", BigInteger, nullable=False),
    _text("value"),
)

events = Table(
    "events",
    metadata,
    Column("event_no", Integer, primary_key=True, autoincrement=False),
    Column("venue", String(64), nullable=False),
    Column("native_id", String(255), nullable=False),
    _text("source"),
    _text("slug"),
    _text("title"),
    Column("neg_risk", Boolean, nullable=False),
    _text("tags"),
    Column("known_at", BigInteger),
    Column("bare", Boolean, nullable=False),
    UniqueConstraint("venue", "native_id"),
)

markets = Table(
    "markets",
    metadata,
    Column("market_no", Integer, primary_key=True, autoincrement=False),
    Column("market_id", String(255), nullable=False, index=True),
    Column("venue", String(64), nullable=False),
    _text("source"),
    Column("event_no", Integer, ForeignKey("events.event_no"), index=True),
    _text("slug", index=True),
    _text("question"),
    Column("outcome0", String(255), nullable=False),
    Column("outcome1", String(255), nullable=False),
    Column("labels_stated", Boolean, nullable=False),
    Column("created_at", BigInteger),
    Column("bare", Boolean, nullable=False),
)

market_aliases = Table(
    "market_aliases",
    metadata,
    Column("kind", String(32), primary_key=True),
    Column("value", String(255), primary_key=True),
    _market(),
    Index("ix_market_aliases_market_no", "market_no"),
    sqlite_with_rowid=False,
)

market_versions = Table(
    "market_versions",
    metadata,
    Column("version_no", Integer, primary_key=True, autoincrement=False),
    _market(),
    Column("source", String(128), nullable=False),
    Column("known_at", BigInteger),
    Column("backdated", Boolean, nullable=False),
    Column("content_hash", String(32), nullable=False),
    _text("slug"),
    _text("question"),
    _text("event_title"),
    Column("scheduled_end", BigInteger),
    Column("created_at", BigInteger),
    Column("tick_e4", Integer, nullable=False),
    Column("min_size_e6", BigInteger, nullable=False),
    Column("fee_rate_e6", Integer, nullable=False),
    Column("fee_exponent", Integer, nullable=False),
    Column("neg_risk", Boolean, nullable=False),
    _text("tags"),
    _text("publisher_category"),
    _text("description"),
    Index("ix_market_versions_market_no", "market_no"),
)

# `slot` is the instant the observation was scheduled for; where nobody scheduled it, its own `event_time`. It leads the
# key because a tick's rows then land side by side on a few pages.
market_snapshots = Table(
    "market_snapshots",
    metadata,
    Column("slot", BigInteger, primary_key=True, autoincrement=False),
    _market(primary=True),
    Column("source", String(128), primary_key=True),
    Column("event_time", BigInteger, nullable=False),
    Column("known_at", BigInteger, nullable=False),
    Column("bid_e4", Integer),
    Column("ask_e4", Integer),
    Column("last_e4", Integer),
    Column("volume_e6", BigInteger),
    Column("volume_24h_e6", BigInteger),
    Column("liquidity_e6", BigInteger),
    Column("bid_size_e6", BigInteger),
    Column("ask_size_e6", BigInteger),
    Column("depth_e6", BigInteger),
    Column("spot_e4", BigInteger),
    Column("spot_change_24h_e6", BigInteger),
    Column("book_age_us", BigInteger),
    Column("quality_e4", Integer),
    sqlite_with_rowid=False,
)

market_resolutions = Table(
    "market_resolutions",
    metadata,
    _market(primary=True),
    Column("source", String(128), primary_key=True),
    Column("payout_e4", Integer, nullable=False),
    Column("state", String(16), nullable=False),
    Column("resolved_at", BigInteger),
    Column("known_at", BigInteger),
    Column("proposed_at", BigInteger),
    Column("disputed", Boolean, nullable=False),
    sqlite_with_rowid=False,
)

coverage = Table(
    "coverage",
    metadata,
    Column("source", String(128), primary_key=True),
    Column("market_no", Integer, primary_key=True, autoincrement=False),
    Column("dataset", String(32), primary_key=True),
    Column("status", String(16), nullable=False),
    Column("points", BigInteger, nullable=False),
    Column("first_t", BigInteger),
    Column("last_t", BigInteger),
    _text("note"),
    sqlite_with_rowid=False,
)

quarantine = Table(
    "quarantine",
    metadata,
    Column("key", String(32), primary_key=True),
    Column("source", String(128), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("reason", String(64), nullable=False, index=True),
    _text("raw"),
    _text("place"),
    Column("rows", BigInteger, nullable=False),
    Column("recorded_at", BigInteger, nullable=False),
)

import_files = Table(
    "import_files",
    metadata,
    Column("key", String(128), primary_key=True),
    _text("path"),
    _text("shape"),
    Column("offset", BigInteger, nullable=False),
    Column("done", Boolean, nullable=False),
    _text("counts"),
    _text("extra"),
    Column("updated_at", BigInteger, nullable=False),
)

collection_runs = Table(
    "collection_runs",
    metadata,
    Column("run_no", Integer, primary_key=True, autoincrement=False),
    Column("kind", String(32), nullable=False, index=True),
    Column("started_at", BigInteger, nullable=False),
    Column("finished_at", BigInteger),
    Column("status", String(16), nullable=False, index=True),
    _text("counts"),
    Column("slot", BigInteger),
    _count("slots_due"),
    _count("slots_met"),
    _count("slots_missed"),
    _count("errors"),
    _count("requests"),
)

# `market_no` 0 stands for the whole slot of a job, with how many observations were due and met; every other number is a
# market that was due and not met, with the cause.
collection_slots = Table(
    "collection_slots",
    metadata,
    Column("job", String(32), primary_key=True),
    Column("slot", BigInteger, primary_key=True, autoincrement=False),
    Column("market_no", Integer, primary_key=True, autoincrement=False),
    Column("state", String(16), nullable=False),
    _text("cause"),
    _count("due"),
    _count("met"),
    Column("run_no", Integer),
    sqlite_with_rowid=False,
)

api_usage = Table(
    "api_usage",
    metadata,
    Column("day", BigInteger, primary_key=True, autoincrement=False),
    Column("host", String(128), primary_key=True),
    Column("route", String(64), primary_key=True),
    Column("calls", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
