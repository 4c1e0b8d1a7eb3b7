"""Access control: every call of every service is admitted here, or refused before its message is read."""

import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import grpc
import structlog

from engine.server.access.callers import CALLER, Caller, Callers, bearer_of
from engine.server.access.certificates import names_of_peer
from engine.server.access.handler import CallBounds, OpenStreams, wrap_handler
from engine.server.access.limits import CallTimeout, Limits, RateLimit
from engine.server.access.roles import ANY, NEEDS, OPEN, NotAllowed, Refused, TooMuch, unproven
from engine.server.handlers import Context, Handler
from engine.server.status import abort
from engine.wire.violations import Unsupported

log = structlog.get_logger()


_BY_CERTIFICATE = Caller("", frozenset())
"""Stands for a caller without a token, until its certificate can be read."""


_ANONYMOUS = Caller("nobody", frozenset())
"""The caller of an open method."""


MOST_OPEN_CALLS = 32
"""Calls under way of methods without a token. A probe takes milliseconds; what is cancelled beyond is the oldest."""


_LOGGED = Limits(rate=1.0, burst=20)
"""How many refusals are logged a second, and at once."""


class AccessInterceptor(grpc.aio.ServerInterceptor):
    """Admits calls by their caller.

    An interceptor, so that no service can be served without it. callers: returns those who may call now. seconds: most that a
    call may take, and a stream be without a message; 0: any time.
    """

    def __init__(self, callers: Callable[[], Callers], call_seconds: float, stream_idle: float) -> None:
        self._callers = callers
        self._timeout, self._open_timeout = (
            CallTimeout(call_seconds),
            CallTimeout(call_seconds, MOST_OPEN_CALLS),
        )
        self._stream_idle = stream_idle
        self._streams: list[OpenStreams] = []
        self._wrapped: dict[str, tuple[Any, Handler]] = {}
        self._logged, self._unlogged = RateLimit(_LOGGED), 0

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:
        """The method's handler with access control, or one that refuses; None for a method that is not served."""
        path = handler_call_details.method
        try:
            CALLER.set(self._caller(path, handler_call_details.invocation_metadata or ()))
        except Refused as refused:
            return self._refusing(path, refused)
        handler = await continuation(handler_call_details)
        if handler is None:
            return self._missing(path) if CALLER.get() is _BY_CERTIFICATE else None
        return self._wrap(path, handler)

    def drain(self) -> None:
        """Ends the calls without a token whose message has not arrived: the server stops, and waits for no stranger."""
        self._open_timeout.close()

    def sweep(self) -> None:
        """Ends the calls that take too long, and the streams whose callers are no longer admitted."""
        now = time.monotonic()
        self._timeout.sweep(now)
        self._open_timeout.sweep(now)
        for streams in self._streams:
            streams.sweep()

    def _caller(self, path: str, metadata: Any) -> Caller:
        """The caller, as far as the metadata shows, whose request is counted; raises Refused."""
        caller = self._known(path, metadata)
        return caller if caller is _BY_CERTIFICATE or path in OPEN else _counted(_allowed(caller, path))

    def _known(self, path: str, metadata: Any) -> Caller:
        if path in OPEN:
            return _ANONYMOUS
        callers = self._callers()
        if callers.anyone is not None:
            return callers.anyone
        token = bearer_of(metadata)
        if token is not None:
            return callers.by_token(token, time.time())
        if not callers.by_name:
            raise unproven()
        return _BY_CERTIFICATE

    def _by_certificate(self, context: Context) -> Caller:
        return self._callers().by_certificate(names_of_peer(context.auth_context()), time.time())

    def _check(self, path: str, context: Context) -> None:
        """Raises Refused if the call would not be admitted now."""
        if path in OPEN:
            return
        caller = self._known(path, context.invocation_metadata() or ())
        if caller is _BY_CERTIFICATE:
            caller = self._by_certificate(context)
        _allowed(caller, path)

    def _wrap(self, path: str, handler: Any) -> Handler:
        """The handler with access control, made once; a method without a role in NEEDS admits nobody."""
        held = self._wrapped.get(path)
        if held is None or held[0] is not handler:

            def admit(context: Context) -> Caller:
                try:
                    return self._admit(path, context)
                except Refused as refused:
                    self._log_refusal(path, refused, context)
                    raise

            held = self._wrapped[path] = (handler, wrap_handler(handler, admit, self._bounds_of(path)))
        return held[1]

    def _bounds_of(self, path: str) -> CallBounds:
        timeout = self._open_timeout if path in OPEN else self._timeout
        streams = OpenStreams(partial(self._check, path))
        self._streams.append(streams)
        return CallBounds(timeout, self._stream_idle, streams)

    def _admit(self, path: str, context: Context) -> Caller:
        caller = CALLER.get()
        if caller is _BY_CERTIFICATE:
            caller = _counted(_allowed(self._by_certificate(context), path))
            CALLER.set(caller)
        elif path not in OPEN and path not in NEEDS:
            raise NotAllowed(caller.name, frozenset())
        return caller

    def _missing(self, path: str) -> Handler:
        """Answers that there is no such method, but to known callers only."""

        async def miss(_: Any, context: Context) -> None:
            try:
                self._admit(path, context)
            except Refused as refused:
                self._log_refusal(path, refused, context)
                await abort(context, refused)
            await abort(context, Unsupported("there is no such method"))

        return grpc.stream_stream_rpc_method_handler(miss)

    def _refusing(self, path: str, refused: Refused) -> Handler:
        async def refuse(_: Any, context: Context) -> None:
            self._log_refusal(path, refused, context)
            await abort(context, refused)

        return grpc.stream_stream_rpc_method_handler(refuse)

    def _log_refusal(self, path: str, refused: Refused, context: Context) -> None:
        """Logs a refusal, unless there were too many; `unsaid` counts those that were left out before."""
        try:
            self._logged.take(time.monotonic())
        except TooMuch:
            self._unlogged += 1
            return
        log.warning(
            "refused",
            method=ascii(path[:100]),
            reason=refused.reason,
            peer=context.peer(),
            unsaid=self._unlogged,
        )
        self._unlogged = 0


def _allowed(caller: Caller, path: str) -> Caller:
    """The caller, if it has a role for the method; raises Refused."""
    needed = NEEDS.get(path, ANY)
    if caller.roles.isdisjoint(needed):
        raise NotAllowed(caller.name, needed)
    return caller


def _counted(caller: Caller) -> Caller:
    """The caller, whose request is counted; raises Refused."""
    if caller.rate_limit is not None:
        caller.rate_limit.take(time.monotonic())
    return caller
