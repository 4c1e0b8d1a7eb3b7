"""Requests over HTTP as calls of the contract: routes, admission, messages in and out. It decides nothing."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import structlog
from google.protobuf.message import Message
from google.rpc import code_pb2
from google.rpc.code_pb2 import Code
from structlog.contextvars import bound_contextvars

from engine.server.access.admission import NOBODY, Admission, charge_rest
from engine.server.access.callers import CALLER, Caller
from engine.server.access.roles import NEEDED, Overdue, Refused
from engine.server.handlers import message_reader, readable
from engine.server.http.body import AsgiReceive, GoneAway, decoded, encoded, read_body
from engine.server.http.faults import Answer, WrongCall, connect_error, problem
from engine.server.http.json_reader import read_json
from engine.server.http.json_writer import write_json
from engine.server.service import UnaryMethod
from engine.wire.violations import FieldViolation, InvalidMessage

if TYPE_CHECKING:
    from engine.server.observer import CallObserver

log = structlog.get_logger()


AsgiScope: TypeAlias = dict[str, Any]
AsgiSend: TypeAlias = Callable[[dict[str, Any]], Awaitable[None]]
ReadNames: TypeAlias = Callable[[], Iterable[str] | None]

NAMES = "tact.certificate_names"
"""The key of a scope under which the names in the peer's certificate are to be had."""


CONNECTION = "tact.connection"
"""The key of a scope under which its connection is."""


_JSON, _PROTO = b"application/json", b"application/proto"


_AUTHORIZATION = "authorization"
_SINGLE = (
    b"content-type",
    b"content-encoding",
    b"idempotency-key",
    b"connect-timeout-ms",
)
"""Headers that a request may have once: which of two would be meant?"""


class HttpCall:
    """A request under way; to the methods of a service what gRPC's context is."""

    __slots__ = ("_deadline", "_done", "caller", "headers", "peer", "request_id", "scope", "send")

    def __init__(self, scope: AsgiScope, send: AsgiSend) -> None:
        self.scope, self.send = scope, send
        given = scope["headers"]
        self.headers: dict[bytes, bytes] = dict(given)
        client = scope.get("client")
        self.peer = f"{client[0]}:{client[1]}" if client else ""
        self.caller = NOBODY
        self.request_id = ""
        """Of its message, once that was read: for the server's messages."""
        self._deadline: float | None = None
        self._done: list[Callable[[Any], object]] = []

    def header(self, name: bytes) -> bytes:
        """The header's value, without blanks around it; empty without one."""
        return self.headers.get(name, b"").strip(b" \t")

    def metadata(self) -> list[tuple[str, str | bytes]]:
        """The headers as texts."""
        return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in self.scope["headers"]]

    def authorization(self) -> list[tuple[str, str | bytes]]:
        """What proves who calls, alone."""
        if b"authorization" not in self.headers:
            return []
        given = self.scope["headers"]
        return [
            (_AUTHORIZATION, value.decode("latin-1")) for name, value in given if name == b"authorization"
        ]

    def names(self) -> Iterable[str] | None:
        """The names in the certificate of the peer; None without one."""
        names: ReadNames | None = self.scope.get(NAMES)
        return None if names is None else names()

    def check_headers(self) -> None:
        """Reads the deadline; raises WrongCall for headers that cannot be meant."""
        given = self.scope["headers"]
        if len(given) > len(self.headers):
            names = [name for name, _ in given]
            twice = next((name for name in _SINGLE if names.count(name) > 1), None)
            if twice is not None:
                raise _bad(f"the header {twice.decode()} comes twice")
        timeout = self.header(b"connect-timeout-ms")
        if timeout:
            if not (timeout.isdigit() and len(timeout) <= 10):
                raise _bad("the header connect-timeout-ms must be milliseconds, of at most 10 digits")
            self._deadline = time.monotonic() + int(timeout) / 1000
        if self.header(b"connect-protocol-version") not in (b"", b"1"):
            raise _bad("the header connect-protocol-version must be 1")

    def time_remaining(self) -> float | None:
        """Seconds until the caller's deadline; None without one."""
        return None if self._deadline is None else self._deadline - time.monotonic()

    def add_done_callback(self, callback: Callable[[Any], object]) -> None:
        """Calls back once the reply has left."""
        self._done.append(callback)

    def done(self) -> None:
        """Calls back."""
        for callback in self._done:
            callback(self)


def _bad(message: str) -> WrongCall:
    return WrongCall(HTTPStatus.BAD_REQUEST, code_pb2.INVALID_ARGUMENT, message)


class Codec(NamedTuple):
    """How the messages of a method are read and written."""

    content_type: bytes
    read: Callable[[bytes], Message]
    """Raises InvalidMessage."""
    write: Callable[[Message], bytes]


