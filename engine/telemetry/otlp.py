"""Sends metrics and traces to an OpenTelemetry collector. Imports opentelemetry, an extra that takes a second to import."""

import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import groupby, pairwise
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
from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.samples import Sample

from engine.telemetry.config import OtlpConfig
from engine.telemetry.stages import collect_stages

_SERVER_ERRORS = frozenset(
    ("CANCELLED", "INTERNAL", "UNAVAILABLE", "DEADLINE_EXCEEDED", "UNKNOWN", "DATA_LOSS", "UNIMPLEMENTED")
)
"""Statuses that are the server's fault, by OpenTelemetry's conventions for gRPC servers."""


_ANSWER_FIELDS = ("request_id", "decision_id", "book_version")
"""Fields of an answer that become attributes of its span. None identifies a customer."""


@contextmanager
def span_of_call(
    tracer: Tracer, name: str, metadata: Mapping[str, str], system: str
) -> Iterator[Callable[[str, Any], None]]:
    """Opens the span of a call (`/service/method`), below the span that W3C's `traceparent` in its metadata names.

    system: the protocol, as OpenTelemetry names it. Yields a function to call with the status and the answer once the
    call has ended.
    """
    service, _, method = name.strip("/").rpartition("/")
    attributes = {"rpc.system": system, "rpc.service": service, "rpc.method": method}
    span = tracer.start_span(name.strip("/"), extract(metadata), SpanKind.SERVER, attributes)
    stages = collect_stages()

    def ended(status: str, answer: Any) -> None:
        span.set_attribute("rpc.grpc.status", status)
        if status in _SERVER_ERRORS:
            span.set_status(StatusCode.ERROR, status)
        for field in _ANSWER_FIELDS:
            if value := getattr(answer, field, ""):
                span.set_attribute(f"tact.{field}", value)
        for stage, seconds in stages.items():
            span.set_attribute(f"tact.{stage}_seconds", seconds)

    try:
        yield ended
    finally:
        span.end()


log = structlog.get_logger()


_CUMULATIVE = AggregationTemporality.CUMULATIVE


class Push:
    """Exports the metrics at an interval, and traces as they come, until it is closed.

    registry: its metrics named `tact_…` are sent. instance: names this process among others of the service.
    """

    def __init__(self, registry: CollectorRegistry, config: OtlpConfig, instance: str) -> None:
        self._registry = registry
        self._resource = _resource(instance)
        self._began = time.time_ns()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(config.interval,), name="otlp", daemon=True)
        if config.metrics:
            self._exporter = OTLPMetricExporter()
            self._thread.start()
        self._traces = _traces(self._resource) if config.traces else None

    @property
    def tracer(self) -> Tracer | None:
        """Starts spans; None where traces are not sent."""
        return None if self._traces is None else self._traces.get_tracer("tact")

    def close(self) -> None:
        """Sends what has not been sent yet, and stops."""
        self._closed.set()
        if self._traces is not None:
            self._traces.shutdown()
        if self._thread.is_alive():
            self._thread.join(10)
            self._exporter.shutdown()

    def _run(self, interval: float) -> None:
        ended = False
        while not ended:
            ended = self._closed.wait(interval)
            try:
                self._exporter.export(self._data())
            except Exception:  # what an exporter raises must end neither the thread nor the server
                log.exception("figures could not be sent")

    def _data(self) -> MetricsData:
        now = time.time_ns()
        metrics = [
            _metric(family, self._began, now)
            for family in self._registry.collect()
            if family.name.startswith("tact_")
        ]
        scope = ScopeMetrics(InstrumentationScope("tact"), metrics, "")
        return MetricsData([ResourceMetrics(self._resource, [scope], "")])


def _traces(resource: Resource) -> TracerProvider:
    provider = TracerProvider(resource=resource)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider


def _resource(instance: str) -> Resource:
    """The sender as the standard variables describe it; its service is `tact` unless they name one."""
    given = Resource.create({"service.instance.id": instance})
    return given if os.environ.get("OTEL_SERVICE_NAME") else given.merge(Resource({"service.name": "tact"}))


def _metric(family: Family, began: int, now: int) -> Metric:
    unit = "1"
    match family.type:
        case "histogram":
            unit = "s" if family.name.endswith("_seconds") else unit
            data: Sum | Gauge | OtelHistogram = OtelHistogram(
                _histogram_points(family, began, now), _CUMULATIVE
            )
        case "counter":
            data = Sum(_number_points(family, began, now), _CUMULATIVE, is_monotonic=True)
        case _:
            data = Gauge(_number_points(family, began, now))
    return Metric(family.name, family.documentation, unit, data)


def _number_points(family: Family, began: int, now: int) -> list[NumberDataPoint]:
    """A point for each series; counts are sent as integers, durations and gauges as floats."""
    number = int if family.type == "counter" and not family.name.endswith("_seconds") else float
    return [NumberDataPoint(sample.labels, began, now, number(sample.value)) for sample in family.samples]


def _histogram_points(family: Family, began: int, now: int) -> list[HistogramDataPoint]:
    return [
        _histogram_point(labels, list(samples), began, now)
        for labels, samples in groupby(family.samples, _labels_without_bound)
    ]


def _labels_without_bound(sample: Sample) -> dict[str, str]:
    return {name: value for name, value in sample.labels.items() if name != "le"}


def _histogram_point(
    labels: Mapping[str, str], samples: Sequence[Sample], began: int, now: int
) -> HistogramDataPoint:
    """Prometheus counts what lies up to each bound, OpenTelemetry what lies between two."""
    buckets = [sample for sample in samples if sample.name.endswith("_bucket")]
    cumulative = [int(bucket.value) for bucket in buckets]
    (total,) = (sample.value for sample in samples if sample.name.endswith("_sum"))
    return HistogramDataPoint(
        attributes=labels,
        start_time_unix_nano=began,
        time_unix_nano=now,
        count=cumulative[-1],
        sum=total,
        bucket_counts=[upper - lower for lower, upper in pairwise((0, *cumulative))],
        explicit_bounds=[float(bucket.labels["le"]) for bucket in buckets[:-1]],
        min=float("inf"),
        max=float("-inf"),
    )
