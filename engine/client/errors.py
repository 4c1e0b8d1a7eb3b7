"""The errors of a call, one class for each kind of gRPC status; mapped here and nowhere else."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

import grpc
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import BadRequest, RetryInfo
from google.rpc.status_pb2 import Status
from grpc_status import rpc_status

_M = TypeVar("_M", bound=Message)


_CODES = {code.value[0]: code for code in grpc.StatusCode}


class TactError(Exception):
    """A call failed; the base of all errors here."""

    def __init__(self, status: Status) -> None:
        self.code = _CODES.get(status.code, grpc.StatusCode.UNKNOWN)
        self.status = status
        """The server's status, with its details."""
        super().__init__(f"{self.code.name}: {status.message}")


@dataclass(frozen=True, slots=True)
class Violation:
    """A field of the request that is invalid, and why."""

    field: str
    """Its path, such as `context.profile.attributes.age`."""
    description: str


class InvalidRequest(TactError):
    """The request is invalid; sending it again cannot help."""

    def __init__(self, status: Status) -> None:
        super().__init__(status)
        bad = _detail(status, BadRequest())
        self.violations = tuple(
            Violation(violation.field, violation.description)
            for violation in (bad.field_violations if bad else ())
        )


class AccessDenied(TactError):
    """The server does not know the caller, or does not let the caller do this."""


class NotImplementedHere(TactError):
    """The server's version cannot do it."""


class Overloaded(TactError):
    """The server has too much to do."""

    def __init__(self, status: Status) -> None:
        super().__init__(status)
        info = _detail(status, RetryInfo())
        self.retry_after: float | None = info.retry_delay.ToTimedelta().total_seconds() if info else None
        """Seconds after which to try again; None when the server names none."""


class RequestIdReused(TactError):
    """The request_id was used for another customer or question, or the event_id for another outcome; it needs a new id."""


class NotFound(TactError):
    """The log holds no such decision, or no such version of a book."""


class NotReady(TactError):
    """The live book does not provide for the call, for example because it keeps no events; or a release has to wait."""


class OutOfDate(TactError):
    """Another version of the book is live than the call expected; the message says who came between."""


class Unavailable(TactError):
    """The server could not be reached, or its store is down."""


class DeadlineExceeded(TactError):
    """No response in time. Whether the request was decided is unknown: send it again with the same request_id."""


class ServerError(TactError):
    """Any other status; the server's log has the cause."""


class ItemsRefused(TactError):
    """Items of a call were refused, while the others were kept; `code` and `status` are of the first refused item."""

    def __init__(self, errors: Mapping[int, TactError], count: int) -> None:
        first = next(iter(errors.values()))
        super().__init__(first.status)
        self.errors = dict(errors)
        """The error of each refused item, by its index in the call."""
        lines = [f"  [{index}] {error}" for index, error in errors.items()]
        self.args = ("\n".join([f"{len(errors)} of {count} items were refused:", *lines]),)


_ERRORS: dict[grpc.StatusCode, type[TactError]] = {
    grpc.StatusCode.INVALID_ARGUMENT: InvalidRequest,
    grpc.StatusCode.UNAUTHENTICATED: AccessDenied,
    grpc.StatusCode.PERMISSION_DENIED: AccessDenied,
    grpc.StatusCode.UNIMPLEMENTED: NotImplementedHere,
    grpc.StatusCode.ALREADY_EXISTS: RequestIdReused,
    grpc.StatusCode.NOT_FOUND: NotFound,
    grpc.StatusCode.ABORTED: OutOfDate,
    grpc.StatusCode.FAILED_PRECONDITION: NotReady,
    grpc.StatusCode.RESOURCE_EXHAUSTED: Overloaded,
    grpc.StatusCode.UNAVAILABLE: Unavailable,
    grpc.StatusCode.CANCELLED: Unavailable,  # by a server that stopped before it took the call; we never cancel
    grpc.StatusCode.DEADLINE_EXCEEDED: DeadlineExceeded,
}


def error_of_status(status: Status) -> TactError:
    """The error for a status, such as that of a batch's item."""
    return _ERRORS.get(_CODES.get(status.code, grpc.StatusCode.UNKNOWN), ServerError)(status)


def error_of_call(failure: grpc.RpcError) -> TactError:
    """The error for a failed call."""
    return error_of_status(_rich_status(failure) or _plain_status(failure))


def _rich_status(failure: grpc.RpcError) -> Status | None:
    try:
        status: Status | None = rpc_status.from_call(failure)
    except ValueError:  # the trailing status contradicts the call's own, which is the one to use
        return None
    return status


def _plain_status(failure: grpc.RpcError) -> Status:
    return Status(code=failure.code().value[0], message=failure.details() or "")


def _detail(status: Status, into: _M) -> _M | None:
    return next((into for detail in status.details if detail.Unpack(into)), None)
