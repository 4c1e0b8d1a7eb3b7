"""A real server on loopback whose answers a test scripts, and both clients behind one interface."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

import grpc
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import BadRequest, RetryInfo
from google.rpc.status_pb2 import Status
from grpc_health.v1.health import aio as health
from grpc_status import rpc_status

from engine.api.v1 import decisions_pb2 as pb
from engine.api.v1 import decisions_pb2_grpc as pb_grpc
from engine.client import AsyncClient, Client

Context: TypeAlias = grpc.aio.ServicerContext[Any, Any]


class Scripted(pb_grpc.DecisionsServicer):
    """Fails as often as scripted, then answers; keeps the requests that it received."""

    def __init__(self) -> None:
        self.failures: list[grpc.Status | None] = []
        self.late: dict[str, int] = {}
        """By request_id, how often a request of a batch misses its deadline."""
        self.requests: list[pb.DecideRequest] = []
        self.batches: list[int] = []
        self.recorded: list[str] = []
        self.delay = 0.0
        self.health = health.HealthServicer()

    def fail(self, code: grpc.StatusCode, *details: Message, times: int = 1) -> None:
        """Answer the next calls with this status."""
        status = Status(code=code.value[0], message=f"scripted {code.name}")
        for detail in details:
            status.details.add().Pack(detail)
        self.failures += [rpc_status.to_status(status)] * times

    async def _receive(self, context: Context, *requests: pb.DecideRequest) -> None:
        self.requests += requests
        await asyncio.sleep(self.delay)
        failure = self.failures.pop(0) if self.failures else None
        if failure is not None:
            await context.abort_with_status(failure)

    async def Decide(self, request: pb.DecideRequest, context: Context) -> pb.DecideResponse:  # noqa: N802
        """The scripted failure, or an answer."""
        await self._receive(context, request)
        return pb.DecideResponse(request_id=request.request_id, outcome=pb.OUTCOME_NOTHING)

    async def DecideBatch(self, request: pb.DecideBatchRequest, context: Context) -> pb.DecideBatchResponse:  # noqa: N802
        """Refuses the customer `bad` and answers the others."""
        self.batches.append(len(request.requests))
        await self._receive(context, *request.requests)
        return pb.DecideBatchResponse(items=map(self._item, request.requests))

    def _item(self, request: pb.DecideRequest) -> pb.DecideBatchItem:
        if request.customer.id == "bad":
            return pb.DecideBatchItem(error=bad_request("customer.id", "is bad"))
        if self.late.get(request.request_id):
            self.late[request.request_id] -= 1
            late = Status(code=grpc.StatusCode.DEADLINE_EXCEEDED.value[0], message="too late")
            return pb.DecideBatchItem(error=late)
        return pb.DecideBatchItem(response=pb.DecideResponse(request_id=request.request_id))

    async def Record(self, request: pb.RecordRequest, context: Context) -> pb.RecordResponse:  # noqa: N802
        """Accepts an event the first time; later it is a duplicate. Refuses the customer `bad`."""
        before = set(self.recorded)
        self.recorded += (event.event_id for event in request.events)
        await self._receive(context)
        return pb.RecordResponse(
            results=[_recorded(event, event.event_id in before) for event in request.events]
        )

    async def Explain(self, request: pb.ExplainRequest, context: Context) -> pb.ExplainResponse:  # noqa: N802
        """An answer without campaigns."""
        await self._receive(context, request.request)
        return pb.ExplainResponse(response=pb.DecideResponse(outcome=pb.OUTCOME_NOTHING))


def _recorded(event: pb.RecordedEvent, is_duplicate: bool) -> pb.RecordedResult:
    if event.customer.id == "bad":
        return pb.RecordedResult(event_id=event.event_id, error=bad_request("customer.id", "is bad"))
    if is_duplicate:
        return pb.RecordedResult(event_id=event.event_id, duplicate=True)
    return pb.RecordedResult(event_id=event.event_id, accepted=True)


def bad_request(field: str, description: str) -> Status:
    """The status of an invalid field."""
    status = Status(code=grpc.StatusCode.INVALID_ARGUMENT.value[0], message=f"{field}: {description}")
    status.details.add().Pack(violation(field, description))
    return status


def violation(field: str, description: str) -> BadRequest:
    """The detail that names an invalid field."""
    return BadRequest(field_violations=[BadRequest.FieldViolation(field=field, description=description)])


def retry_after(seconds: float) -> RetryInfo:
    """The detail that says when to try again."""
    return RetryInfo(retry_delay=Duration(nanos=int(seconds * 1e9)))


class InThreads:
    """The synchronous client with methods to await, each in a thread."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        method = getattr(self._client, name)
        return lambda *args, **kwargs: asyncio.to_thread(method, *args, **kwargs)


async def collect(client: Any, *args: Any, into: list[Any] | None = None, **kwargs: Any) -> list[Any]:
    """All answers of decide_many, from either client. into: the list to fill, which has what came before an error."""
    answers = [] if into is None else into
    if isinstance(client, AsyncClient):
        async for answer in client.decide_many(*args, **kwargs):
            answers.append(answer)
    else:
        await asyncio.to_thread(lambda: answers.extend(client._client.decide_many(*args, **kwargs)))
    return answers
