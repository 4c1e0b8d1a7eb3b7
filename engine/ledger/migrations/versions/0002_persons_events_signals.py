"""What is remembered of persons: that they are known, their events, and their signals."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

KEY = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def upgrade() -> None:
    """Makes the tables; everybody about whom a decision was made is known."""
    op.create_table(
        "persons",
        sa.Column("person", KEY, primary_key=True, nullable=False),
        sa.Column("first_seen", sa.BigInteger(), nullable=False),
        sqlite_with_rowid=False,
    )
    op.execute(
        "INSERT INTO persons (person, first_seen) SELECT person, min(at) FROM decisions GROUP BY person"
    )
    op.create_table(
        "events",
        sa.Column("person", KEY, primary_key=True, nullable=False),
        sa.Column("at", sa.BigInteger(), primary_key=True, nullable=False),
        sa.Column("position", sa.Integer(), primary_key=True, nullable=False),
        sa.Column("event_id", KEY, nullable=False),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("fields", sa.String(), nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("events_by_id", "events", ["event_id"], unique=True)
    op.create_table(
        "signals",
        sa.Column("person", KEY, primary_key=True, nullable=False),
        sa.Column("name", KEY, primary_key=True, nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("fields", sa.String(), nullable=False),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    """Drops the tables."""
    op.drop_table("signals")
    op.drop_table("events")
    op.drop_table("persons")
