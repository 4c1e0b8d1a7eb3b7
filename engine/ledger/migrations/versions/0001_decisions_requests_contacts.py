"""The decision log, the request ids and the contacts."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

KEY = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def upgrade() -> None:
    """Makes the first tables."""
    op.create_table(
        "decisions",
        sa.Column("decision_id", KEY, primary_key=True, nullable=False),
        sa.Column("request_id", sa.String(), nullable=True),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("book_version", sa.String(), nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("campaign", sa.String(), nullable=True),
        sa.Column("offer", sa.String(), nullable=True),
        sa.Column("variant", sa.String(), nullable=True),
        sa.Column("channel", sa.String(), nullable=True),
        sa.Column("placement", sa.String(), nullable=True),
        sa.Column("score", sa.Float(), nullable=True),
        sa.Column("selection_probability", sa.Float(), nullable=True),
        sa.Column("next_allowed_at", sa.BigInteger(), nullable=True),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.Column("inputs", sa.String(), nullable=False),
        sa.Column("trace", sa.String(), nullable=False),
        sa.Column("answer", sa.String(), nullable=False),
        postgresql_partition_by="RANGE (decision_id)",
    )
    op.create_table(
        "requests",
        sa.Column("request_id", KEY, primary_key=True, nullable=False),
        sa.Column("decision_id", KEY, primary_key=True, nullable=False),
        sqlite_with_rowid=False,
        postgresql_partition_by="RANGE (decision_id)",
    )
    op.create_table(
        "contacts",
        sa.Column("person", KEY, primary_key=True, nullable=False),
        sa.Column("at", sa.BigInteger(), primary_key=True, nullable=False),
        sa.Column("decision_id", KEY, primary_key=True, nullable=False),
        sa.Column("position", sa.Integer(), primary_key=True, nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("campaign", sa.String(), nullable=False),
        sa.Column("offer", sa.String(), nullable=False),
        sa.Column("category", sa.String(), nullable=False),
        sa.Column("tags", sa.String(), nullable=False),
        sqlite_with_rowid=False,
        postgresql_partition_by="RANGE (at)",
    )
    if op.get_context().dialect.name == "postgresql":
        for table in ("decisions", "requests", "contacts"):
            op.execute(f"CREATE TABLE {table}_default PARTITION OF {table} DEFAULT")


def downgrade() -> None:
    """Drops the tables."""
    op.drop_table("contacts")
    op.drop_table("requests")
    op.drop_table("decisions")
