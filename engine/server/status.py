"""Errors as gRPC statuses, cut to fit into the headers of an answer: clients refuse headers of 16 KiB, some of 8 KiB."""

from collections.abc import Sequence
from typing import Any, NoReturn
from urllib.parse import quote

import grpc
import structlog
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc.code_pb2 import (
    ABORTED,
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
from google.rpc.error_details_pb2 import BadRequest, RetryInfo
from google.rpc.status_pb2 import Status
from grpc.aio import ServicerContext

from engine.explain import NoSuchDecision
from engine.ledger.errors import (
    DataRefused,
    DeadlinePassed,
    EventIdTaken,
    LedgerClosed,
    LedgerFull,
    LedgerUnavailable,
    OtherVersion,
    OutcomeRefused,
    PersonErased,
    RequestIdTaken,
    TooManyNames,
)
from engine.releases import CheckFailed, NotApproved, NotPublished, NotReleasable, Overtaken, OwnApproval
from engine.server.access.roles import NotAllowed, Overdue, Silent, TooMuch, Unknown
from engine.server.streams import GoingDown
from engine.wire.violations import EventsNotKept, FieldViolation, InvalidMessage, Unsupported


class UnknownService(Exception):
    """There is no status of a service by this name."""


_MESSAGE_BYTES = 1000


_DETAIL_BYTES = 3000


_TEXT_CHARACTERS = 300


def short(message: str) -> str:
    """Cuts the message to 1,000 bytes of a header, in which each byte beyond ASCII takes three."""
    if len(message) <= _MESSAGE_BYTES and message.isascii():
        return message
    room, kept = _MESSAGE_BYTES - len(quote("…")), []
    for character in message[:_MESSAGE_BYTES]:
        room -= len(quote(character, safe=" "))
        if room < 0:
            break
        kept.append(character)
    return message if len(kept) == len(message) else "".join(kept) + "…"


def bad_request(violations: Sequence[FieldViolation]) -> BadRequest:
    """The first violations, up to 3,000 bytes, and how many more there are."""
    detail, room = BadRequest(), _DETAIL_BYTES
    for number, violation in enumerate(violations):
        field = BadRequest.FieldViolation(
            field=_cut(violation.field), description=_cut(violation.description)
        )
        room -= field.ByteSize() + 3
        if room < 0:
            rest = f"{len(violations) - number:,} more are not told here"
            detail.field_violations.append(BadRequest.FieldViolation(description=rest))
            break
        detail.field_violations.append(field)
    return detail


def _cut(text: str) -> str:
    return text if len(text) <= _TEXT_CHARACTERS else text[: _TEXT_CHARACTERS - 1] + "…"


log = structlog.get_logger()


_NO_LOG = "the log did not take this now; a retry is safe"
"""What callers hear of trouble with the log."""


_CODES: dict[type[Exception], int] = {
    Unsupported: UNIMPLEMENTED,
    LedgerUnavailable: UNAVAILABLE,
    DataRefused: UNAVAILABLE,
    LedgerClosed: UNAVAILABLE,
    DeadlinePassed: DEADLINE_EXCEEDED,
    RequestIdTaken: ALREADY_EXISTS,
    EventIdTaken: ALREADY_EXISTS,
    OtherVersion: UNAVAILABLE,
    PersonErased: ABORTED,
    OutcomeRefused: FAILED_PRECONDITION,
    TooManyNames: FAILED_PRECONDITION,
    EventsNotKept: FAILED_PRECONDITION,
    Unknown: UNAUTHENTICATED,
    NotAllowed: PERMISSION_DENIED,
    Overdue: DEADLINE_EXCEEDED,
    Silent: UNAVAILABLE,
    NoSuchDecision: NOT_FOUND,
    UnknownService: NOT_FOUND,
    GoingDown: UNAVAILABLE,
    NotPublished: NOT_FOUND,
    Overtaken: ABORTED,
    NotApproved: FAILED_PRECONDITION,
    NotReleasable: FAILED_PRECONDITION,
    CheckFailed: FAILED_PRECONDITION,
    OwnApproval: PERMISSION_DENIED,
}


_REASONS: dict[type[Exception], str] = {
    InvalidMessage: "invalid",
    Unsupported: "unsupported",
    EventsNotKept: "events_not_kept",
    OtherVersion: "other_version",
    PersonErased: "person_erased",
    OutcomeRefused: "outcome_refused",
    EventIdTaken: "event_id_taken",
    RequestIdTaken: "request_id_taken",
    TooManyNames: "too_many_names",
    LedgerFull: "queue_full",
    DeadlinePassed: "deadline_passed",
    DataRefused: "data_refused",
    LedgerUnavailable: "log_unavailable",
    LedgerClosed: "shutting_down",
    GoingDown: "shutting_down",
}


_BY_FAULT = "internal"


REFUSAL_REASONS = tuple(dict.fromkeys((*_REASONS.values(), _BY_FAULT)))
"""Why items of calls are refused, as labels of metrics."""


def refusal_reason(error: Exception) -> str:
    """Why an item of a call was refused: one of REFUSAL_REASONS."""
    return next((_REASONS[kind] for kind in type(error).__mro__ if kind in _REASONS), _BY_FAULT)


def status_of(error: Exception) -> Status:
    """The status of an error; one that is not expected is logged, and its text kept from the caller."""
    match error:
        case InvalidMessage(violations=violations):
            return _status(INVALID_ARGUMENT, short(str(error)), bad_request(violations))
        case LedgerFull(retry_after=seconds) | TooMuch(retry_after=seconds):
            delay = Duration(seconds=int(seconds), nanos=int(seconds % 1 * 1e9))
            return _status(RESOURCE_EXHAUSTED, str(error), RetryInfo(retry_delay=delay))
        case LedgerUnavailable():  # its text names files, hosts and tables; it is in the messages and at /ready
            return _status(UNAVAILABLE, _NO_LOG)
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


_STATUS_CODES = {code.value[0]: code for code in grpc.StatusCode}


async def abort(context: ServicerContext[Any, Any], error: Exception) -> NoReturn:
    """Ends the call with the error's status."""
    await end_with(context, status_of(error))


async def end_with(context: ServicerContext[Any, Any], status: Status) -> NoReturn:
    """Ends the call with a status.

    Best called after the `except` block of the error: what this raises would keep the error, and that the message.
    """
    await context.abort(
        _STATUS_CODES[status.code],
        status.message,
        trailing_metadata=(("grpc-status-details-bin", status.SerializeToString()),),
    )
    raise AssertionError("abort raises")
