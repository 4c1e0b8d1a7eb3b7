"""The port that all workers of a server listen on."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from engine.server.listen import in_use
from engine.settings import Settings


@contextmanager
def held_port(settings: Settings) -> Iterator[int]:
    """The port of the settings, or a free one for 0, kept for the length of a block. Raises CannotServe.

    Nobody else may have it at the beginning; then it is opened to the workers, who listen on it by SO_REUSEPORT. It is never
    listened on here, so that no connection comes to the supervisor, and no other program gets it while all workers are down.
    """
    with ExitStack() as held:
        try:
            port = settings.port
            for family, address in _addresses(settings.host):
                one = held.enter_context(socket.socket(family, socket.SOCK_STREAM))
                one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                one.bind((address, port))
                one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
                port = one.getsockname()[1]
        except OSError as error:
            raise in_use(settings) from error
        yield port


def _addresses(host: str) -> list[tuple[socket.AddressFamily, str]]:
    """Those that the host stands for: one, or both loopback addresses of `localhost`."""
    found = socket.getaddrinfo(host.strip("[]"), None, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    return [(family, str(address[0])) for family, _, _, _, address in found]
