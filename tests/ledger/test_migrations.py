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
from engine.ledger.store.open import migrate_log, open_store
from tests.logs import Log


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
    made, asked, [contact] = _rows(path, tables)
    store = open_store(f"sqlite:///{path}")
    with store.transaction():
        past = decisions.answered_requests(store, ["r"])["r"]
    store.close()
    assert _rows(path, tables) == [
        [(*row, None) for row in made],  # of no run
        asked,
        [(*contact, "", "", None, None)],
    ]  # its zones, its kind, its value and its cost are not known
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


def test_event_ids_are_of_persons_until_an_earlier_form_is_needed(any_log: Log) -> None:
    """Rows of before stay; back in an earlier form the first row of an id has it, and the others have ids of their own."""
    migrate_log(any_log.url, "0009")
    any_log.execute(
        "insert into events values ('ann', 5, 0, '1', 'view', '{}')", _outcome("ann", "clicked", 5, "1")
    )
    open_store(any_log.url).close()
    any_log.execute(
        "insert into events values ('ann', 5, 1, '1', 'view', '{}')",
        "insert into events values ('zoe', 5, 0, '1', 'view', '{}')",
        "insert into events values ('zoe', 5, 1, '2', 'view', '{}')",
        _outcome("ann", "opened", 5, "1"),
        _outcome("zoe", "clicked", 5, "1"),
        _outcome("", "clicked", 5, "1"),
    )
    before = any_log.rows("select person, type, at from outcomes order by person, type")
    migrate_log(any_log.url, "0009")
    ids = {
        table: any_log.rows(f"select person, event_id from {table} order by person, event_id")
        for table in ("events", "outcomes")
    }
    assert ids == {
        "events": [("ann", "1"), ("ann", "1/ann/5/1"), ("zoe", "1/zoe/5/0"), ("zoe", "2")],
        "outcomes": [
            ("", "1"),
            ("ann", "1/ann/clicked/5"),
            ("ann", "1/ann/opened/5"),
            ("zoe", "1/zoe/clicked/5"),
        ],
    }
    assert any_log.rows("select person, type, at from outcomes order by person, type") == before
    open_store(any_log.url).close()


def _outcome(person: str, type_: str, at: int, event_id: str) -> str:
    return (
        "insert into outcomes (person, type, at, event_id, recorded_at, channel, campaign, offer, variant, fields)"
        f" values ('{person}', '{type_}', {at}, '{event_id}', 9, 'sms', '', '', '', '{{}}')"
    )


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
