"""Contacts are read by what rules tell apart, the newest first, and keep the zones of the customer's clock.

Contacts from before have neither: those of one person are read together until no window holds them any more.
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

KEY = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def upgrade() -> None:
    """Adds the columns, and the index of the contacts that may count."""
    op.add_column("contacts", sa.Column("zones", sa.String(), nullable=False, server_default=""))
    op.add_column("contacts", sa.Column("alike", KEY, nullable=False, server_default=""))
    counts = sa.text("state <> 'released'")
    op.create_index(
        "contacts_alike",
        "contacts",
        ["person", "alike", "at"],
        sqlite_where=counts,
        postgresql_where=counts,
    )


def downgrade() -> None:
    """Drops the index and the columns."""
    op.drop_index("contacts_alike", "contacts")
    op.drop_column("contacts", "alike")
    op.drop_column("contacts", "zones")
