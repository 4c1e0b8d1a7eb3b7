"""The queue before a log: nobody writes at the same time, nobody waits for ever, the dead hold nothing."""

import asyncio
import multiprocessing
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from multiprocessing.synchronize import Barrier, Event
from pathlib import Path

import pytest

from engine.engine import Engine
from engine.ledger.errors import DeadlinePassed, LedgerUnavailable, WouldWait
from engine.ledger.group_commit import GroupCommit
from engine.ledger.ledger import Ledger
from engine.ledger.store.open import open_store
from engine.ledger.store.writer_lock import WriterLock, WriterLockNotTaken
from engine.telemetry.counters import LOG_WAIT_SECONDS, LOG_WAITS
from engine.wire.parse import Parser
from tests.books import compiled_book
from tests.requests import li_na

_HOLD = """
import sys
from pathlib import Path
from engine.ledger.store.writer_lock import WriterLock
with WriterLock(Path(sys.argv[1])).taken(200):
    print("mine", flush=True)
    sys.stdin.read()
"""
PATIENCE = 200.0
"""Seconds after which something hangs; it bounds a failing test and says nothing about speed."""
TURNS = 100
NOW = 1_773_100_800_000_000


@contextmanager
def held(path: Path) -> Iterator["subprocess.Popen[str]"]:
    """Another process whose turn it is, for the length of a block."""
    command = [sys.executable, "-c", _HOLD, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "mine\n"
        try:
            yield process
        finally:
            process.kill()


def test_the_turn_does_not_come_while_another_process_has_it(tmp_path: Path) -> None:
    """Patience ends with an error, and the place in the queue is given up with it."""
    writer_lock = WriterLock(tmp_path / "turn")
    with held(tmp_path / "turn"):
        for _ in range(2):
            with pytest.raises(WriterLockNotTaken), writer_lock.taken(0.05):
                pass
    writer_lock.close()


def test_a_dead_process_holds_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed while it holds the lock, a process leaves it to the one that waits, whose waiting is counted."""
    writer_lock, waiting = WriterLock(tmp_path / "turn"), threading.Event()
    waits, seconds, pause = LOG_WAITS.value, LOG_WAIT_SECONDS.value, time.sleep

    def sleep(length: float) -> None:
        waiting.set()
        pause(length)

    def kill_when_waited_for() -> None:
        waiting.wait()
        process.kill()

    with held(tmp_path / "turn") as process:
        monkeypatch.setattr(time, "sleep", sleep)
        killer = threading.Thread(target=kill_when_waited_for)
        killer.start()
        with writer_lock.taken(PATIENCE) as left:
            assert 0 < left < PATIENCE
        killer.join()
    writer_lock.close()
    assert LOG_WAITS.value == waits + 1
    assert LOG_WAIT_SECONDS.value > seconds


def _hog(log: str, together: Barrier, stop: Event, done: "multiprocessing.Queue[int]") -> None:
    """One transaction after the other without a pause, until one of the processes had TURNS of them."""
    store, count = open_store(log, busy_timeout=PATIENCE), 0
    together.wait()
    while not stop.is_set():
        with store.transaction():
            time.sleep(0.002)
        count += 1
        if count >= TURNS:
            stop.set()
    store.close()
    done.put(count)


def test_nobody_starves(tmp_path: Path) -> None:
    """Of four processes that never pause none gets four times as many turns as another, and none is refused."""
    log = f"sqlite:///{tmp_path}/tact.db"
    open_store(log).close()
    spawn = multiprocessing.get_context("spawn")
    done: multiprocessing.Queue[int] = spawn.Queue()
    shared = (spawn.Barrier(4), spawn.Event(), done)
    processes = [spawn.Process(target=_hog, args=(log, *shared)) for _ in range(4)]
    for process in processes:
        process.start()
    counts = [done.get(timeout=PATIENCE) for _ in processes]
    for process in processes:
        process.join()
    assert min(counts) > max(counts) / 4, counts


def test_a_deadline_that_passes_while_the_log_is_waited_for_has_passed(tmp_path: Path) -> None:
    """A group at the log's door is looked at again when it gets in: who gave up meanwhile is not settled."""
    log = tmp_path / "tact.db"
    store = open_store(f"sqlite:///{log}", busy_timeout=PATIENCE)
    settled: list[int] = []

    def settle(asks: "list[int]") -> "list[int]":
        settled.extend(asks)
        return list(asks)

    async def main() -> None:
        writer = GroupCommit[int, int](settle, transaction=store.transaction)  # type: ignore[arg-type]
        holder = sqlite3.connect(log, isolation_level=None)
        holder.execute("begin immediate")
        late = asyncio.create_task(writer.submit([1], deadline=time.monotonic() + 0.05))
        patient = asyncio.create_task(writer.submit([2], deadline=time.monotonic() + PATIENCE))
        await asyncio.sleep(0.2)
        holder.execute("rollback")
        holder.close()
        with pytest.raises(DeadlinePassed):
            await late
        assert await patient == [2]
        await asyncio.to_thread(writer.close)

    asyncio.run(main())
    store.close()
    assert settled == [2]


def test_a_log_kept_busy_is_unavailable(tmp_path: Path) -> None:
    """When the turn does not come the write is refused, and the next one that gets it is taken."""
    log = tmp_path / "tact.db"
    store = open_store(f"sqlite:///{log}", busy_timeout=0.05)
    busy = pytest.raises(LedgerUnavailable, match="other processes")
    with held(tmp_path / "tact.db-turn"), busy, store.transaction():
        pass
    with store.transaction():
        pass
    store.close()


def test_a_transaction_that_is_not_to_wait_says_so(tmp_path: Path) -> None:
    """Whether another server has its turn or any program writes: nothing has begun, and the next transaction goes on."""
    file = tmp_path / "tact.db"
    store = open_store(f"sqlite:///{file}", busy_timeout=PATIENCE)
    with store.at_once(), store.transaction():
        pass
    with held(tmp_path / "tact.db-turn"), store.at_once(), pytest.raises(WouldWait), store.transaction():
        pass
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with store.at_once(), pytest.raises(WouldWait), store.transaction():
            pass
        other.execute("ROLLBACK")
    with store.transaction():
        pass
    store.close()


async def test_a_held_log_keeps_no_event_loop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Decisions that come alone are committed by the loop; while another program writes, one waits and the loop goes on."""
    monkeypatch.setattr("engine.ledger.group_commit._QUICK_SECONDS", PATIENCE)
    file = tmp_path / "tact.db"
    ledger = Ledger(open_store(f"sqlite:///{file}", busy_timeout=PATIENCE))
    compiled = compiled_book(tmp_path / "book")
    engine, parser = Engine(compiled, ledger), Parser(compiled)
    committing: list[bool] = []
    ledger.watch(lambda *_: committing.append(threading.current_thread() is threading.main_thread()))

    async def decide(number: int) -> str:
        request = parser.parse(li_na(f"alone-{number}"), NOW)
        return (await engine.decide(request)).decision_id

    for number in range(
        1_000
    ):  # the thread may not have put down the last group yet when the next decision comes
        await decide(number)
        if committing[-1]:
            break
    assert committing[-1]
    assert committing[:8] == [False] * 8
    before = len(committing)
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        waiting = asyncio.create_task(decide(1_000))
        for _ in range(100):
            await asyncio.sleep(0)
        assert not waiting.done()
        other.execute("ROLLBACK")
    assert await waiting
    assert committing[before:] == [False]
    ledger.close()
