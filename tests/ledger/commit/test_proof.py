"""A proof writes as much as decisions do, leaves nothing, and fails where they would."""

import subprocess
import sys
from pathlib import Path

import pytest

from engine.engine import Engine
from engine.ledger.ledger import Ledger, Losses
from engine.ledger.store.open import open_store
from engine.model.decision import Decision
from engine.model.request import Request
from tests.decide.arbitrate.shop import NOW, SHOP, compiled_book
from tests.logs import Log, sqlite_log

TABLES = ("decisions", "requests", "contacts", "persons")
BOOK = "campaigns: {a: {offer: pen, placements: [shelf]}}"


async def decide(ledger: Ledger, number: int, name: str = "") -> None:
    """Decides for so many customers in one group, who are others for another name."""
    requests = [
        Request(f"{name}c{index}", NOW, {}, placement="shelf", request_id=f"{name}r{index}")
        for index in range(number)
    ]
    answers = await Engine(compiled_book(SHOP, BOOK), ledger).decide_all(requests)
    assert all(isinstance(answer, Decision) for answer in answers)


def size_of(path: Path) -> int:
    """Bytes of a file."""
    return path.stat().st_size


async def test_it_leaves_nothing(any_log: Log) -> None:
    """On either store, small and large, before and after decisions, no table has a row more."""
    ledger = Ledger(open_store(any_log.url))
    try:
        await ledger.prove(3)
        await decide(ledger, 2)
        before = [any_log.rows(f"select count(*) from {table}") for table in TABLES]
        assert before[0] == [(2,)]
        await ledger.prove(512)
        await decide(ledger, 2)  # a retry, after the proof: what was prepared for statements still holds
        assert [any_log.rows(f"select count(*) from {table}") for table in TABLES] == before
        assert (ledger.kept, ledger.losses, ledger.trouble) == (4, Losses(), None)
    finally:
        ledger.close()


async def test_it_writes_as_much_as_decisions_do(tmp_path: Path) -> None:
    """The write-ahead log of SQLite grows by at least two thirds of what as many decisions take, and not by twice that."""
    log = sqlite_log(tmp_path)
    ledger, ahead = Ledger(open_store(log.url)), Path(f"{tmp_path}/tact.db-wal")
    try:
        await ledger.prove(1)
        await decide(ledger, 1, "first")  # writes the text of the book, too
        for number in (1, 64):
            before = size_of(ahead)
            await ledger.prove(number)
            proved = size_of(ahead)
            await decide(ledger, number)
            decided = size_of(ahead)
            assert 2 / 3 < (proved - before) / (decided - proved) < 2
    finally:
        ledger.close()


async def test_postgresql_writes_as_much(postgres_log: Log) -> None:
    """Its write-ahead log grows likewise."""
    ledger = Ledger(open_store(postgres_log.url))
    position = "select pg_wal_lsn_diff(pg_current_wal_flush_lsn(), '0/0')::bigint"
    try:
        await ledger.prove(64)
        await decide(ledger, 64)
        ((before,),) = postgres_log.rows(position)
        await ledger.prove(64)
        ((proved,),) = postgres_log.rows(position)
        assert proved - before > 64 * 1000
    finally:
        ledger.close()


FULL = """
import asyncio, resource, sys
from engine.ledger.errors import LedgerUnavailable
from engine.ledger.ledger import Ledger
from engine.ledger.store.open import open_store

async def main():
    ledger = Ledger(open_store(sys.argv[1]))
    await ledger.prove(1)
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
    for size in (64, 1):
        try:
            await ledger.prove(size)
            print(size, "taken")
        except LedgerUnavailable as error:
            print(size, "not taken")
    ledger.close()

asyncio.run(main())
"""


@pytest.mark.parametrize(
    ("room", "expected"), [(0, "64 not taken\n1 not taken\n"), (100_000, "64 not taken\n1 taken\n")]
)
def test_on_a_full_disk_it_fails(tmp_path: Path, room: int, expected: str) -> None:
    """Where a group does not fit, a proof of its size fails, though a small one may still fit."""
    log = sqlite_log(tmp_path)
    open_store(log.url).close()
    command = [sys.executable, "-c", FULL, log.url, str(room)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200, check=True)
    assert done.stdout == expected
