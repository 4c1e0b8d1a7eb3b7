"""Runs that send to a population, and the pieces of it that are committed; decisions say of which run they are."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0021"
branch_labels = None
depends_on = None

KEY = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def upgrade() -> None:
    """Adds the tables and the column."""
    op.create_table(
        "presend_runs",
        sa.Column("run", KEY, primary_key=True, nullable=False),
        sa.Column("book_version", sa.String(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("now", sa.BigInteger(), nullable=False),
        sa.Column("people", sa.BigInteger(), nullable=False),
        sa.Column("fingerprint", sa.String(), nullable=False),
        sa.Column("settings", sa.String(), nullable=False),
        sa.Column("finished_at", sa.BigInteger(), nullable=True),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "presend_pieces",
        sa.Column("run", KEY, primary_key=True, nullable=False),
        sa.Column("part", sa.Integer(), primary_key=True, nullable=False),
        sa.Column("first", sa.Integer(), primary_key=True, nullable=False),
        sa.Column("customers", sa.BigInteger(), nullable=False),
        sa.Column("counts", sa.String(), nullable=False),
        sa.Column("file", sa.String(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("committed_at", sa.BigInteger(), nullable=False),
        sqlite_with_rowid=False,
    )
    op.add_column("decisions", sa.Column("run", sa.String(), nullable=True))


def downgrade() -> None:
    """Drops them; what was sent stays in `contacts` and `decisions`."""
    op.drop_column("decisions", "run")
    op.drop_table("presend_pieces")
    op.drop_table("presend_runs")
