"""Opening a log in a SQLite file while others use it."""

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from engine.ledger.errors import LedgerUnavailable
from engine.ledger.migrate import migrate_file
from engine.ledger.store.open import open_store


@pytest.fixture
def new_log(tmp_path: Path) -> Path:
    """A log that nobody has opened yet, so that it is not written ahead."""
    path = tmp_path / "tact.db"
    migrate_file(path)
    return path


def test_who_opens_a_new_log_waits_while_it_is_written(new_log: Path) -> None:
    """SQLite refuses at once to write ahead while another uses the file; the store tries until that one is done."""
    with closing(sqlite3.connect(new_log, isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")
        timer = threading.Timer(0.3, other.rollback)
        timer.start()
        store = open_store(f"sqlite:///{new_log}", busy_timeout=120)
        timer.join()
    with store.transaction():
        store.prove({})
    store.close()


def test_who_opens_a_log_does_not_wait_for_ever(new_log: Path) -> None:
    """After the time that the store may be busy, the log is unavailable, with the cause."""
    with closing(sqlite3.connect(new_log, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(LedgerUnavailable, match="database is locked"):
            open_store(f"sqlite:///{new_log}", busy_timeout=0.05)
        other.rollback()


@pytest.mark.parametrize("replaced", [False, True])
def test_a_file_that_is_deleted_takes_nothing_more(new_log: Path, replaced: bool) -> None:
    """Nor does the one in its place, until the log is opened anew; a file that comes back is the log again."""
    store = open_store(f"sqlite:///{new_log}")
    reader = store.another()
    moved = new_log.rename(new_log.with_name("moved.db"))
    if replaced:
        migrate_file(new_log)
    for opened in (store, reader, store):
        with pytest.raises(LedgerUnavailable, match="deleted or replaced"), opened.transaction():
            pass
    assert new_log.exists() is replaced
    moved.rename(new_log)
    with store.transaction():
        store.prove({})
    reader.close()
    store.close()
