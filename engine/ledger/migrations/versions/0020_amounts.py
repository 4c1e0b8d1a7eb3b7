"""What each contact holds of a counter: 1 where contacts are counted, what it costs where a budget adds up costs."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the column; what was held before counts contacts."""
    op.add_column(
        "holdings", sa.Column("amount", sa.BigInteger(), server_default=sa.text("1"), nullable=False)
    )


def downgrade() -> None:
    """Takes the budgets' counters out, which cannot be given back without it, and drops the column."""
    for table in ("counters", "holdings"):
        op.execute(
            f"DELETE FROM {table} WHERE counter LIKE '%/channel_budget' OR counter LIKE '%/campaign_budget'"
        )
        op.execute(f"DELETE FROM {table} WHERE counter = 'book/budget'")
    op.drop_column("holdings", "amount")
