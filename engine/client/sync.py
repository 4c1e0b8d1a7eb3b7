"""The client for programs that wait; derived from aio.py by `make generate`: change it there."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from math import inf
from types import TracebackType
from typing import TypeVar

import grpc
from google.protobuf.message import Message
from google.rpc.status_pb2 import Status

from engine.api.v1.decisions_pb2 import (
    DecideRequest,
    DecideResponse,
    DueResponse,
    ExplainResponse,
    LinkResponse,
    RecordedEvent,
    WatchResponse,
)
from engine.client import calls
from engine.client.access import Tls, Token, metadata_of
from engine.client.errors import TactError, error_of_call
from engine.client.many import AGAIN, BATCH_SECONDS, MOST_BATCHED, RequestBatch, batches, interrupted
from engine.client.named import named
from engine.client.results import ItemResults, RecordResults, batch_results, record_results
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
        self._channels = [calls.channel(target, tls) for _ in range(calls.checked(connections))]
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
    ) -> ItemResults[DecideResponse]:
        """Decide up to 1,000 requests; in their order a response each, or the status that says why there is none.

        `raise_for_errors()` of the results raises ItemsRefused if any request was refused.
        """
        response = self._call(self._stubs.decide_batch, calls.batch(requests), timeout)
        return batch_results(response)

    def decide_many(
        self,
        requests: Iterable[DecideRequest],
        *,
        batch_size: int | None = None,
        timeout: float | None = None,
        on_progress: calls.OnProgress | None = None,
    ) -> Iterator[DecideResponse | Status]:
        """Decide any number of requests, batch by batch (of 1,000); yields a response or status for each, in their order.

        timeout: seconds for one batch; None: 30, or the client's own if that is longer. on_progress: called after each
        batch with the number of requests answered.

        A batch that is UNAVAILABLE, refused for overload or too late is sent again after a pause, and so is a request of it
        that alone fared so; `attempts` of the client says how often in a row without any progress. After that, and after
        any other failure of a batch, raises Interrupted: what was yielded until then are the results of the first requests,
        and its `unfinished` are the requests without a result, to call decide_many with again. No request is decided
        twice, since each keeps its request_id. Raises ValueError for a batch_size that is not between 1 and 1,000.
        """
        seconds = max(BATCH_SECONDS, self._policy.timeout) if timeout is None else timeout
        source, done = iter(requests), 0
        for batch in batches(source, MOST_BATCHED if batch_size is None else batch_size):
            budget = Budget(self._policy, inf)
            while error := self._send(batch, budget, seconds):
                pause = budget.pause_between(error, AGAIN)
                if pause is None:
                    yield from batch.answered()
                    raise interrupted(error, done, batch, source) from error
                time.sleep(pause)
            done += len(batch.requests)
            if on_progress:
                on_progress(done)
            yield from batch.answered()

    def _send(self, batch: RequestBatch, budget: Budget, seconds: float) -> TactError | None:
        """Send the requests without a result; an error if some are left without one."""
        try:
            message = calls.batch(batch.to_send())
            metadata = metadata_of(self._token)
            response = self._stubs.decide_batch(message, timeout=seconds, metadata=metadata)
        except grpc.RpcError as failure:
            return error_of_call(failure)
        if batch.take(response):
            budget.renew()
        return batch.error

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
    ) -> RecordResults:
        """Record up to 1,000 events; in their order what became of each, or the status that says why it is not kept.

        A refused event raises nothing by itself, since the others are kept: `raise_for_errors()` of the results raises
        ItemsRefused, which lists the refused events by their index, if there are any. `warnings` of the results says by
        index which outcomes hint at a mistake, such as a delivery to a customer of a control group.

        `now` is for callers with the role `simulate`. An event that has an event_id is counted once, however often it is
        recorded.
        """
        response = self._call(self._stubs.record, calls.record_request(events, now), timeout)
        return record_results(response)

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

    def watch(
        self,
        cursor: str | None = None,
        *,
        since: datetime | None = None,
        kinds: Sequence[str] | None = None,
        timeout: float | None = None,
    ) -> Iterator[WatchResponse]:
        """Yield decisions, outcomes and beginnings of trends as they are kept, each at least once; others bear a cursor alone.

        cursor: of the last response that was handled; None: from the moment `since` on, or from now on. kinds: `decision`,
        `outcome`, `trend`; None: all. timeout: seconds for all of it; None: no limit. When a connection ends, it goes on
        with the last cursor on the next one; raises Unavailable when several attempts in a row bring no response.
        """
        request, budget = calls.watch_request(cursor, since, kinds), Budget(self._policy, timeout or inf)
        while True:
            left = budget.remaining() if timeout else None
            call = self._stubs.watch(request, timeout=left, metadata=metadata_of(self._token))
            try:
                for response in call:
                    request = calls.watch_request(response.cursor, None, kinds)
                    budget.renew()
                    yield named(response)
            except grpc.RpcError as failure:
                time.sleep(budget.pause_after(failure))
            finally:
                call.cancel()

    def due(
        self,
        within: timedelta | None = None,
        *,
        since: datetime | None = None,
        follow: bool = False,
        timeout: float | None = None,
    ) -> Iterator[DueResponse]:
        """Yield the persons whose latest decision was BLOCKED and who may be contacted within a time, by when.

        since: those who could be from that moment on; None: from now on. follow: yield each person at the moment from
        which they may be contacted, without an end. timeout: seconds for all of it; None: no limit. When a connection
        ends, it goes on where it was on the next one, where persons of the same moment may be yielded once more.
        """
        request, budget = calls.due_request(within, since, follow), Budget(self._policy, timeout or inf)
        while True:
            left = budget.remaining() if timeout else None
            call = self._stubs.due(request, timeout=left, metadata=metadata_of(self._token))
            try:
                for response in call:
                    request.since.CopyFrom(response.next_allowed_at)
                    budget.renew()
                    yield response
            except grpc.RpcError as failure:
                time.sleep(budget.pause_after(failure))
            else:
                return
            finally:
                call.cancel()

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
