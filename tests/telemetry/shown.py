"""Servers that show what they count, and reading it."""

import json
import socket
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any, NamedTuple, cast
from urllib.error import HTTPError
from urllib.request import urlopen

from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample

from engine.server import gauges
from engine.telemetry.metrics import Metrics


def free_port() -> int:
    """A port of loopback that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def three_free_ports() -> int:
    """The first of three ports in a row that nobody listens on."""
    while True:
        first = free_port()
        with ExitStack() as held:
            try:
                for port in range(first, first + 3):
                    held.enter_context(socket.create_server(("127.0.0.1", port)))
            except OSError:
                continue
            return first


def get(port: int, path: str) -> tuple[int, str]:
    """The status and body at a path."""
    try:
        with urlopen(f"http://127.0.0.1:{port}{path}", timeout=60) as answer:
            return answer.status, answer.read().decode()
    except HTTPError as error:
        return error.code, error.read().decode()


def page(port: int, path: str) -> tuple[int, object]:
    """The status and document at a path."""
    status, body = get(port, path)
    return status, json.loads(body)


def samples(port: int) -> list[Sample]:
    """Everything at /metrics."""
    status, body = get(port, "/metrics")
    assert status == 200
    return [sample for family in text_string_to_metric_families(body) for sample in family.samples]


def value(port: int, name: str, **labels: str) -> float:
    """The one figure of that name with these labels; 0 where there is none yet."""
    values = [
        sample.value
        for sample in samples(port)
        if sample.name == name and labels.items() <= sample.labels.items()
    ]
    assert len(values) <= 1, values
    return values[0] if values else 0.0


class Figure(NamedTuple):
    """A metric as Prometheus declares it; a counter's name is without `_total`."""

    name: str
    kind: str
    labels: tuple[str, ...]


def every_figure() -> list[Figure]:
    """All that a server can show of itself; not to be read, since there is no server."""
    metrics, nothing = Metrics(), cast("Any", None)
    gauges.register_book(metrics.registry, nothing, nothing)
    gauges.register_server(metrics.registry, nothing, nothing, nothing)
    gauges.register_http(metrics.registry, nothing)
    gauges.register_budgets(metrics.registry, nothing)
    gauges.register_challenger(metrics.registry, nothing, nothing)
    gauges.register_follower(metrics.registry, nothing, nothing)
    gauges.register_weather(metrics.registry, nothing)
    gauges.register_workers(metrics.registry, nothing)
    return [
        Figure(family.name, family.type, tuple(_label_names(collector, family)))
        for collector in metrics.registry._collector_to_names
        for family in collector.describe()  # type: ignore[attr-defined]
    ]


def _label_names(collector: Collector, family: Family) -> Sequence[str]:
    holder: Any = collector if isinstance(collector, MetricWrapperBase) else family
    return holder._labelnames  # type: ignore[no-any-return]


def kind_of(figure: Figure) -> str:
    """What Prometheus calls it."""
    return figure.kind


def shown_name(figure: Figure) -> str:
    """Its name as Prometheus stores it; a histogram's without the ending of its series."""
    return f"{figure.name}_total" if figure.kind == "counter" else figure.name
