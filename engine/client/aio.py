"""The client for programs on asyncio: `Client`, with methods to await."""

# ruff: noqa: ASYNC109 -- the deadline goes to the server, so it is gRPC's and not asyncio's

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable, Sequence
from datetime import datetime
from math import inf
from types import TracebackType
from typing import TypeVar

import grpc
from google.protobuf.message import Message
from google.rpc.status_pb2 import Status

from engine.api.v1.decisions_pb2 import (
    DecideRequest,
    DecideResponse,
    ExplainResponse,
    LinkResponse,
    RecordedEvent,
)
from engine.client import calls
from engine.client.access import Tls, Token, metadata_of
from engine.client.retry import Budget, Policy
from engine.client.stream import AsyncUnanswered

_A = TypeVar("_A")


class AsyncClient:
    """Asks one server; to be made where its event loop runs.

    tls: how to know the server; None: without TLS. token: says who calls; every call brings it. connections:
    how many to open; calls go over them in turn, and each leads to one worker of a server that has several.
    """

    def __init__(
        self,
        target: str,
        *,
        timeout: float = 1.0,
        attempts: int = 3,
        tls: Tls | None = None,
        token: Token = None,
        connections: int = 1,
    ) -> None:
        self._policy = Policy(timeout, attempts)
        self._token = token
        self._channels = [_channel(target, tls) for _ in range(calls.checked(connections))]
        self._stubs = calls.Stubs(self._channels)

    async def __aenter__(self) -> "AsyncClient":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """End the connections."""
        for one in self._channels:
            await one.close()

    async def decide(self, request: DecideRequest, *, timeout: float | None = None) -> DecideResponse:
        """As `Client.decide`."""
        return await self._ask(self._stubs.decide, calls.identified(request), timeout)

    async def decide_batch(
        self, requests: Sequence[DecideRequest], *, timeout: float | None = None
    ) -> list[DecideResponse | Status]:
        """As `Client.decide_batch`."""
        answer = await self._ask(self._stubs.decide_batch, calls.batch(requests), timeout)
        return calls.results(answer)

    async def decide_many(
        self,
        requests: Iterable[DecideRequest],
        *,
        batch_size: int = 500,
        timeout: float | None = None,
        on_progress: calls.OnProgress | None = None,
    ) -> AsyncIterator[DecideResponse | Status]:
        """As `Client.decide_many`."""
        done = 0
        for batch in calls.batches(requests, batch_size):
            answers = await self.decide_batch(batch, timeout=timeout)
            done += len(answers)
            if on_progress:
                on_progress(done)
            for answer in answers:
                yield answer

    async def decide_stream(
        self,
        requests: Iterable[DecideRequest] | AsyncIterable[DecideRequest],
        *,
        timeout: float | None = None,
    ) -> AsyncIterator[DecideResponse]:
        """As `Client.decide_stream`."""
        unanswered, budget = AsyncUnanswered(requests), Budget(self._policy, timeout or inf)
        try:
            while True:
                left = budget.remaining() if timeout else None
                call = self._stubs.decide_stream(timeout=left, metadata=metadata_of(self._token))
                writing = asyncio.create_task(unanswered.write(call))
                try:
                    async for answer in call:
                        unanswered.answered(answer)
                        budget.renew()
                        yield answer
                except grpc.RpcError as failure:
                    await asyncio.sleep(budget.pause_after(failure))
                else:
                    return
                finally:
                    writing.cancel()
                    call.cancel()
        finally:
            unanswered.close()

    async def record(
        self,
        events: Iterable[RecordedEvent],
        *,
        now: datetime | None = None,
        timeout: float | None = None,
    ) -> list[calls.Recorded | Status]:
        """As `Client.record`."""
        answer = await self._ask(self._stubs.record, calls.recording(events, now), timeout)
        return calls.recorded_results(answer)

    async def link(
        self, names: Iterable[str], *, now: datetime | None = None, timeout: float | None = None
    ) -> str:
        """As `Client.link`."""
        answer: LinkResponse = await self._ask(self._stubs.link, calls.linking(names, now), timeout)
        return answer.customer_id

    async def explain(
        self,
        subject: DecideRequest | str,
        *,
        campaigns: Sequence[str] = (),
        timeout: float | None = None,
    ) -> ExplainResponse:
        """As `Client.explain`."""
        return await self._ask(self._stubs.explain, calls.question(subject, campaigns), timeout)

    async def health(self, service: str = calls.READINESS, *, timeout: float | None = None) -> bool:
        """As `Client.health`."""
        return calls.is_serving(await self._ask(self._stubs.check, calls.about(service), timeout))

    async def _ask(self, rpc: Callable[..., Awaitable[_A]], message: Message, timeout: float | None) -> _A:
        budget = Budget(self._policy, timeout)
        while True:
            try:
                return await rpc(message, timeout=budget.remaining(), metadata=metadata_of(self._token))
            except grpc.RpcError as failure:
                await asyncio.sleep(budget.pause_after(failure))


def _channel(target: str, tls: Tls | None) -> grpc.aio.Channel:
    if tls is None:
        return grpc.aio.insecure_channel(target, options=calls.CHANNEL_OPTIONS)
    options = (*calls.CHANNEL_OPTIONS, *tls.options())
    return grpc.aio.secure_channel(target, tls.credentials(), options=options)
