"""Spans of calls, for those who send traces; W3C's `traceparent` in a call's metadata names the span above."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from opentelemetry.propagate import extract
from opentelemetry.trace import SpanKind, StatusCode, Tracer

from engine.observe.stages import noted

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
