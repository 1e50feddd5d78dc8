"""Table definitions of the ledger database: what we did. The migrations create exactly these."""

from sqlalchemy import BigInteger, Column, Float, Index, Integer, MetaData, String, Table, Text

metadata = MetaData()

runs = Table(
    "runs",
    metadata,
    Column("run_id", String(64), primary_key=True),
    Column("kind", String(32), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("finished_at", BigInteger),
    Column("status", String(16), nullable=False),
    Column("data", String(64), nullable=False),
    Column("config", Text, nullable=False),
    Column("summary", Text, nullable=False),
)

trials = Table(
    "trials",
    metadata,
    Column("trial_no", Integer, primary_key=True, autoincrement=False),
    Column("run_id", String(64), nullable=False),
    Column("strategy", String(255), nullable=False),
    Column("family", String(255), nullable=False),
    Column("params", Text, nullable=False),
    Column("params_hash", String(32), nullable=False),
    Column("data", String(64), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("status", String(16), nullable=False),
    Column("sharpe", Float),
    Column("events", BigInteger),
    Index("ix_trials_family", "family"),
)

holdout_uses = Table(
    "holdout_uses",
    metadata,
    Column("use_no", Integer, primary_key=True, autoincrement=False),
    Column("run_id", String(64), nullable=False),
    Column("strategy", String(255), nullable=False),
    Column("data", String(64), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("note", Text, nullable=False),
)
