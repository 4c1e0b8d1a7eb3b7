"""Bulk decisions: batches that are sent again until each request has a result, and what is left when that fails."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import TypeAlias

from google.rpc.status_pb2 import Status

from engine.api.v1.decisions_pb2 import DecideBatchResponse, DecideRequest, DecideResponse
from engine.client.calls import identified
from engine.client.errors import DeadlineExceeded, Overloaded, TactError, Unavailable, error_of_status
from engine.client.results import batch_results

RequestResult: TypeAlias = DecideResponse | Status

MOST_BATCHED = 1000
"""Requests of a batch, at most; a server may take fewer."""


BATCH_SECONDS = 30.0
"""Deadline of a batch if the caller names none: a batch takes longer than the one call for which the client's timeout is."""


AGAIN: tuple[type[TactError], ...] = (Unavailable, DeadlineExceeded, Overloaded)
"""The errors after which a batch, or a request of it, is sent again: with the same request_id it is decided once."""


class Interrupted(TactError):
    """A batch of decide_many failed for good; all requests before it have their results, which were yielded.

    To resume, call decide_many with `unfinished`: `code`, `status` and `error` say what failed.
    """

    def __init__(self, error: TactError, answered: int, unfinished: Iterator[DecideRequest]) -> None:
        super().__init__(error.status)
        self.error = error
        """The error of the last attempt."""
        self.answered = answered
        """How many requests have results; as many were yielded, in the order of the requests."""
        self.unfinished = unfinished
        """The requests without a result: those that were sent, with their request_ids, and then those not read yet."""
        self.args = (f"after {answered} results: {error}",)


class RequestBatch:
    """Requests that are sent together until each of them has a result."""

    def __init__(self, requests: Iterable[DecideRequest]) -> None:
        self.requests = [identified(request) for request in requests]
        self._results: dict[int, RequestResult] = {}
        self._sent: Sequence[int] = ()
        self.error: TactError | None = None
        """Of a request that has to be sent again."""

    def to_send(self) -> list[DecideRequest]:
        """The requests without a result."""
        self._sent = [index for index in range(len(self.requests)) if index not in self._results]
        return [self.requests[index] for index in self._sent]

    def take(self, response: DecideBatchResponse) -> bool:
        """Keep the results of the requests that were sent last; whether there are any.

        Requests with an error after which they are sent again stay without a result.
        """
        before = len(self._results)
        self.error = None
        for index, result in zip(self._sent, batch_results(response), strict=True):
            error = error_of_status(result) if isinstance(result, Status) else None
            if isinstance(error, AGAIN):
                self.error = self.error or error
            else:
                self._results[index] = result
        return len(self._results) > before

    def answered(self) -> list[RequestResult]:
        """The results of the first requests, up to the first that has none."""
        count = next((index for index in range(len(self.requests)) if index not in self._results), None)
        return [self._results[index] for index in range(len(self.requests) if count is None else count)]


def batches(requests: Iterator[DecideRequest], size: int) -> Iterator[RequestBatch]:
    """The requests in batches of at most `size`; raises ValueError for a size that no server takes."""
    if not 1 <= size <= MOST_BATCHED:
        raise ValueError(f"batch_size must be between 1 and {MOST_BATCHED}, not {size}")
    return _batches(requests, size)


def _batches(requests: Iterator[DecideRequest], size: int) -> Iterator[RequestBatch]:
    while requests_of_batch := list(islice(requests, size)):
        yield RequestBatch(requests_of_batch)


def interrupted(
    error: TactError, before: int, batch: RequestBatch, source: Iterator[DecideRequest]
) -> Interrupted:
    """The error of a batch that failed for good. before: how many requests were answered before it."""
    answered = len(batch.answered())
    return Interrupted(error, before + answered, chain(batch.requests[answered:], source))
