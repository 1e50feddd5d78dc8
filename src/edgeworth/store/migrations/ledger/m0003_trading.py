"""The journal of trading: events that are only added, chained by digests."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "trading_events",
        sa.Column("journal", sa.String(64), primary_key=True),
        sa.Column("event_no", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("subject", sa.String(160), nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("chain", sa.String(64), nullable=False),
    )
    op.create_index("ix_trading_events_subject", "trading_events", ["journal", "subject"])


def downgrade() -> None:
    """Drop it."""
    op.drop_table("trading_events")
