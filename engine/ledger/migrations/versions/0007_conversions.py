"""The conversions of a campaign are counted by an index of their own, however many other outcomes there are."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Makes the index."""
    converted = sa.text("type = 'converted'")
    op.create_index(
        "conversions_by_campaign",
        "outcomes",
        ["campaign", "decision_id"],
        sqlite_where=converted,
        postgresql_where=converted,
    )


def downgrade() -> None:
    """Drops it."""
    op.drop_index("conversions_by_campaign", "outcomes")
