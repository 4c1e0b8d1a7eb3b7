"""Handlers wrapped into access control: who calls, how much, how long."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from inspect import isasyncgenfunction
from typing import Any, TypeAlias

import grpc
from google.protobuf.message import DecodeError
from grpc.aio import EOF

from engine.server.access.admission import charge_rest, requests_in
from engine.server.access.callers import Caller
from engine.server.access.limits import CallTimeout, RateLimit, Task
from engine.server.access.roles import Overdue, Refused, Silent
from engine.server.handlers import Context, Handler, behaviour_of, replace_behaviour
from engine.server.status import end_with, status_of
from engine.wire.violations import FieldViolation, InvalidMessage

Admit: TypeAlias = Callable[[Context], Caller]
"""Returns the caller of a call, or raises Refused."""


class OpenStreams:
    """Streams under way, each of which ends when its caller would no longer be admitted.

    check: raises Refused for a call that would be refused now.
    """

    def __init__(self, check: Callable[[Any], object]) -> None:
        self._check = check
        self._open: dict[Task, Any] = {}
        self._refused: dict[Task, Refused] = {}

    def begin(self, context: Any) -> Any:
        """Notes the stream that this task serves; returns the task."""
        task: Any = asyncio.current_task()
        self._open[task] = context
        return task

    def end(self, task: Task) -> None:
        """Forgets a stream that has ended."""
        self._open.pop(task, None)
        self._refused.pop(task, None)

    def refused(self, task: Task) -> Refused | None:
        """Why the stream was cancelled here; None for one that its caller cancelled."""
        return self._refused.get(task)

    def sweep(self) -> None:
        """Cancels the streams whose callers have expired or were removed."""
        for task, context in list(self._open.items()):
            try:
                self._check(context)
            except Refused as refused:
                self._refused[task] = refused
                del self._open[task]
                task.cancel()


@dataclass(frozen=True, slots=True)
class CallBounds:
    """What bounds the calls of a method."""

    timeout: CallTimeout
    stream_idle: float
    """Seconds that a stream may be without a message; 0: any time."""
    streams: OpenStreams


def wrap_handler(handler: Any, admit: Admit, bounds: CallBounds) -> Handler:
    """The handler, for admitted callers within their limits and the bounds of calls."""
    make: Any
    if handler.unary_unary is not None:
        wrapped, behaviour = _unary, handler.unary_unary
        # As a stream of one request: access is checked before it is read, and the timeout applies if it never arrives.
        make = grpc.stream_unary_rpc_method_handler
    elif handler.unary_stream is not None:
        wrapped, behaviour, make = _unary_stream, handler.unary_stream, grpc.stream_stream_rpc_method_handler
    else:
        wrapped = _answers if isasyncgenfunction(behaviour_of(handler)) else _answer
        return replace_behaviour(handler, wrapped(behaviour_of(handler), admit, bounds))
    made: Handler = make(
        wrapped(behaviour, admit, bounds), handler.request_deserializer, handler.response_serializer
    )
    return made


def _unary(inner: Any, admit: Admit, bounds: CallBounds) -> Any:
    call_timeout = bounds.timeout

    async def call(_: Any, context: Context) -> Any:
        task = call_timeout.begin(time.monotonic())
        try:
            caller = admit(context)
            with caller.rate_limit:
                message = await _read_only_message(context)
                charge_rest(caller, message)
                return await inner(message, context)
        except (Refused, InvalidMessage) as error:
            status = status_of(error)
        except asyncio.CancelledError:
            if not call_timeout.passed(task):
                raise
            status = status_of(Overdue("the call took longer than this server lets any take"))
        finally:
            call_timeout.end(task)
        return await end_with(context, status)

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


def _answer(inner: Any, admit: Admit, bounds: CallBounds) -> Any:
    async def call(requests: Any, context: Context) -> Any:
        try:
            with _admitted(admit, context, bounds) as rate_limit:
                return await inner(metered(requests, rate_limit, bounds.stream_idle), context)
        except Refused as error:
            status = status_of(error)
        return await end_with(context, status)

    return call


def _answers(inner: Any, admit: Admit, bounds: CallBounds) -> Any:
    async def call(requests: Any, context: Context) -> AsyncIterator[Any]:
        try:
            with _admitted(admit, context, bounds) as rate_limit:
                async for answer in inner(metered(requests, rate_limit, bounds.stream_idle), context):
                    yield answer
        except Refused as error:
            status = status_of(error)
        else:
            return
        await end_with(context, status)

    return call


def _unary_stream(inner: Any, admit: Admit, bounds: CallBounds) -> Any:
    """As a stream of one request, too: a message that never arrives does not keep the call."""

    async def call(_: Any, context: Context) -> AsyncIterator[Any]:
        try:
            with _admitted(admit, context, bounds):
                message = await _arrived(context, bounds.timeout)
                async for answer in inner(message, context):
                    yield answer
        except (Refused, InvalidMessage) as error:
            status = status_of(error)
        else:
            return
        await end_with(context, status)

    return call


async def _arrived(context: Context, call_timeout: CallTimeout) -> Any:
    """The call's one message; raises InvalidMessage, and Overdue where it does not arrive in time."""
    task = call_timeout.begin(time.monotonic())
    try:
        return await _read_only_message(context)
    except asyncio.CancelledError:
        if not call_timeout.passed(task):
            raise
        task.uncancel()
        raise Overdue("the message did not arrive in time") from None
    finally:
        call_timeout.end(task)


@contextmanager
def _admitted(admit: Admit, context: Context, bounds: CallBounds) -> Iterator[RateLimit]:
    """Admits a stream, and keeps it only for as long as its caller would be admitted: raises Refused."""
    rate_limit = admit(context).rate_limit
    with rate_limit:
        task = bounds.streams.begin(context)
        try:
            yield rate_limit
        except asyncio.CancelledError:
            refused = bounds.streams.refused(task)
            if refused is None:
                raise
            raise refused from None
        finally:
            bounds.streams.end(task)


async def metered(messages: Any, rate_limit: RateLimit, stream_idle: float) -> AsyncIterator[Any]:
    """The messages of a stream, no faster than the caller's rate: they wait, and through flow control so does the sender.

    stream_idle: seconds without a message after which it raises Silent; 0: any time.
    """
    silent = Silent(f"no message arrived for {stream_idle:g} s")
    while True:
        async with _within(stream_idle, silent):
            message = await anext(messages, None)
        if message is None:
            return
        yield message
        rate_limit.charge(requests_in(message), time.monotonic())
        wait = rate_limit.wait(time.monotonic())
        if wait > 0:
            await asyncio.sleep(wait)


@asynccontextmanager
async def _within(seconds: float, refused: Refused) -> AsyncIterator[None]:
    """Raises the refusal unless the block ends within so many seconds; 0: any time."""
    try:
        async with asyncio.timeout(seconds or None):
            yield
    except TimeoutError:
        raise refused from None
