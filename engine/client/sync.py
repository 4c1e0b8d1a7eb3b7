"""The client for programs that wait."""

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
from engine.client.retry import Budget, Policy
from engine.client.stream import Unanswered

_A = TypeVar("_A")


class Client:
    """Asks one server. Threads may share it; closing it ends its connections.

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

    def __enter__(self) -> "Client":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the connections."""
        for one in self._channels:
            one.close()

    def decide(self, request: DecideRequest, *, timeout: float | None = None) -> DecideResponse:
        """The decision for one customer; `timeout` in seconds replaces the client's own."""
        answer: DecideResponse = self._ask(self._stubs.decide, calls.identified(request), timeout)
        return answer

    def decide_batch(
        self, requests: Sequence[DecideRequest], *, timeout: float | None = None
    ) -> list[DecideResponse | Status]:
        """The answers to up to 1,000 requests, in their order: decisions, or statuses that say why not."""
        answer = self._ask(self._stubs.decide_batch, calls.batch(requests), timeout)
        return calls.results(answer)

    def decide_many(
        self,
        requests: Iterable[DecideRequest],
        *,
        batch_size: int = 500,
        timeout: float | None = None,
        on_progress: calls.OnProgress | None = None,
    ) -> Iterator[DecideResponse | Status]:
        """The answers to any number of requests, batch by batch, in their order.

        `timeout` is that of one batch; `on_progress` is told after each batch how many requests are answered.
        """
        done = 0
        for batch in calls.batches(requests, batch_size):
            answers = self.decide_batch(batch, timeout=timeout)
            done += len(answers)
            if on_progress:
                on_progress(done)
            yield from answers

    def decide_stream(
        self, requests: Iterable[DecideRequest], *, timeout: float | None = None
    ) -> Iterator[DecideResponse]:
        """The answers to any number of requests, as they come: known by their request_id; an `error` says why not.

        Who takes them slowly is sent no more than fits on the way, and `requests` is read no faster. When the server goes
        down, what has no answer is asked again on the next connection; raises Unavailable when attempt after attempt
        brings no answer. `timeout`: seconds for all of it; None: any time.
        """
        unanswered, budget = Unanswered(requests), Budget(self._policy, timeout or inf)
        while True:
            left = budget.remaining() if timeout else None
            call = self._stubs.decide_stream(
                unanswered.feed(), timeout=left, metadata=metadata_of(self._token)
            )
            try:
                for answer in call:
                    unanswered.answered(answer)
                    budget.renew()
                    yield answer
            except grpc.RpcError as failure:
                time.sleep(budget.pause_after(failure))
            else:
                return
            finally:
                call.cancel()

    def record(
        self,
        events: Iterable[RecordedEvent],
        *,
        now: datetime | None = None,
        timeout: float | None = None,
    ) -> list[calls.Recorded | Status]:
        """Keeps up to 1,000 events; in their order what became of each, or a status that says why it is not kept.

        `now` is for callers with the role `simulate`. Recording again what has an event_id never counts it twice.
        """
        return calls.recorded_results(self._ask(self._stubs.record, calls.recording(events, now), timeout))

    def link(self, names: Iterable[str], *, now: datetime | None = None, timeout: float | None = None) -> str:
        """Makes one person of all who bear the names, at least two; the name under which the person is kept.

        `now` is for servers that allow simulated time. Linking again changes nothing.
        """
        answer: LinkResponse = self._ask(self._stubs.link, calls.linking(names, now), timeout)
        return answer.customer_id

    def explain(
        self,
        subject: DecideRequest | str,
        *,
        campaigns: Sequence[str] = (),
        timeout: float | None = None,
    ) -> ExplainResponse:
        """What the server would decide and why, or why a past decision, by its id, came out as it did.

        Nothing is reserved and nothing logged. `campaigns`: those to explain, by name; empty: all.
        """
        answer: ExplainResponse = self._ask(self._stubs.explain, calls.question(subject, campaigns), timeout)
        return answer

    def health(self, service: str = calls.READINESS, *, timeout: float | None = None) -> bool:
        """Whether the server says that it serves: all of it, one service by its name, `liveness` or `rulebook`."""
        return calls.is_serving(self._ask(self._stubs.check, calls.about(service), timeout))

    def _ask(self, rpc: Callable[..., _A], message: Message, timeout: float | None) -> _A:
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
