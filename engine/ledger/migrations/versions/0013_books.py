"""The texts of books, by version, and the orders of outcomes.

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
    """Makes the table and the column."""
    op.create_table(
        "books",
        sa.Column("version", KEY, primary_key=True, nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("first_at", sa.BigInteger(), nullable=False),
    )
    op.add_column("outcomes", sa.Column("order_id", sa.String(), nullable=True))


def downgrade() -> None:
    """Drops the column and the table; the texts and the orders are lost."""
    op.drop_column("outcomes", "order_id")
    op.drop_table("books")
