"""Where and how the server listens: its address, TLS and connection options; and how it is told to stop, and drains."""

import asyncio
import errno
import signal
import socket
from collections.abc import Callable
from ipaddress import ip_address
from typing import Any

import grpc
import structlog

from engine.settings import Settings, host_and_port

log = structlog.get_logger()


class CannotServe(Exception):
    """The server cannot start as it is configured."""


def channel_options(settings: Settings, *, shared: bool) -> tuple[tuple[str, int], ...]:
    """gRPC's options for messages and connections. shared: whether other processes listen on the port too."""
    return (
        ("grpc.max_receive_message_length", settings.message_bytes),
        ("grpc.max_send_message_length", settings.message_bytes),
        ("grpc.max_metadata_size", settings.metadata_bytes),
        ("grpc.absolute_max_metadata_size", settings.metadata_bytes),  # one bound, none by chance between two
        ("grpc.max_concurrent_streams", settings.streams),
        ("grpc.server_handshake_timeout_ms", _milliseconds(settings.handshake_timeout)),
        ("grpc.keepalive_time_ms", _milliseconds(settings.keepalive)),
        ("grpc.keepalive_timeout_ms", _milliseconds(settings.keepalive_timeout)),
        ("grpc.max_connection_idle_ms", _milliseconds(settings.connection_idle)),
        ("grpc.max_connection_age_ms", _milliseconds(settings.connection_age)),
        ("grpc.max_connection_age_grace_ms", _milliseconds(settings.request_timeout)),
        ("grpc.so_reuseport", int(shared)),  # else a port in use is an error, not a silent share of its calls
    )


_FOREVER = 2**31 - 1


def _milliseconds(seconds: float) -> int:
    """For gRPC; 0 seconds stand for no bound."""
    return min(int(seconds * 1000), _FOREVER) if seconds else _FOREVER


def check_access(settings: Settings) -> None:
    """Raises CannotServe unless serving is safe, or a setting says that it need not be."""
    if bool(settings.tls_cert) != bool(settings.tls_key):
        raise CannotServe("TLS needs both a certificate and its key: --tls-cert and --tls-key")
    if settings.client_ca and not settings.tls_cert:
        raise CannotServe("--client-ca needs TLS: --tls-cert and --tls-key")
    hosts = [settings.host, *([host_and_port(settings.http)[0]] if settings.http else ())]
    host = next((host for host in hosts if not _is_loopback(host)), None)
    if host is None:
        return
    if not settings.tls_cert and not settings.insecure:
        raise CannotServe(
            f"{host} is not loopback and there is no TLS: give --tls-cert and --tls-key,"
            " or say --insecure if the network is to be trusted"
        )
    if not (settings.callers or settings.client_ca or settings.anyone):
        raise CannotServe(
            f"{host} is not loopback and nobody would be asked who calls: give --callers or --client-ca,"
            " or say --anyone if whoever can connect may decide"
        )


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host.strip("[]")).is_loopback
    except ValueError as error:
        raise CannotServe(f"{host!r} is not an IP address") from error


def bind(
    server: grpc.aio.Server,
    settings: Settings,
    credentials: grpc.ServerCredentials | None,
    *,
    shared: bool = False,
) -> int:
    """Opens the port, with TLS if there are credentials; returns the port. Raises CannotServe."""
    if not shared:
        _try_port(settings)
    address = f"{settings.host}:{settings.port}"
    try:
        if credentials is None:
            return server.add_insecure_port(address)
        return server.add_secure_port(address, credentials)
    except RuntimeError as error:
        raise in_use(settings.host, settings.port, None) from error


def _try_port(settings: Settings) -> None:
    """Binds the port and leaves it: what is wrong is said by us, before gRPC writes lines of its own. Raises CannotServe."""
    failures: list[OSError] = []
    try:
        addresses = addresses_of(settings.host)
    except OSError as error:
        raise in_use(settings.host, settings.port, error) from error
    for family, address in addresses:
        try:
            with socket.socket(family, socket.SOCK_STREAM) as holder:
                holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                holder.bind((address, settings.port))
        except OSError as error:
            failures.append(error)
    if len(failures) == len(addresses) or any(
        error.errno in (errno.EADDRINUSE, errno.EACCES) for error in failures
    ):
        raise in_use(settings.host, settings.port, failures[0]) from failures[0]


