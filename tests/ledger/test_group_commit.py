"""The group queue: order, bounds, deadlines, faults, and leaving nothing behind."""

import asyncio
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from engine.ledger.errors import (
    DataRefused,
    DeadlinePassed,
    LedgerClosed,
    LedgerError,
    LedgerFull,
    LedgerUnavailable,
    WouldWait,
)
from engine.ledger.group_commit import GroupCommit


class Gate:
    """Settles by echoing, one group at a time, as it is let."""

    def __init__(self) -> None:
        self.open = threading.Semaphore(0)
        self.busy = threading.Semaphore(0)
        self.groups: list[list[int]] = []

    def settle(self, asks: Sequence[int]) -> list[int | LedgerError]:
        """Waits to be let, then echoes."""
        self.busy.release()
        self.open.acquire()
        self.groups.append(list(asks))
        return list(asks)


async def waiting_for(writer: GroupCommit[int, int], commands: int) -> None:
    """Returns when so many commands wait in the queue."""
    while writer.depth != commands:  # noqa: ASYNC110 - its thread has no event to wait for
        await asyncio.sleep(0.001)


async def begun(writer: GroupCommit[int, int], gate: Gate) -> "asyncio.Task[Sequence[object]]":
    """A submission of 0 that the writer has taken from the queue and is settling."""
    task = asyncio.create_task(writer.submit([0]))
    await asyncio.to_thread(gate.busy.acquire)
    return task


async def test_what_waits_is_settled_together() -> None:
    """Everything that arrives while a group is being written becomes the next group, in order."""
    gate = Gate()
    writer = GroupCommit[int, int](gate.settle)
    first = await begun(writer, gate)
    rest = [asyncio.create_task(writer.submit([n, -n])) for n in (1, 2, 3)]
    await waiting_for(writer, 6)
    gate.open.release(2)
    assert await first == [0]
    assert await asyncio.gather(*rest) == [[1, -1], [2, -2], [3, -3]]
    assert gate.groups == [[0], [1, -1, 2, -2, 3, -3]]
    writer.close()


async def grouped(writer: GroupCommit[int, int], gate: Gate, submissions: int) -> None:
    """Has the writer commit so many submissions as one group."""
    first = await begun(writer, gate)
    rest = [asyncio.create_task(writer.submit([n])) for n in range(submissions)]
    await waiting_for(writer, submissions)
    gate.open.release(2)
    await asyncio.gather(first, *rest)
    gate.busy.acquire()
    gate.groups.clear()


async def test_after_a_group_of_several_the_next_is_held_until_as_many_wait() -> None:
    """Four of the last group make the next one wait for four, with however many commands; closing lets it go."""
    gate = Gate()
    writer = GroupCommit[int, int](gate.settle)
    writer.hold = 3600.0
    await grouped(writer, gate, 4)
    gate.open.release(3)
    held = [asyncio.create_task(writer.submit([n] * 8)) for n in (1, 2, 3)]
    await waiting_for(writer, 24)
    assert await writer.submit([4]) == [4]
    await asyncio.gather(*held)
    assert gate.groups == [[1] * 8 + [2] * 8 + [3] * 8 + [4]]
    last = asyncio.create_task(writer.submit([5]))
    await waiting_for(writer, 1)
    await asyncio.to_thread(writer.close)
    assert await last == [5]


async def test_a_group_is_held_no_longer_than_may_be() -> None:
    """Where fewer come than before they are committed all the same."""
    gate = Gate()
    writer = GroupCommit[int, int](gate.settle)
    writer.hold = 0.001
    await grouped(writer, gate, 4)
    gate.open.release()
    assert await writer.submit([1]) == [1]
    writer.close()


async def test_after_a_group_of_few_none_is_held() -> None:
    """Of few there is little to share: the next one goes at once."""
    gate = Gate()
    writer = GroupCommit[int, int](gate.settle)
    writer.hold = 3600.0
    await grouped(writer, gate, 3)
    gate.open.release()
    assert await writer.submit([1]) == [1]
    writer.close()


