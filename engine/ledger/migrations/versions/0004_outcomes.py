"""What happened to decisions later."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

KEY = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def upgrade() -> None:
    """Makes the table; nothing was reported yet."""
    op.create_table(
        "outcomes",
        sa.Column("person", KEY, primary_key=True, nullable=False),
        sa.Column("type", KEY, primary_key=True, nullable=False),
        sa.Column("at", sa.BigInteger(), primary_key=True, nullable=False),
        sa.Column("event_id", KEY, primary_key=True, nullable=False),
        sa.Column("decision_id", KEY, nullable=True),
        sa.Column("decided_at", sa.BigInteger(), nullable=True),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("campaign", KEY, nullable=False),
        sa.Column("offer", sa.String(), nullable=False),
        sa.Column("variant", sa.String(), nullable=False),
        sa.Column("value", sa.Float(), nullable=True),
        sa.Column("currency", sa.String(), nullable=True),
        sa.Column("fields", sa.String(), nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("outcomes_by_id", "outcomes", ["event_id"], unique=True)
    op.create_index("outcomes_by_decision", "outcomes", ["decision_id"])
    op.create_index("outcomes_by_campaign", "outcomes", ["campaign", "at"])


def downgrade() -> None:
    """Drops the table; the states of contacts stay."""
    op.drop_table("outcomes")
