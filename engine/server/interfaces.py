"""What a server is called by: gRPC and, where an address for it is set, HTTP. Opened, started and drained together."""

import asyncio
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import grpc
from google.protobuf.message import DecodeError, Message
from grpc_health.v1.health import SERVICE_NAME as HEALTH_SERVICE
from grpc_reflection.v1alpha import reflection
from grpc_reflection.v1alpha.reflection_pb2 import ServerReflectionRequest

from engine.api.v1 import decisions_pb2, privacy_pb2, rulebooks_pb2
from engine.server.access.wiring import AccessWiring
from engine.server.book.serving import ServingBooks
from engine.server.feeds import Feeds
from engine.server.handlers import Context, readable, stream
from engine.server.health import Health
from engine.server.listen import CannotServe, Stop, bind, channel_options, drain
from engine.server.privacy import PrivacyService, privacy_handler, privacy_methods
from engine.server.rulebooks import RulebooksService, rulebook_methods, rulebooks_handler
from engine.server.service import DecisionsService, decisions_handler, unary_methods
from engine.settings import Settings

if TYPE_CHECKING:
    from engine.server.http.server import HttpServer
    from engine.server.observer import CallObserver

SERVICE = decisions_pb2.DESCRIPTOR.services_by_name["Decisions"].full_name

RULEBOOKS_SERVICE = rulebooks_pb2.DESCRIPTOR.services_by_name["Rulebooks"].full_name

PRIVACY_SERVICE = privacy_pb2.DESCRIPTOR.services_by_name["Privacy"].full_name


@dataclass(frozen=True, slots=True)
class Served:
    """What is served, by whatever interface."""

    decisions: DecisionsService
    rulebooks: RulebooksService
    privacy: PrivacyService
    feeds: Feeds
    health: Health
    books: ServingBooks


class Interfaces:
    """The interfaces of a server. Its addresses are taken when it is made; calls are from `start` on. Raises CannotServe.

    calls: observes calls; None where nothing is observed. shared: whether other processes listen at the addresses too.
    """

    def __init__(
        self,
        served: Served,
        wiring: AccessWiring,
        settings: Settings,
        calls: "CallObserver | None",
        *,
        shared: bool,
    ) -> None:
        self._grace = settings.grace
        self._grpc = grpc.aio.server(options=channel_options(settings, shared=shared))
        services = wiring.guarded(_services(served))
        if calls is not None:
            from engine.server.observer import ObservedServices  # noqa: PLC0415 only a server that is observed imports it

            services = ObservedServices(services, calls)
        self._grpc.add_generic_rpc_handlers((services,))
        port = bind(self._grpc, settings, wiring.credentials(), shared=shared)
        self.http = open_http(served, wiring, settings, calls, shared=shared) if settings.http else None
        self.addresses = (f"{settings.host}:{port}", *((self.http.address,) if self.http else ()))
        """That of gRPC, and the URL of HTTP where it is served."""

    async def start(self) -> None:
        """Takes calls from now on."""
        await self._grpc.start()
        if self.http is not None:
            self.http.start()

    def loops(self) -> dict[str, Callable[[], Coroutine[Any, Any, None]]]:
        """What has to run for as long as there are connections, by name."""
        return {} if self.http is None else {"time of connections": self.http.sweep}

    async def drain(self, stop: Stop) -> None:
        """Takes nothing new and lets calls finish, for as long as they may, or until told to hurry."""
        draining = [drain(self._grpc, self._grace, stop)]
        if self.http is not None:
            draining.append(self.http.drain(self._grace, stop))
        await asyncio.gather(*draining)


def _services(served: Served) -> tuple[grpc.GenericRpcHandler, ...]:
    names = (SERVICE, RULEBOOKS_SERVICE, PRIVACY_SERVICE, HEALTH_SERVICE, reflection.SERVICE_NAME)
    return (
        decisions_handler(served.decisions, served.feeds),
        rulebooks_handler(served.rulebooks),
        privacy_handler(served.privacy),
        served.health.service.handler(),
        _reflection(names),
    )


def _reflection(services: Sequence[str]) -> grpc.GenericRpcHandler:
    """The reflection of the services. A request that cannot be read is INVALID_ARGUMENT; the package itself says UNKNOWN."""
    servicer = reflection.aio.ReflectionServicer(services)

    async def inform(
        requests: AsyncIterator[ServerReflectionRequest | DecodeError], context: Context
    ) -> AsyncGenerator[Message, None]:
        messages = (readable(request, ServerReflectionRequest) async for request in requests)
        async for answer in servicer.ServerReflectionInfo(messages, context):
            yield answer

    return grpc.method_handlers_generic_handler(
        reflection.SERVICE_NAME, {"ServerReflectionInfo": stream(inform, ServerReflectionRequest)}
    )


def open_http(
    served: Served,
    wiring: AccessWiring,
    settings: Settings,
    calls: "CallObserver | None",
    *,
    shared: bool,
) -> "HttpServer":
    """The server over HTTP, at its address. Raises CannotServe, also where the extra is not installed."""
    try:
        # only a server that speaks HTTP imports these, which come as an extra
        from engine.server.http.app import HttpApp, friendly_routes, method_routes  # noqa: PLC0415
        from engine.server.http.lines import PATH, LineStream  # noqa: PLC0415
        from engine.server.http.pages import FRIENDLY, PERSON, book_routes, export_route, page_routes  # noqa: PLC0415
        from engine.server.http.server import HttpServer, open_sockets  # noqa: PLC0415
    except ImportError as error:
        raise CannotServe("HTTP needs the extra: pip install 'tact[http]'") from error
    methods, most = unary_methods(served.decisions), settings.message_bytes
    posts = method_routes(SERVICE, methods, most) | friendly_routes(SERVICE, methods, FRIENDLY, most)
    posts |= method_routes(RULEBOOKS_SERVICE, rulebook_methods(served.rulebooks), most)
    privacy = privacy_methods(served.privacy)
    posts |= method_routes(PRIVACY_SERVICE, privacy, most) | friendly_routes(
        PRIVACY_SERVICE, privacy, PERSON, most
    )
    posts |= export_route(PRIVACY_SERVICE, served.privacy)
    stream = LineStream(SERVICE, served.decisions.decide_stream, wiring.admission, settings)
    posts[PATH] = stream.route
    books = book_routes(served.books, served.rulebooks)
    app = HttpApp(wiring.admission, posts, page_routes(lambda: served.health.ready), books, calls)
    tls: ssl.SSLContext | None = wiring.tls()
    server = HttpServer(app, open_sockets(settings, shared=shared), settings, tls, stream.sweep)
    if calls is not None:
        from engine.server.gauges import register_http  # noqa: PLC0415 only a server that is observed imports it

        register_http(calls.registry, server.bounds.open)
    return server
