"""Opening a log on PostgreSQL, brought to the newest form."""

import psycopg
from sqlalchemy import NullPool, create_engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from engine.ledger.errors import LedgerUnavailable
from engine.ledger.migrate import migrate_database
from engine.ledger.postgres import PostgresStore
from engine.ledger.postgres_url import connection_info, shown

__all__ = ["connection_info", "migrate_postgres", "open_postgres"]


def open_postgres(url: str, *, busy_timeout: float = 2.0) -> PostgresStore:
    """Brings the log at `url` to the newest form and opens it; raises LedgerUnavailable with the cause."""
    store = PostgresStore(url, busy_timeout=busy_timeout)
    migrate_postgres(url)
    try:
        with store.transaction():
            pass
    except LedgerUnavailable as error:
        raise LedgerUnavailable(f"the log {shown(url)} cannot be opened: {error}") from error
    return store


def migrate_postgres(url: str, form: str | None = None) -> None:
    """Brings the log at `url` to a form, the newest unless one is named; raises LedgerUnavailable with the cause."""
    info = connection_info(url)
    engine = create_engine(
        "postgresql+psycopg://", creator=lambda: psycopg.connect(**info), poolclass=NullPool
    )
    try:
        migrate_database(engine, form)
    except (SQLAlchemyError, psycopg.Error, LedgerUnavailable) as error:
        cause = error.orig if isinstance(error, DBAPIError) else error
        raise LedgerUnavailable(f"the log {shown(url)} cannot be opened: {cause}") from error
