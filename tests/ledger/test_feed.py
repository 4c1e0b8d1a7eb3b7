"""The feed of a log, on both stores: what is kept comes out in the order in which it was kept, with nothing left out."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from engine.decide.compiled import CompiledBook
from engine.decide.evaluate import evaluate
from engine.ledger import feed
from engine.ledger.commit.decisions import DecideCommand
from engine.ledger.commit.group import commit_group
from engine.ledger.commit.identity import LinkCommand
from engine.ledger.commit.outcomes import ReportCommand
from engine.ledger.feed import START, Cursor, parse_cursor, read_feed
from engine.ledger.store.open import open_store
from engine.ledger.store.rows import DecisionRow
from engine.ledger.store.store import Store
from engine.model.decision import Decision
from engine.model.event import Event
from engine.model.request import Mode, Request
from tests.books import compiled_book
from tests.logs import Log

NOW = 1_773_108_000_000_000
BOOK = """
book: {name: fed, timezone: UTC}
attributes: {profile.phone: {type: text}}
channels: {sms: {kind: outbound, address: profile.phone, consent: not_needed, on_silence: confirm}}
offers: {tea: {name: Tea, content: {default: {text: Tea}}}}
campaigns: {tea: {offer: tea, channels: [sms]}}
"""


@pytest.fixture
def compiled(tmp_path: Path) -> CompiledBook:
    """The book of these tests."""
    return compiled_book(tmp_path / "book", BOOK)


@pytest.fixture
def store(any_log: Log) -> Iterator[Store]:
    """A fresh log."""
    with closing(open_store(any_log.url)) as store:
        yield store


def decide(store: Store, compiled: CompiledBook, *customers: str, mode: Mode = Mode.COMMIT) -> list[Decision]:
    """Decides for the customers in one transaction."""
    requests = [
        Request(
            customer,
            NOW,
            {"profile.phone": "138"},
            mode=mode,
            request_id=f"r-{customer}" * (mode == Mode.COMMIT),
        )
        for customer in customers
    ]
    decisions = commit_group(store, [DecideCommand(evaluate(compiled, request)) for request in requests])
    assert all(isinstance(decision, Decision) for decision in decisions)
    return [decision for decision in decisions if isinstance(decision, Decision)]


def report(compiled: CompiledBook, decision: Decision, type_: str, event_id: str) -> ReportCommand:
    """The outcome of a decision."""
    return ReportCommand(compiled, "", decision.decision_id, Event(event_id, type_, NOW + 1, {}), NOW + 2)


def read_all(store: Store, cursor: Cursor = START) -> tuple[list[str], Cursor]:
    """Whose decisions, and which outcomes of whom, follow the cursor; and the cursor after them."""
    names: list[str] = []
    while True:
        with store.transaction(writes=False):
            page = read_feed(store, cursor)
        names += [_name(entry.row) for entry in page.entries]
        cursor = page.cursor
        if page.is_last:
            return names, cursor


def _name(row: tuple[object, ...]) -> str:
    return str(row.person) if isinstance(row, DecisionRow) else f"{row[0]} {row[1]}"


def test_what_is_kept_comes_in_the_order_of_commits(store: Store, compiled: CompiledBook) -> None:
    """Decisions and outcomes; nothing for previews, retries and duplicates; from any cursor on just what follows it."""
    ann, bob = decide(store, compiled, "ann", "bob")
    decide(store, compiled, "eve", mode=Mode.PREVIEW)
    decide(store, compiled, "ann")
    delivered = report(compiled, ann, "delivered", "e-1")
    commit_group(store, [delivered, report(compiled, bob, "bounced", "e-2")])
    commit_group(store, [delivered])
    decide(store, compiled, "cyd")
    expected = ["ann", "bob", "ann delivered", "bob bounced", "cyd"]
    names, end = read_all(store)
    assert names == expected
    assert read_all(store, end) == ([], end)
    with store.transaction(writes=False):
        entries = read_feed(store, START).entries
        assert feed.end_of_feed(store) == end == entries[-1].cursor
        assert [_name(entry.row) for entry in feed.last_entries(store, 2).entries] == expected[-2:]
        assert feed.last_entries(store, 0).entries == ()
        assert not feed.is_ahead(store, end)
        assert feed.is_ahead(store, Cursor(end.commit_id + 1, 0))
    for number, entry in enumerate(entries, start=1):
        assert parse_cursor(str(entry.cursor)) == entry.cursor
        assert read_all(store, entry.cursor) == (expected[number:], end)


def test_links_and_deletions_change_what_is_read_and_not_where(store: Store, compiled: CompiledBook) -> None:
    """An outcome whose person was linked is found under the present name; what was deleted is passed over."""
    (ann,) = decide(store, compiled, "ann")
    commit_group(store, [report(compiled, ann, "delivered", "e-1")])
    decide(store, compiled, "old", "new")
    commit_group(store, [LinkCommand(("zoe", "ann"), NOW + 5)])
    with store.transaction():
        store.change("DELETE FROM decisions WHERE person = ?", "old")
    names, end = read_all(store)
    assert names[0] == "ann"
    assert names[2:] == ["new"]
    assert names[1].split()[1] == "delivered"
    with store.transaction():
        store.change("DELETE FROM decisions WHERE person = ?", "new")
    assert read_all(store)[1] == end


def test_pages_end_where_there_is_enough(
    store: Store, compiled: CompiledBook, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However small its pages, the feed is the same."""
    for number in range(7):
        decide(store, compiled, *(f"{number}-{index}" for index in range(3)))
    whole = read_all(store)
    monkeypatch.setattr(feed, "_ENOUGH", 2)
    monkeypatch.setattr(feed, "_MOST_COMMITS", 2)
    assert read_all(store) == whole
    assert len(whole[0]) == 21


