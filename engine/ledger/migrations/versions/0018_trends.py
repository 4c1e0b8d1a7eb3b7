"""How often all customers together did something, by hours; counted from now on."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0016"
branch_labels = None
depends_on = None

KEY = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def upgrade() -> None:
    """Makes the tables; nothing was counted yet."""
    op.create_table(
        "trend_cells",
        sa.Column("event", KEY, primary_key=True, nullable=False),
        sa.Column("field", KEY, primary_key=True, nullable=False),
        sa.Column("hour", sa.BigInteger(), primary_key=True, nullable=False),
        sa.Column("value", KEY, primary_key=True, nullable=False),
        sa.Column("shard", sa.Integer(), primary_key=True, nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "trend_series",
        sa.Column("event", KEY, primary_key=True, nullable=False),
        sa.Column("field", KEY, primary_key=True, nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "trend_alarms",
        sa.Column("event", KEY, primary_key=True, nullable=False),
        sa.Column("field", KEY, primary_key=True, nullable=False),
        sa.Column("value", KEY, primary_key=True, nullable=False),
        sa.Column("condition", KEY, primary_key=True, nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sqlite_with_rowid=False,
    )
    op.add_column("commits", sa.Column("trends", sa.String(), nullable=False, server_default="[]"))


def downgrade() -> None:
    """Drops the tables; what was counted is forgotten."""
    op.drop_column("commits", "trends")
    op.drop_table("trend_alarms")
    op.drop_table("trend_series")
    op.drop_table("trend_cells")
