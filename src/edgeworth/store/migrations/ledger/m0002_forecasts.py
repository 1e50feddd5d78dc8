"""Forecasts of models, each stored before its outcome is known."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "forecasts",
        sa.Column("forecast_no", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("model_id", sa.String(128), nullable=False),
        sa.Column("market_no", sa.BigInteger, nullable=False),
        sa.Column("market_id", sa.String(255), nullable=False),
        sa.Column("event_no", sa.BigInteger, nullable=False),
        sa.Column("t", sa.BigInteger, nullable=False),
        sa.Column("recorded_at", sa.BigInteger, nullable=False),
        sa.Column("scheduled_end", sa.BigInteger),
        sa.Column("price_e4", sa.Integer, nullable=False),
        sa.Column("side", sa.Integer, nullable=False),
        sa.Column("cost_e6", sa.Integer, nullable=False),
        sa.Column("p", sa.Float, nullable=False),
        sa.Column("low", sa.Float, nullable=False),
        sa.Column("high", sa.Float, nullable=False),
        sa.Column("features", sa.String(64), nullable=False),
        sa.Column("chain", sa.String(32), nullable=False),
    )
    op.create_index("ux_forecasts_row", "forecasts", ["model_id", "market_no", "t"], unique=True)


def downgrade() -> None:
    """Drop it."""
    op.drop_table("forecasts")
