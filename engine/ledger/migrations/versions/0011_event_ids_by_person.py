"""Event ids are of a kind and a person: a caller may number the events of each customer from 1.

The indexes still begin with the id, by which servers of the previous version look it up during an upgrade.
"""

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_NUMBERED = {
    "events": ("(t.person, t.at, t.position)", "at || '/' || position"),
    "outcomes": ("(t.person, t.type, t.at)", "type || '/' || at"),
}
"""By table, what orders the rows of one event_id, and what beside the person tells them apart."""


def upgrade() -> None:
    """Makes the indexes anew, with the person."""
    for table in _NUMBERED:
        op.drop_index(f"{table}_by_id", table)
        op.create_index(f"{table}_by_id", table, ["event_id", "person"])


def downgrade() -> None:
    """Makes the indexes as they were; of rows with one event_id all but the first get an id with the person in it."""
    for table, (order, own) in _NUMBERED.items():
        op.drop_index(f"{table}_by_id", table)
        op.create_index(f"{table}_by_id", table, ["event_id"])
        op.execute(
            f"UPDATE {table} SET event_id = event_id || '/' || person || '/' || {own}"
            f" WHERE EXISTS (SELECT 1 FROM {table} AS t WHERE t.event_id = {table}.event_id"
            f" AND {order} < {order.replace('t.', table + '.')})"
        )
        op.drop_index(f"{table}_by_id", table)
        op.create_index(f"{table}_by_id", table, ["event_id"], unique=True)
