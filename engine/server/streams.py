"""Streams of requests: how many of each are under way, and how they end when the server goes down.

A stream reads no further than its window: what was read and has no answer yet that the caller took. So a caller that reads
slowly, or not at all, makes its own sending wait (by HTTP/2's flow control), and no memory grows.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from types import TracebackType
from typing import Generic, Self, TypeVar

Message = TypeVar("Message")


class GoingDown(Exception):
    """The server goes down: what was read of the stream is answered, and the rest has to be asked elsewhere."""


class Streams:
    """The streams of a server. window: how many requests of each may be under way."""

    def __init__(self, window: int) -> None:
        self._window = window
        self._open: set[Intake[object]] = set()
        self._draining = False

    def intake(self, messages: AsyncIterator[Message]) -> "Intake[Message]":
        """The reading of one stream; to be entered for as long as it lasts."""
        intake = Intake(messages, self._window, self._open)
        if self._draining:
            intake.cut()
        return intake

    def drain(self) -> None:
        """No stream reads any further; each ends when what it read is answered."""
        self._draining = True
        for one in self._open:
            one.cut()


class Intake(Generic[Message]):
    """Reads a stream as far as its window, for whoever takes what was read."""

    def __init__(self, messages: AsyncIterator[Message], window: int, among: "set[Intake[object]]") -> None:
        self._messages, self._among = messages, among
        self._room = asyncio.Semaphore(window)
        self._read: list[Message] = []
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._cut = False

    def __enter__(self) -> Self:
        self._among.add(self)  # type: ignore[arg-type]
        self._task = asyncio.create_task(self._reading())
        self._task.add_done_callback(lambda _: self._changed.set())
        if self._cut:
            self._task.cancel()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._among.discard(self)
        if self._task is not None:
            self._task.cancel()

    async def taken(self) -> Sequence[Message]:
        """All that was read since; nothing when the stream is at its end.

        Raises GoingDown where it was cut short, and what went wrong with reading.
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
        """Says that the caller took an answer: there is room for one more request."""
        self._room.release()

    def cut(self) -> None:
        """Reads no further."""
        self._cut = True
        if self._task is not None:
            self._task.cancel()

    async def _reading(self) -> None:
        await self._room.acquire()
        async for message in self._messages:
            self._read.append(message)
            self._changed.set()
            await self._room.acquire()

    def _end(self) -> None:
        if self._task is not None and not self._task.cancelled():
            self._task.result()
        elif self._cut:
            raise GoingDown("the server is going down; what has no answer was not decided: ask again")
