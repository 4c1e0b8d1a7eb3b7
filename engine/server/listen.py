"""Where and how the server listens: its address, TLS, what a connection may do, and the end."""

import asyncio
from ipaddress import ip_address

import grpc
import structlog

from engine.server.stop import Stop
from engine.settings import Settings

log = structlog.get_logger()


class CannotServe(Exception):
    """The server cannot start as it was told."""


def channel_options(settings: Settings, *, shared: bool) -> tuple[tuple[str, int], ...]:
    """What gRPC is told of messages and connections. shared: whether other processes listen on the port too."""
    return (
        ("grpc.max_receive_message_length", settings.message_bytes),
        ("grpc.max_send_message_length", settings.message_bytes),
        ("grpc.max_metadata_size", settings.metadata_bytes),
        ("grpc.absolute_max_metadata_size", settings.metadata_bytes),  # one bound, and no chance between two
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
    """Raises CannotServe unless it is safe to serve, or was said aloud that it need not be."""
    if bool(settings.tls_cert) != bool(settings.tls_key):
        raise CannotServe("TLS needs both a certificate and its key: --tls-cert and --tls-key")
    if settings.client_ca and not settings.tls_cert:
        raise CannotServe("--client-ca needs TLS: --tls-cert and --tls-key")
    if _is_loopback(settings.host):
        return
    if not settings.tls_cert and not settings.insecure:
        raise CannotServe(
            f"{settings.host} is not loopback and there is no TLS: give --tls-cert and --tls-key,"
            " or say --insecure if the network is to be trusted"
        )
    if not (settings.callers or settings.client_ca or settings.anyone):
        raise CannotServe(
            f"{settings.host} is not loopback and nobody would be asked who calls: give --callers or --client-ca,"
            " or say --anyone if whoever can connect may decide"
        )


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host.strip("[]")).is_loopback
    except ValueError as error:
        raise CannotServe(f"{host!r} is not an IP address") from error


def bind(server: grpc.aio.Server, settings: Settings, credentials: grpc.ServerCredentials | None) -> int:
    """Opens the port, over TLS if there are credentials; the port. Raises CannotServe."""
    address = f"{settings.host}:{settings.port}"
    try:
        if credentials is None:
            return server.add_insecure_port(address)
        return server.add_secure_port(address, credentials)
    except RuntimeError as error:
        raise in_use(settings) from error


def in_use(settings: Settings) -> CannotServe:
    """What to say when the port cannot be had."""
    return CannotServe(f"cannot listen on {settings.host}:{settings.port}: is it in use?")


async def drain(server: grpc.aio.Server, grace: float, stop: Stop) -> None:
    """Takes nothing new and lets calls finish, for as long as they may, or until told to hurry."""
    drained, hurried = asyncio.create_task(server.stop(grace)), asyncio.create_task(stop.hurried())
    await asyncio.wait((drained, hurried), return_when=asyncio.FIRST_COMPLETED)
    if not drained.done():
        log.warning("hurrying: calls under way get no answer")
        await server.stop(None)
    hurried.cancel()
    await drained
