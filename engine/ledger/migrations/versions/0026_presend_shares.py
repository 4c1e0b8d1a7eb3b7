"""How what is scarce is shared out in a run that sends to a population."""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the column; earlier runs shared out nothing."""
    op.add_column("presend_runs", sa.Column("shares", sa.String(), nullable=True))


def downgrade() -> None:
    """Drops the column."""
    op.drop_column("presend_runs", "shares")