async def test_a_full_queue_refuses_at_once() -> None:
    """Beyond the limit a submission is refused with a delay, and what waits is not harmed."""
    gate = Gate()
    writer = GroupCommit[int, int](gate.settle, limit=2)
    first = await begun(writer, gate)
    waiting = [asyncio.create_task(writer.submit([n])) for n in (1, 2)]
    await waiting_for(writer, 2)
    with pytest.raises(LedgerFull) as caught:
        await writer.submit([3])
    assert caught.value.retry_after > 0
    with pytest.raises(LedgerFull):
        writer.check_room(1)
    writer.doubt("away")
    writer.check_room(1)  # there may be something to say without the store
    gate.open.release(2)
    assert [await one for one in (first, *waiting)] == [[0], [1], [2]]
    writer.close()


async def test_a_passed_deadline_is_not_settled() -> None:
    """A submission whose deadline passes while it waits is refused, and never reaches the store."""
    gate = Gate()
    writer = GroupCommit[int, int](gate.settle)
    first = await begun(writer, gate)
    late = asyncio.create_task(writer.submit([1], deadline=time.monotonic() + 0.01))
    await asyncio.sleep(0.05)
    gate.open.release(2)
    await first
    with pytest.raises(DeadlinePassed):
        await late
    writer.close()
    assert gate.groups == [[0]]


async def test_a_caller_who_left_is_not_settled() -> None:
    """A cancelled submission is dropped before it is written."""
    gate = Gate()
    writer = GroupCommit[int, int](gate.settle)
    first = await begun(writer, gate)
    gone = asyncio.create_task(writer.submit([1]))
    await waiting_for(writer, 1)
    gone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gone
    gate.open.release(2)
    await first
    await asyncio.to_thread(writer.close)
    assert gate.groups == [[0]]


async def test_closing_settles_what_waits() -> None:
    """Closing takes nothing new and returns when everything accepted is answered."""
    gate = Gate()
    writer = GroupCommit[int, int](gate.settle)
    first = await begun(writer, gate)
    waiting = asyncio.create_task(writer.submit([1]))
    await waiting_for(writer, 1)
    closing = asyncio.create_task(asyncio.to_thread(writer.close))
    while not writer.closed:  # noqa: ASYNC110 - its thread has no event to wait for
        await asyncio.sleep(0.001)
    with pytest.raises(LedgerClosed):
        await writer.submit([2])
    gate.open.release(2)
    await closing
    assert [await first, await waiting] == [[0], [1]]


@pytest.mark.parametrize("fault", [LedgerUnavailable("disk full"), ZeroDivisionError("a bug")])
async def test_a_fault_reaches_every_caller_and_the_writer_lives_on(fault: Exception) -> None:
    """When a group fails all its callers hear why, and the next group is settled."""
    faults = [fault]

    def settle(asks: Sequence[int]) -> list[int | LedgerError]:
        if faults:
            raise faults.pop()
        return list(asks)

    writer = GroupCommit[int, int](settle)
    with pytest.raises(type(fault)):
        await writer.submit([1])
    assert await writer.submit([2]) == [2]
    writer.close()


@pytest.mark.parametrize("fault", [DataRefused("a duplicate"), ZeroDivisionError("a bug")])
async def test_what_is_refused_fails_alone(fault: Exception) -> None:
    """Of a group with a poisoned command only that fails, and the log is not in trouble."""

    def settle(commands: Sequence[int]) -> list[int | LedgerError]:
        if 13 in commands:
            raise fault
        return list(commands)

    writer = GroupCommit[int, int](settle)
    many = asyncio.create_task(writer.submit(list(range(10, 20))))
    others = [asyncio.create_task(writer.submit([number])) for number in range(5)]
    results = await many
    assert [number for number in results if isinstance(number, int)] == [10, 11, 12, *range(14, 20)]
    assert isinstance(results[3], LedgerError)
    assert [await other for other in others] == [[number] for number in range(5)]
    assert writer.trouble is None
    writer.close()


def in_pairs(commands: Sequence[int]) -> Sequence[Sequence[int]]:
    """Parts of two commands."""
    return [commands[start : start + 2] for start in range(0, len(commands), 2)]


async def test_a_group_of_several_parts_is_settled_part_by_part() -> None:
    """In order, each part by itself; a part with a poisoned command is tried in halves, and a smaller group is one part."""
    groups: list[list[int]] = []

    def settle(commands: Sequence[int]) -> list[int | LedgerError]:
        groups.append(list(commands))
        if 3 in commands:
            raise DataRefused("a duplicate")
        return list(commands)

    writer = GroupCommit[int, int](settle, divide=in_pairs)
    assert await writer.submit([8, 9]) == [8, 9]
    results = await writer.submit([1, 2, 3, 4, 5])
    assert groups == [[8, 9], [1, 2], [3, 4], [3], [4], [5]]
    assert [type(result) for result in results] == [int, int, DataRefused, int, int]
    assert writer.trouble is None
    writer.close()


