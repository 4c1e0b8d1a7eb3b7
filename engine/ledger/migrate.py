"""Brings a log's tables to the version that this program writes, by Alembic."""

import sqlite3
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.pool import StaticPool

MIGRATIONS = Path(__file__).parent / "migrations"
_WAIT = 60.0
"""Seconds to wait while another process does the same."""
_ALONE = text("SELECT pg_advisory_xact_lock(hashtextextended('tact migrations', 0))")


def migrate_file(path: Path) -> None:
    """Upgrades the log in a SQLite file to the newest migration; does nothing when it is there already.

    All in one transaction: a process that starts beside finds the old form or waits for the new one, and one that is
    killed half-way leaves the old. Raises sqlite3.Error, SQLAlchemyError.
    """
    log = sqlite3.connect(path, timeout=_WAIT, isolation_level=None, check_same_thread=False)
    engine = create_engine("sqlite://", creator=lambda: log, poolclass=StaticPool)
    try:
        with engine.connect() as connection:
            if not _is_newest(connection):
                log.execute("BEGIN IMMEDIATE")
                _upgrade(connection)
                log.commit()
    finally:
        engine.dispose()
        log.close()


def migrate_database(engine: Engine) -> None:
    """Upgrades the log in a PostgreSQL database, in the same way. Raises SQLAlchemyError."""
    with engine.begin() as connection:
        if not _is_newest(connection):
            connection.execute(_ALONE)
            _upgrade(connection)


def _upgrade(connection: Connection) -> None:
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    return config


def _is_newest(connection: Connection) -> bool:
    newest = ScriptDirectory.from_config(_config()).get_current_head()
    return MigrationContext.configure(connection).get_current_revision() == newest
