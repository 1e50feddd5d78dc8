"""First schema of the ledger database: runs, trials, uses of the hold-out."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create every table."""
    op.create_table(
        "runs",
        sa.Column("run_id", sa.String(64), primary_key=True),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("finished_at", sa.BigInteger),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("data", sa.String(64), nullable=False),
        sa.Column("config", sa.Text, nullable=False),
        sa.Column("summary", sa.Text, nullable=False),
    )
    op.create_table(
        "trials",
        sa.Column("trial_no", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("run_id", sa.String(64), nullable=False),
        sa.Column("strategy", sa.String(255), nullable=False),
        sa.Column("family", sa.String(255), nullable=False),
        sa.Column("params", sa.Text, nullable=False),
        sa.Column("params_hash", sa.String(32), nullable=False),
        sa.Column("data", sa.String(64), nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("sharpe", sa.Float),
        sa.Column("events", sa.BigInteger),
    )
    op.create_index("ix_trials_family", "trials", ["family"])
    op.create_table(
        "holdout_uses",
        sa.Column("use_no", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("run_id", sa.String(64), nullable=False),
        sa.Column("strategy", sa.String(255), nullable=False),
        sa.Column("data", sa.String(64), nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("note", sa.Text, nullable=False),
    )


def downgrade() -> None:
    """Drop every table."""
    for table in ("holdout_uses", "trials", "runs"):
        op.drop_table(table)
