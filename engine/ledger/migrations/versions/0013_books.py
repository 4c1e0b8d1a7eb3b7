"""The texts of books, by version, the orders of outcomes, and what a challenger would have decided.

Books that decided before are not in the log, and of outcomes from before no order is known.
"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

KEY = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def upgrade() -> None:
    """Makes the tables and the column."""
    op.create_table(
        "books",
        sa.Column("version", KEY, primary_key=True, nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("first_at", sa.BigInteger(), nullable=False),
    )
    op.add_column("outcomes", sa.Column("order_id", sa.String(), nullable=True))
    op.create_table(
        "challenges",
        sa.Column("decision_id", KEY, primary_key=True, nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("book_version", sa.String(), nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("campaign", sa.String(), nullable=True),
        sa.Column("offer", sa.String(), nullable=True),
        sa.Column("variant", sa.String(), nullable=True),
        sa.Column("channel", sa.String(), nullable=True),
        sa.Column("inputs", sa.String(), nullable=False),
        sa.Column("trace", sa.String(), nullable=False),
        sa.Column("answer", sa.String(), nullable=False),
        postgresql_partition_by="RANGE (decision_id)",
    )
    if op.get_context().dialect.name == "postgresql":
        op.execute("CREATE TABLE challenges_default PARTITION OF challenges DEFAULT")


def downgrade() -> None:
    """Drops the column and the tables; the texts, the orders and the challenger's decisions are lost."""
    op.drop_table("challenges")
    op.drop_column("outcomes", "order_id")
    op.drop_table("books")
