"""HTTP for Prometheus, and for probes that do not speak gRPC, on a port and in threads of its own."""

import json
import threading
from collections.abc import Callable, Iterable, Mapping
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server
from wsgiref.types import StartResponse, WSGIEnvironment

import structlog
from prometheus_client import CollectorRegistry, GCCollector, ProcessCollector, make_wsgi_app

from engine.model.shown import printable, shown
from engine.telemetry.config import CannotObserve

log = structlog.get_logger()


_RETRY_SECONDS = 0.5
"""Between attempts at a port that is in use."""


Page = Callable[[], tuple[bool, Mapping[str, Any]]]
"""Whether all is well (status 200, else 503), and the document to answer with."""


class Endpoint:
    """Answers at /metrics and at each page's path, from `start` or `start_when_free` on until `close`."""

    def __init__(self, host: str, port: int, registry: CollectorRegistry, pages: Mapping[str, Page]) -> None:
        ProcessCollector(registry=registry)
        GCCollector(registry=registry)
        metrics = make_wsgi_app(registry)

        def app(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
            path = environ["PATH_INFO"]
            return metrics(environ, start) if path == "/metrics" else _answer(pages.get(path), start)

        self._address, self._app = (host, port), app
        self._server: WSGIServer | None = None
        self._closed = threading.Event()

    def start(self) -> None:
        """Answers from now on. Raises OSError when the port is in use."""
        self._server = make_server(*self._address, self._app, _ThreadingServer, _SilentHandler)
        threading.Thread(target=self._server.serve_forever, name="metrics", daemon=True).start()
        log.info("metrics", url=f"http://{self._address[0]}:{self._address[1]}/metrics")

    def start_when_free(self) -> None:
        """Starts as soon as the port is free: a worker takes it over from the one that it replaces."""
        threading.Thread(target=self._wait_and_start, name="metrics", daemon=True).start()

    def close(self) -> None:
        """Stops answering."""
        self._closed.set()
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()

    def _wait_and_start(self) -> None:
        while not self._closed.is_set():
            try:
                self.start()
            except OSError:
                self._closed.wait(_RETRY_SECONDS)
            else:
                return


def started(host: str, port: int, registry: CollectorRegistry, pages: Mapping[str, Page]) -> Endpoint:
    """An endpoint that answers. Raises CannotObserve."""
    endpoint = Endpoint(host, port, registry, pages)
    try:
        endpoint.start()
    except OSError as error:
        raise CannotObserve(f"cannot show metrics on {host}:{port}: {error.strerror}") from error
    return endpoint


def _answer(page: Page | None, start: StartResponse) -> Iterable[bytes]:
    if page is None:
        start("404 Not Found", [("Content-Type", "text/plain")])
        return [b"there are /metrics, /live, /ready and /book\n"]
    well, document = page()
    start("200 OK" if well else "503 Service Unavailable", [("Content-Type", "application/json")])
    return [printable(json.dumps(shown(document), ensure_ascii=False)).encode() + b"\n"]


class _ThreadingServer(ThreadingMixIn, WSGIServer):
    """Answers each call in a thread of its own, so that a slow reader keeps nobody waiting."""

    daemon_threads = True
    request_queue_size = 32


class _SilentHandler(WSGIRequestHandler):
    """Logs no calls, and gives up on a caller that sends nothing for 10 s."""

    timeout = 10

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 the parameter's name in the base class
        """Logs nothing."""
