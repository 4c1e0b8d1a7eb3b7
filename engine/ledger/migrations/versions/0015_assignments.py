"""The draws that sticky campaigns keep: of each person or unit, what was drawn first.

Draws of before are read from the decisions of the log when they are needed.
"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

KEY = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def upgrade() -> None:
    """Makes the table."""
    op.create_table(
        "assignments",
        sa.Column("subject", KEY, primary_key=True, nullable=False),
        sa.Column("unit", KEY, primary_key=True, nullable=False),
        sa.Column("campaign", KEY, primary_key=True, nullable=False),
        sa.Column("purpose", KEY, primary_key=True, nullable=False),
        sa.Column("salt", KEY, primary_key=True, nullable=False),
        sa.Column("drawn", KEY, primary_key=True, nullable=False),
        sa.Column("share", sa.Float(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("decision_id", KEY, nullable=False),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    """Drops the table; who was treated or control is drawn anew by the shares of then, or read from decisions."""
    op.drop_table("assignments")
