"""Outcomes and names keep the person to whom they belonged before names were linked: who was who at any time stays known.

What was moved by links from before does not say so, and counts as its present person's.
"""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the columns."""
    op.add_column("outcomes", sa.Column("reported_for", sa.String(), nullable=True))
    op.add_column("identities", sa.Column("linked_to", sa.String(), nullable=True))


def downgrade() -> None:
    """Drops the columns; reports as of earlier moments take everybody for whom they are now."""
    op.drop_column("identities", "linked_to")
    op.drop_column("outcomes", "reported_for")
