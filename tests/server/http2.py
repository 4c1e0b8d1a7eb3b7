"""A peer that speaks HTTP/2 itself, so that it can behave as no gRPC client does."""

import select
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import StreamReset
from h2.settings import SettingCodes

from tests.waiting import HANGS

_READS_ON = 1.0
"""Seconds after which a server that opens no window is taken not to read on."""


class _Connection(H2Connection):
    """A connection that is used on after the server's GOAWAY, as gRPC's clients do: streams under way end by themselves."""

    def _receive_goaway_frame(self, frame: Any) -> Any:
        return [], []


class Peer:
    """A connection to a gRPC server. window: bytes of each answer that it is ready to read."""

    def __init__(self, target: str, window: int = 65_535) -> None:
        host, port = target.rsplit(":", 1)
        self._socket = socket.create_connection((host, int(port)), timeout=HANGS)
        self._ended: dict[int, str] = {}
        self._connection = _Connection(H2Configuration(client_side=True, header_encoding="utf-8"))
        self._connection.initiate_connection()
        self._connection.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: window})
        self._flush()

    def call(self, method: str, body: bytes = b"", *, of: int | None = None, token: str = "") -> int:
        """Begins a call whose message is announced with a length `of`, and sends the body; returns the stream's number."""
        stream = self._connection.get_next_available_stream_id()
        headers = [
            (":method", "POST"),
            (":scheme", "http"),
            (":path", method),
            (":authority", "localhost"),
            ("content-type", "application/grpc"),
            ("te", "trailers"),
        ]
        if token:
            headers.append(("authorization", f"Bearer {token}"))
        self._connection.send_headers(stream, headers)
        self._connection.send_data(stream, struct.pack(">BI", 0, len(body) if of is None else of) + body)
        self._flush()
        return stream

    def send(self, stream: int, size: int) -> int:
        """Sends up to so many bytes more of a call's message, as far as the server reads them; returns their number."""
        sent, connection = 0, self._connection
        while sent < size:
            room = min(
                connection.local_flow_control_window(stream), connection.max_outbound_frame_size, size - sent
            )
            if room > 0:
                connection.send_data(stream, bytes(room))
                sent += room
            elif not self._read(within=_READS_ON):
                return sent
            self._flush()
        return sent

    def _read(self, within: float) -> bool:
        """Reads what the server says about windows; False when it says nothing for so many seconds."""
        if not select.select((self._socket,), (), (), within)[0]:
            return False
        return self._receive()

    def overstep(self) -> None:
        """Reads how many calls the server allows at once, and from now on begins as many as it is told to all the same."""
        while SettingCodes.MAX_CONCURRENT_STREAMS not in self._connection.remote_settings:
            if not self._receive():
                raise ConnectionError("the server ended the connection")
        self._flush()
        settings = self._connection.remote_settings
        settings[SettingCodes.MAX_CONCURRENT_STREAMS] = 2**31 - 1
        settings.acknowledge()

    def is_closed_unheard(self) -> bool:
        """Whether the server ends the connection, of which nothing is read as HTTP/2, so that no ping is answered."""
        try:
            while self._socket.recv(65_536):
                pass
        except ConnectionResetError:
            pass
        return True

    def statuses(self, streams: list[int]) -> dict[int, str]:
        """The gRPC status with which each of the streams ends, or the code with which it is reset; waits for all of them."""
        while not self._ended.keys() >= set(streams):
            if not self._receive():
                raise ConnectionError("the server ended the connection")
            self._flush()
        return {stream: self._ended[stream] for stream in streams}

    def _receive(self) -> bool:
        """Reads what the server has sent, and notes which streams ended; False when the connection has."""
        data = self._socket.recv(65_536)
        for event in self._connection.receive_data(data):
            headers: Any = getattr(event, "headers", None) or ()
            status = dict(headers).get("grpc-status")
            if status is not None:
                self._ended[event.stream_id] = status  # type: ignore[attr-defined]
            elif isinstance(event, StreamReset):
                self._ended.setdefault(event.stream_id, ErrorCodes(event.error_code or 0).name)
        return bool(data)

    def _flush(self) -> None:
        self._socket.sendall(self._connection.data_to_send())

    def close(self) -> None:
        """Ends the connection."""
        self._socket.close()


@contextmanager
def peer_of(target: str, window: int = 65_535) -> Iterator[Peer]:
    """A peer for the length of a block."""
    peer = Peer(target, window)
    try:
        yield peer
    finally:
        peer.close()
