"""Outcomes are read by what pauses tell apart, the newest first.

Outcomes from before are of no known kind; those of one person are read together until no pause looks back on them.
"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

KEY = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def upgrade() -> None:
    """Adds the column and its index."""
    op.add_column("outcomes", sa.Column("alike", KEY, nullable=False, server_default=""))
    op.create_index("outcomes_alike", "outcomes", ["person", "alike", "at"])


def downgrade() -> None:
    """Drops the index and the column."""
    op.drop_index("outcomes_alike", "outcomes")
    op.drop_column("outcomes", "alike")
