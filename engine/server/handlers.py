"""From the wire to the service's methods and back: bytes to messages, and every fault to a status."""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import Any, TypeVar

import grpc
from google.protobuf.message import DecodeError, Message
from grpc.aio import AbortError, ServicerContext
from structlog.contextvars import bound_contextvars

from engine.api.v1 import decisions_pb2 as pb
from engine.server.service import DecisionsService
from engine.server.status import abort
from engine.wire.violations import FieldViolation, InvalidMessage

RequestMessage = TypeVar("RequestMessage", bound=Message)


Context = ServicerContext[Any, Any]


def decisions_handler(service: DecisionsService) -> grpc.GenericRpcHandler:
    """The methods that this version serves; gRPC itself answers UNIMPLEMENTED for the others of the contract."""
    name = pb.DESCRIPTOR.services_by_name["Decisions"].full_name
    return grpc.method_handlers_generic_handler(
        name,
        {
            "Decide": _unary(service.decide, pb.DecideRequest),
            "DecideBatch": _unary(service.decide_batch, pb.DecideBatchRequest),
            "DecideStream": _stream(service.decide_stream, pb.DecideRequest),
            "Record": _unary(service.record, pb.RecordRequest),
            "Link": _unary(service.link, pb.LinkRequest),
            "Explain": _unary(service.explain, pb.ExplainRequest),
        },
    )


def _unary(
    method: Callable[[RequestMessage, Context], Awaitable[Message]], kind: type[RequestMessage]
) -> "grpc.RpcMethodHandler[Any, Any]":
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


def _stream(
    method: Callable[[AsyncIterator[RequestMessage | DecodeError], Context], AsyncGenerator[Message, None]],
    kind: type[RequestMessage],
) -> "grpc.RpcMethodHandler[Any, Any]":
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
