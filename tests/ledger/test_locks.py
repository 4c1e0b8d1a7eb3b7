"""PostgreSQL's lock table: how much of it a batch takes, and that a server starts only where it suffices."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest
from structlog.testing import capture_logs

from engine.api.v1 import decisions_pb2 as pb
from engine.api.v1.decisions_pb2_grpc import DecisionsStub
from engine.decide.compiled import CompiledBook
from engine.decide.evaluate import evaluate
from engine.ledger.commit.commands import AnyCommand
from engine.ledger.commit.decisions import DecideCommand
from engine.ledger.commit.group import commit_group, divided, transaction
from engine.ledger.errors import LedgerUnavailable
from engine.ledger.store.locks import MOST_LOCKS, LockTable, check_lock_table
from engine.ledger.store.open import open_store
from engine.ledger.store.postgres import PostgresStore
from engine.model.decision import Decision
from engine.model.request import Request
from tests.books import compiled_book, write_book
from tests.logs import Log, sqlite_log
from tests.postgres import postgres
from tests.servers import serving
from tests.waiting import HANGS

NOW = 1_773_100_800_000_000
LINKED = 20
"""As many further names as a request may have."""


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> CompiledBook:
    """The spring book."""
    return compiled_book(tmp_path_factory.mktemp("book"))


def batch(compiled: CompiledBook, customers: int, aliases: int) -> list[AnyCommand]:
    """Requests of so many customers."""
    requests = (
        Request(
            f"c-{customer}",
            NOW,
            {},
            request_id=f"r-{customer}",
            aliases=tuple(f"c-{customer}-{alias}" for alias in range(aliases)),
        )
        for customer in range(customers)
    )
    return [DecideCommand(evaluate(compiled, request)) for request in requests]


def stub_of(channel: grpc.Channel) -> Any:
    """The service, without attempts after the first."""
    return DecisionsStub(channel)  # type: ignore[no-untyped-call]


def test_a_batch_is_divided_by_its_locks(compiled: CompiledBook, postgres_log: Log, tmp_path: Path) -> None:
    """On PostgreSQL a part never takes more than the bound, also of names that are linked; on SQLite nothing is divided."""
    store = open_store(postgres_log.url)
    assert isinstance(store, PostgresStore)
    commands = batch(compiled, 60, LINKED)
    parts = divided(store, commands)
    assert [command for part in parts for command in part] == commands
    assert len(parts) == 3
    for part in parts:
        assert all(isinstance(result, Decision) for result in commit_group(store, part))
    with transaction(store, parts[0]):
        assert store._connection is not None
        sql = b"SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 1 AND pid = pg_backend_pid()"
        ((locks,),) = store._connection.execute(sql).fetchall()
    store.close()
    assert len(parts[0]) * (LINKED + 2) <= locks <= MOST_LOCKS
    file = open_store(sqlite_log(tmp_path).url)
    assert list(divided(file, commands)) == [commands]
    file.close()


def test_what_one_server_batches_fails_no_call_of_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """1,000 requests with 20 aliases each, by one of two servers on a table of 1,600 locks: no call of either fails."""
    monkeypatch.setenv("TACT_REQUEST_TIMEOUT", str(HANGS))
    book = write_book(tmp_path / "book")
    largest = pb.DecideBatchRequest(
        requests=[
            pb.DecideRequest(
                request_id=f"r-{number}",
                customer=pb.Customer(
                    id=f"c-{number}", aliases=[f"c-{number}-{alias}" for alias in range(LINKED)]
                ),
            )
            for number in range(1000)
        ]
    )
    with postgres(max_connections="25") as database:
        log = Log(database.create_database("log"))
        with (
            serving(book, log) as first,
            serving(book, log) as second,
            grpc.insecure_channel(first.target) as batching,
            grpc.insecure_channel(second.target) as deciding,
            ThreadPoolExecutor(1) as caller,
        ):
            batched, single = (stub_of(channel) for channel in (batching, deciding))
            running = caller.submit(batched.DecideBatch, largest, timeout=HANGS)
            decided = 0
            while not running.done():
                message = pb.DecideRequest(customer=pb.Customer(id=f"other-{decided}"))
                assert single.Decide(message, timeout=HANGS).decision_id
                decided += 1
            answers = running.result().items
    assert len(answers) == 1000
    assert all(answer.response.decision_id for answer in answers)
    assert decided > 0


def test_a_lock_table_that_is_too_small_is_refused_with_the_setting() -> None:
    """A server does not start on a table that one of its transactions may fill; with the named setting it starts."""
    with (
        postgres(max_connections="20", max_locks_per_transaction="40") as database,
        pytest.raises(LedgerUnavailable, match="set max_locks_per_transaction to") as refused,
    ):
        open_store(database.create_database("log"))
    least = str(refused.value).split("max_locks_per_transaction to ")[1].split()[0]
    with postgres(max_connections="20", max_locks_per_transaction=least) as database:
        open_store(database.create_database("log")).close()


def test_servers_that_may_fill_the_table_are_warned_of() -> None:
    """The one that is too many says so, with the setting that suffices; readers are no servers."""
    table = LockTable(per_transaction=64, transactions=60, relations=100, servers=3)
    with capture_logs() as messages:
        check_lock_table(table)
        check_lock_table(table._replace(servers=4))
    assert [
        (message["servers"], message["fit"], message["max_locks_per_transaction"]) for message in messages
    ] == [(4, 3, 75)]
    assert table._replace(per_transaction=75).fits == 4
    with postgres(max_connections="20") as database:
        stores = [open_store(database.create_database("log"))]
        reader = stores[0].another()
        with reader.transaction(writes=False), capture_logs() as messages:
            stores.append(open_store(database.url("log")))
        for store in (*stores, reader):
            store.close()
    assert [message["servers"] for message in messages] == [2]
