"""Drafts: files of books that somebody edits and nobody has published."""

import sqlalchemy as sa
from alembic import op

revision = "0033"
down_revision = "0031"
branch_labels = None
depends_on = None

KEY = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def upgrade() -> None:
    """Adds the table."""
    op.create_table(
        "drafts",
        sa.Column("name", KEY, primary_key=True, nullable=False),
        sa.Column("revision", sa.String(), nullable=False),
        sa.Column("author", sa.String(), nullable=False),
        sa.Column("base", sa.String(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("files", sa.String(), nullable=False),
    )


def downgrade() -> None:
    """Drops it: what was not published is lost."""
    op.drop_table("drafts")