class Route(NamedTuple):
    """A verb and path that is served."""

    path: str
    """The path that the roles name: the method's, or the route's verb and path."""
    answer: Callable[[HttpCall, AsgiReceive], Awaitable[Answer]]
    fault: Callable[[Exception], Answer]
    lasts: bool = False
    """Whether it sends its answer by itself, and may take any time for that."""


class Method:
    """A method of the contract over HTTP. most: bytes of a body, before and after it was compressed."""

    def __init__(self, method: UnaryMethod, codecs: Iterable[Codec], most: int) -> None:
        self._behaviour = method.behaviour
        self._codecs = {codec.content_type: codec for codec in codecs}
        self._has_request_id = "request_id" in method.kind.DESCRIPTOR.fields_by_name
        self._most = min(most, method.most_bytes or most)

    async def answer(self, call: HttpCall, receive: AsgiReceive) -> Answer:
        """Reads the message, calls the method, and writes its answer."""
        codec = self._codec(call.header(b"content-type"))
        body = await read_body(receive, call.headers.get(b"content-length"), self._most)
        message = codec.read(decoded(body, call.header(b"content-encoding"), self._most))
        del body
        key = call.header(b"idempotency-key")
        if key:
            self._take_key(message, key)
        call.request_id = getattr(message, "request_id", "")
        charge_rest(call.caller, message)
        reply = await self._behaviour(message, call)
        return Answer(200, [(b"content-type", codec.content_type)], codec.write(reply))

    def _codec(self, content_type: bytes) -> Codec:
        codec = self._codecs.get(content_type)
        if codec is None:
            codec = self._codecs.get(content_type.partition(b";")[0].strip().lower())
        if codec is None:
            known = b" or ".join(self._codecs)
            sent = f"not {content_type.decode('latin-1')!r:.80}" if content_type else "and there is none"
            message = f"the content-type must be {known.decode()}, {sent}"
            headers = ((b"accept-post", b", ".join(self._codecs)),)
            raise WrongCall(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, code_pb2.INVALID_ARGUMENT, message, headers)
        return codec

    def _take_key(self, message: Any, key: bytes) -> None:
        """Takes the header Idempotency-Key, which may be in quotes, for the request_id."""
        text = key.decode("latin-1")
        if len(text) > 1 and text[0] == text[-1] == '"':
            text = text[1:-1]
        if not self._has_request_id:
            raise InvalidMessage(
                [FieldViolation("", "Idempotency-Key stands for request_id, which this method does not have")]
            )
        if message.request_id not in ("", text):
            raise InvalidMessage([FieldViolation("request_id", "differs from the header Idempotency-Key")])
        message.request_id = text


def json_codec(kind: type[Message], *, short: bool) -> Codec:
    """Messages as JSON. short: whether enums are written by their short names."""
    return Codec(_JSON, lambda body: read_json(body, kind), partial(write_json, short=short))


def proto_codec(kind: type[Message]) -> Codec:
    """Messages in Protobuf's own format."""
    reader = message_reader(kind)
    return Codec(
        _PROTO,
        lambda body: readable(reader(body), kind),
        lambda message: message.SerializeToString(),
    )


def method_routes(service: str, methods: Mapping[str, UnaryMethod], most: int) -> dict[str, Route]:
    """The unary methods of a service by their paths in Connect: `/tact.v1.Decisions/Decide`."""
    routes = {}
    for name, method in methods.items():
        path = f"/{service}/{name}"
        codecs = [json_codec(method.kind, short=False), proto_codec(method.kind)]
        routes[path] = Route(path, Method(method, codecs, most).answer, connect_error)
    return routes


def friendly_routes(
    service: str, methods: Mapping[str, UnaryMethod], names: Mapping[str, str], most: int
) -> dict[str, Route]:
    """Methods by paths of their own, which speak JSON with short names and problem documents. names: of methods, by path."""
    return {
        path: Route(
            f"/{service}/{name}",
            Method(methods[name], [json_codec(methods[name].kind, short=True)], most).answer,
            problem,
        )
        for path, name in names.items()
    }


