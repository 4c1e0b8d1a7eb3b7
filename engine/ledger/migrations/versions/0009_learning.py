"""What is learned of variants."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

KEY = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def upgrade() -> None:
    """Makes the tables; nothing was learned yet."""
    op.create_table(
        "trials",
        sa.Column("campaign", KEY, primary_key=True, nullable=False),
        sa.Column("at", sa.BigInteger(), primary_key=True, nullable=False),
        sa.Column("decision_id", KEY, primary_key=True, nullable=False),
        sa.Column("variant", sa.String(), nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "arms",
        sa.Column("campaign", KEY, primary_key=True, nullable=False),
        sa.Column("reward", KEY, primary_key=True, nullable=False),
        sa.Column("since", sa.BigInteger(), primary_key=True, nullable=False),
        sa.Column("variant", KEY, primary_key=True, nullable=False),
        sa.Column("shown", sa.BigInteger(), nullable=False),
        sa.Column("rewarded", sa.BigInteger(), nullable=False),
        sa.Column("value", sa.Float(), nullable=False),
        sa.Column("squares", sa.Float(), nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "learned",
        sa.Column("campaign", KEY, primary_key=True, nullable=False),
        sa.Column("reward", KEY, primary_key=True, nullable=False),
        sa.Column("since", sa.BigInteger(), primary_key=True, nullable=False),
        sa.Column("arms", sa.String(), nullable=False),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    """Drops the tables; what was learned is forgotten."""
    for table in ("learned", "arms", "trials"):
        op.drop_table(table)
