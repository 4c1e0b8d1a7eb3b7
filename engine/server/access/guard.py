"""Access control over gRPC: every call of every service is admitted here, or refused before its message is read."""

from collections.abc import Iterable
from functools import partial
from typing import Any

import grpc

from engine.server.access.admission import BY_CERTIFICATE, Admission
from engine.server.access.callers import CALLER, Caller
from engine.server.access.certificates import names_of_peer
from engine.server.access.handler import CallBounds, OpenStreams, wrap_handler
from engine.server.access.roles import Refused
from engine.server.handlers import Context, Handler
from engine.server.status import abort
from engine.wire.violations import Unsupported


class GuardedServices(grpc.GenericRpcHandler):
    """Services whose calls are admitted by their caller.

    The one handler that gRPC's server is given, so that no service can be served without it. gRPC asks it for the method of a
    call in the task that serves the call, once the metadata has come: so who calls is decided by a function call, and not by
    an interceptor. stream_idle: most seconds that a stream may be without a message; 0: any time.
    """

    def __init__(
        self, admission: Admission, stream_idle: float, services: Iterable[grpc.GenericRpcHandler]
    ) -> None:
        self._admission = admission
        self._stream_idle = stream_idle
        self._services = tuple(services)
        self._streams: list[OpenStreams] = []
        self._wrapped: dict[str, Handler] = {}

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        """The method's handler with access control, or one that refuses; None for a method that is not served."""
        path = handler_call_details.method
        try:
            caller = self._admission.begin(path, handler_call_details.invocation_metadata or ())
        except Refused as refused:
            return self._refusing(path, refused)
        CALLER.set(caller)
        wrapped = self._wrapped.get(path)
        if wrapped is not None:
            return wrapped
        served = (service.service(handler_call_details) for service in self._services)
        handler = next((handler for handler in served if handler is not None), None)
        if handler is None:
            return self._missing(path) if caller is BY_CERTIFICATE else None
        return self._wrap(path, handler)

    def sweep(self) -> None:
        """Ends the streams whose callers are no longer admitted."""
        for streams in self._streams:
            streams.sweep()

    def _check(self, path: str, context: Context) -> None:
        """Raises Refused if the call would not be admitted now."""
        self._admission.check(path, context.invocation_metadata() or (), partial(_names, context))

    def _wrap(self, path: str, handler: Any) -> Handler:
        """The handler with access control, made once; a method without a role admits nobody."""

        def admit(context: Context) -> Caller:
            try:
                return self._admit(path, context)
            except Refused as refused:
                self._admission.log_refusal(path, refused, context.peer())
                raise

        wrapped = self._wrapped[path] = wrap_handler(handler, admit, self._bounds_of(path))
        return wrapped

    def _bounds_of(self, path: str) -> CallBounds:
        streams = OpenStreams(partial(self._check, path))
        self._streams.append(streams)
        return CallBounds(self._admission.timeout_of(path), self._stream_idle, streams)

    def _admit(self, path: str, context: Context) -> Caller:
        caller = self._admission.complete(path, CALLER.get(), partial(_names, context))
        CALLER.set(caller)
        return caller

    def _missing(self, path: str) -> Handler:
        """Answers that there is no such method, but to known callers only."""

        async def miss(_: Any, context: Context) -> None:
            try:
                self._check(path, context)
            except Refused as refused:
                self._admission.log_refusal(path, refused, context.peer())
                await abort(context, refused)
            await abort(context, Unsupported("there is no such method"))

        return grpc.stream_stream_rpc_method_handler(miss)

    def _refusing(self, path: str, refused: Refused) -> Handler:
        async def refuse(_: Any, context: Context) -> None:
            self._admission.log_refusal(path, refused, context.peer())
            await abort(context, refused)

        return grpc.stream_stream_rpc_method_handler(refuse)


def _names(context: Context) -> tuple[str, ...] | None:
    return names_of_peer(context.auth_context())
