"""How far a stream is read, exactly."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from engine.ledger.errors import DeadlinePassed, LedgerError, LedgerFull
from engine.server.streams import GoingDown, Streams, decide_when_room


class Sender:
    """Sends numbers without end, and knows how many were read."""

    def __init__(self, last: int = 10**9) -> None:
        self.read, self._last = 0, last

    async def __aiter__(self) -> AsyncIterator[int]:
        while self.read < self._last:
            self.read += 1
            yield self.read


async def idle() -> None:
    """Lets everything run that can."""
    for _ in range(50):
        await asyncio.sleep(0)


async def test_it_reads_no_further_than_its_window() -> None:
    """Of a sender without end a window is read; one more for each answer that was taken, and not one sooner."""
    sender = Sender()
    with Streams(window=5, most_bytes=100).intake(aiter(sender)) as intake:
        assert await intake.taken()
        await idle()
        assert sender.read == 5
        for more in (1, 2, 3):
            intake.answered()
            await idle()
            assert sender.read == 5 + more
    await idle()
    assert sender.read == 8


async def test_it_reads_no_further_than_its_bytes() -> None:
    """However large the window is: one more message at most, when those before it were too many bytes together."""
    sender = Sender()
    with Streams(window=100, most_bytes=10).intake(aiter(sender), lambda number: number) as intake:
        await idle()
        assert sender.read == 4  # 1 + 2 + 3 + 4 bytes
        for _ in range(2):
            intake.answered()
        await idle()
        assert sender.read == 5  # 3 + 4 + 5
        for _ in range(3):
            intake.answered()
        await idle()
        assert sender.read == 7  # 6 + 7


async def test_all_is_taken_before_the_end() -> None:
    """A stream that ends gives everything that was sent, in order, and then nothing."""
    read: list[int] = []
    with Streams(window=3, most_bytes=100).intake(aiter(Sender(10))) as intake:
        while taken := await intake.taken():
            read += taken
            for _ in taken:
                intake.answered()
    assert read == list(range(1, 11))


async def test_what_was_read_is_taken_before_it_goes_down() -> None:
    """Told to drain, a stream that waits for its sender gives what it read, then says that the server goes down."""
    streams, sender = Streams(window=4, most_bytes=100), Sender()
    with streams.intake(aiter(sender)) as intake:
        await idle()
        streams.drain()
        await idle()
        assert list(await intake.taken()) == [1, 2, 3, 4]
        for _ in range(4):
            intake.answered()
        with pytest.raises(GoingDown):
            await intake.taken()
    with streams.intake(aiter(sender)) as late, pytest.raises(GoingDown):
        await late.taken()
    assert sender.read == 4


async def test_a_fault_of_the_sender_is_raised() -> None:
    """What goes wrong with reading reaches whoever takes, after what was read before."""

    async def failing() -> AsyncIterator[int]:
        yield 1
        raise ConnectionError("gone")

    with Streams(window=4, most_bytes=100).intake(failing()) as intake:
        await idle()
        assert list(await intake.taken()) == [1]
        with pytest.raises(ConnectionError):
            await intake.taken()


class Scripted:
    """Settles as it is told."""

    def __init__(self, *errors: LedgerError) -> None:
        self.errors = [*errors]

    async def decide_all(self, requests: object, *, deadline: float | None) -> list[str]:
        """Fails as often as was said."""
        if self.errors:
            raise self.errors.pop(0)
        return ["settled"]


async def test_a_full_queue_is_waited_for() -> None:
    """Where too many others wait the stream waits as well; past its deadline the requests have the error, as at any other."""
    full, late = LedgerFull(0.001), DeadlinePassed("late")
    asked: Any = [object(), object()]
    for errors, deadline, wanted in (
        ([full, full], None, ["settled"]),
        ([full], 0.0, [full, full]),
        ([late], None, [late, late]),
    ):
        engine: Any = Scripted(*errors)
        assert [*await decide_when_room(engine, asked, deadline)] == wanted
