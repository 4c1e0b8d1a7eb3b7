"""Contacts keep what they cost, in micro-units of the book's currency: a book that changes its costs changes no past.

Contacts from before keep none; reports take their costs from the book.
"""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the column."""
    op.add_column("contacts", sa.Column("cost", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    """Drops the column; reports take all costs from the book again."""
    op.drop_column("contacts", "cost")