async def test_no_part_is_tried_after_one_that_the_store_did_not_take() -> None:
    """What was kept is answered, the rest is unavailable; where nothing was kept, the whole submission is."""
    groups: list[list[int]] = []

    def settle(commands: Sequence[int]) -> list[int | LedgerError]:
        groups.append(list(commands))
        if 3 in commands:
            raise LedgerUnavailable("the disk is full")
        return list(commands)

    writer = GroupCommit[int, int](settle, divide=in_pairs)
    results = await writer.submit([1, 2, 3, 4, 5, 6])
    assert results[:2] == [1, 2]
    assert [type(result) for result in results[2:]] == [LedgerUnavailable] * 4
    assert groups == [[1, 2], [3, 4]]
    assert writer.trouble == "the disk is full"
    with pytest.raises(LedgerUnavailable, match="the disk is full"):
        await writer.submit([3, 4, 5, 6])
    assert await writer.submit([5, 6, 7]) == [5, 6, 7]
    assert writer.trouble is None
    writer.close()


async def test_a_deadline_that_passes_between_parts_spares_what_was_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The parts before it are answered with their results, those after it are not settled."""
    groups: list[list[int]] = []
    now = 10.0

    def settle(commands: Sequence[int]) -> list[int | LedgerError]:
        nonlocal now
        now += 1
        groups.append(list(commands))
        return list(commands)

    clock = SimpleNamespace(monotonic=lambda: now, perf_counter=time.perf_counter)
    monkeypatch.setattr("engine.ledger.group_commit.time", clock)
    writer = GroupCommit[int, int](settle, divide=in_pairs)
    results = await writer.submit([1, 2, 3, 4, 5], deadline=11.5)
    assert results[:4] == [1, 2, 3, 4]
    assert [type(result) for result in results[4:]] == [DeadlinePassed]
    assert groups == [[1, 2], [3, 4]]
    with pytest.raises(DeadlinePassed):
        await writer.submit([1, 2, 3, 4], deadline=11.5)
    writer.close()


async def test_a_proof_is_a_group_by_itself() -> None:
    """It shares no group, so that it harms no caller's commands, and is tried although the store is in trouble."""
    gate = Gate()
    writer = GroupCommit[int, int](gate.settle, limit=2)
    first = await begun(writer, gate)
    waiting = [asyncio.create_task(writer.submit([number], proves=number == 9)) for number in (1, 9, 2)]
    await waiting_for(writer, 2)
    writer.doubt("away")
    proof = asyncio.create_task(writer.submit([8], proves=True))
    await asyncio.sleep(0)
    gate.open.release(5)
    assert [await task for task in (first, *waiting, proof)] == [[0], [1], [9], [2], [8]]
    assert gate.groups == [[0], [1], [9], [2], [8]]
    assert (writer.counts.kept, writer.counts.lost(), writer.trouble) == (3, 0, None)
    writer.close()


async def test_what_is_lost_is_counted() -> None:
    """Groups, their commands by kind, the largest group, and commands that were refused while another tried the store."""
    gate, well = Gate(), False

    def settle(commands: Sequence[int]) -> list[int | LedgerError]:
        gate.settle(commands)
        if well:
            return list(commands)
        raise LedgerUnavailable("the disk is full")

    writer = GroupCommit[int, int](settle)
    gate.open.release(2)
    for commands in ([1, 2, 3], [4]):
        with pytest.raises(LedgerUnavailable):
            await writer.submit(commands)
    trying = asyncio.create_task(writer.submit([5]))
    await asyncio.to_thread(lambda: [gate.busy.acquire() for _ in range(3)])
    with pytest.raises(LedgerUnavailable):
        await writer.submit([6, 7])
    gate.open.release()
    with pytest.raises(LedgerUnavailable):
        await trying
    counts = writer.counts
    assert (counts.groups_lost, counts.lost(), counts.lost(int), counts.lost(str)) == (3, 7, 7, 0)
    assert (counts.largest_lost, counts.kept) == (3, 0)
    well = True
    gate.open.release()
    assert await writer.submit([8]) == [8]
    assert (counts.lost(), counts.kept) == (7, 1)
    writer.close()


