"""Alembic's environment: it runs on the connection that engine.ledger.migrate hands it."""

from alembic import context

from engine.ledger.store import release_rows  # noqa: F401 -- declares its tables
from engine.ledger.store.rows import METADATA

context.configure(
    connection=context.config.attributes["connection"], target_metadata=METADATA, render_as_batch=True
)
with context.begin_transaction():
    context.run_migrations()
