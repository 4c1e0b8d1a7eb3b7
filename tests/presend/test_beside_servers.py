"""Sends beside running servers, all on one log: no limit is exceeded; without locks they are."""

import asyncio
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import pytest

from engine.decide.compiled import CompiledBook
from engine.engine import Engine
from engine.ledger.errors import LedgerError
from engine.ledger.ledger import Ledger
from engine.ledger.queries import presends
from engine.ledger.store.open import open_store
from engine.ledger.store.postgres import PostgresStore
from engine.presend.rows import SendPlan
from tests.logs import Log
from tests.presend.kit import BOOK, CLOCK, NOW, UNSHARED, Send, crowd, shop

PEOPLE = 400


def overruns(log: Log) -> list[str]:
    """Contacts above a limit, counted from the table alone: all are of one day, held, and of people in one zone."""
    weekly, daily, creams = Counter[str](), Counter[str](), Counter[str]()
    shared = Counter[str]()
    for person, channel, campaign, state in log.rows("SELECT person, channel, campaign, state FROM contacts"):
        weekly[person] += 1
        daily[person] += channel == "sms"
        creams[person] += campaign == "cream"
        if state != "shadow":
            shared["rare stock"] += campaign == "rare"
            shared["cream total"] += campaign == "cream"
            shared["sms capacity"] += channel == "sms"
    most = {"rare stock": 40, "cream total": 200, "sms capacity": 90}
    return [
        *(f"{person}: {number} a week" for person, number in weekly.items() if number > 2),
        *(f"{person}: {number} texts" for person, number in daily.items() if number > 1),
        *(f"{person}: {number} creams" for person, number in creams.items() if number > 1),
        *(f"{name}: {number}" for name, number in shared.items() if number > most[name]),
    ]


def _serving(compiled: CompiledBook, log: Log, send: Send, seed: int) -> Callable[[], int]:
    return lambda: asyncio.run(_serve(compiled, log, send, seed))


async def _serve(compiled: CompiledBook, log: Log, send: Send, seed: int) -> int:
    """Decides everybody in an order of its own, several at a time; how many."""
    requests = list(send.population.requests(0, 0, compiled, NOW, CLOCK))
    Random(seed).shuffle(requests)
    ledger = Ledger(open_store(log.url, busy_timeout=60))
    engine = Engine(compiled, ledger)
    try:
        for start in range(0, len(requests), 40):
            for answer in await engine.decide_all(requests[start : start + 40]):
                assert not isinstance(answer, LedgerError), answer
    finally:
        ledger.close()
    return len(requests)


def _noting(work: Callable[[], object], failed: list[BaseException]) -> Callable[[], None]:
    """The work, whose error is kept for the test to show."""

    def run() -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 -- shown by the test
            failed.append(error)

    return run


def _all_at_once(log: Log, tmp_path: Path, *, servers: int = 2, book: str = BOOK) -> list[Send]:
    """Two sends and some servers decide the same people at the same time."""
    compiled, people = shop(tmp_path, book), crowd(tmp_path, PEOPLE)
    sends = [
        Send(compiled, log, people, tmp_path / name, SendPlan(name, NOW), group=50) for name in ("a", "b")
    ]
    failed: list[BaseException] = []

    works: list[Callable[[], object]] = [send.run for send in sends]
    works += [_serving(compiled, log, sends[0], seed) for seed in range(servers)]
    threads = [threading.Thread(target=_noting(work, failed)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed, failed
    return sends


def test_nothing_is_exceeded(any_log: Log, tmp_path: Path) -> None:
    """Caps, a stock, a total and a capacity hold; what the counters say is what the contacts say; each run is whole."""
    _all_at_once(any_log, tmp_path)
    assert overruns(any_log) == []
    assert any_log.rows("SELECT run, sum(customers) FROM presend_pieces GROUP BY run ORDER BY run") == [
        ("a", PEOPLE),
        ("b", PEOPLE),
    ]
    used = dict(any_log.rows("SELECT counter, sum(used) FROM counters GROUP BY counter"))
    made = dict(
        any_log.rows("SELECT campaign, count(*) FROM contacts WHERE state <> 'shadow' GROUP BY campaign")
    )
    assert (used["rare/stock"], used["cream/total"]) == (made["rare"], made["cream"])


@contextmanager
def _together(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Two groups read before either writes, and nobody takes a lock."""
    barrier, with_history = threading.Barrier(2), presends.with_history

    def read(*arguments: object) -> set[str]:
        persons = with_history(*arguments)  # type: ignore[arg-type]
        barrier.wait(60)
        return persons

    with monkeypatch.context() as patch:
        patch.setattr(presends, "with_history", read)
        patch.setattr(PostgresStore, "_lock", lambda self, names: None)
        yield


def test_without_locks_limits_are_exceeded(
    postgres_log: Log, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The check above sees what the locks prevent: two sends that read the same and both write."""
    with _together(monkeypatch):
        _all_at_once(postgres_log, tmp_path, servers=0, book=UNSHARED)
    assert any("creams" in overrun or "texts" in overrun for overrun in overruns(postgres_log))
