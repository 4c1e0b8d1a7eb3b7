"""Streams of requests: how many of each are under way, and how they end when the server stops.

A stream reads no further than its window: the requests that were read and whose answers the caller has not taken yet, bounded
in number and in bytes. So a caller that reads slowly, or not at all, makes its own sending wait (by HTTP/2's flow control),
and memory is bounded.
"""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from types import TracebackType
from typing import Generic, Self, TypeVar

from engine.engine import Engine
from engine.ledger.errors import LedgerFull
from engine.model.decision import Decision
from engine.model.request import Request

Message = TypeVar("Message")


class GoingDown(Exception):
    """The server stops: what was read of the stream is answered, and the rest has to be sent to another server."""


class Streams:
    """The streams of a server.

    window: how many requests of a stream may be under way. most_bytes: their size, after which no further one is read.
    """

    def __init__(self, window: int, most_bytes: int) -> None:
        self._window, self._most_bytes = window, most_bytes
        self._open: set[Intake[object]] = set()
        self._draining = False
        self._drained = asyncio.Event()

    def intake(
        self, messages: AsyncIterator[Message], size: Callable[[Message], int] = lambda _: 0
    ) -> "Intake[Message]":
        """Reads a stream; to be entered for as long as the stream lasts. size: of a message, in bytes."""
        intake = Intake(messages, size, Room(self._window, self._most_bytes), self._open)
        if self._draining:
            intake.cut()
        return intake

    def drain(self) -> None:
        """Stops all reading; a stream ends when what it read is answered."""
        self._draining = True
        self._drained.set()
        for intake in self._open:
            intake.cut()

    async def pause(self, seconds: float) -> None:
        """Waits so long; raises GoingDown when the server stops meanwhile."""
        try:
            async with asyncio.timeout(seconds):
                await self._drained.wait()
        except TimeoutError:
            return
        raise GoingDown("the server is going down; call again with the last cursor")


class Room:
    """What a stream may still read. Messages leave it in the order in which they came."""

    def __init__(self, window: int, most_bytes: int) -> None:
        self._window, self._most_bytes = window, most_bytes
        self._sizes: deque[int] = deque()
        self._bytes = 0
        self._left = asyncio.Event()

    def take(self, size: int) -> None:
        """Notes that a message of so many bytes was read."""
        self._sizes.append(size)
        self._bytes += size

    def give(self) -> None:
        """Notes that the oldest message has been answered."""
        self._bytes -= self._sizes.popleft()
        self._left.set()

    async def wait(self) -> None:
        """Returns when another message may be read."""
        while len(self._sizes) >= self._window or self._bytes >= self._most_bytes:
            self._left.clear()
            await self._left.wait()


class Intake(Generic[Message]):
    """Reads a stream as far as its room allows."""

    def __init__(
        self,
        messages: AsyncIterator[Message],
        size: Callable[[Message], int],
        room: Room,
        open_intakes: "set[Intake[object]]",
    ) -> None:
        self._messages, self._size, self._room, self._open = messages, size, room, open_intakes
        self._read: list[Message] = []
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._cut = False

    def __enter__(self) -> Self:
        self._open.add(self)  # type: ignore[arg-type]
        self._task = asyncio.create_task(self._reading())
        self._task.add_done_callback(lambda _: self._changed.set())
        if self._cut:
            self._task.cancel()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.discard(self)
        if self._task is not None:
            self._task.cancel()

    async def taken(self) -> Sequence[Message]:
        """The messages that were read since the last call, waiting for the first; none at the end of the stream.

        Raises GoingDown where the stream was cut short, and whatever reading raised.
        """
        while not self._read:
            if self._task is None or self._task.done():
                self._end()
                return ()
            await self._changed.wait()
            self._changed.clear()
        taken, self._read = self._read, []
        return taken

    def answered(self) -> None:
        """Notes that the caller took an answer: there is room for another request."""
        self._room.give()

    def cut(self) -> None:
        """Reads no further."""
        self._cut = True
        if self._task is not None:
            self._task.cancel()

    async def _reading(self) -> None:
        async for message in self._messages:
            self._room.take(self._size(message))
            self._read.append(message)
            self._changed.set()
            await self._room.wait()

    def _end(self) -> None:
        if self._task is not None and not self._task.cancelled():
            self._task.result()
        elif self._cut:
            raise GoingDown("the server is going down; what has no answer was not decided: ask again")


async def decide_when_room(
    engine: Engine, requests: Sequence[Request], deadline: float | None
) -> Sequence[Decision | Exception]:
    """Decides requests of a stream in one group; an error that concerns them all is repeated for each.

    While the queue is full it waits, up to the deadline: a stream holds its sender back instead of refusing requests.
    """
    while True:
        try:
            return await engine.decide_all(requests, deadline=deadline)
        except LedgerFull as full:
            if deadline is not None and time.monotonic() + full.retry_after > deadline:
                return [full] * len(requests)
            await asyncio.sleep(full.retry_after)
        except Exception as error:  # noqa: BLE001 the stream goes on: each request has its own status
            return [error] * len(requests)
