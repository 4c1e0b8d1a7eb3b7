"""What is old is deleted, what is still needed stays, and writers do not wait."""

import asyncio
import json
import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from engine.cli import app
from engine.decide.compiled import CompiledBook
from engine.engine import Engine
from engine.explain.books import Books
from engine.ledger.ledger import Ledger
from engine.ledger.queries import pruning
from engine.ledger.store.open import open_store
from engine.ledger.store.store import Store
from engine.measure.replay import ReplayResult, replay_log
from engine.model.instant import DAY, Instant
from engine.privacy.record import present
from engine.privacy.retention import FOR_GOOD, books_of, counts_of, parse_retention, plan_of, prune
from tests.books import compiled_book
from tests.logs import Log
from tests.privacy.kit import BOOK, NOW, decided, filled

STAYS = ("persons", "identities", "consents", "assignments", "counters", "books", "audit")
"""Tables that no retention empties."""


@pytest.fixture
def log(any_log: Log, tmp_path: Path) -> Log:
    """A log that holds something in every table, decided at simulated moments."""
    asyncio.run(filled(any_log, tmp_path))
    return any_log


@pytest.fixture
def store(log: Log) -> Iterator[Store]:
    """The log's store."""
    with closing(open_store(log.url)) as opened:
        yield opened


def counted(log: Log, *tables: str) -> dict[str, int]:
    """The rows of tables."""
    return {table: log.rows(f"SELECT count(*) FROM {table}")[0][0] for table in tables}


def pruned(store: Store, retention: str, now: Instant) -> dict[str, int]:
    """Prunes as of a moment; the rows that were deleted."""
    return prune(store, plan_of(parse_retention(retention), books_of(store), now), "officer", lambda _: None)


async def more(log: Log, folder: Path) -> None:
    """A further decision, of a customer of their own."""
    ledger = Ledger(open_store(log.url))
    try:
        await decided(Engine(compiled_book(folder / "again", BOOK), ledger), "late", NOW + 10 * DAY)
    finally:
        ledger.close()


def test_old_decisions_go_and_later_ones_are_made_again(log: Log, store: Store, tmp_path: Path) -> None:
    """What was decided before the cut-off goes with its requests; what stays replays, and contacts still count."""
    middle = present()
    before = counted(log, "contacts", "decisions")
    asyncio.run(more(log, tmp_path))
    deleted = pruned(store, "decisions: 400d", middle + 400 * DAY)
    assert deleted["decisions"] == before["decisions"]
    assert counted(log, "decisions", "requests", "challenges") == {
        "decisions": 1,
        "requests": 1,
        "challenges": 0,
    }
    assert counted(log, "contacts")["contacts"] == before["contacts"] + 1
    assert [own.result for own in replay_log(store, Books(store))] == [ReplayResult.EQUAL]


def test_everything_goes_in_the_end_but_what_is_not_of_a_time(log: Log, store: Store) -> None:
    """After years the tables of what happened are empty; on PostgreSQL whole months are dropped."""
    before = counted(log, *STAYS)
    now = present() + 5000 * DAY
    wanted = counts_of(store, plan_of(parse_retention("decisions: 1d, events: 1d, outcomes: 1d"), (), now))
    deleted = pruned(store, "decisions: 400d, events: 90d, outcomes: 2y", now)
    assert not any(counted(log, *(deleted.keys() - {"holdings"})).values())
    assert all(deleted[table] == wanted[table] for table in wanted)
    assert deleted["contacts"] > 0
    if log.path is None:
        parts = "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'decisions'::regclass"
        assert {name for (name,) in log.rows(parts)} == {"decisions_default"}
    assert counted(log, *STAYS) == {**before, "audit": before["audit"] + 1}
    assert not any(pruned(store, "decisions: 400d, events: 90d, outcomes: 2y", now).values())


def test_decisions_that_become_due_stay(log: Log, store: Store) -> None:
    """A blocked decision is kept until the moment at which it becomes allowed."""
    moment = present() + 40 * DAY
    log.execute(f"UPDATE decisions SET next_allowed_at = {moment + DAY} WHERE outcome = 'blocked'")
    blocked = log.rows("SELECT count(*) FROM decisions WHERE outcome = 'blocked'")[0][0]
    pruned(store, "decisions: 31d", moment)
    assert log.rows("SELECT DISTINCT outcome FROM decisions") == [("blocked",)]
    assert counted(log, "decisions") == {"decisions": blocked}


