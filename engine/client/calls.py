"""What both clients share: channel options, stubs, and the messages of each call."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from itertools import cycle
from typing import Any, TypeAlias
from uuid import uuid4

import grpc
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub

from engine.api.v1.decisions_pb2 import (
    WATCH_KIND_DECISION,
    WATCH_KIND_OUTCOME,
    WATCH_KIND_TREND,
    DecideBatchRequest,
    DecideRequest,
    DueRequest,
    ExplainRequest,
    LinkRequest,
    RecordedEvent,
    RecordRequest,
    WatchRequest,
)
from engine.api.v1.decisions_pb2_grpc import DecisionsStub
from engine.client.access import Tls
from engine.wire.messages.values import aware, known_name, texts

OnProgress: TypeAlias = Callable[[int], object]
"""Called with the number of requests answered so far."""


READINESS, LIVENESS, RULEBOOK = "", "liveness", "rulebook"
"""The services that the health check knows, besides each gRPC service by its name."""


BATCH_SIZE = 500
"""Requests of a batch of `decide_many`."""


_ROUND_ROBIN = '{"loadBalancingConfig": [{"round_robin": {}}]}'


CHANNEL_OPTIONS: tuple[tuple[str, int | str], ...] = (
    ("grpc.service_config", _ROUND_ROBIN),  # call all servers of a name that resolves to several
    ("grpc.use_local_subchannel_pool", 1),  # else channels to one target share a connection and its worker
    ("grpc.enable_retries", 0),  # retry.py retries, within the caller's one deadline
    ("grpc.initial_reconnect_backoff_ms", 50),  # a retry reconnects to a server that restarted
    ("grpc.min_reconnect_backoff_ms", 5_000),  # how long connecting may take, with a slow TLS handshake
    ("grpc.max_reconnect_backoff_ms", 5_000),
    ("grpc.max_receive_message_length", 64 * 1024 * 1024),  # a batch of 1,000 with its content
)


def channel(target: str, tls: Tls | None) -> grpc.Channel:
    """A channel for programs that wait; reads the files of `tls`."""
    if tls is None:
        return grpc.insecure_channel(target, CHANNEL_OPTIONS)
    return grpc.secure_channel(target, tls.credentials(), (*CHANNEL_OPTIONS, *tls.options()))


def async_channel(target: str, tls: Tls | None) -> grpc.aio.Channel:
    """A channel for programs on asyncio, of the event loop that runs; reads the files of `tls`."""
    if tls is None:
        return grpc.aio.insecure_channel(target, options=CHANNEL_OPTIONS)
    options = (*CHANNEL_OPTIONS, *tls.options())
    return grpc.aio.secure_channel(target, tls.credentials(), options=options)


class Stubs:
    """The calls of both clients; each call of a method goes to the next channel."""

    def __init__(self, channels: Sequence[grpc.Channel | grpc.aio.Channel]) -> None:
        decisions: list[Any] = [DecisionsStub(channel) for channel in channels]  # type: ignore[no-untyped-call]
        self.decide = _round_robin(stub.Decide for stub in decisions)
        self.decide_batch = _round_robin(stub.DecideBatch for stub in decisions)
        self.decide_stream = _round_robin(stub.DecideStream for stub in decisions)
        self.record = _round_robin(stub.Record for stub in decisions)
        self.link = _round_robin(stub.Link for stub in decisions)
        self.explain = _round_robin(stub.Explain for stub in decisions)
        self.watch = _round_robin(stub.Watch for stub in decisions)
        self.due = _round_robin(stub.Due for stub in decisions)
        self.check = _round_robin(HealthStub(channel).Check for channel in channels)


def _round_robin(methods: Iterable[Callable[..., Any]]) -> Callable[..., Any]:
    """A method that calls each of the methods in turn: workers share the calls, and a retry reaches another one."""
    turns = cycle(methods)

    def call(*args: Any, **options: Any) -> Any:
        return next(turns)(*args, **options)

    return call


def checked(connections: int | None) -> int:
    """The number of connections, by default 1; raises ValueError for fewer than one."""
    if connections is None:
        return 1
    if connections < 1:
        raise ValueError(f"connections must be at least 1, not {connections}")
    return connections


def identified(request: DecideRequest) -> DecideRequest:
    """The request, with a new request_id if it has none, so that a retry cannot decide twice."""
    if request.request_id:
        return request
    copy = DecideRequest(request_id=str(uuid4()))
    copy.MergeFrom(request)
    return copy


def batch(requests: Sequence[DecideRequest]) -> DecideBatchRequest:
    """The requests as one message."""
    return DecideBatchRequest(requests=map(identified, requests))


def explain_request(subject: DecideRequest | str, campaigns: Sequence[str] | None) -> ExplainRequest:
    """The message that asks for an explanation of a request, or of a logged decision by its id."""
    if isinstance(subject, str):
        return ExplainRequest(decision_id=subject, campaigns=campaigns)
    return ExplainRequest(request=subject, campaigns=campaigns)


def record_request(events: Iterable[RecordedEvent], now: datetime | None) -> RecordRequest:
    """The events as one message, each with an event_id, so that a retry cannot count them twice."""
    return RecordRequest(
        events=map(_identified_event, events), now=None if now is None else aware("now", now)
    )


def _identified_event(event: RecordedEvent) -> RecordedEvent:
    if event.event_id or event.event.event_id:
        return event
    copy = RecordedEvent(event_id=str(uuid4()))
    copy.MergeFrom(event)
    return copy


def link_request(names: Iterable[str], now: datetime | None) -> LinkRequest:
    """The names as one message."""
    return LinkRequest(customer_ids=texts("names", names), now=None if now is None else aware("now", now))


_KINDS = {"decision": WATCH_KIND_DECISION, "outcome": WATCH_KIND_OUTCOME, "trend": WATCH_KIND_TREND}


def watch_request(cursor: str | None, since: datetime | None, kinds: Sequence[str] | None) -> WatchRequest:
    """The message that asks for what is kept; raises ValueError for an unknown kind."""
    return WatchRequest(
        cursor=cursor,
        since=None if since is None else aware("since", since),
        kinds=[_KINDS[known_name("kinds", kind, _KINDS)] for kind in texts("kinds", kinds)],
    )


def due_request(within: timedelta | None, since: datetime | None, follow: bool) -> DueRequest:
    """The message that asks for those who become due."""
    return DueRequest(within=within, since=None if since is None else aware("since", since), follow=follow)


def health_request(service: str) -> HealthCheckRequest:
    """The message that asks for the health of a service."""
    return HealthCheckRequest(service=service)


def is_serving(response: HealthCheckResponse) -> bool:
    """Whether a health check reports SERVING."""
    return bool(response.status == HealthCheckResponse.SERVING)
