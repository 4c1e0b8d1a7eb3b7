"""Published versions of books, what is said of them, which is live since when, what servers serve, and who did all that."""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

KEY = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def upgrade() -> None:
    """Adds the tables; the texts of published books stand in `books`, with those of all others."""
    op.create_table(
        "publications",
        sa.Column("version", KEY, primary_key=True, nullable=False),
        sa.Column("name", KEY, nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("engine", sa.String(), nullable=False),
        sa.Column("published_at", sa.BigInteger(), nullable=False),
        sa.Column("author", sa.String(), nullable=False),
        sa.Column("base", sa.String(), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("diagnostics", sa.String(), nullable=False),
        sa.Column("scenarios", sa.BigInteger(), nullable=False),
        sa.Column("tests", sa.String(), nullable=False),
    )
    op.create_index("publications_of", "publications", ["name", "published_at"])
    op.create_table(
        "approvals",
        sa.Column("version", KEY, primary_key=True, nullable=False),
        sa.Column("approver", KEY, primary_key=True, nullable=False),
        sa.Column("at", sa.BigInteger(), primary_key=True, nullable=False),
        sa.Column("verdict", sa.String(), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "activations",
        sa.Column("id", sa.BigInteger(), primary_key=True, autoincrement=False, nullable=False),
        sa.Column("name", KEY, nullable=False),
        sa.Column("version", KEY, nullable=False),
        sa.Column("previous", sa.String(), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("share", sa.Float(), nullable=True),
        sa.Column("salt", sa.String(), nullable=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("emergency", sa.Boolean(), nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("activations_of", "activations", ["name", "id"])
    op.create_index("activations_by_version", "activations", ["version", "id"])
    op.create_table(
        "servers",
        sa.Column("server", KEY, primary_key=True, nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("staged", sa.String(), nullable=False),
        sa.Column("activation", sa.BigInteger(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.Column("refused", sa.String(), nullable=False),
        sa.Column("cause", sa.String(), nullable=False),
        sa.Column("engine", sa.String(), nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "audit",
        sa.Column("id", KEY, primary_key=True, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("via", sa.String(), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("result", sa.String(), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    """Drops them: who published, approved and activated what is lost; the texts stay in `books`."""
    for table in ("audit", "servers", "activations", "approvals", "publications"):
        op.drop_table(table)
