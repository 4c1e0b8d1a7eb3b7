"""The conversions of a campaign are counted by an index of their own, however many other outcomes there are."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Makes it, and that of campaigns as it was before, since it has no need of the type any more."""
    op.drop_index("outcomes_by_campaign", "outcomes")
    op.create_index("outcomes_by_campaign", "outcomes", ["campaign", "at"])
    converted = sa.text("type = 'converted'")
    op.create_index(
        "conversions_by_campaign",
        "outcomes",
        ["campaign", "decision_id"],
        sqlite_where=converted,
        postgresql_where=converted,
    )


def downgrade() -> None:
    """Drops it, and has the type in the other."""
    op.drop_index("conversions_by_campaign", "outcomes")
    op.drop_index("outcomes_by_campaign", "outcomes")
    op.create_index("outcomes_by_campaign", "outcomes", ["campaign", "type", "at"])