class Committed:
    """Commits by echoing, and notes which thread did; other processes hold the store while `held`."""

    def __init__(self) -> None:
        self.threads: list[str] = []
        self.held = False
        self.waits = True

    def settle(self, commands: Sequence[int]) -> list[int | LedgerError]:
        """Echoes, unless it would have to wait and must not."""
        if self.held and not self.waits:
            raise WouldWait
        self.threads.append("loop" if threading.current_thread() is threading.main_thread() else "thread")
        return list(commands)

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """As a store does it."""
        self.waits = False
        try:
            yield
        finally:
            self.waits = True


@pytest.fixture
def committed() -> Committed:
    """A store that is quick."""
    return Committed()


@pytest.fixture
def alone(committed: Committed, monkeypatch: pytest.MonkeyPatch) -> Iterator[GroupCommit[int, int]]:
    """A queue before it, whose groups take no time by a clock of its own."""
    clock = SimpleNamespace(monotonic=time.monotonic, perf_counter=lambda: 0.0)
    monkeypatch.setattr("engine.ledger.group_commit.time", clock)
    writer = GroupCommit[int, int](committed.settle)
    writer.at_once = committed.at_once
    yield writer
    writer.close()


async def submitted(
    writer: GroupCommit[int, int], commands: list[int], *, brief: bool = False
) -> Sequence[int | LedgerError]:
    """The results of commands that come while the thread waits: else it may take them before the loop does."""
    changed: Any = writer._changed
    while not changed._waiters:  # noqa: ASYNC110 - its thread tells nobody
        await asyncio.sleep(0.001)
    return await writer.submit(commands, brief=brief)


async def test_brief_commands_that_come_alone_are_committed_by_the_event_loop(
    committed: Committed, alone: GroupCommit[int, int]
) -> None:
    """After a number of groups of one; what is not brief, and two that come together, go to the thread."""
    for number in range(10):
        assert await submitted(alone, [number], brief=True) == [number]
    assert committed.threads == ["thread"] * 8 + ["loop"] * 2
    assert await submitted(alone, [10]) == [10]
    assert await submitted(alone, [11], brief=True) == [11]
    assert await asyncio.gather(*(alone.submit([n], brief=True) for n in (12, 13))) == [[12], [13]]
    assert await submitted(alone, [14], brief=True) == [14]
    assert committed.threads[10:] == ["thread", "loop", "thread", "thread"]
    assert (alone.depth, alone.done, alone.counts.kept) == (0, 15, 15)


async def test_the_event_loop_waits_for_no_other_process(
    committed: Committed, alone: GroupCommit[int, int]
) -> None:
    """While another holds the store the thread waits for it, and the loop does not try again at once."""
    for number in range(9):
        await submitted(alone, [number], brief=True)
    committed.held = True
    assert await submitted(alone, [9], brief=True) == [9]
    committed.held = False
    assert await submitted(alone, [10], brief=True) == [10]
    assert committed.threads == ["thread"] * 8 + ["loop"] + ["thread"] * 2
    assert (alone.depth, alone.done) == (0, 11)


async def test_a_slow_store_is_left_to_the_thread(
    committed: Committed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sync that takes longer than a decision would keep the event loop from everybody else."""
    ticks = iter(range(1000))
    clock = SimpleNamespace(monotonic=time.monotonic, perf_counter=lambda: float(next(ticks)))
    monkeypatch.setattr("engine.ledger.group_commit.time", clock)
    writer = GroupCommit[int, int](committed.settle)
    writer.at_once = committed.at_once
    for number in range(12):
        await writer.submit([number], brief=True)
    assert committed.threads == ["thread"] * 12
    writer.close()


async def test_a_fault_in_the_event_loop_is_the_command_s_own(alone: GroupCommit[int, int]) -> None:
    """It is raised to its caller; the store's trouble is noted, and the thread tries next."""
    for number in range(9):
        await submitted(alone, [number], brief=True)

    def fail(_: Sequence[int]) -> list[int | LedgerError]:
        raise LedgerUnavailable("no room")

    alone._apply = fail
    with pytest.raises(LedgerUnavailable):
        await submitted(alone, [9], brief=True)
    assert alone.trouble == "no room"
    with pytest.raises(LedgerUnavailable):
        await submitted(alone, [10], brief=True)
    assert (alone.depth, alone.done) == (0, 11)