def test_what_rules_count_is_kept_longer_than_wanted(store: Store) -> None:
    """Too short a retention deletes nothing that is needed, and says which book needs it, and what for."""
    plan = plan_of(parse_retention("decisions: 1d, events: 1d, outcomes: 1d"), books_of(store), NOW)
    spans = {kept.kind: kept.span for kept in plan.kept}
    reasons = {kept.kind: kept.reason for kept in plan.kept}
    assert spans == {"decisions": 31 * DAY, "contacts": 38 * DAY, "events": 7 * DAY, "outcomes": DAY}
    assert reasons["decisions"] == "retries are answered alike"
    assert "the book rights" in reasons["contacts"]
    assert "counts contacts of 7d" in reasons["contacts"]
    assert "has conditions on events of 7d" in reasons["events"]
    assert reasons["outcomes"] == ""


def test_contacts_of_any_age_may_count(tmp_path: Path) -> None:
    """A condition on contacts without a window keeps contacts and their outcomes for good."""
    text = BOOK.replace(
        "when: {profile.city: Sanya}", "when: {contact: {campaign: cream, outcome: clicked, count: {gte: 1}}}"
    )
    compiled: CompiledBook = compiled_book(tmp_path / "ever", text)
    plan = plan_of(parse_retention("decisions: 400d, outcomes: 400d"), (compiled,), NOW)
    assert {kept.kind: kept.span >= FOR_GOOD for kept in plan.kept} == {
        "decisions": False,
        "contacts": True,
        "outcomes": True,
    }
    assert plan.cut_offs.keys() == {"decisions", "challenges", "requests", "commits"}


def test_writers_do_not_wait(log: Log, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between two steps of a few rows others commit; what they add is not deleted."""
    monkeypatch.setattr(pruning, "STEP", 1)
    monkeypatch.setattr(store, "drop_months", lambda *_: 0)
    committed: list[int] = []

    def commit_once(_: int) -> None:
        if not committed:
            committed.append(1)
            asyncio.run(more(log, tmp_path))

    middle = present()
    plan = plan_of(parse_retention("decisions: 400d"), books_of(store), middle + 400 * DAY)
    prune(store, plan, "officer", commit_once)
    assert committed
    assert log.rows("SELECT person FROM decisions") == [("late",)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("evnts: 90d", "'evnts: 90d': a retention is such as"),
        ("events", "'events': a retention is such as"),
        ("events: soon", "'soon': not a duration"),
        ("events: 0d", "a duration must be longer than 0"),
        ("events: 1d, events: 2d", "events stands there twice"),
        ("", "a retention is such as"),
    ],
)
def test_a_retention_that_says_nothing_is_refused(text: str, message: str) -> None:
    """A sentence says what is wrong."""
    with pytest.raises(ValueError, match=re.escape(message)):
        parse_retention(text)


def test_years_and_braces_are_read() -> None:
    """As a book would write it, or without braces; a year is 365 days."""
    expected = {"decisions": 400 * DAY, "outcomes": 730 * DAY}
    assert (
        parse_retention("{decisions: 400d, outcomes: 2y}")
        == expected
        == parse_retention("decisions:400d,outcomes:2y")
    )


def run(*words: str) -> Result:
    """Runs the command."""
    return CliRunner().invoke(app, ["prune", *words], env={"COLUMNS": "200"})


def test_the_command_shows_and_deletes(log: Log) -> None:
    """`--dry-run` deletes nothing and counts what would go; the audit notes who pruned what."""
    before = counted(log, "events", "decisions")
    words = ("--log", log.url, "--retention", "events: 90d", "--json")
    shown = json.loads(run(*words, "--dry-run").output)
    assert (shown["rows"]["events"], counted(log, "events", "decisions")) == (before["events"], before)
    done = json.loads(run(*words).output)
    assert done["rows"]["events"] == before["events"]
    assert counted(log, "events", "decisions") == {**before, "events": 0}
    assert log.rows("SELECT action, note FROM audit") == [("prune", f"events {before['events']}, signals 2")]
    assert "events are kept up to 90d" in run(*words[:-1]).output


def test_the_command_asks_for_a_retention(log: Log) -> None:
    """Nothing is deleted by a command that does not say what."""
    result = run("--log", log.url)
    assert (result.exit_code, "say how long to keep what" in result.output) == (2, True)
    wrong = run("--log", log.url, "--retention", "all: 1d")
    assert (wrong.exit_code, "'all: 1d': a retention is such as" in wrong.output) == (2, True)
