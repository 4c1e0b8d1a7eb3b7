"""The service of gRPC's health protocol: https://github.com/grpc/grpc/blob/master/doc/health-checking.md.

The health package's own servicer holds a lock while it writes to a peer, so that one peer that does not read stops every later
change of a status. Here a change only wakes the watches, and the task of each call writes to its own peer.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager

import grpc
from grpc_health.v1.health import SERVICE_NAME
from grpc_health.v1.health_pb2 import (
    HealthCheckRequest,
    HealthCheckResponse,
    HealthListRequest,
    HealthListResponse,
)

from engine.server.access.roles import TooMuch
from engine.server.handlers import Context, server_stream, unary
from engine.server.status import UnknownService
from engine.server.streams import GoingDown

MOST_WATCHES = 1000
"""Watches of all peers together; a watch takes about 20 kB and needs no token."""


MOST_WATCHES_OF_A_CONNECTION = 10
"""A client watches each service that it calls once."""


_MOST_BYTES = 1024
"""Of a request, which names a service. A watch keeps its request, and needs no token."""


_RETRY_SECONDS = 10.0


_LAST_WORDS_SECONDS = 1.0
"""How long a peer may take to read the last status of its watch when the server stops."""


class HealthService:
    """The status of each service, for those who check and those who watch. Belongs to one event loop."""

    def __init__(self) -> None:
        self._statuses: dict[str, HealthCheckResponse.ServingStatus] = {}
        self._watches: dict[asyncio.Event, asyncio.Task[object] | None] = {}
        """For each watch what wakes it, and the task that writes to its peer."""
        self._of_a_connection: Counter[str] = Counter()
        self._draining = False

    def set(self, name: str, *, serving: bool) -> None:
        """Changes a status. Never waits for a peer."""
        status = HealthCheckResponse.SERVING if serving else HealthCheckResponse.NOT_SERVING
        if self._statuses.get(name) != status:
            self._statuses[name] = status
            self._wake()

    def drain(self) -> None:
        """Ends all watches: each sends the status as it is now, if its peer reads it within a second."""
        self._draining = True
        self._wake()
        for task in self._watches.values():
            if task is not None:
                asyncio.get_running_loop().call_later(_LAST_WORDS_SECONDS, task.cancel)

    def handler(self) -> grpc.GenericRpcHandler:
        """The methods of the service."""
        return grpc.method_handlers_generic_handler(
            SERVICE_NAME,
            {
                "Check": unary(self.check, HealthCheckRequest, _MOST_BYTES),
                "List": unary(self.list_all, HealthListRequest, _MOST_BYTES),
                "Watch": server_stream(self.watch, HealthCheckRequest, _MOST_BYTES),
            },
        )

    async def check(self, request: HealthCheckRequest, _context: Context) -> HealthCheckResponse:
        """The status of a service; raises UnknownService."""
        status = self._statuses.get(request.service)
        if status is None:
            raise UnknownService("no service has this name")
        return HealthCheckResponse(status=status)

    async def list_all(self, _request: HealthListRequest, _context: Context) -> HealthListResponse:
        """The status of every service."""
        return HealthListResponse(
            statuses={name: HealthCheckResponse(status=status) for name, status in self._statuses.items()}
        )

    async def watch(
        self, request: HealthCheckRequest, context: Context
    ) -> AsyncGenerator[HealthCheckResponse, None]:
        """The status of a service, and each later one; a peer that reads slowly misses those between.

        Raises TooMuch, and GoingDown when the server stops.
        """
        with self._watching(context.peer()) as changed:
            sent: HealthCheckResponse.ServingStatus | None = None
            while True:
                changed.clear()
                status = self._statuses.get(request.service, HealthCheckResponse.SERVICE_UNKNOWN)
                if status != sent:
                    sent = status
                    yield HealthCheckResponse(status=status)
                elif self._draining:
                    raise GoingDown("the server is going down")
                else:
                    await changed.wait()

    def _wake(self) -> None:
        for changed in self._watches:
            changed.set()

    @contextmanager
    def _watching(self, peer: str) -> Iterator[asyncio.Event]:
        """What wakes a watch of the peer; raises TooMuch if there are too many."""
        if len(self._watches) >= MOST_WATCHES or self._of_a_connection[peer] >= MOST_WATCHES_OF_A_CONNECTION:
            raise TooMuch("more watches of health than this server holds", _RETRY_SECONDS)
        changed = asyncio.Event()
        self._watches[changed] = asyncio.current_task()
        self._of_a_connection[peer] += 1
        try:
            yield changed
        finally:
            del self._watches[changed]
            self._of_a_connection[peer] -= 1
            if not self._of_a_connection[peer]:
                del self._of_a_connection[peer]
