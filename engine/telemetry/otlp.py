"""Spans of calls, for those who send traces; W3C's `traceparent` in a call's metadata names the span above."""

import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import structlog
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.propagate import extract
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Gauge,
    HistogramDataPoint,
    Metric,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.metrics.export import Histogram as OtelHistogram
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanKind, StatusCode, Tracer

from engine.telemetry.collector import Where
from engine.telemetry.figures import Figure, Figures, Histogram, Labels, Tally
from engine.telemetry.stages import noted

_OURS = frozenset(
    ("CANCELLED", "INTERNAL", "UNAVAILABLE", "DEADLINE_EXCEEDED", "UNKNOWN", "DATA_LOSS", "UNIMPLEMENTED")
)
"""Statuses that are the server's fault, by OpenTelemetry's conventions for gRPC servers."""


_TOLD = ("request_id", "decision_id", "book_version")
"""What a span says of an answer: nothing of whom it is about."""


@contextmanager
def span_of_call(
    tracer: Tracer, name: str, metadata: Mapping[str, str]
) -> Iterator[Callable[[str, Any], None]]:
    """The span of a call (`/service/method`), below the caller's; yields what is told how the call ended."""
    service, _, method = name.strip("/").rpartition("/")
    attributes = {"rpc.system": "grpc", "rpc.service": service, "rpc.method": method}
    span, stages = tracer.start_span(name.strip("/"), extract(metadata), SpanKind.SERVER, attributes), noted()

    def ended(status: str, answer: Any) -> None:
        span.set_attribute("rpc.grpc.status", status)
        if status in _OURS:
            span.set_status(StatusCode.ERROR, status)
        for one in _TOLD:
            if value := getattr(answer, one, ""):
                span.set_attribute(f"tact.{one}", value)
        for stage, seconds in stages.items():
            span.set_attribute(f"tact.{stage}_seconds", seconds)

    try:
        yield ended
    finally:
        span.end()


log = structlog.get_logger()


_CUMULATIVE = AggregationTemporality.CUMULATIVE


class Push:
    """Sends the figures every so often, and traces as they come, until it is closed.

    instance: names this process among others of the service.
    """

    def __init__(self, figures: Figures, where: Where, instance: str) -> None:
        self._figures = tuple(figures)
        self._resource = _resource(instance)
        self._began = time.time_ns()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(where.every,), name="otlp", daemon=True)
        if where.figures:
            self._exporter = OTLPMetricExporter()
            self._thread.start()
        self._traces = _traces(self._resource) if where.traces else None

    @property
    def tracer(self) -> Tracer | None:
        """What begins spans; None where traces are not sent."""
        return None if self._traces is None else self._traces.get_tracer("tact")

    def close(self) -> None:
        """Sends what there is, once more."""
        self._closed.set()
        if self._traces is not None:
            self._traces.shutdown()
        if self._thread.is_alive():
            self._thread.join(10)
            self._exporter.shutdown()

    def _run(self, every: float) -> None:
        ended = False
        while not ended:
            ended = self._closed.wait(every)
            try:
                self._exporter.export(self._data())
            except Exception:  # what an exporter raises must end neither the thread nor the server
                log.exception("figures could not be sent")

    def _data(self) -> MetricsData:
        now = time.time_ns()
        metrics = [_metric(one, self._began, now) for one in self._figures]
        scope = ScopeMetrics(InstrumentationScope("tact"), metrics, "")
        return MetricsData([ResourceMetrics(self._resource, [scope], "")])


def _traces(resource: Resource) -> TracerProvider:
    """What sends spans."""
    provider = TracerProvider(resource=resource)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider


def _resource(instance: str) -> Resource:
    """Who sends: what the standard variables say, else our names."""
    given = Resource.create({"service.instance.id": instance})
    return given if os.environ.get("OTEL_SERVICE_NAME") else given.merge(Resource({"service.name": "tact"}))


def _metric(figure: Figure, began: int, now: int) -> Metric:
    about = figure.about
    if isinstance(figure, Histogram):
        data: Sum | Gauge | OtelHistogram = OtelHistogram(_spreads(figure, began, now), _CUMULATIVE)
    else:
        points = [
            NumberDataPoint(_named(figure, labels), began, now, value)
            for labels, value in figure.read().items()
        ]
        grows = isinstance(figure, Tally) or figure.grows
        data = Sum(points, _CUMULATIVE, is_monotonic=True) if grows else Gauge(points)
    return Metric(about.name, about.help, {"seconds": "s"}.get(about.unit, "1"), data)


def _spreads(figure: Histogram, began: int, now: int) -> list[HistogramDataPoint]:
    return [
        HistogramDataPoint(
            attributes=_named(figure, labels),
            start_time_unix_nano=began,
            time_unix_nano=now,
            count=sum(spread.counts),
            sum=spread.total,
            bucket_counts=spread.counts,
            explicit_bounds=figure.bounds,
            min=float("inf"),
            max=float("-inf"),
        )
        for labels, spread in figure.read().items()
    ]


def _named(figure: Figure, labels: Labels) -> Mapping[str, str]:
    return dict(zip(figure.about.labels, labels, strict=True))
