"""The gate: every call of every service passes it, or is refused before its message is read."""

import time
from collections.abc import Awaitable, Callable
from typing import Any

import grpc
import structlog

from engine.server.access.call_timeout import CallTimeout
from engine.server.access.callers import CALLER, Caller, Callers, bearer_of
from engine.server.access.handler import wrap_handler
from engine.server.access.rate_limit import Limits, RateLimit
from engine.server.access.refusals import NotAllowed, Refused, TooMuch, unproven
from engine.server.access.roles import ANY, NEEDS, OPEN
from engine.server.handlers import Context, Handler
from engine.server.status import abort
from engine.wire.violations import Unsupported

log = structlog.get_logger()


_BY_CERTIFICATE = Caller("", frozenset())
"""Stands for a caller without a token, until its certificate can be looked at."""


_ASKED_BY_NOBODY = Caller("nobody", frozenset())
"""Who calls an open method."""


_SAID = Limits(rate=1.0, burst=20)
"""How many refusals are logged a second, and at a stroke."""


class AccessInterceptor(grpc.aio.ServerInterceptor):
    """Lets calls in by who makes them.

    An interceptor, so that no service can be served past it. callers: those who may call now.
    """

    def __init__(self, callers: Callable[[], Callers], call_timeout: CallTimeout) -> None:
        self._callers = callers
        self._ceiling = call_timeout
        self._guarded: dict[str, tuple[Any, Handler]] = {}
        self._said, self._unsaid = RateLimit(_SAID), 0

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:
        """The method's handler with its guard, or one that refuses; None for a method that is not served."""
        path = handler_call_details.method
        try:
            CALLER.set(self._caller(path, handler_call_details.invocation_metadata or ()))
        except Refused as refused:
            return self._refusing(path, refused)
        handler = await continuation(handler_call_details)
        if handler is None:
            return self._missing(path) if CALLER.get() is _BY_CERTIFICATE else None
        return self._guard(path, handler)

    def _caller(self, path: str, metadata: Any) -> Caller:
        """Who calls, as far as the metadata tells; raises Refused."""
        if path in OPEN:
            return _ASKED_BY_NOBODY
        callers = self._callers()
        token = bearer_of(metadata) if callers.anyone is None else None
        if token is not None:
            return _allowed(callers.by_token(token, time.time()), path)
        if callers.anyone is not None:
            return _allowed(callers.anyone, path)
        if not callers.by_name:
            raise unproven()
        return _BY_CERTIFICATE

    def _guard(self, path: str, handler: Any) -> Handler:
        """The handler's guard, made once; a forgotten method has one that lets nobody in."""
        held = self._guarded.get(path)
        if held is None or held[0] is not handler:

            def admit(context: Context) -> Caller:
                try:
                    return self._admit(path, context)
                except Refused as refused:
                    self._say(path, refused, context)
                    raise

            held = self._guarded[path] = (handler, wrap_handler(handler, admit, self._ceiling))
        return held[1]

    def _admit(self, path: str, context: Context) -> Caller:
        caller = CALLER.get()
        if caller is _BY_CERTIFICATE:
            caller = _allowed(self._callers().by_certificate(context.peer_identities(), time.time()), path)
            CALLER.set(caller)
        elif path not in OPEN and path not in NEEDS:
            raise NotAllowed(caller.name, frozenset())
        return caller

    def _missing(self, path: str) -> Handler:
        """Says that there is no such method, but to callers only."""

        async def miss(_: Any, context: Context) -> None:
            try:
                self._admit(path, context)
            except Refused as refused:
                self._say(path, refused, context)
                await abort(context, refused)
            await abort(context, Unsupported("there is no such method"))

        return grpc.stream_stream_rpc_method_handler(miss)

    def _refusing(self, path: str, refused: Refused) -> Handler:
        async def refuse(_: Any, context: Context) -> None:
            self._say(path, refused, context)
            await abort(context, refused)

        return grpc.stream_stream_rpc_method_handler(refuse)

    def _say(self, path: str, refused: Refused, context: Context) -> None:
        """Logs a refusal, as long as there are not too many."""
        try:
            self._said.take(time.monotonic())
        except TooMuch:
            self._unsaid += 1
            return
        log.warning(
            "refused",
            method=ascii(path[:100]),
            reason=refused.reason,
            peer=context.peer(),
            unsaid=self._unsaid,
        )
        self._unsaid = 0


def _allowed(caller: Caller, path: str) -> Caller:
    """The caller, if it has a role for the method, and its request counted; raises Refused."""
    needed = NEEDS.get(path, ANY)
    if caller.roles.isdisjoint(needed):
        raise NotAllowed(caller.name, needed)
    if caller.rate_limit is not None:
        caller.rate_limit.take(time.monotonic())
    return caller
