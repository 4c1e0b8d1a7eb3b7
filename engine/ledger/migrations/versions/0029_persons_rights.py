"""What answering a person takes: their decisions found by an index, and the key of pseudonyms."""

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0026"
branch_labels = None
depends_on = None

DUE = sa.text("outcome = 'blocked' AND next_allowed_at IS NOT NULL AND placement IS NULL")


def upgrade() -> None:
    """Replaces the index of blocked decisions of persons by one of all of their decisions, and adds the table."""
    op.drop_index("decisions_due_of", "decisions")
    op.create_index("decisions_by_person", "decisions", ["person"])
    op.create_table(
        "pseudonym_keys",
        sa.Column("number", sa.Integer(), primary_key=True, autoincrement=False, nullable=False),
        sa.Column("secret", sa.String(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    """Drops the table, without which pseudonyms of the audit cannot be made again, and brings the index back."""
    op.drop_table("pseudonym_keys")
    op.drop_index("decisions_by_person", "decisions")
    op.create_index(
        "decisions_due_of", "decisions", ["person", "decision_id"], sqlite_where=DUE, postgresql_where=DUE
    )
