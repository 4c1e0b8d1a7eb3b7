"""What both clients share: the channel, the calls, batches and names for requests."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from enum import StrEnum
from itertools import cycle, islice
from typing import Any, TypeAlias
from uuid import uuid4

import grpc
from google.rpc.status_pb2 import Status
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub

from engine.api.v1.decisions_pb2 import (
    DecideBatchRequest,
    DecideBatchResponse,
    DecideRequest,
    DecideResponse,
    ExplainRequest,
    LinkRequest,
    RecordedEvent,
    RecordedResult,
    RecordRequest,
    RecordResponse,
)
from engine.api.v1.decisions_pb2_grpc import DecisionsStub
from engine.client.values import aware, texts

OnProgress: TypeAlias = Callable[[int], object]
"""Is told how many requests are answered so far."""


READINESS, LIVENESS, RULEBOOK = "", "liveness", "rulebook"
"""What the health service can be asked about; also the name of each gRPC service."""


_IN_TURN = '{"loadBalancingConfig": [{"round_robin": {}}]}'


CHANNEL_OPTIONS: tuple[tuple[str, int | str], ...] = (
    ("grpc.service_config", _IN_TURN),  # where a name leads to several servers, all of them are called
    ("grpc.use_local_subchannel_pool", 1),  # else channels to one target share a connection and its worker
    ("grpc.enable_retries", 0),  # retry.py does it, with the caller's one deadline
    ("grpc.initial_reconnect_backoff_ms", 50),  # so that a retry finds a server that has come back
    ("grpc.min_reconnect_backoff_ms", 5_000),  # the time that connecting may take: a handshake, on a slow day
    ("grpc.max_reconnect_backoff_ms", 5_000),
    ("grpc.max_receive_message_length", 64 * 1024 * 1024),  # a batch of 1,000 with its content
)


class Recorded(StrEnum):
    """What became of an event that was recorded."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    """An event of that name was kept before: by an earlier attempt, it may be."""


class Stubs:
    """The calls that the clients make, on channels of either kind, each on the next channel."""

    def __init__(self, channels: Sequence[grpc.Channel | grpc.aio.Channel]) -> None:
        decisions: list[Any] = [DecisionsStub(one) for one in channels]  # type: ignore[no-untyped-call]
        self.decide = _in_turn(one.Decide for one in decisions)
        self.decide_batch = _in_turn(one.DecideBatch for one in decisions)
        self.decide_stream = _in_turn(one.DecideStream for one in decisions)
        self.record = _in_turn(one.Record for one in decisions)
        self.link = _in_turn(one.Link for one in decisions)
        self.explain = _in_turn(one.Explain for one in decisions)
        self.check = _in_turn(HealthStub(one).Check for one in channels)


def _in_turn(methods: Iterable[Callable[..., Any]]) -> Callable[..., Any]:
    """One method of them all, which calls each in turn: so workers share the calls, and a retry goes elsewhere."""
    turn = cycle(methods)

    def call(*given: Any, **options: Any) -> Any:
        return next(turn)(*given, **options)

    return call


def checked(connections: int) -> int:
    """A number of connections; raises ValueError for fewer than one."""
    if connections < 1:
        raise ValueError(f"connections must be at least 1, not {connections}")
    return connections


def identified(request: DecideRequest) -> DecideRequest:
    """The request, with a new request_id if it has none, so that trying it again is safe."""
    if request.request_id:
        return request
    named = DecideRequest(request_id=str(uuid4()))
    named.MergeFrom(request)
    return named


def batch(requests: Sequence[DecideRequest]) -> DecideBatchRequest:
    """The requests as one message."""
    return DecideBatchRequest(requests=map(identified, requests))


def question(subject: DecideRequest | str, campaigns: Sequence[str]) -> ExplainRequest:
    """What is to be explained: a request, or a decision by its id."""
    if isinstance(subject, str):
        return ExplainRequest(decision_id=subject, campaigns=campaigns)
    return ExplainRequest(request=subject, campaigns=campaigns)


def results(answer: DecideBatchResponse) -> list[DecideResponse | Status]:
    """What came of each request, in their order."""
    return [item.response if item.WhichOneof("result") == "response" else item.error for item in answer.items]


def recording(events: Iterable[RecordedEvent], now: datetime | None) -> RecordRequest:
    """The events as one message, each with a name, so that trying it again is safe."""
    return RecordRequest(events=map(_named, events), now=None if now is None else aware("now", now))


def _named(event: RecordedEvent) -> RecordedEvent:
    if event.event_id or event.event.event_id:
        return event
    named = RecordedEvent(event_id=str(uuid4()))
    named.MergeFrom(event)
    return named


def linking(names: Iterable[str], now: datetime | None) -> LinkRequest:
    """The names as one message."""
    return LinkRequest(customer_ids=texts("names", names), now=None if now is None else aware("now", now))


def recorded_results(answer: RecordResponse) -> list[Recorded | Status]:
    """What became of each event, in their order."""
    return [_recorded(one) for one in answer.results]


def _recorded(one: RecordedResult) -> Recorded | Status:
    result = one.WhichOneof("result")
    return one.error if result == "error" else Recorded(str(result))


def batches(requests: Iterable[DecideRequest], size: int) -> Iterator[list[DecideRequest]]:
    """The requests in lists of at most `size`."""
    source = iter(requests)
    while taken := list(islice(source, size)):
        yield taken


def about(service: str) -> HealthCheckRequest:
    """The question for the health of a service."""
    return HealthCheckRequest(service=service)


def is_serving(answer: HealthCheckResponse) -> bool:
    """Whether a health check says that the server serves."""
    return bool(answer.status == HealthCheckResponse.SERVING)
