"""Which transaction kept what, so that it is followed as it is kept; and indexes by which blocked decisions are found in time.

Of what was kept before it is not known.
"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

DUE = sa.text("outcome = 'blocked' AND next_allowed_at IS NOT NULL AND placement IS NULL")


def upgrade() -> None:
    """Makes the table and the indexes."""
    is_postgres = op.get_context().dialect.name == "postgresql"
    op.create_table(
        "commits",
        sa.Column(
            "commit_id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            server_default=sa.text("(pg_current_xact_id()::text::bigint)") if is_postgres else None,
            primary_key=True,
            autoincrement=not is_postgres,
            nullable=False,
        ),
        sa.Column("committed_at", sa.BigInteger(), nullable=False),
        sa.Column("decisions", sa.String(), nullable=False),
        sa.Column("outcomes", sa.String(), nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("commits_by_time", "commits", ["committed_at"])
    for name, columns in (
        ("decisions_due", ["next_allowed_at", "decision_id"]),
        ("decisions_due_of", ["person", "decision_id"]),
    ):
        op.create_index(name, "decisions", columns, sqlite_where=DUE, postgresql_where=DUE)


def downgrade() -> None:
    """Drops the indexes and the table; the order in which things were kept is lost."""
    op.drop_index("decisions_due_of", "decisions")
    op.drop_index("decisions_due", "decisions")
    op.drop_table("commits")
