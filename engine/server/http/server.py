"""The server over HTTP/1.1: uvicorn's, in the event loop that serves gRPC too, with our bounds and our end."""

import asyncio
import logging
import socket
import ssl
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import structlog
import uvicorn

from engine.server.http.app import HttpApp
from engine.server.http.connections import BoundedProtocol, ConnectionBounds
from engine.server.listen import Stop, addresses_of, in_use
from engine.settings import Settings, host_and_port

log = structlog.get_logger()


_SWEEP_SECONDS = 1.0
_BACKLOG = 2048
"""Connections that wait to be taken."""


_WIRE_FACTOR = 2
"""How many times longer than its body a request may be on the wire: one in tiny parts is mostly their lengths."""


def open_sockets(settings: Settings, *, shared: bool) -> list[socket.socket]:
    """Sockets at the address of the setting `http`. shared: whether other processes listen there too. Raises CannotServe."""
    host, port = host_and_port(settings.http)
    sockets: list[socket.socket] = []
    try:
        for family, address in addresses_of(host):
            opened = socket.socket(family, socket.SOCK_STREAM)
            sockets.append(opened)
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if shared:
                opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            if family == socket.AF_INET6:
                opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            opened.bind((address, port))
            opened.listen(_BACKLOG)
            port = opened.getsockname()[1]
    except OSError as error:
        for opened in sockets:
            opened.close()
        raise in_use(host, port, error) from error
    return sockets


class _Uvicorn(uvicorn.Server):
    """Without handlers of signals, which are ours, and with a bound for the handshake of TLS."""

    def __init__(self, config: uvicorn.Config, tls: ssl.SSLContext | None, handshake_seconds: float) -> None:
        super().__init__(config)
        self._tls, self._handshake_seconds = tls, handshake_seconds

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Captures none."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Takes connections from now on."""
        await self.lifespan.startup()

        def protocol() -> asyncio.Protocol:
            make: Any = self.config.http_protocol_class
            made: asyncio.Protocol = make(
                config=self.config, server_state=self.server_state, app_state=self.lifespan.state
            )
            return made

        timeout = self._handshake_seconds if self._tls else None
        self.servers = [
            await asyncio.get_running_loop().create_server(
                protocol, sock=opened, ssl=self._tls, backlog=_BACKLOG, ssl_handshake_timeout=timeout
            )
            for opened in sockets or ()
        ]
        self.started = True


class HttpServer:
    """Serves an application at sockets that are open, from `start` on until `drain` returns.

    sweep: ends calls whose time has passed, every second.
    """

    def __init__(
        self,
        app: HttpApp,
        sockets: Sequence[socket.socket],
        settings: Settings,
        tls: ssl.SSLContext | None,
        sweep: Callable[[], None],
    ) -> None:
        self._sweep = sweep
        self.bounds = ConnectionBounds(
            most=settings.http_connections,
            head_bytes=settings.metadata_bytes,
            request_bytes=settings.metadata_bytes + _WIRE_FACTOR * settings.message_bytes,
            head_seconds=settings.handshake_timeout,
            idle_seconds=settings.connection_idle,
            age_seconds=settings.connection_age,
        )
        host, _ = host_and_port(settings.http)
        self.address = f"{'https' if tls else 'http'}://{host}:{sockets[0].getsockname()[1]}"
        self._sockets = list(sockets)
        protocol: Any = partial(BoundedProtocol, self.bounds)
        config = uvicorn.Config(
            app,
            http=protocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=int(settings.grace) + 1,
        )
        # what peers send wrong is no message of ours, and what the application raises it has logged itself
        logging.getLogger("uvicorn").setLevel(logging.CRITICAL + 1)
        self._server = _Uvicorn(config, tls, settings.handshake_timeout)
        self._serving: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Takes connections from now on."""
        self._serving = asyncio.create_task(self._server.serve(self._sockets))
        log.info("http", url=self.address)

    async def sweep(self) -> None:
        """Every second until cancelled, ends connections and calls whose time has passed."""
        while True:
            await asyncio.sleep(_SWEEP_SECONDS)
            self.bounds.sweep()
            self._sweep()

    async def drain(self, grace: float, stop: Stop) -> None:
        """Takes nothing new and lets calls finish, for as long as they may, or until told to hurry."""
        if self._serving is None:
            return
        self._server.should_exit = True
        hurried = asyncio.create_task(stop.hurried())
        await asyncio.wait((self._serving, hurried), timeout=grace, return_when=asyncio.FIRST_COMPLETED)
        hurried.cancel()
        if not self._serving.done():
            self._server.force_exit = True
            for connection in list(self.bounds.open):
                connection.end()
        await self._serving
