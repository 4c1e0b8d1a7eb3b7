"""A collector of OpenTelemetry's own protocol, which keeps what it is sent."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import grpc
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2 as metrics_pb
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2_grpc as metrics_grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as traces_pb
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2_grpc as traces_grpc


class Collector(traces_grpc.TraceServiceServicer, metrics_grpc.MetricsServiceServicer):
    """What was sent, in order."""

    def __init__(self) -> None:
        self.spans: list[Any] = []
        self.metrics: dict[str, Any] = {}
        """By name, as they were sent last."""
        self.resources: list[dict[str, str]] = []

    def Export(self, request: Any, context: Any) -> Any:  # noqa: N802 the protocol's word
        """Takes either kind."""
        if isinstance(request, traces_pb.ExportTraceServiceRequest):
            for spans in request.resource_spans:
                self.resources.append(texts(spans.resource.attributes))
                self.spans += [span for scope in spans.scope_spans for span in scope.spans]
            return traces_pb.ExportTraceServiceResponse()
        for metrics in request.resource_metrics:
            self.resources.append(texts(metrics.resource.attributes))
            self.metrics |= {
                metric.name: metric for scope in metrics.scope_metrics for metric in scope.metrics
            }
        return metrics_pb.ExportMetricsServiceResponse()


def texts(attributes: Any) -> dict[str, str]:
    """The attributes that are texts."""
    return {
        attribute.key: attribute.value.string_value
        for attribute in attributes
        if attribute.value.HasField("string_value")
    }


@contextmanager
def collecting() -> Iterator[tuple[Collector, str]]:
    """A collector, and the URL at which it listens."""
    collector, server = Collector(), grpc.server(ThreadPoolExecutor(2))
    traces_grpc.add_TraceServiceServicer_to_server(collector, server)  # type: ignore[no-untyped-call]
    metrics_grpc.add_MetricsServiceServicer_to_server(collector, server)  # type: ignore[no-untyped-call]
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield collector, f"http://127.0.0.1:{port}"
    finally:
        server.stop(None).wait()
