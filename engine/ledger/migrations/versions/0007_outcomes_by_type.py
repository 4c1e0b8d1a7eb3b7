"""Outcomes of a campaign are found by their type, however many of other types there are."""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Makes the index anew, with the type."""
    op.drop_index("outcomes_by_campaign", "outcomes")
    op.create_index("outcomes_by_campaign", "outcomes", ["campaign", "type", "at"])


def downgrade() -> None:
    """Makes the index as it was."""
    op.drop_index("outcomes_by_campaign", "outcomes")
    op.create_index("outcomes_by_campaign", "outcomes", ["campaign", "at"])
