"""Counts and traces the calls of a server, and shows the result: on a port for Prometheus, and at a collector.

Imported only by a server that is observed, since prometheus_client takes time to import.
"""

import asyncio
import os
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from functools import partial
from inspect import isasyncgenfunction
from typing import TYPE_CHECKING, Any, TypeAlias

import grpc
from grpc.aio import AbortError

from engine.server.access.roles import NEEDED, NEEDS
from engine.server.handlers import Context, Handler, behaviour_of, replace_behaviour
from engine.server.status import REFUSAL_REASONS
from engine.settings import Settings
from engine.telemetry.config import OtlpConfig
from engine.telemetry.endpoint import Endpoint, Page, started
from engine.telemetry.metrics import Metrics

if TYPE_CHECKING:
    from engine.telemetry.otlp import Push


StartSpan: TypeAlias = Callable[[str, Mapping[str, str], str], Any]
"""Opens the span of a call by the method's path, metadata and protocol; yields a function for its status and its answer."""


class ObservedCall:
    """A call under way."""

    __slots__ = ("answer", "status")

    def __init__(self) -> None:
        self.status = "UNKNOWN"
        """gRPC's name of how it ended."""
        self.answer: Any = None


class CallObserver:
    """Counts the calls of our services by how they ended, and traces them, whatever the protocol."""

    def __init__(self, metrics: Metrics, start_span: StartSpan | None = None) -> None:
        self._metrics = metrics
        self.registry = metrics.registry
        """For what interfaces show of themselves."""
        self._start_span = start_span

    @contextmanager
    def observed(
        self,
        path: str,
        metadata: Callable[[], Iterable[tuple[str, str | bytes]]],
        system: str = "grpc",
    ) -> Iterator[ObservedCall]:
        """Measures a call, which is given its status and its answer within the block.

        metadata: read for spans. system: the protocol, as OpenTelemetry names it.
        """
        start, call = time.perf_counter(), ObservedCall()
        span: Any = nullcontext(_untraced)
        if self._start_span is not None:
            texts = {key: value for key, value in metadata() if isinstance(value, str)}
            span = self._start_span(path, texts, system)
        with span as ended:
            try:
                yield call
            except (asyncio.CancelledError, GeneratorExit):
                call.status = "CANCELLED"
                raise
            finally:
                method = path.rpartition("/")[2].strip("{}")
                self._metrics.called(method, call.status, time.perf_counter() - start)
                ended(call.status, call.answer)


class Observer:
    """Shows metrics, and sends them and traces, from `open` on until `close`.

    otlp: what is sent to a collector. shared: whether another worker may still have the metrics port, and leaves it soon.
    """

    def __init__(self, settings: Settings, otlp: OtlpConfig, *, shared: bool) -> None:
        self.metrics = Metrics()
        methods = [path.rpartition("/")[2].strip("{}") for path in NEEDED]
        self.metrics.expect(methods, [code.name for code in grpc.StatusCode], REFUSAL_REASONS)
        self._settings, self._otlp, self._shared = settings, otlp, shared
        self._endpoint: Endpoint | None = None
        self._push: Push | None = None

    def open(self, pages: Mapping[str, Page]) -> None:
        """Shows what is in the registry from now on. Raises CannotObserve."""
        if self._settings.metrics_port:
            self._endpoint = self._open_endpoint(pages)
        if self._otlp:
            from engine.telemetry.otlp import Push  # noqa: PLC0415 takes a second, and comes as an extra

            instance = f"{socket.gethostname()}:{os.getpid()}"
            self._push = Push(self.metrics.registry, self._otlp, instance)

    def _open_endpoint(self, pages: Mapping[str, Page]) -> Endpoint:
        address = self._settings.metrics_host, self._settings.metrics_port
        if not self._shared:
            return started(*address, self.metrics.registry, pages)
        endpoint = Endpoint(*address, self.metrics.registry, pages)
        endpoint.start_when_free()
        return endpoint

    def calls(self) -> CallObserver:
        """Observes calls; once this is open."""
        return CallObserver(self.metrics, self._start_span())

    def _start_span(self) -> StartSpan | None:
        tracer = None if self._push is None else self._push.tracer
        if tracer is None:
            return None
        from engine.telemetry.otlp import span_of_call  # noqa: PLC0415 as above

        return partial(span_of_call, tracer)

    def close(self) -> None:
        """Shows nothing more, and sends what has not been sent yet. Takes up to seconds."""
        if self._endpoint is not None:
            self._endpoint.close()
        if self._push is not None:
            self._push.close()


class ObservedServices(grpc.GenericRpcHandler):
    """Services whose calls over gRPC are observed, those that are refused too: it stands around the guard."""

    def __init__(self, services: grpc.GenericRpcHandler, calls: CallObserver) -> None:
        self._services, self._calls = services, calls
        self._observed: dict[str, tuple[Handler, Handler]] = {}
        """By path: the method's handler, and the one that observes it."""

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        """The method's handler, observed if the method is one that has a role."""
        handler, path = self._services.service(handler_call_details), handler_call_details.method
        if handler is None or path not in NEEDS:
            return handler
        known = self._observed.get(path)
        if known is None or known[0] is not handler:
            behaviour = behaviour_of(handler)
            observe = self._observe_answers if isasyncgenfunction(behaviour) else self._observe_answer
            known = self._observed[path] = handler, replace_behaviour(handler, observe(path, behaviour))
        return known[1]

    def _observe_answer(self, path: str, behaviour: Any) -> Any:
        async def call(request: Any, context: Context) -> Any:
            with self._observed_call(path, context) as observed:
                observed.answer = answer = await behaviour(request, context)
            return answer

        return call

    def _observe_answers(self, path: str, behaviour: Any) -> Any:
        async def call(request: Any, context: Context) -> AsyncIterator[Any]:
            with self._observed_call(path, context):
                async for answer in behaviour(request, context):
                    yield answer

        return call

    @contextmanager
    def _observed_call(self, path: str, context: Context) -> Iterator[ObservedCall]:
        with self._calls.observed(path, lambda: context.invocation_metadata() or ()) as observed:
            try:
                yield observed
                observed.status = "OK"
            except AbortError:
                observed.status = getattr(context.code(), "name", "UNKNOWN")
                raise


def _untraced(_status: str, _answer: Any) -> None:
    """Takes the end of a call that has no span."""
