"""Streams that go on: what has no answer when a connection ends is asked again on the next one."""

import asyncio
import threading
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from typing import Any

import grpc

from engine.api.v1.decisions_pb2 import DecideRequest, DecideResponse
from engine.client.calls import identified


class Unanswered:
    """The requests of a stream, and which of them have no answer yet; for gRPC's threads, which pull them.

    As many are without one as gRPC and the server's window let through.
    """

    def __init__(self, requests: Iterable[DecideRequest]) -> None:
        self._source = iter(requests)
        self._pending: dict[str, DecideRequest] = {}
        self._door = threading.Lock()
        self._attempt = 0

    def feed(self) -> Iterator[DecideRequest]:
        """What the next attempt sends: what has no answer, then the rest. The feeds before it give nothing more."""
        with self._door:
            self._attempt += 1
            attempt, again = self._attempt, [*self._pending.values()]
        yield from again
        while (request := self._next(attempt)) is not None:
            yield request

    def answered(self, answer: DecideResponse) -> None:
        """Notes an answer."""
        self._pending.pop(answer.request_id, None)

    def _next(self, attempt: int) -> DecideRequest | None:
        with self._door:
            if attempt != self._attempt or (given := next(self._source, None)) is None:
                return None
            request = identified(given)
            self._pending[request.request_id] = request
            return request


class AsyncUnanswered:
    """As `Unanswered`, for one event loop, where a writer sends them."""

    def __init__(self, requests: Iterable[DecideRequest] | AsyncIterable[DecideRequest]) -> None:
        self._source = aiter(requests) if isinstance(requests, AsyncIterable) else _each(requests)
        self._pending: dict[str, DecideRequest] = {}
        self._next: asyncio.Future[DecideRequest | None] | None = None

    async def write(self, call: Any) -> None:
        """Sends what has no answer, then the rest; returns when all is sent or the call has ended."""
        try:
            for request in [*self._pending.values()]:
                await call.write(request)
            while (given := await self._pull()) is not None:
                request = identified(given)
                self._pending[request.request_id] = request
                await call.write(request)
            await call.done_writing()
        except (grpc.RpcError, asyncio.InvalidStateError):
            return  # whoever reads is told why the call ended

    def answered(self, answer: DecideResponse) -> None:
        """Notes an answer."""
        self._pending.pop(answer.request_id, None)

    def close(self) -> None:
        """Pulls no more."""
        if self._next is not None:
            self._next.cancel()

    async def _pull(self) -> DecideRequest | None:
        """The next request; one that an ended call was waiting for is the next call's."""
        if self._next is None:
            self._next = asyncio.ensure_future(anext(self._source, None))
        given = await asyncio.shield(self._next)
        self._next = None
        return given


async def _each(requests: Iterable[DecideRequest]) -> AsyncIterator[DecideRequest]:
    for one in requests:
        yield one
