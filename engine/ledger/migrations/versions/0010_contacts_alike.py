"""Contacts are read by what rules tell apart, the newest first, and counted for new counters; they keep the customer's zones.

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
    """Adds the columns, the index of the contacts that may count, and the index of those that all customers share."""
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
    went_out = sa.text("state <> 'shadow'")
    op.create_index(
        "contacts_by_offer",
        "contacts",
        ["offer", "campaign", "channel", "at"],
        sqlite_where=went_out,
        postgresql_where=went_out,
    )


def downgrade() -> None:
    """Drops the indexes and the columns."""
    op.drop_index("contacts_by_offer", "contacts")
    op.drop_index("contacts_alike", "contacts")
    op.drop_column("contacts", "alike")
    op.drop_column("contacts", "zones")
