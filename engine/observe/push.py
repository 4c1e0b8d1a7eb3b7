"""Figures and traces to an OpenTelemetry collector, over OTLP, as the standard `OTEL_…` variables say.

The figures are counted by us and only written down in OpenTelemetry's terms here: its own instruments cost 14 to 18 µs a value
(docs/adr/0043-metrics.md). The packages come with the extra `otlp`.
"""

import os
import threading
import time
from collections.abc import Mapping

import structlog
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
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
from opentelemetry.trace import Tracer

from engine.observe.figures import Figure, Figures, Histogram, Labels, Tally
from engine.observe.where import Where

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
