"""The group queue: order, bounds, deadlines, faults, and leaving nothing behind."""

import asyncio
import threading
import time
from collections.abc import Sequence

import pytest

from engine.ledger.errors import (
    DataRefused,
    DeadlinePassed,
    LedgerClosed,
    LedgerError,
    LedgerFull,
    LedgerUnavailable,
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
