"""Handlers wrapped into access control: who calls, how much, how long."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from functools import cache
from inspect import isasyncgenfunction
from typing import Any, TypeAlias

import grpc
from google.protobuf.message import DecodeError, Message
from grpc.aio import EOF

from engine.server.access.callers import Caller
from engine.server.access.limits import CallTimeout, RateLimit
from engine.server.access.roles import Overdue, Refused
from engine.server.handlers import Context, Handler, behaviour_of, replace_behaviour
from engine.server.status import abort
from engine.wire.violations import FieldViolation, InvalidMessage

Admit: TypeAlias = Callable[[Context], Caller]
"""Returns the caller of a call, or raises Refused."""


_BATCHES = ("requests", "events")
"""The fields that make a message a batch."""


def wrap_handler(handler: Any, admit: Admit, call_timeout: CallTimeout) -> Handler:
    """The handler, for admitted callers within their limits, and within the call timeout unless it streams."""
    if handler.unary_unary is not None:
        # As a stream of one request: access is checked before it is read, and the timeout applies if it never arrives.
        return grpc.stream_unary_rpc_method_handler(
            _unary(handler.unary_unary, admit, call_timeout),
            handler.request_deserializer,
            handler.response_serializer,
        )
    behaviour = behaviour_of(handler)
    wrap = _answers if isasyncgenfunction(behaviour) else _answer
    return replace_behaviour(handler, wrap(behaviour, admit, metered=handler.request_streaming))


def _unary(inner: Any, admit: Admit, call_timeout: CallTimeout) -> Any:
    async def call(_: Any, context: Context) -> Any:
        task, rate_limit = call_timeout.begin(time.monotonic()), None
        try:
            caller = admit(context)
            if caller.rate_limit is not None:
                caller.rate_limit.enter()
                rate_limit = caller.rate_limit
            message = await _read_only_message(context)
            if rate_limit is not None:
                rate_limit.charge(_requests(message) - 1, time.monotonic())
            return await inner(message, context)
        except (Refused, InvalidMessage) as error:
            await abort(context, error)
        except asyncio.CancelledError:
            if not call_timeout.passed(task):
                raise
            await abort(context, Overdue("the call took longer than this server lets any take"))
        finally:
            call_timeout.end(task)
            if rate_limit is not None:
                rate_limit.leave()

    return call


async def _read_only_message(context: Context) -> Any:
    """The call's one message; raises InvalidMessage."""
    try:
        message = await context.read()
    except DecodeError:
        raise InvalidMessage([FieldViolation("", "the bytes are not a message of this method")]) from None
    if message is EOF:
        raise InvalidMessage([FieldViolation("", "the call bears no message")])
    return message


def _requests(message: Any) -> int:
    """How many requests the message counts as; 1 for a message that cannot be read."""
    kind: Any = type(message)
    field = _batch_of(kind)
    return len(getattr(message, field)) if field else 1


@cache
def _batch_of(kind: type) -> str:
    """The field of a batch that holds its requests; empty for any other message."""
    fields = kind.DESCRIPTOR.fields_by_name if issubclass(kind, Message) else ()
    return next((name for name in _BATCHES if name in fields), "")


def _answer(inner: Any, admit: Admit, *, metered: bool) -> Any:
    async def call(request: Any, context: Context) -> Any:
        try:
            with _admitted(admit, context) as rate_limit:
                return await inner(_metered(request, rate_limit) if metered else request, context)
        except Refused as error:
            await abort(context, error)

    return call


def _answers(inner: Any, admit: Admit, *, metered: bool) -> Any:
    async def call(request: Any, context: Context) -> AsyncIterator[Any]:
        try:
            with _admitted(admit, context) as rate_limit:
                async for answer in inner(_metered(request, rate_limit) if metered else request, context):
                    yield answer
        except Refused as error:
            await abort(context, error)

    return call


@contextmanager
def _admitted(admit: Admit, context: Context) -> Iterator[RateLimit | None]:
    rate_limit = admit(context).rate_limit
    if rate_limit is None:
        yield None
        return
    rate_limit.enter()
    try:
        yield rate_limit
    finally:
        rate_limit.leave()


async def _metered(messages: Any, rate_limit: RateLimit | None) -> AsyncIterator[Any]:
    """The messages of a stream, no faster than the caller's rate: they wait, and through flow control so does the sender."""
    async for message in messages:
        yield message
        if rate_limit is not None:
            rate_limit.charge(_requests(message), time.monotonic())
            await asyncio.sleep(max(0.0, rate_limit.wait(time.monotonic())))
