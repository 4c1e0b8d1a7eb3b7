"""Opening a log by its URL, brought to the newest form."""

import sqlite3
from types import ModuleType

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from engine.ledger.errors import LedgerUnavailable
from engine.ledger.migrate import migrate_file
from engine.ledger.sqlite import SqliteStore, sqlite_path
from engine.ledger.store import Store

_POSTGRES = ("postgresql://", "postgres://")


def check_url(url: str) -> None:
    """Raises ValueError when no log can have this URL; its message has nothing in it that may be a password."""
    if url.startswith(_POSTGRES):
        _postgres().connection_info(url)
    elif url.startswith("sqlite:"):
        sqlite_path(url)
    else:
        raise ValueError("the log's URL must be sqlite:///FILE or postgresql://USER@HOST:PORT/DATABASE")


def is_missing(url: str) -> bool:
    """Whether the URL names a file that is not there; of a server nobody knows before it is asked."""
    return url.startswith("sqlite:") and not sqlite_path(url).exists()


def open_store(url: str, *, busy_timeout: float = 2.0) -> Store:
    """Brings the log at `url` to the newest form and opens it; raises LedgerUnavailable with the cause."""
    if url.startswith(_POSTGRES):
        store: Store = _postgres().open_postgres(url, busy_timeout=busy_timeout)
        return store
    return _open_sqlite(url, busy_timeout)


def _open_sqlite(url: str, busy_timeout: float) -> SqliteStore:
    path = sqlite_path(url)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        migrate_file(path)
        store = SqliteStore(url, busy_timeout=busy_timeout)
        store.open()
    except (sqlite3.Error, SQLAlchemyError, OSError) as error:
        cause = error.orig if isinstance(error, DBAPIError) else error
        raise LedgerUnavailable(f"the log {path} cannot be opened: {cause}") from error
    return store


def _postgres() -> ModuleType:
    """What opens a log on PostgreSQL; its driver is an extra."""
    try:
        from engine.ledger import open_postgres  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise ValueError("PostgreSQL's driver is not installed: pip install 'tact[postgres]'") from error
    return open_postgres
