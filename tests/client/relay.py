"""A relay of TCP connections that counts them."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class Relay:
    """Passes connections on to a server, from `relaying` on."""

    def __init__(self, target: str) -> None:
        host, port = target.rsplit(":", 1)
        self._target = host, int(port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self.connections = 0
        """How many there were."""
        self._threads: list[threading.Thread] = []
        self._open: list[socket.socket] = []

    def serve(self) -> None:
        """Accepts until it is closed."""
        with suppress(OSError):  # the listener is closed
            while True:
                client, _ = self._listener.accept()
                self.connections += 1
                self._open.append(client)
                server = socket.create_connection(self._target)
                self._open.append(server)
                for source, sink in ((client, server), (server, client)):
                    thread = threading.Thread(target=_pump, args=(source, sink))
                    thread.start()
                    self._threads.append(thread)

    def cut(self) -> None:
        """Ends the connections there are, and goes on accepting."""
        for connection in self._open:
            with suppress(OSError):  # it has ended already
                connection.shutdown(socket.SHUT_RDWR)

    def stop(self) -> None:
        """Accepts nothing more."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def close(self) -> None:
        """Waits for the ends of the connections, after the last was accepted."""
        for thread in self._threads:
            thread.join(60)
        for connection in self._open:
            connection.close()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    """Copies until the source ends; each direction closes its source."""
    with suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
    with suppress(OSError):
        source.shutdown(socket.SHUT_RD)


@contextmanager
def relaying(target: str) -> Iterator[Relay]:
    """A relay for the length of a block."""
    relay = Relay(target)
    thread = threading.Thread(target=relay.serve)
    thread.start()
    try:
        yield relay
    finally:
        relay.stop()
        thread.join(60)
        relay.close()
