"""Bodies of requests and answers: read within bounds, and compressed by gzip where both sides take it."""

import zlib
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any, TypeAlias

from google.rpc import code_pb2

from engine.server.http.faults import WrongCall
from engine.wire.violations import FieldViolation, InvalidMessage

AsgiReceive: TypeAlias = Callable[[], Awaitable[dict[str, Any]]]
"""ASGI's: gives the next part of a body."""


_GZIP = 16 + zlib.MAX_WBITS
_WORTH = 2048
"""Bytes of an answer from which on compressing it saves more than it costs."""


class GoneAway(Exception):
    """The caller ended the connection before the request had arrived."""


async def read_body(receive: AsgiReceive, length: bytes | None, most: int) -> bytes:
    """The body. length: as its header says; most: bytes. Raises WrongCall where it is too long, and GoneAway."""
    if length is not None and int(length) > most:
        raise too_long(most)
    message = await receive()
    body: bytes = message.get("body", b"")
    if message.get("more_body"):
        parts, size = [body], len(body)
        while message.get("more_body"):
            message = await receive()
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            if size > most:
                raise too_long(most)
        body = b"".join(parts)
    if message["type"] == "http.disconnect":
        raise GoneAway
    if len(body) > most:
        raise too_long(most)
    return body


def too_long(most: int) -> WrongCall:
    """The refusal of a body of more bytes."""
    message = f"the body must be at most {most:,} bytes"
    return WrongCall(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, code_pb2.INVALID_ARGUMENT, message)


def decoded(body: bytes, encoding: bytes, most: int) -> bytes:
    """The body as it was before it was encoded, which may be `most` bytes. Raises WrongCall and InvalidMessage."""
    if encoding in (b"", b"identity"):
        return body
    if encoding != b"gzip":
        message = f"the content-encoding {encoding.decode('latin-1')!r:.60} is not known: send gzip, or none"
        headers = ((b"accept-encoding", b"gzip"),)
        raise WrongCall(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, code_pb2.UNIMPLEMENTED, message, headers)
    inflating = zlib.decompressobj(_GZIP)
    try:
        plain = inflating.decompress(body, most + 1)
    except zlib.error:
        raise InvalidMessage([FieldViolation("", "the body is not gzip, as content-encoding says")]) from None
    if len(plain) > most:
        raise too_long(most)
    if not inflating.eof or inflating.unused_data:
        raise InvalidMessage([FieldViolation("", "the body is not one whole stream of gzip")])
    return plain


def encoded(body: bytes, accepted: bytes) -> bytes | None:
    """The body compressed by gzip, where the caller takes it and it is worth it; None: as it is."""
    if len(body) < _WORTH or not takes_gzip(accepted):
        return None
    deflating = zlib.compressobj(1, zlib.DEFLATED, _GZIP)
    return deflating.compress(body) + deflating.flush()


def takes_gzip(accepted: bytes) -> bool:
    """Whether the header Accept-Encoding names gzip, or anything, with a weight above 0."""
    for entry in accepted.lower().split(b","):
        name, _, weight = entry.partition(b";")
        if name.strip() in (b"gzip", b"*"):
            return weight.replace(b" ", b"") not in (b"q=0", b"q=0.0", b"q=0.00", b"q=0.000")
    return False
