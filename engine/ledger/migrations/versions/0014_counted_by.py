"""Contacts keep the value by which their campaign's limit counts them.

Contacts from before keep none, and count under each value until the limit's window holds them no more.
"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the column."""
    op.add_column("contacts", sa.Column("counted_by", sa.String(), nullable=True))


def downgrade() -> None:
    """Drops the column; what was counted apart counts together again."""
    op.drop_column("contacts", "counted_by")