def addresses_of(host: str) -> list[tuple[socket.AddressFamily, str]]:
    """The addresses of a host: one, or both loopback addresses of `localhost`. Raises OSError."""
    addresses = socket.getaddrinfo(host.strip("[]"), None, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    return [(family, str(address[0])) for family, _, _, _, address in addresses]


_CAUSES = {
    errno.EADDRINUSE: "it is in use by another program",
    errno.EACCES: "ports below 1024 need the right CAP_NET_BIND_SERVICE; take one above, such as 50051",
    errno.EADDRNOTAVAIL: "this machine has no such address; 0.0.0.0 stands for all that it has",
}


def in_use(host: str, port: int, error: OSError | None) -> CannotServe:
    """The error of an address that cannot be listened on."""
    if error is None:
        cause = "is it in use?"
    elif isinstance(error, socket.gaierror):
        cause = f"the host cannot be resolved ({error.strerror})"
    else:
        cause = _CAUSES.get(error.errno or 0, str(error.strerror))
    return CannotServe(f"cannot listen on {host}:{port}: {cause}")


_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Stop:
    """Tells a server to stop: first to finish what it accepted, a second time to leave at once.

    Belongs to the event loop that runs when it is made.
    """

    def __init__(self) -> None:
        self._requested = asyncio.Event()
        self._hurry = asyncio.Event()

    def drain(self) -> None:
        """Finish what was accepted and leave; repeating it changes nothing."""
        self._requested.set()

    def hurry(self) -> None:
        """Leave now."""
        self._requested.set()
        self._hurry.set()

    def escalate(self) -> None:
        """The first time `drain`, then `hurry`."""
        self.hurry() if self._requested.is_set() else self.drain()

    async def requested(self) -> None:
        """Returns when the server has to stop."""
        await self._requested.wait()

    async def hurried(self) -> None:
        """Returns when the server has to leave at once."""
        await self._hurry.wait()


def stop_on_signals() -> Stop:
    """A Stop that SIGTERM and SIGINT escalate, in the event loop that runs."""
    stop = Stop()
    for signum in _STOP_SIGNALS:
        asyncio.get_running_loop().add_signal_handler(signum, stop.escalate)
    return stop


def ignore_stop_signals() -> None:
    """Keeps a further signal from cutting off a process that is ending anyway."""
    for signum in _STOP_SIGNALS:
        asyncio.get_running_loop().remove_signal_handler(signum)
        signal.signal(signum, signal.SIG_IGN)


async def drain(server: grpc.aio.Server, grace: float, stop: Stop) -> None:
    """Takes nothing new and lets calls finish, for as long as they may, or until told to hurry."""
    drained, hurried = asyncio.create_task(server.stop(grace)), asyncio.create_task(stop.hurried())
    await asyncio.wait((drained, hurried), return_when=asyncio.FIRST_COMPLETED)
    if not drained.done():
        log.warning("hurrying: calls under way get no answer")
        await server.stop(None)
    hurried.cancel()
    await drained


async def done_before(future: "asyncio.Future[Any]", stop: Stop, patience: float = 0) -> bool:
    """Waits for a part of the start; False if the server has to stop before that is done.

    patience: seconds after which a message says that the start waits for the log; 0: none does.
    """
    stopping = asyncio.create_task(stop.requested())
    await asyncio.wait((future, stopping), timeout=patience or None, return_when=asyncio.FIRST_COMPLETED)
    if not future.done() and not stopping.done():
        log.warning("the start waits for the log, which does not answer")
        await asyncio.wait((future, stopping), return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    return future.done()


_LAST_SECONDS = 0.5
"""What remains to be done when the server has to leave at once."""


async def ended(
    closing: "asyncio.Future[None]",
    stop: Stop,
    patience: float,
    progress: Callable[[], object] = lambda: None,
) -> bool:
    """Waits until something is closed; False if it makes no progress for so many seconds, or has no more time to leave."""
    hurried = asyncio.create_task(stop.hurried())
    while not closing.done() and not hurried.done():
        before = progress()
        await asyncio.wait((closing, hurried), timeout=patience, return_when=asyncio.FIRST_COMPLETED)
        if progress() == before:
            break
    if hurried.done():
        await asyncio.wait((closing,), timeout=_LAST_SECONDS)
    hurried.cancel()
    return closing.done() and closing.result() is None
