"""Whoever looks: the endpoint and the collector, as the settings and the environment want them."""

import os
import socket
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import structlog

from engine.server.interceptor import Context, ObservedCalls, StartSpan
from engine.settings import Settings
from engine.telemetry.collector import Where, where_to
from engine.telemetry.figures import Figures, GaugeReading
from engine.telemetry.metrics import Metrics

if TYPE_CHECKING:
    from engine.telemetry.endpoint import Endpoint, Page
    from engine.telemetry.otlp import Push

log = structlog.get_logger()


@dataclass
class Observer:
    """Counts, and shows what was counted."""

    settings: Settings
    shared: bool = False
    """Whether another may be at the port, who leaves soon."""
    where: Where = field(default_factory=Where)
    """What is sent to a collector."""
    metrics: Metrics = field(default_factory=Metrics)
    endpoint: "Endpoint | None" = None
    push: "Push | None" = None

    def open(self, readings: Sequence[GaugeReading], pages: "Mapping[str, Page]") -> None:
        """Begins to show. Raises CannotObserve."""
        self.metrics.readings += readings
        figures = self.metrics.all()
        if self.settings.metrics_port:
            self.endpoint = self._endpoint(figures, pages)
        if self.where:
            from engine.telemetry.otlp import Push  # noqa: PLC0415 costs a second, and comes as an extra

            self.push = Push(figures, self.where, f"{socket.gethostname()}:{os.getpid()}")

    def _endpoint(self, figures: Figures, pages: "Mapping[str, Page]") -> "Endpoint":
        from engine.telemetry.endpoint import Endpoint, opened  # noqa: PLC0415 only who looks pays for it

        where = self.settings.metrics_host, self.settings.metrics_port
        if not self.shared:
            return opened(*where, figures, pages)
        endpoint = Endpoint(*where, figures, pages)
        endpoint.begin_when_free()
        return endpoint

    def calls(self) -> ObservedCalls:
        """What observes calls."""
        return ObservedCalls(self.metrics, self._trace())

    def _trace(self) -> StartSpan | None:
        tracer = None if self.push is None else self.push.tracer
        if tracer is None:
            return None
        from engine.telemetry.otlp import span_of_call  # noqa: PLC0415 as above

        def trace(method: str, context: Context) -> AbstractContextManager[Any]:
            metadata = {
                key: value for key, value in context.invocation_metadata() or () if isinstance(value, str)
            }
            return span_of_call(tracer, method, metadata)

        return trace

    def close(self) -> None:
        """Shows no more; what is to be sent is sent first."""
        if self.endpoint is not None:
            self.endpoint.close()
        if self.push is not None:
            self.push.close()


def observer(settings: Settings, *, shared: bool = False) -> Observer | None:
    """Who looks; None where nobody does, so that nothing is counted. Raises CannotObserve."""
    where = where_to(os.environ)
    wanted = settings.metrics_port or settings.message_level == "debug" or where
    return Observer(settings, shared, where) if wanted else None
