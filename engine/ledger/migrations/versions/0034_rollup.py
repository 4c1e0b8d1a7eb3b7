"""Counts of what came of decisions, by hours and days, and how far the log was counted."""

import sqlalchemy as sa
from alembic import op

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the tables, empty: what is in the log is counted from its beginning on."""
    ordered = sa.String().with_variant(sa.String(collation="C"), "postgresql")
    op.create_table(
        "rollup",
        sa.Column("subject", ordered, primary_key=True, nullable=False),
        sa.Column("name", ordered, primary_key=True, nullable=False),
        sa.Column("since", sa.BigInteger(), primary_key=True, autoincrement=False, nullable=False),
        sa.Column("part", ordered, primary_key=True, nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("rollup_by_time", "rollup", ["subject", "since"])
    op.create_table(
        "rollup_cursor",
        sa.Column("number", sa.Integer(), primary_key=True, autoincrement=False, nullable=False),
        sa.Column("cursor", sa.String(), nullable=False),
        sa.Column("counted_at", sa.BigInteger(), nullable=False),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    """Drops the tables; they can be counted again from what the log then has."""
    op.drop_table("rollup_cursor")
    op.drop_index("rollup_by_time", "rollup")
    op.drop_table("rollup")
