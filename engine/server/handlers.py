"""gRPC handlers: bytes to messages and back, every fault to a status, and handlers wrapped into others."""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import Any, TypeAlias, TypeVar

import grpc
from google.protobuf.message import DecodeError, Message
from grpc.aio import AbortError, ServicerContext
from structlog.contextvars import bound_contextvars

from engine.server.status import abort
from engine.wire.violations import FieldViolation, InvalidMessage

Context: TypeAlias = ServicerContext[Any, Any]


Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"


RequestMessage = TypeVar("RequestMessage", bound=Message)


def unary(
    method: Callable[[RequestMessage, Context], Awaitable[Message]], kind: type[RequestMessage]
) -> Handler:
    """Handles calls of one request and one answer; kind: the request's message type."""

    async def call(message: RequestMessage | DecodeError, context: Context) -> Message:
        try:
            if isinstance(message, DecodeError):
                raise InvalidMessage([FieldViolation("", f"the bytes are not a {kind.DESCRIPTOR.name}")])
            return await method(message, context)
        except AbortError:
            raise
        except Exception as error:  # noqa: BLE001 every fault becomes a status, in this one place
            with bound_contextvars(request_id=getattr(message, "request_id", "")):
                await abort(context, error)

    return grpc.unary_unary_rpc_method_handler(
        call, request_deserializer=_reader(kind), response_serializer=_write
    )


def stream(
    method: Callable[[AsyncIterator[RequestMessage | DecodeError], Context], AsyncGenerator[Message, None]],
    kind: type[RequestMessage],
) -> Handler:
    """Handles calls of a stream of requests and one of answers; kind: the requests' message type."""

    async def call(
        messages: AsyncIterator[RequestMessage | DecodeError], context: Context
    ) -> AsyncIterator[Message]:
        try:
            async with aclosing(method(messages, context)) as answers:
                async for answer in answers:
                    yield answer
        except AbortError:
            raise
        except Exception as error:  # noqa: BLE001 as above
            await abort(context, error)

    return grpc.stream_stream_rpc_method_handler(
        call, request_deserializer=_reader(kind), response_serializer=_write
    )


def _reader(kind: type[RequestMessage]) -> Callable[[bytes], RequestMessage | DecodeError]:
    """Reads a message, or hands on why it cannot be read: what a deserializer raises, gRPC calls UNKNOWN."""
    from_string = kind.FromString

    def read(data: bytes) -> RequestMessage | DecodeError:
        try:
            return from_string(data)
        except DecodeError as error:
            return error

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
