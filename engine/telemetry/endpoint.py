"""The endpoint for Prometheus, and for probes that do not speak gRPC: HTTP, on a port and in a thread of its own."""

import json
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server
from wsgiref.types import StartResponse, WSGIEnvironment

import structlog
from prometheus_client import CollectorRegistry, GCCollector, ProcessCollector, make_wsgi_app
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

from engine.telemetry.figures import CannotObserve, Figure, Figures, Histogram, Tally

log = structlog.get_logger()


_AGAIN = 0.5
"""Seconds between attempts at a port that is in use."""


Family = CounterMetricFamily | GaugeMetricFamily | HistogramMetricFamily


Page = Callable[[], tuple[bool, Mapping[str, Any]]]
"""Whether all is well, and the document that says so."""


class Endpoint:
    """Answers /metrics, and each page at its path with 200 or 503, once it is begun."""

    def __init__(self, host: str, port: int, figures: Figures, pages: Mapping[str, Page]) -> None:
        metrics = make_wsgi_app(_registry(figures))

        def app(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
            path = environ["PATH_INFO"]
            return metrics(environ, start) if path == "/metrics" else _page(pages.get(path), start)

        self._where, self._app = (host, port), app
        self._server: WSGIServer | None = None
        self._closed = threading.Event()

    def begin(self) -> None:
        """Answers from now on. Raises OSError when the port is in use."""
        self._server = make_server(*self._where, self._app, _Threads, _Silent)
        threading.Thread(target=self._server.serve_forever, name="metrics", daemon=True).start()
        log.info("metrics", url=f"http://{self._where[0]}:{self._where[1]}/metrics")

    def begin_when_free(self) -> None:
        """The same, as soon as who has the port leaves it: a worker takes over from the one before it."""
        threading.Thread(target=self._wait_and_begin, name="metrics", daemon=True).start()

    def close(self) -> None:
        """Answers no more."""
        self._closed.set()
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()

    def _wait_and_begin(self) -> None:
        while not self._closed.is_set():
            try:
                self.begin()
            except OSError:
                self._closed.wait(_AGAIN)
            else:
                return


def opened(host: str, port: int, figures: Figures, pages: Mapping[str, Page]) -> Endpoint:
    """An endpoint that has begun. Raises CannotObserve."""
    endpoint = Endpoint(host, port, figures, pages)
    try:
        endpoint.begin()
    except OSError as error:
        raise CannotObserve(f"cannot show metrics on {host}:{port}: {error.strerror}") from error
    return endpoint


def _page(page: Page | None, start: StartResponse) -> Iterable[bytes]:
    if page is None:
        start("404 Not Found", [("Content-Type", "text/plain")])
        return [b"there are /metrics, /live, /ready and /book\n"]
    well, document = page()
    start("200 OK" if well else "503 Service Unavailable", [("Content-Type", "application/json")])
    return [json.dumps(document, ensure_ascii=False).encode() + b"\n"]


class _Threads(ThreadingMixIn, WSGIServer):
    """A thread for each call, so that a slow reader keeps nobody waiting."""

    daemon_threads = True
    request_queue_size = 32


class _Silent(WSGIRequestHandler):
    """Writes no line for each call, and waits for no caller for ever."""

    timeout = 10

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 its base's word
        """Says nothing."""


def _registry(figures: Figures) -> CollectorRegistry:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Ours(figures))
    ProcessCollector(registry=registry)
    GCCollector(registry=registry)
    return registry


class _Ours(Collector):
    """The figures, as Prometheus names them."""

    def __init__(self, figures: Figures) -> None:
        self._figures = tuple(figures)

    def collect(self) -> Iterator[Family]:
        """Each as it is now."""
        return map(_family, self._figures)


def _family(figure: Figure) -> Family:
    about = figure.about
    if isinstance(figure, Histogram):
        return _buckets(figure)
    grows = isinstance(figure, Tally) or figure.grows
    family = (CounterMetricFamily if grows else GaugeMetricFamily)(
        about.name, about.help, labels=about.labels
    )
    for labels, value in figure.read().items():
        family.add_metric(labels, value)
    return family


def _buckets(figure: Histogram) -> HistogramMetricFamily:
    about = figure.about
    family = HistogramMetricFamily(about.name, about.help, labels=about.labels)
    for labels, spread in figure.read().items():
        buckets, so_far = [], 0
        for bound, count in zip([*map(str, figure.bounds), "+Inf"], spread.counts, strict=True):
            so_far += count
            buckets.append((bound, so_far))
        family.add_metric(labels, buckets, spread.total)
    return family
