"""Recall: what was recorded and what a request brings are one history."""

import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from itertools import count
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.decide.attributes.derive import Derivation, derivation
from engine.decide.compiled import CompiledBook
from engine.engine import Engine
from engine.ledger.commit.events import RecordCommand, RecordResult, record
from engine.ledger.memory import memory_of
from engine.ledger.queries import persons
from engine.ledger.store.open import open_store
from engine.ledger.store.store import Store
from engine.model.customer import Recall
from engine.model.event import Event
from engine.model.instant import DAY
from engine.rulebook.model.derived import Aggregate, Derived, EventStore, Measure, Pattern
from engine.wire.parse import Parser
from tests.books import compiled_book
from tests.decide.attributes.strategies import NOW, aggregates, crowds, histories, patterns
from tests.ledger.memory.books import REMEMBERING, opened
from tests.postgres import PostgresServer
from tests.requests import li_na

_CUSTOMERS = count()


@pytest.fixture(scope="module")
def compiled() -> Iterator[CompiledBook]:
    """A book that keeps all events."""
    with tempfile.TemporaryDirectory() as folder:
        found = compiled_book(Path(folder), REMEMBERING)
        yield replace(
            found, book=replace(found.book, events=EventStore(True, 10_000, 3660 * DAY)), recall=None
        )


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest) -> Iterator[Store]:
    """A log on each store in turn."""
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/tact.db"
        if request.param == "postgresql":
            server: PostgresServer = request.getfixturevalue("postgres_server")
            url = server.create_database("recalled", template="empty")
        store = open_store(url)
        yield store
        store.close()


def named(customer: str, events: Sequence[Event]) -> list[Event]:
    """The events, each with a name; a name stands for one event, however often it comes."""
    known: dict[str, Event] = {}
    numbers = count()
    names = [f"{customer}-{one.event_id or f'n{next(numbers)}'}" for one in events]
    return [
        known.setdefault(name, one._replace(event_id=name)) for name, one in zip(names, events, strict=True)
    ]


def remembered(
    store: Store, compiled: CompiledBook, wanted: Derivation, customer: str, kept: Sequence[Event]
) -> tuple[Event, ...]:
    """What is recalled for the derivation after recording the events, one call each."""
    reach = compiled.book.events.keep if wanted.reach is None else wanted.reach
    recall = Recall(tuple(sorted(wanted.event_types)), reach, signals=False, is_new=False)
    for one in kept:
        with store.transaction():
            record(store, [RecordCommand(compiled, customer, one, NOW)])
    with store.transaction(writes=False):
        (found,) = persons.recall(store, [recall.of(customer, NOW)])
    return memory_of(found, NOW).events


@settings(max_examples=150, deadline=None)
@given(aggregates, patterns, st.one_of(histories, crowds), st.integers(0, 14))
def test_recorded_and_sent_are_one_history(
    store: Store,
    compiled: CompiledBook,
    aggregate: Aggregate,
    pattern: Pattern,
    events: list[Event],
    split: int,
) -> None:
    """Whatever part of the events was recorded before, what is derived is what it is when all come with the request."""
    derived = Derived(aggregates={"a": aggregate}, patterns={"p": pattern})
    names = {"a", "pattern.p", "pattern.p.item", "pattern.p.value"}
    wanted = derivation(derived, names, ZoneInfo("UTC"))
    customer = f"customer-{next(_CUSTOMERS)}"
    all_of_them = named(customer, events)
    kept, sent = all_of_them[:split], all_of_them[split:]
    recalled = remembered(store, compiled, wanted, customer, kept)
    assert wanted.derive({}, (*recalled, *sent), NOW) == wanted.derive({}, all_of_them, NOW)


@settings(max_examples=50, deadline=None)
@given(
    st.dictionaries(
        st.text(max_size=5),
        st.one_of(
            st.text(max_size=9),
            st.integers(-(2**63), 2**63 - 1),
            st.floats(allow_nan=False, allow_infinity=False),
            st.booleans(),
            st.dates(),
            st.lists(st.text(max_size=3), max_size=3).map(tuple),
            st.lists(st.integers(-(2**63), 2**63 - 1), max_size=3).map(tuple),
        ),
        max_size=4,
    )
)
def test_fields_come_back_as_they_were(
    store: Store, compiled: CompiledBook, fields: dict[str, object]
) -> None:
    """Texts, numbers, booleans, days and lists keep their kinds on the way through the log."""
    customer = f"customer-{next(_CUSTOMERS)}"
    event = Event(customer, "view", NOW, fields)  # type: ignore[arg-type]
    wanted = derivation(
        Derived(aggregates={"a": Aggregate("a", "view", Measure.COUNT)}), {"a"}, ZoneInfo("UTC")
    )
    (found,) = remembered(store, compiled, wanted, customer, [event])
    assert found == event
    assert {name: type(one) for name, one in found.fields.items()} == {
        name: type(one) for name, one in fields.items()
    }


def test_events_are_bounded(tmp_path: Path) -> None:
    """The newest five stay, whatever the order in which they come; those older than ten days go with the next one."""
    compiled = compiled_book(tmp_path / "book", REMEMBERING)
    store = open_store(f"sqlite:///{tmp_path / 'tact.db'}")
    for number, hours in enumerate((5, 1, 9, 3, 8, 2, 4)):
        event = Event(f"e{number}", "view", NOW - hours * DAY // 24)
        with store.transaction():
            assert record(store, [RecordCommand(compiled, "ann", event, NOW)]) == [RecordResult.ACCEPTED]
    store.close()
    kept = "select (? - at) / 3600000000 from events order by at desc"
    with closing(sqlite3.connect(tmp_path / "tact.db")) as connection:
        assert [row[0] for row in connection.execute(kept, (NOW,))] == [1, 2, 3, 4, 5]
    store = open_store(f"sqlite:///{tmp_path / 'tact.db'}")
    with store.transaction():
        record(
            store,
            [
                RecordCommand(
                    compiled, "ann", Event("late", "view", NOW + 10 * DAY), NOW + 10 * DAY - 3 * DAY // 24
                )
            ],
        )
    store.close()
    with closing(sqlite3.connect(tmp_path / "tact.db")) as connection:
        assert [row[0] for row in connection.execute(kept, (NOW,))] == [-240, 1, 2]


async def test_a_book_that_needs_no_memory_reads_none(tmp_path: Path) -> None:
    """Deciding by a book without events, held signals and customer.is_new starts no reader and writes no signal."""
    compiled = compiled_book(tmp_path / "book")
    assert compiled.recall is None
    with opened(tmp_path / "tact.db") as ledger:
        await Engine(compiled, ledger).decide(Parser(compiled).parse(li_na(), NOW))
        assert ledger.reader.idle
    with closing(sqlite3.connect(tmp_path / "tact.db")) as connection:
        counts = [
            connection.execute(f"select count(*) from {table}").fetchone() for table in ("events", "signals")
        ]
    assert counts == [(0,), (0,)]