class HttpApp:
    """Answers requests: an ASGI application.

    posts, gets: routes by path. books: those below `/v1/books/{name}/`, by what follows. calls: observes; may be None.
    """

    def __init__(
        self,
        admission: Admission,
        posts: Mapping[str, Route],
        gets: Mapping[str, Route],
        books: Mapping[str, Route],
        calls: "CallObserver | None",
    ) -> None:
        self._admission = admission
        self._posts, self._gets, self._books = posts, gets, books
        self._calls = calls

    async def __call__(self, scope: AsgiScope, receive: AsgiReceive, send: AsgiSend) -> None:
        """Answers a request. Raises CancelledError only."""
        call = HttpCall(scope, send)
        try:
            route = self._route(scope["method"], scope["path"])
            if self._calls is None or route.path not in NEEDED:
                await self._answer_within(route, call, receive)
            else:
                with self._calls.observed(route.path, call.metadata, "connect_rpc") as observed:
                    try:
                        code = await self._answer_within(route, call, receive)
                    except GoneAway:
                        observed.status = "CANCELLED"
                        raise
                    observed.status = Code.Name(Code.ValueType(code))
        except GoneAway:
            return
        except Exception:
            log.exception("internal error")
            raise
        call.done()

    def _route(self, verb: str, path: str) -> Route:
        """The route; one that refuses where there is none."""
        if verb == "POST":
            route = self._posts.get(path)
        else:
            route = self._gets.get(path) if verb in ("GET", "HEAD") else None
            if route is None and verb in ("GET", "HEAD"):
                route = self._book_route(path)
        return route or Route(f"{verb[:20]} {path}", partial(self._missing, path), _fault_of(path))

    def _book_route(self, path: str) -> Route | None:
        """The route below `/v1/books/{name}/`."""
        _, *parts = path.split("/")
        if len(parts) < 4 or parts[:2] != ["v1", "books"] or "" in parts:
            return None
        return self._books.get("/".join([parts[3], *("{version}" for _ in parts[4:])]))

    async def _answer_within(self, route: Route, call: HttpCall, receive: AsgiReceive) -> int:
        """Answers within the time that a call may take; returns gRPC's code."""
        if route.lasts:
            answer = await self._answer(route, call, receive)
            if not answer.is_sent:
                await _send(answer, call)
            return answer.code
        timeout = self._admission.timeout_of(route.path)
        task = timeout.begin(time.monotonic())
        try:
            answer = await self._answer(route, call, receive)
        except asyncio.CancelledError:
            if not timeout.passed(task):
                raise
            task.uncancel()
            answer = route.fault(Overdue("the call took longer than this server lets any take"))
        finally:
            timeout.end(task)
        await _send(answer, call)
        return answer.code

    async def _answer(self, route: Route, call: HttpCall, receive: AsgiReceive) -> Answer:
        try:
            call.caller = self._admit(route, call)
            CALLER.set(call.caller)
            with call.caller.rate_limit:
                call.check_headers()
                return await route.answer(call, receive)
        except GoneAway:
            raise
        except Exception as error:  # noqa: BLE001 every fault becomes an answer, in this one place
            with bound_contextvars(request_id=call.request_id):
                return route.fault(error)

    def _admit(self, route: Route, call: HttpCall) -> Caller:
        """The caller; NOBODY of a route that there is not, which only those hear who may call. Raises Refused."""
        try:
            if isinstance(route.answer, partial):
                self._admission.check(route.path, call.authorization(), call.names)
                return NOBODY
            return self._admission.admit(route.path, call.authorization(), call.names)
        except Refused as refused:
            self._admission.log_refusal(route.path, refused, call.peer)
            raise

    async def _missing(self, path: str, _call: HttpCall, _receive: AsgiReceive) -> Answer:
        verbs = ["POST"] if path in self._posts else []
        if path in self._gets or self._book_route(path):
            verbs += ["GET", "HEAD"]
        if verbs:
            allowed = ", ".join(verbs)
            headers = ((b"allow", allowed.encode()),)
            message = f"this path takes {allowed}"
            raise WrongCall(HTTPStatus.METHOD_NOT_ALLOWED, code_pb2.UNIMPLEMENTED, message, headers)
        message = "there is no such path: /openapi.json describes those that there are"
        raise WrongCall(HTTPStatus.NOT_FOUND, code_pb2.UNIMPLEMENTED, message)


def _fault_of(path: str) -> Callable[[Exception], Answer]:
    """How faults are written where there is no route: below a service's name as Connect's clients read them."""
    return connect_error if path.startswith(("/tact.", "/grpc.")) else problem


async def _send(answer: Answer, call: HttpCall) -> None:
    """Sends an answer, compressed where the caller takes that and it is worth it."""
    body, headers = answer.body, list(answer.headers)
    compressed = None if answer.final else encoded(body, call.header(b"accept-encoding"))
    if compressed is not None:
        body = compressed
        headers.append((b"content-encoding", b"gzip"))
    if answer.status != HTTPStatus.NOT_MODIFIED:
        headers.append((b"content-length", b"%d" % len(body)))
    await call.send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await call.send({"type": "http.response.body", "body": body})
