"""HTTP for Prometheus, and for probes that do not speak gRPC, on a port and in threads of its own.

Whoever reaches the port may connect, so connections are bounded: in number, in time from their first byte to the last, in the
size of a request's head. Peers that go away are counted, and reported at most once a minute.
"""

import json
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from io import BytesIO
from socketserver import TCPServer, ThreadingMixIn
from typing import Any, cast
from wsgiref.simple_server import ServerHandler, WSGIRequestHandler, WSGIServer, make_server
from wsgiref.types import StartResponse, WSGIEnvironment

import structlog
from prometheus_client import CollectorRegistry, GCCollector, ProcessCollector, make_wsgi_app

from engine.model.shown import printable, shown
from engine.telemetry.config import CannotObserve

log = structlog.get_logger()


_RETRY_SECONDS = 0.5
"""Between attempts at a port that is in use."""


_TELL_AFTER = 10
"""Attempts after which a port that stays in use is reported."""


CONNECTIONS = 64
"""Connections at once; a further one ends the oldest, so that probes are answered however many stay silent."""


SECONDS = 10.0
"""Time of a connection, from its acceptance to the last byte of the answer."""


HEAD_BYTES = 16 * 1024
"""Size of a request's line and headers."""


_TELL_SECONDS = 60.0
"""Between two messages about connections that broke off."""


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
        kind = _IPv6Server if ":" in self._address[0] else _BoundedServer
        self._server = make_server(self._address[0].strip("[]"), self._address[1], self._app, kind, _Handler)
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
        attempts = 0
        while not self._closed.is_set():
            try:
                self.start()
            except OSError as error:
                attempts += 1
                if attempts == _TELL_AFTER:
                    log.warning(
                        "cannot show metrics yet",
                        host=self._address[0],
                        port=self._address[1],
                        reason=error.strerror,
                    )
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
        return [b"there are /metrics, /live, /ready, /book and /settings\n"]
    well, document = page()
    start("200 OK" if well else "503 Service Unavailable", [("Content-Type", "application/json")])
    return [printable(json.dumps(shown(document), ensure_ascii=False)).encode() + b"\n"]


class _BoundedServer(ThreadingMixIn, WSGIServer):
    """Answers each call in a thread of its own, so that a slow peer keeps nobody waiting, within the bounds above."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, *args: Any) -> None:
        self._lock = threading.Lock()
        self._open: dict[socket.socket, float] = {}
        """Open connections with the time at which they end, the oldest first."""
        self._broken, self._reported_at = 0, float("-inf")
        super().__init__(*args)

    def server_bind(self) -> None:
        """Binds the port, without asking a name server for the host's name."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), self.server_address[1]
        self.setup_environ()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Takes a connection, and ends the oldest one if there are too many."""
        with self._lock:
            self._open[request] = time.monotonic() + SECONDS
            over = next(iter(self._open)) if len(self._open) > CONNECTIONS else None
        if over is not None:
            _end(over)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Closes a connection."""
        with self._lock:
            self._open.pop(request, None)
        super().shutdown_request(request)

    def service_actions(self) -> None:
        """Ends connections whose time is over; called every half a second."""
        now = time.monotonic()
        with self._lock:
            late = [connection for connection, end in self._open.items() if end <= now]
        for connection in late:
            _end(connection)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 -- the base's signature
        """Counts a connection that broke off; a fault of ours is reported as such."""
        self.broke_off()

    def broke_off(self) -> None:
        """Counts, and reports at most once a minute; to be called while the exception is handled."""
        now = time.monotonic()
        with self._lock:
            self._broken += 1
            if now - self._reported_at < _TELL_SECONDS:
                return
            count, self._broken, self._reported_at = self._broken, 0, now
        error = sys.exc_info()[1]
        if isinstance(error, OSError):
            log.warning("connections for metrics broke off", connections=count, reason=str(error))
        else:
            log.error("metrics could not be shown", connections=count, exc_info=error)


class _IPv6Server(_BoundedServer):
    address_family = socket.AF_INET6


def _end(connection: socket.socket) -> None:
    """Ends a connection under its thread, whose next read or write fails."""
    with suppress(OSError):  # it has just ended by itself
        connection.shutdown(socket.SHUT_RDWR)


class _Head:
    """The lines of a request's head, up to a number of bytes."""

    def __init__(self, file: Any) -> None:
        self._file, self._room = file, HEAD_BYTES

    def readline(self, limit: int = HEAD_BYTES) -> bytes:
        """A line, empty at the end; raises ConnectionAbortedError for a head that is too long, or breaks off in a line."""
        line: bytes = self._file.readline(min(limit, self._room + 1))
        self._room -= len(line)
        if self._room < 0 or (line and not line.endswith(b"\n")):
            raise ConnectionAbortedError("the head of a request broke off, or was too long")
        return line


class _Answer(ServerHandler):
    """Runs the app; a fault is reported by the server, and not written to standard error."""

    def __init__(self, handler: "_Handler") -> None:
        super().__init__(BytesIO(), cast("Any", handler.wfile), sys.stderr, handler.get_environ(), False)
        self.request_handler = handler

    def log_exception(self, exc_info: Any) -> None:  # noqa: ARG002 -- the base's signature
        """Reports the exception that is being handled."""
        cast("_BoundedServer", self.request_handler.server).broke_off()


class _Handler(WSGIRequestHandler):
    """Reads one request and answers it; logs no calls."""

    timeout = SECONDS  # of one read or write; the server ends the whole

    def handle(self) -> None:
        """Answers the connection's request, if it sends one."""
        file, self.rfile = self.rfile, cast("Any", _Head(self.rfile))
        try:
            self.raw_requestline = self.rfile.readline()
            complete = bool(self.raw_requestline) and self.parse_request()  # which sends refusals itself
        finally:
            self.rfile = file
        if complete:
            _Answer(self).run(cast("Any", self.server).get_app())

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 the parameter's name in the base class
        """Logs nothing."""
