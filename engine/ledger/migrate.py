"""Brings a log's tables to the version that this program writes, by Alembic."""

import sqlite3
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine
from sqlalchemy.pool import StaticPool

MIGRATIONS = Path(__file__).parent / "migrations"
_WAIT = 60.0
"""Seconds to wait while another process does the same."""


def migrate(path: Path) -> None:
    """Upgrades the log in the file to the newest migration; does nothing when it is there already.

    All in one transaction: a process that starts beside finds the old form or waits for the new one, and one that is
    killed half-way leaves the old. Raises sqlite3.Error, SQLAlchemyError.
    """
    log = sqlite3.connect(path, timeout=_WAIT, isolation_level=None, check_same_thread=False)
    engine = create_engine("sqlite://", creator=lambda: log, poolclass=StaticPool)
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    try:
        with engine.connect() as connection:
            if not _is_newest(connection, config):
                log.execute("BEGIN IMMEDIATE")
                config.attributes["connection"] = connection
                command.upgrade(config, "head")
                log.commit()
    finally:
        engine.dispose()
        log.close()


def _is_newest(connection: Connection, config: Config) -> bool:
    newest = ScriptDirectory.from_config(config).get_current_head()
    return MigrationContext.configure(connection).get_current_revision() == newest
