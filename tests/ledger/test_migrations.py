"""Logs of earlier forms, in SQLite: brought up to date without loss, at once or not at all."""

import asyncio
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine

from engine.decide.answer import from_json
from engine.ledger.errors import LedgerUnavailable
from engine.ledger.migrate import MIGRATIONS, forms
from engine.ledger.queries import decisions
from engine.ledger.store.open import open_store


def test_a_log_of_the_first_form_is_brought_up_to_date(tmp_path: Path) -> None:
    """Its rows stay as they are, everybody about whom something was decided is known, and it is opened as if new."""
    path = tmp_path / "tact.db"
    _migrated_to(path, "0001")
    decision = ("d", "r", "ann", 7, "v", "nothing", *[None] * 9, "{}", "{}", _FIRST_ANSWER)
    with closing(sqlite3.connect(path)) as log, log:
        log.execute(f"insert into decisions values ({', '.join('?' * 18)})", decision)
        log.execute(
            f"insert into decisions values ({', '.join('?' * 18)})", ("e", None, "ann", 5, *decision[4:])
        )
        log.execute("insert into requests values ('r', 'd')")
        log.execute(
            "insert into contacts values ('ann', 7, 'd', 0, 'confirmed', null, 'sms', 'outbound', 'c', 'o', '', '[]')"
        )
    tables = ("decisions", "requests", "contacts")
    *before, [contact] = _rows(path, tables)
    store = open_store(f"sqlite:///{path}")
    with store.transaction():
        past = decisions.answered_requests(store, ["r"])["r"]
    store.close()
    assert _rows(path, tables) == [*before, [(*contact, "", "")]]  # its zones and its kind are not known
    assert _rows(path, ("persons",)) == [[("ann", 5)]]
    assert from_json(past.answer).outcome == "nothing"
    assert from_json(past.answer).signals == ()


def test_who_unsubscribed_before_consents_were_kept_has_unsubscribed(tmp_path: Path) -> None:
    """Outcomes of a log that kept no consents yet are read strictly: of everything, the latest word of each person."""
    path = tmp_path / "tact.db"
    _migrated_to(path, "0004")
    words = [
        ("ann", "unsubscribed", 5),
        ("ann", "subscribed", 3),
        ("bob", "subscribed", 7),
        ("", "unsubscribed", 1),
    ]
    with closing(sqlite3.connect(path)) as log, log:
        for number, word in enumerate(words):
            outcome = (*word, f"e-{number}", None, None, 9, "sms", "", "", "", None, None, "{}")
            log.execute(f"insert into outcomes values ({', '.join('?' * 14)})", outcome)
    open_store(f"sqlite:///{path}").close()
    assert _rows(path, ("consents",)) == [[("ann", "*", 5, 3), ("bob", "*", None, 7)]]


def test_a_form_that_was_once_written_stays_as_it_was(tmp_path: Path) -> None:
    """Logs have it: the form 0007 finds outcomes by their type, and what comes later makes of it what a new log has."""
    path, new = tmp_path / "tact.db", tmp_path / "new.db"
    _migrated_to(path, "0007")
    assert any("(campaign, type, at)" in sql for sql in _schema(path).values())
    for one in (path, new):
        open_store(f"sqlite:///{one}").close()
    assert _schema(path) == _schema(new)


def test_a_migration_that_fails_leaves_the_log_as_it_was(tmp_path: Path) -> None:
    """A log that cannot be brought up to date is refused, and nothing of the migration stays."""
    path = tmp_path / "tact.db"
    _migrated_to(path, "0001")
    with closing(sqlite3.connect(path)) as log, log:
        log.execute("create table signals (mine text)")
    with pytest.raises(LedgerUnavailable):
        open_store(f"sqlite:///{path}")
    with closing(sqlite3.connect(path)) as log:
        assert log.execute("select version_num from alembic_version").fetchall() == [("0001",)]
        assert log.execute("select name from sqlite_master where name = 'persons'").fetchall() == []


async def test_processes_that_start_together_migrate_once(tmp_path: Path) -> None:
    """Four processes open a log of the first form at the same moment, and all of them can."""
    path = tmp_path / "tact.db"
    _migrated_to(path, "0001")
    code = f"from engine.ledger.store.open import open_store; open_store('sqlite:///{path}').close()"
    started = [await asyncio.create_subprocess_exec(sys.executable, "-c", code) for _ in range(4)]
    assert [await one.wait() for one in started] == [0] * 4


_FIRST_ANSWER = '["d", "r", 7, "nothing", "v", [], [], [], null]'


def test_the_names_of_files_are_the_forms_that_alembic_knows() -> None:
    """So that a log is found to be up to date without it."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    known = [one.revision for one in ScriptDirectory.from_config(config).walk_revisions()]
    assert forms() == known[::-1]


def test_a_log_of_the_newest_form_is_opened_without_alembic(tmp_path: Path) -> None:
    """It takes longer to load than all else that opening needs."""
    url = f"sqlite:///{tmp_path}/tact.db"
    open_store(url).close()
    code = f"from engine.ledger.store.open import open_store; open_store({url!r}).close()"
    code += "; import sys; assert 'alembic' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def _schema(path: Path) -> dict[str, str]:
    with closing(sqlite3.connect(path)) as log:
        return dict(log.execute("select name, sql from sqlite_master where sql is not null"))


def _migrated_to(path: Path, revision: str) -> None:
    """A log as an earlier version of the program left it."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
    engine.dispose()


def _rows(path: Path, tables: tuple[str, ...]) -> list[list[tuple[object, ...]]]:
    with closing(sqlite3.connect(path)) as log:
        return [log.execute(f"select * from {table}").fetchall() for table in tables]
