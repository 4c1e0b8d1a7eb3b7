"""Consents that customers withdrew, or gave again."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

KEY = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def upgrade() -> None:
    """Makes the table, with what was reported so far, read strictly: an unsubscribe withdraws from everything."""
    op.create_table(
        "consents",
        sa.Column("person", KEY, primary_key=True, nullable=False),
        sa.Column("purpose", KEY, primary_key=True, nullable=False),
        sa.Column("withdrawn_at", sa.BigInteger(), nullable=True),
        sa.Column("given_at", sa.BigInteger(), nullable=True),
        sqlite_with_rowid=False,
    )
    op.execute(
        "INSERT INTO consents (person, purpose, withdrawn_at, given_at)"
        " SELECT person, '*', max(CASE WHEN type = 'unsubscribed' THEN at END),"
        " max(CASE WHEN type = 'subscribed' THEN at END)"
        " FROM outcomes WHERE type IN ('unsubscribed', 'subscribed') AND person <> '' GROUP BY person"
    )


def downgrade() -> None:
    """Drops the table."""
    op.drop_table("consents")
