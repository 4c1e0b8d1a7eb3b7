"""What is sent to an OpenTelemetry collector, as OpenTelemetry's standard variables say."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec

_ENDPOINT = "OTEL_EXPORTER_OTLP{}_ENDPOINT"


_PROTOCOL = "OTEL_EXPORTER_OTLP{}_PROTOCOL"


_INTERVAL = "OTEL_METRIC_EXPORT_INTERVAL"


class CannotObserve(Exception):
    """Metrics or traces cannot be shown or sent as the settings and the environment say."""


@dataclass(frozen=True, slots=True)
class OtlpConfig:
    """What is sent by OTLP; false where nothing is."""

    metrics: bool = False
    traces: bool = False
    interval: float = 60.0
    """Seconds between two exports of the metrics."""

    def __bool__(self) -> bool:
        return self.metrics or self.traces


def read_otlp_config(environment: Mapping[str, str]) -> OtlpConfig:
    """Reads the variables. Raises CannotObserve for a protocol or an interval that is not supported."""
    if environment.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return OtlpConfig()
    metrics, traces = (_is_sent(environment, signal) for signal in ("METRICS", "TRACES"))
    if not (metrics or traces):
        return OtlpConfig()
    if not _is_installed():
        raise CannotObserve(
            "OTEL_EXPORTER_OTLP_ENDPOINT is set: install the extra, as in `pip install tact[otlp]`"
        )
    return OtlpConfig(metrics, traces, _seconds(environment.get(_INTERVAL) or "60000"))


def _is_sent(environment: Mapping[str, str], signal: str) -> bool:
    """Whether METRICS or TRACES have an endpoint and OTLP as their exporter."""
    variables = [_ENDPOINT.format(part) for part in ("", f"_{signal}")]
    if environment.get(f"OTEL_{signal}_EXPORTER", "otlp") not in ("", "otlp"):
        return False
    if not any(map(environment.get, variables)):
        return False
    protocol = (
        environment.get(_PROTOCOL.format(f"_{signal}")) or environment.get(_PROTOCOL.format("")) or "grpc"
    )
    if protocol != "grpc":
        raise CannotObserve(f"{_PROTOCOL.format('')} is {protocol}: figures and traces are sent by grpc")
    return True


def _seconds(milliseconds: str) -> float:
    if not milliseconds.isdecimal() or int(milliseconds) == 0:
        raise CannotObserve(f"{_INTERVAL} is {milliseconds!r}: it must be a number of milliseconds above 0")
    return int(milliseconds) / 1000


def _is_installed() -> bool:
    return find_spec("opentelemetry") is not None and find_spec("opentelemetry.exporter") is not None
