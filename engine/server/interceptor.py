"""Calls, counted by how they ended; and traced, for those who send traces."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager, nullcontext
from inspect import isasyncgenfunction
from typing import Any

import grpc
from grpc.aio import AbortError, ServicerContext

from engine.server.access.roles import NEEDS
from engine.telemetry.metrics import Metrics

Context = ServicerContext[Any, Any]


StartSpan = Callable[[str, Context], Any]
"""Opens the span of a call, by the method's path; what it yields is told how the call ended, by status and answer."""


class ObservedCalls(grpc.aio.ServerInterceptor):
    """Observes the calls of our services. It stands before the gate, so that who is turned away is counted too."""

    def __init__(self, metrics: Metrics, trace: StartSpan | None = None) -> None:
        self._catalogue = metrics
        self._trace: StartSpan = trace or (lambda _path, _context: nullcontext(_untold))
        self._observed: dict[str, tuple[Any, Any]] = {}

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:
        """The method's handler, observed where it is one that we know."""
        handler, path = await continuation(handler_call_details), handler_call_details.method
        if handler is None or path not in NEEDS:
            return handler
        known = self._observed.get(path)
        if known is None or known[0] is not handler:
            known = self._observed[path] = handler, self._observing(path, handler)
        return known[1]

    def _observing(self, path: str, handler: Any) -> Any:
        for kind, make in _KINDS.items():
            if (inner := getattr(handler, kind)) is not None:
                watch = self._watch_many if isasyncgenfunction(inner) else self._watch_one
                return make(watch(path, inner), handler.request_deserializer, handler.response_serializer)
        raise AssertionError("a handler has a behaviour")

    def _watch_one(self, path: str, inner: Any) -> Any:
        async def call(request: Any, context: Context) -> Any:
            with self._call(path, context) as answers:
                answer = await inner(request, context)
                answers.append(answer)
            return answer

        return call

    def _watch_many(self, path: str, inner: Any) -> Any:
        async def call(request: Any, context: Context) -> AsyncIterator[Any]:
            with self._call(path, context):
                async for answer in inner(request, context):
                    yield answer

        return call

    @contextmanager
    def _call(self, path: str, context: Context) -> Iterator[list[Any]]:
        """One call; what is put into the list is its answer."""
        start, status, method = time.perf_counter(), "UNKNOWN", path.rpartition("/")[2]
        answers: list[Any] = []
        with self._trace(path, context) as ended:
            try:
                yield answers
                status = "OK"
            except AbortError:
                status = getattr(context.code(), "name", "UNKNOWN")
                raise
            except (asyncio.CancelledError, GeneratorExit):
                status = "CANCELLED"
                raise
            finally:
                self._catalogue.calls.add((method, status))
                self._catalogue.call_seconds.add(time.perf_counter() - start, (method,))
                ended(status, answers[0] if answers else None)


_KINDS: dict[str, Callable[..., Any]] = {
    "unary_unary": grpc.unary_unary_rpc_method_handler,
    "unary_stream": grpc.unary_stream_rpc_method_handler,
    "stream_unary": grpc.stream_unary_rpc_method_handler,
    "stream_stream": grpc.stream_stream_rpc_method_handler,
}


def _untold(_status: str, _answer: Any) -> None:
    """Nobody listens."""
