"""gRPC handlers: bytes to messages and back, every fault to a status, and handlers wrapped into others."""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import Any, TypeAlias, TypeVar

import grpc
from google.protobuf.message import DecodeError, Message
from grpc.aio import AbortError, ServicerContext
from structlog.contextvars import bound_contextvars

from engine.server.status import end_with, status_of
from engine.wire.elements import TooManyElements, element_check
from engine.wire.violations import FieldViolation, InvalidMessage

Context: TypeAlias = ServicerContext[Any, Any]


Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"


RequestMessage = TypeVar("RequestMessage", bound=Message)


Incoming = TypeVar("Incoming")
"""What a method is called with: a message, or a stream of messages."""


def unary(
    method: Callable[[RequestMessage, Context], Awaitable[Message]],
    kind: type[RequestMessage],
    most_bytes: int | None = None,
) -> Handler:
    """Handles calls of one request and one answer; kind: the request's message type; most_bytes: its size, if bounded here."""

    async def call(message: RequestMessage | DecodeError, context: Context) -> Message:
        try:
            return await method(readable(message, kind), context)
        except AbortError:
            raise
        except Exception as error:  # noqa: BLE001 every fault becomes a status, in this one place
            with bound_contextvars(request_id=getattr(message, "request_id", "")):
                status = status_of(error)
        del message
        return await end_with(context, status)

    return grpc.unary_unary_rpc_method_handler(
        call, request_deserializer=message_reader(kind, most_bytes), response_serializer=_write
    )


def server_stream(
    method: Callable[[RequestMessage, Context], AsyncGenerator[Message, None]],
    kind: type[RequestMessage],
    most_bytes: int | None = None,
) -> Handler:
    """Handles calls of one request and a stream of answers; kind and most_bytes as of `unary`."""

    def answers(message: RequestMessage | DecodeError, context: Context) -> AsyncGenerator[Message, None]:
        return method(readable(message, kind), context)

    return grpc.unary_stream_rpc_method_handler(
        _streaming(answers), request_deserializer=message_reader(kind, most_bytes), response_serializer=_write
    )


def stream(
    method: Callable[[AsyncIterator[RequestMessage | DecodeError], Context], AsyncGenerator[Message, None]],
    kind: type[RequestMessage],
) -> Handler:
    """Handles calls of a stream of requests and one of answers; kind: the requests' message type."""
    return grpc.stream_stream_rpc_method_handler(
        _streaming(method), request_deserializer=message_reader(kind), response_serializer=_write
    )


def _streaming(
    method: Callable[[Incoming, Context], AsyncGenerator[Message, None]],
) -> Callable[[Incoming, Context], AsyncIterator[Message]]:
    """The method with every fault as a status; what came in is let go before that is sent."""

    async def call(incoming: Incoming, context: Context) -> AsyncIterator[Message]:
        try:
            async with aclosing(method(incoming, context)) as answers:
                async for answer in answers:
                    yield answer
        except AbortError:
            raise
        except Exception as error:  # noqa: BLE001 as above
            status = status_of(error)
        else:
            return
        del incoming
        await end_with(context, status)

    return call


def readable(message: RequestMessage | DecodeError, kind: type[RequestMessage]) -> RequestMessage:
    """The message; raises InvalidMessage for one that could not be read."""
    if isinstance(message, DecodeError):
        raise unreadable(message, kind)
    return message


class WrongMessage(DecodeError):
    """A message that could not be read. why: what is wrong with it."""

    def __init__(self, why: InvalidMessage) -> None:
        super().__init__(str(why))
        self.why = why


def unreadable(error: DecodeError, kind: type[Message]) -> InvalidMessage:
    """Why a message could not be read."""
    if isinstance(error, WrongMessage):
        return error.why
    if isinstance(error, TooManyElements):
        return InvalidMessage([FieldViolation(error.field, str(error))])
    if isinstance(error, _TooLong):
        return InvalidMessage([FieldViolation("", str(error))])
    return InvalidMessage([FieldViolation("", f"the bytes are not a {kind.DESCRIPTOR.name}")])


class _TooLong(DecodeError):
    """The message has more bytes than any of its method needs."""


def message_reader(
    kind: type[RequestMessage], most_bytes: int | None = None
) -> Callable[[bytes], RequestMessage | DecodeError]:
    """Reads a message, or hands on why it cannot be read: what a deserializer raises, gRPC calls UNKNOWN."""
    from_string, check = kind.FromString, element_check(kind)

    def read(data: bytes) -> RequestMessage | DecodeError:
        if most_bytes is not None and len(data) > most_bytes:
            return _TooLong(f"the message must be at most {most_bytes:,} bytes")
        try:
            check(data)
            return from_string(data)
        except DecodeError as error:
            return error.with_traceback(None)

    return read


def _write(message: Message) -> bytes:
    return message.SerializeToString()


_KINDS: dict[str, Callable[..., Handler]] = {
    "unary_unary": grpc.unary_unary_rpc_method_handler,
    "unary_stream": grpc.unary_stream_rpc_method_handler,
    "stream_unary": grpc.stream_unary_rpc_method_handler,
    "stream_stream": grpc.stream_stream_rpc_method_handler,
}
"""What makes a handler, by the attribute that holds its behaviour."""


def behaviour_of(handler: Handler) -> Any:
    """The function that serves the handler's calls."""
    return getattr(handler, _kind_of(handler))


def replace_behaviour(handler: Handler, behaviour: Any) -> Handler:
    """The handler with another function that serves its calls."""
    make = _KINDS[_kind_of(handler)]
    return make(behaviour, handler.request_deserializer, handler.response_serializer)


def _kind_of(handler: Handler) -> str:
    return next(kind for kind in _KINDS if getattr(handler, kind) is not None)
