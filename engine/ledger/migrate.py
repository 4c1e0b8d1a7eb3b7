"""Migrates a log's tables to the form that this program writes, or to an earlier one, by Alembic.

Alembic is loaded only where there is something to migrate: most starts find a log of the newest form.
"""

import sqlite3
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, inspect, text
from sqlalchemy.pool import StaticPool

from engine.ledger.errors import LedgerUnavailable

MIGRATIONS = Path(__file__).parent / "migrations"


_WAIT = 60.0
"""Seconds to wait while another process does the same."""


_VERSION = text("SELECT version_num FROM alembic_version")


_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended('tact migrations', 0))")


def forms() -> list[str]:
    """The names of all forms that a log has had, the newest last."""
    return sorted(path.name.partition("_")[0] for path in (MIGRATIONS / "versions").glob("[0-9]*_*.py"))


def migrate_file(path: Path, form: str | None = None) -> None:
    """Migrates the log in a SQLite file to a form, the newest unless one is named; does nothing when it has it already.

    All in one transaction: a process that starts meanwhile finds the old form or waits for the new one, and one that is
    killed half-way leaves the old. Raises sqlite3.Error, SQLAlchemyError, LedgerUnavailable.
    """
    log = sqlite3.connect(path, timeout=_WAIT, isolation_level=None, check_same_thread=False)
    engine = create_engine("sqlite://", creator=lambda: log, poolclass=StaticPool)
    try:
        with engine.connect() as connection:
            if _form_of(connection) != (form or _newest()):
                log.execute("BEGIN IMMEDIATE")
                _migrate(connection, form or _newest())
                log.commit()
    finally:
        engine.dispose()
        log.close()


def migrate_database(engine: Engine, form: str | None = None) -> None:
    """Migrates the log in a PostgreSQL database to a form, in the same way. Raises SQLAlchemyError, LedgerUnavailable."""
    with engine.begin() as connection:
        if _form_of(connection) != (form or _newest()):
            connection.execute(_LOCK)
            _migrate(connection, form or _newest())


def _migrate(connection: Connection, form: str) -> None:
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    known, now = forms(), _form_of(connection)
    if now is not None and now not in known:
        raise LedgerUnavailable(
            f"it has the form {now}, which this version does not know: a newer one wrote it"
        )
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    back = now is not None and known.index(form) < known.index(now)
    (command.downgrade if back else command.upgrade)(config, form)


def _newest() -> str:
    return forms()[-1]


def _form_of(connection: Connection) -> str | None:
    """The form that the log has; None for one without tables."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    form: str | None = connection.scalar(_VERSION)
    return form
