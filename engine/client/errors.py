"""What can go wrong with a call: gRPC's statuses, mapped here and nowhere else."""

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
    """A call that brought no answer."""

    def __init__(self, status: Status) -> None:
        self.code = _CODES.get(status.code, grpc.StatusCode.UNKNOWN)
        self.status = status
        """What the server said, as google.rpc.Status."""
        super().__init__(f"{self.code.name}: {status.message}")


@dataclass(frozen=True, slots=True)
class Violation:
    """A field of the request that is at fault."""

    field: str
    """Its path, such as `context.profile.attributes.age`."""
    description: str


class InvalidRequest(TactError):
    """The request is at fault; sending it again cannot help."""

    def __init__(self, status: Status) -> None:
        super().__init__(status)
        bad = _detail(status, BadRequest())
        self.violations = tuple(
            Violation(each.field, each.description) for each in (bad.field_violations if bad else ())
        )


class AccessDenied(TactError):
    """The server does not know the caller, or does not let the caller do this."""


class NotImplementedHere(TactError):
    """The server is of a version that cannot do it."""


class Overloaded(TactError):
    """The server has too much to do."""

    def __init__(self, status: Status) -> None:
        super().__init__(status)
        info = _detail(status, RetryInfo())
        self.retry_after: float | None = info.retry_delay.ToTimedelta().total_seconds() if info else None
        """Seconds after which to come again; None when the server names none."""


class RequestIdReused(TactError):
    """The request_id or event_id was used for another customer; a new request or event needs a new id."""


class NotFound(TactError):
    """The log holds no such decision."""


class NotReady(TactError):
    """The live book does not provide for it: it keeps no events."""


class Unavailable(TactError):
    """The server could not be reached, or its store is down."""


class DeadlineExceeded(TactError):
    """The answer did not come in time; whether it was decided is unknown. Ask again with the same id."""


class ServerError(TactError):
    """Anything else; its cause is in the server's log."""


_ERRORS: dict[grpc.StatusCode, type[TactError]] = {
    grpc.StatusCode.INVALID_ARGUMENT: InvalidRequest,
    grpc.StatusCode.UNAUTHENTICATED: AccessDenied,
    grpc.StatusCode.PERMISSION_DENIED: AccessDenied,
    grpc.StatusCode.UNIMPLEMENTED: NotImplementedHere,
    grpc.StatusCode.ALREADY_EXISTS: RequestIdReused,
    grpc.StatusCode.NOT_FOUND: NotFound,
    grpc.StatusCode.FAILED_PRECONDITION: NotReady,
    grpc.StatusCode.RESOURCE_EXHAUSTED: Overloaded,
    grpc.StatusCode.UNAVAILABLE: Unavailable,
    grpc.StatusCode.CANCELLED: Unavailable,  # by a server that went away before it took the call; we never cancel
    grpc.StatusCode.DEADLINE_EXCEEDED: DeadlineExceeded,
}


def error_of_status(status: Status) -> TactError:
    """The error that a status stands for, such as one of a batch's items."""
    return _ERRORS.get(_CODES.get(status.code, grpc.StatusCode.UNKNOWN), ServerError)(status)


def error_of_call(failure: grpc.RpcError) -> TactError:
    """The error that a failed call stands for."""
    return error_of_status(_rich_status(failure) or _plain_status(failure))


def _rich_status(failure: grpc.RpcError) -> Status | None:
    try:
        status: Status | None = rpc_status.from_call(failure)
    except ValueError:  # the trailing status contradicts the call's own: believe the call
        return None
    return status


def _plain_status(failure: grpc.RpcError) -> Status:
    return Status(code=failure.code().value[0], message=failure.details() or "")


def _detail(status: Status, into: _M) -> _M | None:
    return next((into for detail in status.details if detail.Unpack(into)), None)
