"""Streams that outlive a connection: the requests without a response are sent again on the next one.

gRPC's two APIs take requests in opposite ways, so each client has its own class here, with the same methods: for threads
gRPC pulls the requests from an iterator in a thread of its own, on an event loop a task writes them.
"""

import asyncio
import threading
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator
from typing import Any

import grpc

from engine.api.v1.decisions_pb2 import DecideRequest, DecideResponse
from engine.client.calls import identified


class Unanswered:
    """A stream's requests, and which of them have no response yet.

    As many are without one as gRPC and the server's window let through.
    """

    def __init__(self, requests: Iterable[DecideRequest]) -> None:
        self._source = iter(requests)
        self._pending: dict[str, DecideRequest] = {}
        self._lock = threading.Lock()
        self._attempt = 0

    def call(self, rpc: Callable[..., Any], **options: Any) -> Any:
        """Start an attempt, which sends the requests without a response and then the rest."""
        return rpc(self._feed(), **options)

    def answered(self, response: DecideResponse) -> None:
        """Note that a request has its response."""
        self._pending.pop(response.request_id, None)

    def cancel(self, call: Any) -> None:
        """End an attempt."""
        call.cancel()

    def close(self) -> None:
        """Do nothing: gRPC stops pulling from the iterator of a cancelled call."""

    def _feed(self) -> Iterator[DecideRequest]:
        """The requests of one attempt; the iterators of the attempts before it yield no more."""
        with self._lock:
            self._attempt += 1
            attempt, again = self._attempt, [*self._pending.values()]
        yield from again
        while (request := self._next(attempt)) is not None:
            yield request

    def _next(self, attempt: int) -> DecideRequest | None:
        with self._lock:
            if attempt != self._attempt or (given := next(self._source, None)) is None:
                return None
            request = identified(given)
            self._pending[request.request_id] = request
            return request


class AsyncUnanswered:
    """`Unanswered` for one event loop."""

    def __init__(self, requests: Iterable[DecideRequest] | AsyncIterable[DecideRequest]) -> None:
        self._source = aiter(requests) if isinstance(requests, AsyncIterable) else _iterated(requests)
        self._pending: dict[str, DecideRequest] = {}
        self._next: asyncio.Future[DecideRequest | None] | None = None
        self._writer: asyncio.Task[None] | None = None

    def call(self, rpc: Callable[..., Any], **options: Any) -> Any:
        """Start an attempt, which sends the requests without a response and then the rest."""
        call = rpc(**options)
        self._writer = asyncio.create_task(self._write(call))
        return call

    def answered(self, response: DecideResponse) -> None:
        """Note that a request has its response."""
        self._pending.pop(response.request_id, None)

    def cancel(self, call: Any) -> None:
        """End an attempt."""
        if self._writer is not None:
            self._writer.cancel()
        call.cancel()

    def close(self) -> None:
        """Stop waiting for the next request."""
        if self._next is not None:
            self._next.cancel()

    async def _write(self, call: Any) -> None:
        try:
            for request in [*self._pending.values()]:
                await call.write(request)
            while (given := await self._pull()) is not None:
                request = identified(given)
                self._pending[request.request_id] = request
                await call.write(request)
            await call.done_writing()
        except (grpc.RpcError, asyncio.InvalidStateError):
            return  # reading the call raises why it ended

    async def _pull(self) -> DecideRequest | None:
        """The next request; where an attempt ended while waiting for it, the next attempt goes on waiting."""
        if self._next is None:
            self._next = asyncio.ensure_future(anext(self._source, None))
        request = await asyncio.shield(self._next)
        self._next = None
        return request


async def _iterated(requests: Iterable[DecideRequest]) -> AsyncIterator[DecideRequest]:
    for request in requests:
        yield request
