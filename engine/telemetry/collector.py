"""Whether figures and traces are sent to a collector, as OpenTelemetry's standard variables say."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec

from engine.telemetry.figures import CannotObserve

_ENDPOINT = "OTEL_EXPORTER_OTLP{}_ENDPOINT"


_PROTOCOL = "OTEL_EXPORTER_OTLP{}_PROTOCOL"


_EVERY = "OTEL_METRIC_EXPORT_INTERVAL"


@dataclass(frozen=True, slots=True)
class Where:
    """What is sent."""

    figures: bool = False
    traces: bool = False
    every: float = 60.0
    """Seconds from one sending of the figures to the next."""

    def __bool__(self) -> bool:
        return self.figures or self.traces


def where_to(environment: Mapping[str, str]) -> Where:
    """What the variables want to be sent. Raises CannotObserve for what we do not do."""
    if environment.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return Where()
    figures, traces = (_sends(environment, signal) for signal in ("METRICS", "TRACES"))
    if not (figures or traces):
        return Where()
    if not _installed():
        raise CannotObserve(
            "OTEL_EXPORTER_OTLP_ENDPOINT is set: install the extra, as in `pip install tact[otlp]`"
        )
    return Where(figures, traces, _seconds(environment.get(_EVERY) or "60000"))


def _sends(environment: Mapping[str, str], signal: str) -> bool:
    """Whether one of the two kinds is wanted, and by us."""
    named = [_ENDPOINT.format(part) for part in ("", f"_{signal}")]
    if environment.get(f"OTEL_{signal}_EXPORTER", "otlp") not in ("", "otlp"):
        return False
    if not any(map(environment.get, named)):
        return False
    protocol = (
        environment.get(_PROTOCOL.format(f"_{signal}")) or environment.get(_PROTOCOL.format("")) or "grpc"
    )
    if protocol != "grpc":
        raise CannotObserve(f"{_PROTOCOL.format('')} is {protocol}: figures and traces are sent by grpc")
    return True


def _seconds(milliseconds: str) -> float:
    if not milliseconds.isdecimal() or int(milliseconds) == 0:
        raise CannotObserve(f"{_EVERY} is {milliseconds!r}: it must be a number of milliseconds above 0")
    return int(milliseconds) / 1000


def _installed() -> bool:
    return find_spec("opentelemetry") is not None and find_spec("opentelemetry.exporter") is not None
