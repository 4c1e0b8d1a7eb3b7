"""One person, many names."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

KEY = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def upgrade() -> None:
    """Makes the table; everybody is a person of one name."""
    op.create_table(
        "identities",
        sa.Column("name", KEY, primary_key=True, nullable=False),
        sa.Column("person", KEY, nullable=False),
        sa.Column("linked_at", sa.BigInteger(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("identities_by_person", "identities", ["person"])


def downgrade() -> None:
    """Drops the table; what was linked stays together."""
    op.drop_table("identities")
