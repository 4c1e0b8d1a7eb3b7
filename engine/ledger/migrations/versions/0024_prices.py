"""Prices of counters that all customers share, by which books give what is scarce."""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

KEY = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def upgrade() -> None:
    """Adds the table."""
    op.create_table(
        "prices",
        sa.Column("counter", KEY, primary_key=True, nullable=False),
        sa.Column("since", sa.BigInteger(), primary_key=True, nullable=False),
        sa.Column("tier", sa.BigInteger(), nullable=True),
        sa.Column("price", sa.Float(), nullable=False),
        sa.Column("cut_off", sa.Float(), nullable=True),
        sa.Column("until", sa.BigInteger(), nullable=True),
        sa.Column("run", sa.String(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    """Drops it; what was decided by the prices stays."""
    op.drop_table("prices")
