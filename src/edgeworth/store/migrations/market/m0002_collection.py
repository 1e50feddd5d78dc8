"""Scheduled collection: slots, sizes, spot and quality on snapshots; runs that count; the ledger of slots; API usage.

The key of `market_snapshots` becomes (slot, market, source), which no database can alter in place: the table is written
anew, rows included. Rows of the first schema were not scheduled, so their own instant stands for the slot.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_KEPT = "event_time, market_no, source, known_at, bid_e4, ask_e4, last_e4, volume_e6, volume_24h_e6, liquidity_e6"
_COUNTS = ("slots_due", "slots_met", "slots_missed", "errors", "requests")
_OLD = "market_snapshots_before"


def upgrade() -> None:
    """Rewrite the snapshots, extend the runs, add the ledgers of slots and of calls."""
    op.rename_table("market_snapshots", _OLD)
    op.create_table(
        "market_snapshots",
        sa.Column("slot", sa.BigInteger, primary_key=True, autoincrement=False),
        _market(),
        sa.Column("source", sa.String(128), primary_key=True),
        sa.Column("event_time", sa.BigInteger, nullable=False),
        sa.Column("known_at", sa.BigInteger, nullable=False),
        *_quotes(),
        sa.Column("bid_size_e6", sa.BigInteger),
        sa.Column("ask_size_e6", sa.BigInteger),
        sa.Column("depth_e6", sa.BigInteger),
        sa.Column("spot_e4", sa.BigInteger),
        sa.Column("spot_change_24h_e6", sa.BigInteger),
        sa.Column("book_age_us", sa.BigInteger),
        sa.Column("quality_e4", sa.Integer),
        sqlite_with_rowid=False,
    )
    op.execute(f"INSERT INTO market_snapshots (slot, {_KEPT}) SELECT event_time, {_KEPT} FROM {_OLD}")  # noqa: S608
    op.drop_table(_OLD)
    op.add_column("collection_runs", sa.Column("slot", sa.BigInteger))
    for name in _COUNTS:
        op.add_column("collection_runs", sa.Column(name, sa.Integer, nullable=False, server_default="0"))
    for name in ("kind", "status"):
        op.create_index(f"ix_collection_runs_{name}", "collection_runs", [name])
    _create_ledgers()


def _create_ledgers() -> None:
    op.create_table(
        "collection_slots",
        sa.Column("job", sa.String(32), primary_key=True),
        sa.Column("slot", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("market_no", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("cause", sa.Text, nullable=False, server_default=""),
        sa.Column("due", sa.Integer, nullable=False, server_default="0"),
        sa.Column("met", sa.Integer, nullable=False, server_default="0"),
        sa.Column("run_no", sa.Integer),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "api_usage",
        sa.Column("day", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("host", sa.String(128), primary_key=True),
        sa.Column("route", sa.String(64), primary_key=True),
        sa.Column("calls", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    """Go back to the first schema; of several rows of one market and instant the first by slot and source stays."""
    op.drop_table("api_usage")
    op.drop_table("collection_slots")
    for name in ("kind", "status"):
        op.drop_index(f"ix_collection_runs_{name}", "collection_runs")
    for name in (*_COUNTS, "slot"):
        op.drop_column("collection_runs", name)
    op.rename_table("market_snapshots", _OLD)
    op.create_table(
        "market_snapshots",
        sa.Column("event_time", sa.BigInteger, primary_key=True, autoincrement=False),
        _market(),
        sa.Column("known_at", sa.BigInteger, nullable=False),
        sa.Column("source", sa.String(128), nullable=False),
        *_quotes(),
        sqlite_with_rowid=False,
    )
    ranked = (
        f"SELECT {_KEPT}, ROW_NUMBER() OVER (PARTITION BY event_time, market_no ORDER BY slot, source) AS place "  # noqa: S608
        f"FROM {_OLD}"
    )
    op.execute(f"INSERT INTO market_snapshots ({_KEPT}) SELECT {_KEPT} FROM ({ranked}) AS rows WHERE place = 1")  # noqa: S608
    op.drop_table(_OLD)


def _market() -> "sa.Column[int]":
    return sa.Column("market_no", sa.Integer, sa.ForeignKey("markets.market_no"), primary_key=True, nullable=False)


def _quotes() -> "list[sa.Column[int]]":
    return [
        sa.Column("bid_e4", sa.Integer),
        sa.Column("ask_e4", sa.Integer),
        sa.Column("last_e4", sa.Integer),
        sa.Column("volume_e6", sa.BigInteger),
        sa.Column("volume_24h_e6", sa.BigInteger),
        sa.Column("liquidity_e6", sa.BigInteger),
    ]
