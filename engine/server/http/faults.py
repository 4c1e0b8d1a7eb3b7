"""Errors as answers of HTTP: problem documents (RFC 9457) on /v1, Connect's errors on the paths of the contract."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from math import ceil
from typing import Any, NamedTuple

import orjson
from google.protobuf.any_pb2 import Any as AnyMessage
from google.rpc import code_pb2
from google.rpc.code_pb2 import Code
from google.rpc.error_details_pb2 import BadRequest, RetryInfo
from google.rpc.status_pb2 import Status

from engine.server.http.json_writer import json_value
from engine.server.status import status_of

Headers = Sequence[tuple[bytes, bytes]]


class Answer(NamedTuple):
    """What is sent: the headers without that of the length."""

    status: int
    headers: Headers
    body: bytes
    code: int = code_pb2.OK
    """gRPC's code of it, for the metrics."""
    final: bool = False
    """Whether the body is sent as it is: it may have been compressed before."""
    is_sent: bool = False
    """Whether all of it has left already."""


class WrongCall(Exception):
    """A request that HTTP itself has words for, such as 404 and 415. code: gRPC's, which says it for the metrics."""

    def __init__(self, status: HTTPStatus, code: int, message: str, headers: Headers = ()) -> None:
        super().__init__(message)
        self.status, self.code, self.headers = status, code, headers


_STATUSES: Mapping[int, int] = {
    code_pb2.CANCELLED: 499,
    code_pb2.INVALID_ARGUMENT: 400,
    code_pb2.DEADLINE_EXCEEDED: 504,
    code_pb2.NOT_FOUND: 404,
    code_pb2.ALREADY_EXISTS: 409,
    code_pb2.PERMISSION_DENIED: 403,
    code_pb2.RESOURCE_EXHAUSTED: 429,
    code_pb2.FAILED_PRECONDITION: 400,
    code_pb2.ABORTED: 409,
    code_pb2.OUT_OF_RANGE: 400,
    code_pb2.UNIMPLEMENTED: 501,
    code_pb2.UNAVAILABLE: 503,
    code_pb2.UNAUTHENTICATED: 401,
}
"""The status of HTTP for a code of gRPC, by Connect's table; 500 for the others."""


_RETRY_SECONDS = 1
"""After which a call may be tried again that the log did not take."""


def name_of_code(code: int) -> str:
    """The code in small letters: `invalid_argument`."""
    return str(Code.Name(Code.ValueType(code))).lower()


def problem(error: Exception) -> Answer:
    """The error as a problem document."""
    status, answer_status, headers = _described(error)
    phrase = HTTPStatus(answer_status).phrase if answer_status != 499 else "Client Closed Request"
    document: dict[str, Any] = {
        "type": "about:blank",
        "title": phrase,
        "status": answer_status,
        "detail": status.message,
        "code": name_of_code(status.code),
    }
    if errors := _errors(status):
        document["errors"] = errors
    headers.append((b"content-type", b"application/problem+json"))
    return Answer(answer_status, headers, orjson.dumps(document), status.code)


def connect_error(error: Exception) -> Answer:
    """The error as Connect writes it, which is JSON also where messages are not."""
    status, answer_status, headers = _described(error)
    code = "canceled" if status.code == code_pb2.CANCELLED else name_of_code(status.code)
    document: dict[str, Any] = {"code": code, "message": status.message}
    if status.details:
        document["details"] = list(map(_detail, status.details))
    headers.append((b"content-type", b"application/json"))
    return Answer(answer_status, headers, orjson.dumps(document), status.code)


def _described(error: Exception) -> tuple[Status, int, list[tuple[bytes, bytes]]]:
    """gRPC's status of the error, HTTP's, and the headers that belong to it."""
    if isinstance(error, WrongCall):
        return Status(code=error.code, message=str(error)), error.status, list(error.headers)
    status = status_of(error)
    status.message = status.message.removeprefix(": ")  # of a violation of the message as a whole
    headers: list[tuple[bytes, bytes]] = []
    if (seconds := _retry_after(status)) is not None:
        headers.append((b"retry-after", b"%d" % seconds))
    if status.code == code_pb2.UNAUTHENTICATED:
        headers.append((b"www-authenticate", b"Bearer"))
    return status, _STATUSES.get(status.code, 500), headers


def _retry_after(status: Status) -> int | None:
    """Whole seconds after which to try again; None: at once, or never."""
    retry = RetryInfo()
    for detail in status.details:
        if detail.Unpack(retry):
            seconds: int = ceil(retry.retry_delay.ToNanoseconds() / 1e9)
            return max(_RETRY_SECONDS, seconds)
    return _RETRY_SECONDS if status.code == code_pb2.UNAVAILABLE else None


def _errors(status: Status) -> list[dict[str, str]]:
    """What is wrong with which field."""
    bad = BadRequest()
    return [
        {"field": violation.field, "detail": violation.description}
        for detail in status.details
        if detail.Unpack(bad)
        for violation in bad.field_violations
    ]


def _detail(detail: AnyMessage) -> dict[str, Any]:
    """A detail by its type, its bytes in Base64 without padding, and for people as JSON."""
    kind = BadRequest if detail.Is(BadRequest.DESCRIPTOR) else RetryInfo
    return {
        "type": detail.TypeName(),
        "value": b64encode(detail.value).decode().rstrip("="),
        "debug": json_value(kind.FromString(detail.value)),
    }
