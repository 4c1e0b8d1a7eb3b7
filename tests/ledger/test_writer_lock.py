"""The queue before a log: nobody writes at the same time, nobody waits for ever, the dead hold nothing."""

import asyncio
import multiprocessing
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from engine.ledger.errors import DeadlinePassed, LedgerUnavailable
from engine.ledger.group_commit import GroupCommit
from engine.ledger.store.open import open_store
from engine.ledger.store.writer_lock import WriterLock, WriterLockNotTaken
from engine.telemetry.counters import LOG_WAIT_SECONDS, LOG_WAITS

_HOLD = """
import sys
from pathlib import Path
from engine.ledger.store.writer_lock import WriterLock
with WriterLock(Path(sys.argv[1])).taken(5):
    print("mine", flush=True)
    sys.stdin.read()
"""
SECONDS = 2.0


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


def test_a_dead_process_holds_nothing(tmp_path: Path) -> None:
    """Killed at its turn, a process leaves it to the one that waits, whose waiting is counted."""
    writer_lock = WriterLock(tmp_path / "turn")
    waits, seconds = LOG_WAITS.value, LOG_WAIT_SECONDS.value
    with held(tmp_path / "turn") as process:
        threading.Timer(0.1, process.kill).start()
        with writer_lock.taken(20) as left:
            assert 0 < left < 20
    writer_lock.close()
    assert LOG_WAITS.value == waits + 1
    assert LOG_WAIT_SECONDS.value > seconds


def _hog(log: str, done: "multiprocessing.Queue[int]", start: float) -> None:
    """As many transactions as come, each 2 ms long, one after the other without a pause."""
    store = open_store(log, busy_timeout=SECONDS)
    time.sleep(max(0.0, start - time.monotonic()))
    end, count = time.monotonic() + SECONDS, 0
    while time.monotonic() < end:
        with store.transaction():
            time.sleep(0.002)
        count += 1
    store.close()
    done.put(count)


def test_nobody_starves(tmp_path: Path) -> None:
    """Four processes that never pause get about the same number of turns, and none is refused."""
    log = f"sqlite:///{tmp_path}/tact.db"
    open_store(log).close()
    spawn = multiprocessing.get_context("spawn")
    done: multiprocessing.Queue[int] = spawn.Queue()
    start = time.monotonic() + 2
    processes = [spawn.Process(target=_hog, args=(log, done, start)) for _ in range(4)]
    for one in processes:
        one.start()
    counts = [done.get(timeout=30) for _ in processes]
    for one in processes:
        one.join()
    assert sum(counts) > 50
    assert min(counts) > max(counts) / 4, counts


def test_a_deadline_that_passes_while_the_log_is_waited_for_has_passed(tmp_path: Path) -> None:
    """A group at the log's door is looked at again when it gets in: who gave up meanwhile is not settled."""
    log = tmp_path / "tact.db"
    store = open_store(f"sqlite:///{log}", busy_timeout=20)
    settled: list[int] = []

    def settle(asks: "list[int]") -> "list[int]":
        settled.extend(asks)
        return list(asks)

    async def main() -> None:
        writer = GroupCommit[int, int](settle, transaction=store.transaction)  # type: ignore[arg-type]
        holder = sqlite3.connect(log, isolation_level=None)
        holder.execute("begin immediate")
        late = asyncio.create_task(writer.submit([1], deadline=time.monotonic() + 0.05))
        patient = asyncio.create_task(writer.submit([2], deadline=time.monotonic() + 60))
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
