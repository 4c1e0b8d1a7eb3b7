"""What all customers share: stock, totals, capacity."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

KEY = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def upgrade() -> None:
    """Makes the tables; nothing was counted before."""
    op.create_table(
        "counters",
        sa.Column("counter", KEY, primary_key=True, nullable=False),
        sa.Column("period", sa.BigInteger(), primary_key=True, nullable=False),
        sa.Column("shard", sa.Integer(), primary_key=True, nullable=False),
        sa.Column("used", sa.BigInteger(), nullable=False),
        sa.Column("quota", sa.BigInteger(), nullable=False),
        sa.Column("divided", sa.BigInteger(), nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "holdings",
        sa.Column("decision_id", KEY, primary_key=True, nullable=False),
        sa.Column("position", sa.Integer(), primary_key=True, nullable=False),
        sa.Column("counter", KEY, primary_key=True, nullable=False),
        sa.Column("period", sa.BigInteger(), nullable=False),
        sa.Column("counted", sa.Boolean(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sqlite_with_rowid=False,
    )
    pending = sa.text("expires_at IS NOT NULL")
    op.create_index(
        "holdings_by_expiry",
        "holdings",
        ["counter", "period", "expires_at"],
        sqlite_where=pending,
        postgresql_where=pending,
    )


def downgrade() -> None:
    """Drops the tables; what was counted is forgotten."""
    op.drop_table("holdings")
    op.drop_table("counters")
