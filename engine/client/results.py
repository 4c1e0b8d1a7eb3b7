"""The results of calls with many items: lists in the order of the items, which can raise what is wrong with any of them."""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Generic, Self, TypeVar

from google.rpc.status_pb2 import Status

from engine.api.v1.decisions_pb2 import DecideBatchResponse, DecideResponse, RecordedResult, RecordResponse
from engine.client.errors import ItemsRefused, TactError, error_of_status
from engine.client.named import named

Item = TypeVar("Item")


class Recorded(StrEnum):
    """What became of an event that was recorded."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    """An event with that event_id is recorded already, perhaps by an earlier attempt of the same call."""


class ItemResults(list[Item | Status], Generic[Item]):
    """The result of each item, in their order; the status that says why, where an item was refused."""

    @property
    def errors(self) -> dict[int, TactError]:
        """The error of each refused item, by its index."""
        return {
            index: error_of_status(result) for index, result in enumerate(self) if isinstance(result, Status)
        }

    def raise_for_errors(self) -> Self:
        """These results; raises ItemsRefused, which lists the refused items, if there are any."""
        if errors := self.errors:
            raise ItemsRefused(errors, len(self))
        return self


class RecordResults(ItemResults[Recorded]):
    """What became of each event."""

    def __init__(
        self, results: Iterable[Recorded | Status], warnings: Mapping[int, str] | None = None
    ) -> None:
        super().__init__(results)
        self.warnings = dict(warnings or {})
        """By index, why an outcome that was recorded hints at a mistake: its decision offered nothing, for example."""


def batch_results(response: DecideBatchResponse) -> ItemResults[DecideResponse]:
    """The response or the error of each request."""
    return ItemResults(
        named(item.response) if item.WhichOneof("result") == "response" else item.error
        for item in response.items
    )


def record_results(response: RecordResponse) -> RecordResults:
    """What became of each event."""
    warnings = {index: result.warning for index, result in enumerate(response.results) if result.warning}
    return RecordResults(_recorded(response.results), warnings)


def _recorded(results: Iterable[RecordedResult]) -> Iterable[Recorded | Status]:
    for result in results:
        kind = result.WhichOneof("result")
        yield result.error if kind == "error" else Recorded(str(kind))
