"""Errors as gRPC statuses, mapped in this one place. INTERNAL never carries internals."""

import structlog
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc.code_pb2 import (
    ALREADY_EXISTS,
    DEADLINE_EXCEEDED,
    FAILED_PRECONDITION,
    INTERNAL,
    INVALID_ARGUMENT,
    NOT_FOUND,
    PERMISSION_DENIED,
    RESOURCE_EXHAUSTED,
    UNAUTHENTICATED,
    UNAVAILABLE,
    UNIMPLEMENTED,
)
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status

from engine.explain import NoSuchDecision
from engine.ledger.errors import (
    DeadlinePassed,
    EventIdReused,
    LedgerClosed,
    LedgerFull,
    LedgerUnavailable,
    OutcomeRefused,
    RequestIdReused,
    TooManyNames,
)
from engine.server.access.refusals import NotAllowed, Overdue, TooMuch, Unknown
from engine.server.headers import bad_request, short
from engine.server.streams import GoingDown
from engine.server.violations import EventsNotKept, InvalidRequest, Unsupported

log = structlog.get_logger()

_CODES: dict[type[Exception], int] = {
    Unsupported: UNIMPLEMENTED,
    LedgerUnavailable: UNAVAILABLE,
    LedgerClosed: UNAVAILABLE,
    DeadlinePassed: DEADLINE_EXCEEDED,
    RequestIdReused: ALREADY_EXISTS,
    EventIdReused: ALREADY_EXISTS,
    OutcomeRefused: FAILED_PRECONDITION,
    TooManyNames: FAILED_PRECONDITION,
    EventsNotKept: FAILED_PRECONDITION,
    Unknown: UNAUTHENTICATED,
    NotAllowed: PERMISSION_DENIED,
    Overdue: DEADLINE_EXCEEDED,
    NoSuchDecision: NOT_FOUND,
    GoingDown: UNAVAILABLE,
}


def status_of(error: Exception) -> Status:
    """The status that tells a caller of the error."""
    match error:
        case InvalidRequest(violations=violations):
            return _status(INVALID_ARGUMENT, short(str(error)), bad_request(violations))
        case LedgerFull(retry_after=seconds) | TooMuch(retry_after=seconds):
            delay = Duration(seconds=int(seconds), nanos=int(seconds % 1 * 1e9))
            return _status(RESOURCE_EXHAUSTED, str(error), RetryInfo(retry_delay=delay))
        case _ if type(error) in _CODES:
            return _status(_CODES[type(error)], str(error))
        case _:
            log.error("internal error", exc_info=error)
            return _status(INTERNAL, "internal error")


def _status(code: int, message: str, detail: Message | None = None) -> Status:
    status = Status(code=code, message=message)
    if detail is not None:
        packed = AnyMessage()
        packed.Pack(detail)
        status.details.append(packed)
    return status
