"""Connections over HTTP/1.1: uvicorn's protocol with bounds in number, in bytes and in time.

Uvicorn itself bounds neither the head of a request nor how long one may take to arrive.
"""

import asyncio
import ssl
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial
from math import inf
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from engine.server.access.certificates import names_of_der
from engine.server.http.app import CONNECTION, NAMES

_LINGER_SECONDS = 5.0
"""How long the rest of a request is read whose answer has left, so that the caller gets to read it."""


_MOST_PIPELINED = 16
"""Requests that a connection may send before it has the answer to the first of them."""


_AROUND_HEADER = 4
"""Bytes of a header besides its name and value."""


@dataclass(slots=True)
class ConnectionBounds:
    """What bounds the connections of a server, and those that are open. Seconds of 0 are no bound."""

    most: int
    """Connections; a further one ends the one that has been without a request for longest."""
    head_bytes: int
    request_bytes: int
    """Of a request as it is on the wire, with what the encoding of its parts adds."""
    head_seconds: float
    """From the connection, or the first byte of a request, to the end of its head."""
    idle_seconds: float
    """Between two requests."""
    age_seconds: float
    """After which a connection ends with the answer to its request."""
    open: "dict[BoundedProtocol, None]" = field(default_factory=dict)
    idle: "dict[BoundedProtocol, None]" = field(default_factory=dict)
    """Those without a request under way, the one that has been so for longest first."""

    def sweep(self) -> None:
        """Ends the connections whose time has passed."""
        now = time.monotonic()
        for connection in [connection for connection in self.open if connection.due <= now]:
            connection.end()


class BoundedProtocol(HttpToolsProtocol):
    """A connection within bounds."""

    def __init__(self, bounds: ConnectionBounds, **given: Any) -> None:
        super().__init__(**given)
        self._bounds = bounds
        self._opened = time.monotonic()
        self.due = inf
        """On time.monotonic's clock, when it is ended."""
        self._in_head = True
        self._bytes = 0
        """Of the request under way."""
        self._is_bounded = True
        """Whether there is a most for the bytes of the request under way."""
        self._part = 0
        """Bytes that arrived last, in which a request may begin."""
        self._head_bytes = 0
        self._refused = False
        """Whether what came was no request, so that the rest is not read."""
        self._names: Any = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Takes the connection, and ends another one if there are too many."""
        super().connection_made(transport)
        bounds = self._bounds
        bounds.open[self] = bounds.idle[self] = None
        self.due = self._opened + bounds.head_seconds
        secured = transport.get_extra_info("ssl_object")
        if secured is not None:
            self._names = partial(_names_of, secured)
        if len(bounds.open) > bounds.most:
            next(iter(bounds.idle), self).end()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forgets the connection."""
        self._bounds.open.pop(self, None)
        self._bounds.idle.pop(self, None)
        super().connection_lost(exc)

    def end(self) -> None:
        """Closes the connection, whose peer may not read what was sent."""
        self._bounds.open.pop(self, None)
        self._bounds.idle.pop(self, None)
        self.transport.abort()

    def data_received(self, data: bytes) -> None:
        """Parses what has arrived; a request that is too long, or not HTTP, is refused and ends the connection."""
        if self._refused or self.transport.is_closing():
            return
        self._part = len(data)
        self._bytes += self._part
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            if self._answers():
                self.cycle.keep_alive = False  # what follows would be another protocol
        except httptools.HttpParserError:
            self._refuse()
            return
        if self._in_head and self._bytes > self._bounds.head_bytes:
            self._head_bytes = self._bytes
            self._refuse()
        elif self._is_bounded and self._bytes > self._bounds.request_bytes and self._answers():
            self.end()  # what follows an answer is read for some time, so that the caller gets to read that

    def take_any_length(self, scope: Any) -> None:
        """Lets the request of this scope have any number of bytes, of which whoever reads them keeps few."""
        if self.scope is scope:  # else another request has begun to arrive, behind the whole of that one
            self._is_bounded = False

    def _answers(self) -> bool:
        """Whether a request waits for its answer."""
        cycle: Any = self.cycle  # none before the first request
        return cycle is not None and not cycle.response_complete

    def _refuse(self) -> None:
        """Answers what is no request, unless another one waits for its answer, and closes the connection."""
        if self._answers():
            self.end()
            return
        too_large = self._head_bytes > self._bounds.head_bytes
        line = b"431 Request Header Fields Too Large" if too_large else b"400 Bad Request"
        head = b"HTTP/1.1 %s\r\ncontent-length: 0\r\nconnection: close\r\n\r\n" % line
        self.transport.write(head)
        self._refused = True
        if self.transport.can_write_eof():
            self.transport.write_eof()  # and not closed: what has not been read would make the peer lose the answer
        self.due = time.monotonic() + _LINGER_SECONDS

    def on_message_begin(self) -> None:
        """Begins a request."""
        super().on_message_begin()
        self._in_head, self._bytes, self._head_bytes, self._is_bounded = True, self._part, 0, True
        self.due = min(self.due, time.monotonic() + self._bounds.head_seconds)
        scope: Any = self.scope
        scope[CONNECTION] = self
        if self._names is not None:
            scope[NAMES] = self._names

    def on_url(self, url: bytes) -> None:
        """Takes a part of the URL."""
        self._take_head(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Takes a header, also of those that follow a body."""
        self._take_head(len(name) + len(value) + _AROUND_HEADER)
        super().on_header(name, value)

    def _take_head(self, size: int) -> None:
        self._head_bytes += size
        if self._head_bytes > self._bounds.head_bytes:
            raise ValueError("the head is too long")  # which the parser reports as an error of its own

    def on_headers_complete(self) -> None:
        """Starts to answer the request."""
        if len(self.pipeline) >= _MOST_PIPELINED:
            raise ValueError("too many requests at once")
        self._in_head = False
        self._bounds.idle.pop(self, None)
        self.due = inf
        super().on_headers_complete()
        age = self._bounds.age_seconds
        if age and time.monotonic() - self._opened > age:
            self.cycle.keep_alive = False

    def on_message_complete(self) -> None:
        """Notes that the request has arrived, which may be after its answer has left."""
        super().on_message_complete()
        self._in_head, self._bytes = True, 0
        if not self._answers():
            self._rest()

    def on_response_complete(self) -> None:
        """Waits for the rest of the request, or for the next one."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            self.due = time.monotonic() + _LINGER_SECONDS
            return
        self.flow.resume_reading()
        if self.pipeline:
            cycle, app = self.pipeline.pop()
            self._start_asgi_task(cycle, app)
        elif self.cycle.more_body:
            self.due = time.monotonic() + _LINGER_SECONDS
        else:
            self._rest()

    def _rest(self) -> None:
        """Waits for the next request."""
        self._bounds.idle[self] = None
        idle = self._bounds.idle_seconds
        self.due = time.monotonic() + idle if idle else inf


def _names_of(secured: ssl.SSLObject) -> Iterable[str] | None:
    return names_of_der(secured.getpeercert(binary_form=True))
