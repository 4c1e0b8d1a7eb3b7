"""What only PostgreSQL has: locks, partitions, sessions, and a server that goes and comes back."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from engine.ledger.commit.events import RecordCommand, RecordResult
from engine.ledger.errors import DataRefused, LedgerUnavailable
from engine.ledger.ledger import Ledger
from engine.ledger.queries.contacts import contacts_of
from engine.ledger.queries.decisions import answered_requests, keep
from engine.ledger.store.open import open_store
from engine.ledger.store.partitions import make_partitions, partition_name
from engine.ledger.store.postgres import PostgresStore
from engine.ledger.store.rows import ContactRow, DecisionRow, RequestRow
from engine.ledger.store.statements import id_from
from engine.ledger.store.store import Store
from engine.model.event import Event
from engine.model.instant import from_datetime
from tests.books import compiled_book
from tests.ledger.cutter import Cutter
from tests.logs import Log
from tests.postgres import PostgresServer, postgres

WANTED = {
    "synchronous_commit": "on",
    "transaction_isolation": "read committed",
    "transaction_read_only": "off",
}


@pytest.fixture
def store(postgres_log: Log) -> Iterator[Store]:
    """A fresh log."""
    store = open_store(postgres_log.url, busy_timeout=0.3)
    yield store
    store.close()


def add(store: Store, moment: datetime) -> str:
    """Keeps a decision of the moment, and the contact that it made; returns its request_id."""
    at = from_datetime(moment)
    decision_id = f"{id_from(at)}-7000-8000-000000000000"
    request_id = f"r-{decision_id}"
    nothing = dict.fromkeys(DecisionRow._fields)
    given = {"decision_id": decision_id, "person": "ada", "at": at, "book_version": "v", "outcome": "offer"}
    decision = DecisionRow(**{**nothing, **given, "inputs": "{}", "trace": "{}", "answer": "[]"})  # type: ignore[arg-type]
    contact = ContactRow("ada", at, decision_id, 0, "reserved", None, "sms", "outbound", "c", "o", "x", "[]")
    with store.transaction(["ada"]):
        keep(store, [decision], [RequestRow(request_id, decision_id)], [contact])
    return request_id


def test_transactions_about_the_same_name_take_turns(store: Store, postgres_log: Log) -> None:
    """While one is about a name, another about it waits, and gives up after its time; one about others goes on."""
    other = PostgresStore(postgres_log.url, busy_timeout=0.1)
    with store.transaction(["ada", "bob"]):
        with other.transaction(["carl"]):
            pass
        with pytest.raises(LedgerUnavailable, match="lock timeout"), other.transaction(["bob", "carl"]):
            pass
    with other.transaction(["bob", "carl"]):
        pass
    other.close()


def test_names_in_any_order_never_lock_each_other_out(postgres_log: Log) -> None:
    """Two stores that go through the same hundred names from both ends, again and again, both get through."""
    names = [f"customer-{n}" for n in range(100)]
    failures: list[Exception] = []

    def work(names: list[str]) -> None:
        mine = PostgresStore(postgres_log.url, busy_timeout=30)
        try:
            for _ in range(50):
                with mine.transaction(names):
                    pass
        except LedgerUnavailable as error:
            failures.append(error)
        finally:
            mine.close()

    threads = [threading.Thread(target=work, args=(one,)) for one in (names, names[::-1])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_a_session_waits_for_the_disk_whatever_the_role_says(postgres_log: Log) -> None:
    """A role or database set to answer before its commits are on disk does not make the log do so."""
    ((role,),) = postgres_log.rows("SELECT 'ALTER ROLE postgres IN DATABASE ' || current_database()")
    postgres_log.execute(
        f"{role} SET synchronous_commit = off",
        f"{role} SET default_transaction_isolation = 'serializable'",
        f"{role} SET default_transaction_read_only = on",
    )
    store = PostgresStore(postgres_log.url)
    with store.transaction():
        assert store._connection is not None
        shown = [store._connection.execute(f"SHOW {name}".encode()).fetchone() for name in WANTED]
    store.close()
    assert shown == [(value,) for value in WANTED.values()]


def test_rows_lie_in_the_partition_of_their_month(store: Store, postgres_log: Log) -> None:
    """Today's rows lie in this month's partitions, those of any other time in the default ones, and all are found."""
    now = datetime.now(UTC)
    old = datetime(2001, 2, 3, tzinfo=UTC)
    add(store, now)
    add(store, old)
    for table in ("decisions", "requests", "contacts"):
        lie = postgres_log.rows(f"SELECT tableoid::regclass::text FROM {table} ORDER BY 1")
        assert lie == [(f"{table}_{now:%Y_%m}",), (f"{table}_default",)]
    with store.transaction():
        assert len(contacts_of(store, ["ada"], 0, lambda _: 2)) == 2
        assert list(
            answered_requests(store, [row[0] for row in postgres_log.rows("SELECT request_id FROM requests")])
        )


def test_partitions_are_made_ahead_and_dropped_with_their_rows(store: Store, postgres_log: Log) -> None:
    """Three months ahead there are partitions; each is one table, and its rows go with it."""
    with psycopg.connect(postgres_log.url, autocommit=True) as connection:
        for moment in (datetime(2031, 11, 30, tzinfo=UTC), datetime(2031, 12, 1, tzinfo=UTC)):
            make_partitions(connection, moment)
    names = {name for (name,) in postgres_log.rows("SELECT relname FROM pg_class WHERE relkind = 'r'")}
    wanted = {partition_name("decisions", 2031 * 12 + month) for month in range(10, 15)}
    assert {"decisions_2031_11", "decisions_2032_03"} <= wanted <= names
    add(store, datetime(2031, 12, 31, 23, 59, 59, tzinfo=UTC))
    add(store, datetime(2032, 1, 1, tzinfo=UTC))
    postgres_log.execute("DROP TABLE decisions_2031_12, requests_2031_12, contacts_2031_12")
    assert postgres_log.rows("SELECT tableoid::regclass::text FROM contacts") == [("contacts_2032_01",)]


def test_a_month_that_has_rows_already_stays_in_the_default(store: Store, postgres_log: Log) -> None:
    """A partition that cannot be made, because its rows are there before it, is no reason not to serve."""
    add(store, datetime(2031, 11, 5, tzinfo=UTC))
    with psycopg.connect(postgres_log.url, autocommit=True) as connection:
        make_partitions(connection, datetime(2031, 11, 6, tzinfo=UTC))
    assert postgres_log.rows("SELECT tableoid::regclass::text FROM contacts") == [("contacts_default",)]
    made = postgres_log.rows("SELECT to_regclass('contacts_2031_11'), to_regclass('contacts_2031_12')")
    assert made == [(None, "contacts_2031_12")]


def test_many_open_an_empty_database_at_once(postgres_server: PostgresServer) -> None:
    """Servers that start at the same moment migrate one after the other, and all of them get a log."""
    log = Log(postgres_server.create_database("crowd"))
    failures: list[Exception] = []

    def work() -> None:
        try:
            open_store(log.url).close()
        except LedgerUnavailable as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert log.rows("SELECT count(*) FROM decisions") == [(0,)]


def test_a_role_that_may_only_read_and_write_is_enough(store: Store, postgres_log: Log) -> None:
    """Once the tables are there, a role without any right to make tables settles, and makes no partitions."""
    postgres_log.execute(
        "CREATE ROLE clerk LOGIN",
        "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO clerk",
        "DROP TABLE decisions_default, requests_default, contacts_default",
    )
    clerk = open_store(postgres_log.url.replace("//postgres@", "//clerk@"))
    add(clerk, datetime.now(UTC))
    clerk.close()
    assert postgres_log.rows("SELECT count(*) FROM decisions") == [(1,)]
    postgres_log.execute("DROP OWNED BY clerk", "DROP ROLE clerk")


def test_a_server_that_comes_back_is_found_again() -> None:
    """While PostgreSQL is gone transactions fail; what was kept before is there after, and the next one is kept."""
    with postgres() as server:
        store = open_store(server.create_database("log"))
        add(store, datetime(2031, 1, 1, tzinfo=UTC))
        server.kill()
        for _ in range(2):
            with pytest.raises(LedgerUnavailable):
                add(store, datetime(2031, 1, 2, tzinfo=UTC))
        server.start()
        add(store, datetime(2031, 1, 3, tzinfo=UTC))
        store.close()
        (kept,) = Log(server.url("log")).rows("SELECT count(*) FROM contacts")
    assert kept == (2,)


def test_a_commit_whose_answer_was_lost_is_not_acknowledged_and_can_be_asked_for(
    postgres_server: PostgresServer, postgres_log: Log
) -> None:
    """The connection breaks between the commit and its answer: the caller hears of no success, a retry finds the decision."""
    with Cutter(postgres_server.socket, cut_at=b"COMMIT\0") as cutter:
        store = PostgresStore(cutter.url(postgres_log.url))
        with pytest.raises(LedgerUnavailable):
            add(store, datetime.now(UTC))
        store.close()
    assert cutter.has_cut
    ((request_id,),) = postgres_log.rows("SELECT request_id FROM requests")
    again = PostgresStore(postgres_log.url)
    with again.transaction():
        assert answered_requests(again, [request_id])[request_id].person == "ada"
    again.close()


async def test_a_poisoned_item_fails_alone(postgres_log: Log, tmp_path: Path) -> None:
    """An event that PostgreSQL refuses fails with its own error; its neighbours of the same call are kept."""
    compiled = compiled_book(tmp_path)
    ledger = Ledger(open_store(postgres_log.url))
    events = [Event(f"e-{number}", "a\0b" if number == 5 else "view", 1, {}) for number in range(9)]
    results = await ledger.commit_all(
        [RecordCommand(compiled, f"ann-{event.event_id}", event, 1) for event in events]
    )
    assert ledger.trouble is None
    ledger.close()
    assert isinstance(results[5], DataRefused)
    assert [*results[:5], *results[6:]] == [RecordResult.ACCEPTED] * 8
