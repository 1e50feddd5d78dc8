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

forecasts = Table(
    "forecasts",
    metadata,
    Column("forecast_no", BigInteger, primary_key=True, autoincrement=False),
    Column("model_id", String(128), nullable=False),
    Column("market_no", BigInteger, nullable=False),
    Column("market_id", String(255), nullable=False),
    Column("event_no", BigInteger, nullable=False),
    Column("t", BigInteger, nullable=False),
    Column("recorded_at", BigInteger, nullable=False),
    Column("scheduled_end", BigInteger),
    Column("price_e4", Integer, nullable=False),
    Column("side", Integer, nullable=False),
    Column("cost_e6", Integer, nullable=False),
    Column("p", Float, nullable=False),
    Column("low", Float, nullable=False),
    Column("high", Float, nullable=False),
    Column("features", String(64), nullable=False),
    Column("chain", String(32), nullable=False),
    Index("ux_forecasts_row", "model_id", "market_no", "t", unique=True),
)

trading_journals = Table(
    "trading_journals",
    metadata,
    Column("journal_no", Integer, primary_key=True, autoincrement=False),
    Column("name", String(64), nullable=False, unique=True),
)

trading_events = Table(
    "trading_events",
    metadata,
    # journal_no x 2**40 + the entry's number: with one integer as key an entry goes to the end of one tree and nowhere
    # else, which halves what a commit writes
    Column("entry_no", BigInteger().with_variant(Integer(), "sqlite"), primary_key=True, autoincrement=False),
    Column("at", BigInteger, nullable=False),
    Column("kind", String(32), nullable=False),
    Column("subject", String(160), nullable=False),
    Column("body", Text, nullable=False),
    Column("chain", String(64), nullable=False),
)
