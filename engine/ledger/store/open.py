"""Opens a log by its URL, migrated to the newest form."""

import sqlite3
from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from engine.ledger.errors import LedgerUnavailable
from engine.ledger.migrate import forms, migrate_file
from engine.ledger.store.sqlite import SqliteStore, sqlite_path
from engine.ledger.store.store import Store

_POSTGRES = ("postgresql://", "postgres://")


def check_url(url: str) -> None:
    """Raises ValueError when no log can have this URL; the message holds nothing that may be a password."""
    if url.startswith(_POSTGRES):
        _postgres().connection_info(url)
    elif url.startswith("sqlite:"):
        sqlite_path(url)
    else:
        raise ValueError("the log's URL must be sqlite:///FILE or postgresql://USER@HOST:PORT/DATABASE")


def is_missing(url: str) -> bool:
    """Whether the URL names a file that is not there; never for a server, which has to be tried."""
    return url.startswith("sqlite:") and not sqlite_path(url).exists()


def open_store(url: str, *, busy_timeout: float = 2.0) -> Store:
    """Migrates the log at `url` to the newest form and opens it; raises LedgerUnavailable with the cause."""
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
    except _FAILS as error:
        raise _unavailable(path, error) from error
    return store


def open_listener(url: str, channel: str, on_notice: Callable[[], None]) -> Callable[[], None] | None:
    """Listens for notifications of PostgreSQL; what ends that. None for SQLite, which has none.

    on_notice: called in another thread, whenever there may be something new.
    """
    if not url.startswith(_POSTGRES):
        return None
    from engine.ledger.store.listener import Listener  # noqa: PLC0415 its driver is an extra

    listener = Listener(url, channel, on_notice)
    listener.start()
    return listener.close


def lay_out(path: Path) -> None:
    """Makes an empty log at the path, on SQLite: a copy of the first that the process made, which takes much less time."""
    path.write_bytes(_empty_log())


@cache
def _empty_log() -> bytes:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "empty.db"
        _open_sqlite(f"sqlite:///{path}", 2.0).close()
        return path.read_bytes()


def migrate_log(url: str, form: str | None = None) -> str:
    """Migrates the log at `url` to a form, the newest unless one is named, and returns the form's name.

    To an earlier one it drops the tables and columns that came later, with what they hold. Raises ValueError for a form
    that there never was, LedgerUnavailable with the cause.
    """
    known = forms()
    target = known[-1] if form is None else form
    if target not in known:
        raise ValueError(f"there is no form {target!r}; there are {', '.join(known)}")
    if url.startswith(_POSTGRES):
        _postgres().migrate_postgres(url, target)
        return target
    path = sqlite_path(url)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        migrate_file(path, target)
    except _FAILS as error:
        raise _unavailable(path, error) from error
    return target


_FAILS = (sqlite3.Error, SQLAlchemyError, LedgerUnavailable, OSError)


def _unavailable(path: Path, error: Exception) -> LedgerUnavailable:
    cause = error.orig if isinstance(error, DBAPIError) else error
    return LedgerUnavailable(f"the log {path} cannot be opened: {cause}")


def _postgres() -> ModuleType:
    """The module for PostgreSQL, whose driver is an extra."""
    try:
        from engine.ledger.store import postgres  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise ValueError("PostgreSQL's driver is not installed: pip install 'tact[postgres]'") from error
    return postgres