@pytest.mark.parametrize("text", ["", "7", "7.", ".7", "-1.0", "1.2.3", "9" * 20 + ".0", "٣.1", "1.1 "])
def test_other_texts_are_no_cursors(text: str) -> None:
    """The error says what a cursor looks like."""
    with pytest.raises(ValueError, match="is no cursor of a log, such as"):
        parse_cursor(text)


def test_since_finds_the_first_commit_of_a_moment(store: Store, compiled: CompiledBook) -> None:
    """By the clock of the server that committed; beyond the last it is the end."""
    decide(store, compiled, "ann")
    with store.transaction():
        store.change("UPDATE commits SET committed_at = ?", NOW)
    decide(store, compiled, "bob")
    with store.transaction(writes=False):
        assert feed.cursor_since(store, 0) < feed.cursor_since(store, NOW + 1)
        later = feed.cursor_since(store, NOW + 1)
        assert feed.cursor_since(store, 2**62) == feed.end_of_feed(store)
    assert read_all(store, later)[0] == ["bob"]


def test_nothing_is_passed_while_an_earlier_transaction_is_under_way(
    postgres_log: Log, compiled: CompiledBook
) -> None:
    """A commit with a later number waits for it: read at once, the cursor would be beyond what comes late."""
    with closing(open_store(postgres_log.url)) as store, psycopg.connect(postgres_log.url) as other:
        decide(store, compiled, "ann")
        names, cursor = read_all(store)
        assert names == ["ann"]
        other.execute("INSERT INTO commits (committed_at, decisions, outcomes) VALUES (1, '[]', '[]')")
        decide(store, compiled, "bob")
        assert read_all(store, cursor) == ([], cursor)
        other.commit()
        assert read_all(store, cursor)[0] == ["bob"]


def test_a_reader_beside_writers_misses_nothing(any_log: Log, compiled: CompiledBook) -> None:
    """Three writers at once, and one that follows them from cursor to cursor: everything once, each writer's in its order."""
    writers, each_writes = 3, 12
    failures: list[BaseException] = []

    def write(writer: int) -> None:
        try:
            with closing(open_store(any_log.url, busy_timeout=60)) as store:
                for number in range(each_writes):
                    decide(store, compiled, f"{writer}-{number:02}")
        except BaseException as error:  # noqa: BLE001 raised again in the test's own thread
            failures.append(error)

    threads = [threading.Thread(target=write, args=(writer,)) for writer in range(writers)]
    names: Sequence[str] = []
    with closing(open_store(any_log.url)) as store:
        cursor = START
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            more, cursor = read_all(store, cursor)
            names = [*names, *more]
        names = [*names, *read_all(store, cursor)[0]]
    assert not failures
    assert len(names) == len(set(names)) == writers * each_writes
    for writer in range(writers):
        of_writer = [name for name in names if name.startswith(f"{writer}-")]
        assert of_writer == sorted(of_writer)
