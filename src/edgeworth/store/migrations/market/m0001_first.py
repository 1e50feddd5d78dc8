"""First schema of the market database."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def _market(*, primary: bool = False) -> "sa.Column[int]":
    return sa.Column("market_no", sa.Integer, sa.ForeignKey("markets.market_no"), primary_key=primary, nullable=False)


def _text(name: str) -> "sa.Column[str]":
    return sa.Column(name, sa.Text, nullable=False, server_default="")


def upgrade() -> None:
    """Create every table."""
    _create_facts()
    _create_observations()
    _create_bookkeeping()


def _create_facts() -> None:
    op.create_table(
        "meta",
        sa.Column("key", sa.String(32), primary_key=True),
        sa.Column("counter", sa.BigInteger, nullable=False),
        _text("value"),
    )
    op.create_table(
        "events",
        sa.Column("event_no", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("venue", sa.String(64), nullable=False),
        sa.Column("native_id", sa.String(255), nullable=False),
        _text("source"),
        _text("slug"),
        _text("title"),
        sa.Column("neg_risk", sa.Boolean, nullable=False),
        _text("tags"),
        sa.Column("known_at", sa.BigInteger),
        sa.Column("bare", sa.Boolean, nullable=False),
        sa.UniqueConstraint("venue", "native_id", name="uq_events_venue"),
    )
    op.create_table(
        "markets",
        sa.Column("market_no", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("market_id", sa.String(255), nullable=False),
        sa.Column("venue", sa.String(64), nullable=False),
        _text("source"),
        sa.Column("event_no", sa.Integer, sa.ForeignKey("events.event_no")),
        _text("slug"),
        _text("question"),
        sa.Column("outcome0", sa.String(255), nullable=False),
        sa.Column("outcome1", sa.String(255), nullable=False),
        sa.Column("labels_stated", sa.Boolean, nullable=False),
        sa.Column("created_at", sa.BigInteger),
        sa.Column("bare", sa.Boolean, nullable=False),
    )
    for column in ("market_id", "event_no", "slug"):
        op.create_index(f"ix_markets_{column}", "markets", [column])
    op.create_table(
        "market_aliases",
        sa.Column("kind", sa.String(32), primary_key=True),
        sa.Column("value", sa.String(255), primary_key=True),
        _market(),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_market_aliases_market_no", "market_aliases", ["market_no"])


def _create_observations() -> None:
    op.create_table(
        "market_versions",
        sa.Column("version_no", sa.Integer, primary_key=True, autoincrement=False),
        _market(),
        sa.Column("source", sa.String(128), nullable=False),
        sa.Column("known_at", sa.BigInteger),
        sa.Column("backdated", sa.Boolean, nullable=False),
        sa.Column("content_hash", sa.String(32), nullable=False),
        _text("slug"),
        _text("question"),
        _text("event_title"),
        sa.Column("scheduled_end", sa.BigInteger),
        sa.Column("created_at", sa.BigInteger),
        sa.Column("tick_e4", sa.Integer, nullable=False),
        sa.Column("min_size_e6", sa.BigInteger, nullable=False),
        sa.Column("fee_rate_e6", sa.Integer, nullable=False),
        sa.Column("fee_exponent", sa.Integer, nullable=False),
        sa.Column("neg_risk", sa.Boolean, nullable=False),
        _text("tags"),
        _text("publisher_category"),
        _text("description"),
    )
    op.create_index("ix_market_versions_market_no", "market_versions", ["market_no"])
    op.create_table(
        "market_snapshots",
        sa.Column("event_time", sa.BigInteger, primary_key=True),
        _market(primary=True),
        sa.Column("known_at", sa.BigInteger, nullable=False),
        sa.Column("source", sa.String(128), nullable=False),
        sa.Column("bid_e4", sa.Integer),
        sa.Column("ask_e4", sa.Integer),
        sa.Column("last_e4", sa.Integer),
        sa.Column("volume_e6", sa.BigInteger),
        sa.Column("volume_24h_e6", sa.BigInteger),
        sa.Column("liquidity_e6", sa.BigInteger),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "market_resolutions",
        _market(primary=True),
        sa.Column("source", sa.String(128), primary_key=True),
        sa.Column("payout_e4", sa.Integer, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("resolved_at", sa.BigInteger),
        sa.Column("known_at", sa.BigInteger),
        sa.Column("proposed_at", sa.BigInteger),
        sa.Column("disputed", sa.Boolean, nullable=False),
        sqlite_with_rowid=False,
    )


def _create_bookkeeping() -> None:
    op.create_table(
        "coverage",
        sa.Column("source", sa.String(128), primary_key=True),
        sa.Column("market_no", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("dataset", sa.String(32), primary_key=True),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("points", sa.BigInteger, nullable=False),
        sa.Column("first_t", sa.BigInteger),
        sa.Column("last_t", sa.BigInteger),
        _text("note"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "quarantine",
        sa.Column("key", sa.String(32), primary_key=True),
        sa.Column("source", sa.String(128), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("reason", sa.String(64), nullable=False),
        _text("raw"),
        _text("place"),
        sa.Column("rows", sa.BigInteger, nullable=False),
        sa.Column("recorded_at", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_quarantine_reason", "quarantine", ["reason"])
    op.create_table(
        "import_files",
        sa.Column("key", sa.String(128), primary_key=True),
        _text("path"),
        _text("shape"),
        sa.Column("offset", sa.BigInteger, nullable=False),
        sa.Column("done", sa.Boolean, nullable=False),
        _text("counts"),
        _text("extra"),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "collection_runs",
        sa.Column("run_no", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("started_at", sa.BigInteger, nullable=False),
        sa.Column("finished_at", sa.BigInteger),
        sa.Column("status", sa.String(16), nullable=False),
        _text("counts"),
    )


def downgrade() -> None:
    """Drop every table."""
    for table in (
        "collection_runs",
        "import_files",
        "quarantine",
        "coverage",
        "market_resolutions",
        "market_snapshots",
        "market_versions",
        "market_aliases",
        "markets",
        "events",
        "meta",
    ):
        op.drop_table(table)
