"""Servers that show what they count, and reading it."""

import json
import socket
from contextlib import ExitStack
from typing import Any, cast
from urllib.error import HTTPError
from urllib.request import urlopen

from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from engine.server.gauges import readings_of_book, readings_of_server, readings_of_weather
from engine.telemetry.figures import Figure, GaugeReading, Histogram, Tally
from engine.telemetry.metrics import Metrics
from engine.workers.supervise import WORKERS


def free_port() -> int:
    """A port of loopback that nobody listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


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
        with urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
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
    return [one for family in text_string_to_metric_families(body) for one in family.samples]


def value(port: int, name: str, **labels: str) -> float:
    """The one figure of that name with these labels; 0 where there is none yet."""
    found = [one.value for one in samples(port) if one.name == name and labels.items() <= one.labels.items()]
    assert len(found) <= 1, found
    return found[0] if found else 0.0


def every_figure() -> list[Figure]:
    """All that a server can show of itself; not to be read, since there is no server."""
    metrics, nothing = Metrics(), cast("Any", None)
    metrics.readings += readings_of_book(nothing, nothing)
    metrics.readings += readings_of_server(nothing, nothing, nothing)
    metrics.readings += readings_of_weather(nothing)
    return [*metrics.all(), GaugeReading(WORKERS, dict)]


def kind_of(figure: Figure) -> str:
    """What Prometheus calls it."""
    if isinstance(figure, Histogram):
        return "histogram"
    return "counter" if isinstance(figure, Tally) or figure.grows else "gauge"


def shown_name(figure: Figure) -> str:
    """Its name as Prometheus stores it; a histogram's without the ending of its series."""
    return f"{figure.about.name}_total" if kind_of(figure) == "counter" else figure.about.name
