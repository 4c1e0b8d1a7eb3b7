"""The client for programs that wait; derived from aio.py by `make generate`: change it there."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
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
from engine.client.named import named
from engine.client.retry import Budget, Policy
from engine.client.stream import Unanswered

_Response = TypeVar("_Response")


class Client:
    """A client of one target. Threads may share it; close it when done.

    timeout: seconds for one call with all its attempts (1). attempts: how often a call is tried while the server is
    UNAVAILABLE (3). tls: how to verify the server; None: without TLS. token: sent with every call, says who calls.
    connections: how many to open (1); calls use them in turn, and each leads to one worker of a server that has several.
    Raises ValueError for a timeout that is not above 0, and for fewer than one attempt or connection.
    """

    def __init__(
        self,
        target: str,
        *,
        timeout: float | None = None,
        attempts: int | None = None,
        tls: Tls | None = None,
        token: Token = None,
        connections: int | None = None,
    ) -> None:
        self._policy = Policy.of(timeout, attempts)
        self._token = token
        self._channels = [_channel(target, tls) for _ in range(calls.checked(connections))]
        self._stubs = calls.Stubs(self._channels)

    def __enter__(self) -> "Client":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        for channel in self._channels:
            channel.close()

    def decide(self, request: DecideRequest, *, timeout: float | None = None) -> DecideResponse:
        """Decide for one customer; `timeout` in seconds replaces the client's own."""
        response: DecideResponse = self._call(self._stubs.decide, calls.identified(request), timeout)
        return named(response)

    def decide_batch(
        self, requests: Sequence[DecideRequest], *, timeout: float | None = None
    ) -> list[DecideResponse | Status]:
        """Decide up to 1,000 requests; in their order a response each, or the status that says why there is none."""
        response = self._call(self._stubs.decide_batch, calls.batch(requests), timeout)
        return calls.results(response)

    def decide_many(
        self,
        requests: Iterable[DecideRequest],
        *,
        batch_size: int | None = None,
        timeout: float | None = None,
        on_progress: calls.OnProgress | None = None,
    ) -> Iterator[DecideResponse | Status]:
        """Decide any number of requests, batch by batch (of 500), in their order.

        `timeout` applies to each batch. `on_progress` is called after each batch with the number of requests answered.
        """
        done = 0
        for batch in calls.batches(requests, batch_size or calls.BATCH_SIZE):
            results = self.decide_batch(batch, timeout=timeout)
            done += len(results)
            if on_progress:
                on_progress(done)
            yield from results

    def decide_stream(
        self,
        requests: Iterable[DecideRequest],
        *,
        timeout: float | None = None,
    ) -> Iterator[DecideResponse]:
        """Decide any number of requests and yield the responses as they arrive, in any order.

        A response bears the request_id of its request, and an `error` where it could not be decided. `requests` is read
        no faster than responses are taken. When a connection ends, the requests without a response are sent again on the
        next one; raises Unavailable when several attempts in a row bring no response. `timeout`: seconds for the whole
        stream; None: no limit.
        """
        unanswered, budget = Unanswered(requests), Budget(self._policy, timeout or inf)
        try:
            while True:
                left = budget.remaining() if timeout else None
                metadata = metadata_of(self._token)
                call = unanswered.call(self._stubs.decide_stream, timeout=left, metadata=metadata)
                try:
                    for response in call:
                        unanswered.answered(response)
                        budget.renew()
                        yield named(response)
                except grpc.RpcError as failure:
                    time.sleep(budget.pause_after(failure))
                else:
                    return
                finally:
                    unanswered.cancel(call)
        finally:
            unanswered.close()

    def record(
        self,
        events: Iterable[RecordedEvent],
        *,
        now: datetime | None = None,
        timeout: float | None = None,
    ) -> list[calls.Recorded | Status]:
        """Record up to 1,000 events; in their order what became of each, or the status that says why it is not kept.

        `now` is for callers with the role `simulate`. An event that has an event_id is counted once, however often it is
        recorded.
        """
        response = self._call(self._stubs.record, calls.record_request(events, now), timeout)
        return calls.record_results(response)

    def link(self, names: Iterable[str], *, now: datetime | None = None, timeout: float | None = None) -> str:
        """Link two or more names of one person; returns the name under which the person is now stored.

        `now` is for servers that allow simulated time. Linking again changes nothing.
        """
        response: LinkResponse = self._call(self._stubs.link, calls.link_request(names, now), timeout)
        return response.customer_id

    def explain(
        self,
        subject: DecideRequest | str,
        *,
        campaigns: Sequence[str] | None = None,
        timeout: float | None = None,
    ) -> ExplainResponse:
        """Explain what the server would decide for a request, or a logged decision by its id.

        Nothing is reserved and nothing logged. `campaigns`: the names of those to explain; empty: all.
        """
        request = calls.explain_request(subject, campaigns)
        response: ExplainResponse = self._call(self._stubs.explain, request, timeout)
        return named(response)

    def health(self, service: str | None = None, *, timeout: float | None = None) -> bool:
        """Whether the server reports SERVING: for readiness, for one gRPC service by its name, `liveness` or `rulebook`."""
        return calls.is_serving(
            self._call(self._stubs.check, calls.health_request(service or calls.READINESS), timeout)
        )

    def _call(self, rpc: Callable[..., _Response], message: Message, timeout: float | None) -> _Response:
        budget = Budget(self._policy, timeout)
        while True:
            try:
                return rpc(message, timeout=budget.remaining(), metadata=metadata_of(self._token))
            except grpc.RpcError as failure:
                time.sleep(budget.pause_after(failure))


def _channel(target: str, tls: Tls | None) -> grpc.Channel:
    if tls is None:
        return grpc.insecure_channel(target, options=calls.CHANNEL_OPTIONS)
    options = (*calls.CHANNEL_OPTIONS, *tls.options())
    return grpc.secure_channel(target, tls.credentials(), options=options)
