"""What erasing a person takes: what they forbade stays in force under a keyed hash of their names."""

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0029"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the table."""
    text = sa.String().with_variant(sa.String(collation="C"), "postgresql")
    op.create_table(
        "suppressions",
        sa.Column("name_hash", text, primary_key=True, nullable=False),
        sa.Column("purpose", text, primary_key=True, nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    """Drops the table: what erased persons forbade is no longer known."""
    op.drop_table("suppressions")
