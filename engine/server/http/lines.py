"""Streams of requests over HTTP: one a line of the body (NDJSON), each answered by a line, while the body still arrives."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing
from http import HTTPStatus
from typing import Any

from google.protobuf.message import DecodeError, Message
from google.rpc import code_pb2

from engine.api.v1 import decisions_pb2 as pb
from engine.server.access.admission import Admission
from engine.server.access.handler import OpenStreams, metered
from engine.server.access.roles import Overdue, Silent
from engine.server.handlers import WrongMessage
from engine.server.http.app import CONNECTION, HttpCall, Route
from engine.server.http.body import AsgiReceive, GoneAway
from engine.server.http.faults import Answer, WrongCall, problem
from engine.server.http.json_reader import read_json
from engine.server.http.json_writer import write_json
from engine.server.status import status_of
from engine.settings import Settings
from engine.wire.violations import FieldViolation, InvalidMessage

PATH = "/v1/decide-stream"

NDJSON = b"application/x-ndjson"

_HEADERS = ((b"content-type", NDJSON), (b"cache-control", b"no-store"), (b"x-accel-buffering", b"no"))
"""Of an answer that intermediaries hand on as it comes."""


DecideMessages = Callable[
    [AsyncIterator[pb.DecideRequest | DecodeError], Any], AsyncGenerator[pb.DecideResponse, None]
]
"""DecideStream of the service: takes the messages and their ServedCall."""


class LineStream:
    """The stream of decisions over HTTP.

    Line n of the answer is for line n of the body, blank ones aside. A line that cannot be decided is answered by its error.
    What ends the stream early is told in a last line, which has an error and no request_id.
    """

    def __init__(
        self, service: str, decide: DecideMessages, admission: Admission, settings: Settings
    ) -> None:
        self.route = Route(f"/{service}/DecideStream", self._answer, problem, lasts=True)
        self._decide, self._admission = decide, admission
        self._idle, self._most = settings.stream_idle, settings.message_bytes
        self._open = OpenStreams(self._check)

    def sweep(self) -> None:
        """Ends the streams whose callers are no longer admitted."""
        self._open.sweep()

    def _check(self, call: HttpCall) -> None:
        self._admission.check(self.route.path, call.authorization(), call.names)

    async def _answer(self, call: HttpCall, receive: AsgiReceive) -> Answer:
        """Sends the answer, to its end. Raises what is wrong before it has begun, and GoneAway."""
        _check_head(call)
        first = [await self._first(receive)] if call.header(b"expect") else []
        call.scope[CONNECTION].take_any_length(call.scope)
        start = {"type": "http.response.start", "status": int(HTTPStatus.OK), "headers": list(_HEADERS)}
        await call.send(start)
        code: int = code_pb2.OK
        try:
            await self._relay(call, read_lines(receive, self._most, first))
        except GoneAway:
            raise
        except Exception as error:  # noqa: BLE001 every fault becomes a line, since the status has left
            status = status_of(error)
            code = status.code
            await self._send(call, pb.DecideResponse(error=status))
        await call.send({"type": "http.response.body", "body": b""})
        return Answer(HTTPStatus.OK, _HEADERS, b"", code, is_sent=True)

    async def _first(self, receive: AsgiReceive) -> dict[str, Any]:
        """The first part of a body that the caller sends only once it is asked for. Raises Silent."""
        try:
            async with asyncio.timeout(self._idle or None):
                return await receive()
        except TimeoutError:
            raise Silent(f"no message arrived for {self._idle:g} s") from None

    async def _relay(self, call: HttpCall, lines: AsyncIterator[bytes | None]) -> None:
        """Answers lines until they end. Raises why they are not read any further."""
        messages = metered(_messages(lines, self._most), call.caller.rate_limit, self._idle)
        task = self._open.begin(call)
        try:
            async with (
                asyncio.timeout(call.time_remaining()),
                aclosing(self._decide(messages, call)) as answers,
            ):
                async for answer in answers:
                    await self._send(call, answer)
        except TimeoutError:
            raise Overdue("the caller's deadline has passed") from None
        except asyncio.CancelledError:
            refused = self._open.refused(task)
            if refused is None:
                raise
            task.uncancel()
            raise refused from None
        finally:
            self._open.end(task)

    async def _send(self, call: HttpCall, answer: Message) -> None:
        """Sends a line, once the caller has read enough of those before; ends the connection if it does not read on."""
        line = write_json(answer, short=True) + b"\n"
        try:
            async with asyncio.timeout(self._idle or None):
                await call.send({"type": "http.response.body", "body": line, "more_body": True})
        except TimeoutError:
            call.scope[CONNECTION].end()
            raise GoneAway from None


def _check_head(call: HttpCall) -> None:
    """Raises WrongCall and InvalidMessage for a request whose body is no stream of lines."""
    content_type = call.header(b"content-type")
    if content_type.partition(b";")[0].strip().lower() != NDJSON:
        sent = f"not {content_type.decode('latin-1')!r:.80}" if content_type else "and there is none"
        message = f"the content-type must be {NDJSON.decode()}, {sent}"
        headers = ((b"accept-post", NDJSON),)
        raise WrongCall(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, code_pb2.INVALID_ARGUMENT, message, headers)
    if call.header(b"content-encoding") not in (b"", b"identity"):
        message = "a stream is not compressed: leave the content-encoding away"
        raise WrongCall(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, code_pb2.UNIMPLEMENTED, message)
    if call.scope["http_version"] != "1.1":
        message = "a stream is answered in parts, which needs HTTP/1.1"
        raise WrongCall(HTTPStatus.HTTP_VERSION_NOT_SUPPORTED, code_pb2.UNIMPLEMENTED, message)
    if call.header(b"idempotency-key"):
        why = "Idempotency-Key stands for one request_id, and in a stream each line has its own"
        raise InvalidMessage([FieldViolation("", why)])


async def read_lines(
    receive: AsgiReceive, most: int, first: Sequence[dict[str, Any]] = ()
) -> AsyncGenerator[bytes | None, None]:
    """The lines of a body as they arrive, without blank ones; None in place of one of more than `most` bytes.

    first: parts that were received before. Keeps no more than one line and the part that came last. Raises GoneAway.
    """
    received, line, is_more = list(first), bytearray(), True
    while is_more:
        part = received.pop() if received else await receive()
        if part["type"] == "http.disconnect":
            raise GoneAway
        is_more = part.get("more_body", False)
        *ended, begun = part.get("body", b"").split(b"\n")
        for piece in ended:
            line += piece[: most + 1 - len(line)]
            if len(line) > most:
                yield None
            elif line.strip():
                yield bytes(line)
            line.clear()
        line += begun[: most + 1 - len(line)]
    if len(line) > most:
        yield None
    elif line.strip():
        yield bytes(line)


async def _messages(
    lines: AsyncIterator[bytes | None], most: int
) -> AsyncGenerator[pb.DecideRequest | DecodeError, None]:
    """The messages of the lines, or why one cannot be read."""
    async for line in lines:
        try:
            if line is None:
                raise InvalidMessage([FieldViolation("", f"the line must be at most {most:,} bytes")])
            message: Any = read_json(line, pb.DecideRequest)
            yield message
        except InvalidMessage as invalid:
            yield WrongMessage(invalid).with_traceback(None)
