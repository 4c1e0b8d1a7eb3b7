"""Calls over HTTP with bodies changed on the way, tokens of every kind and odd headers; each by its number."""

import asyncio
import gzip
import json
import re
import ssl
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Any

import httpx
from google.protobuf import json_format
from google.protobuf.message import DecodeError, Message

from engine.api.v1 import decisions_pb2 as pb
from engine.server.access.roles import NEEDED, OPEN_TO_ALL
from engine.server.http.lines import NDJSON
from engine.server.http.lines import PATH as STREAM
from engine.server.http.pages import FRIENDLY
from tests.docs.pages import ROOT
from tests.server.mutate import mutated
from tests.server.wire_fuzz import DECISIONS, MESSAGES, Tokens

_PATIENCE = 300.0
"""Seconds after which a call is taken to hang."""
_JSON, _PROTO = "application/json", "application/proto"
_RULEBOOKS = "/tact.v1.Rulebooks/"
_UNKNOWN = (
    "/",
    "/v1",
    "/v1/decide/",
    "/v1/../decide",
    "/V1/DECIDE",
    f"{DECISIONS}Nothing",
    f"{DECISIONS}Watch",
    "/%00",
)
_PAGES = ("/healthz", "/readyz", "/openapi.json", "/docs")
_KINDS = ("friendly", "connect", "stream", "rulebooks", "books", "page", "unknown")
_WEIGHTS = (40, 25, 15, 4, 6, 4, 6)
_PIECES = (
    *(b"null", b"true", b"NaN", b"1e999", b"-0", b"9223372036854775808", b"18446744073709551616", b"0.1"),
    *(b'"\\ud800"', b'"\\u0000"', b'"\\u202e"', b"\xff", b"\xef\xbb\xbf", b"\0", b"\\", b'"', b"'", b","),
    *(b"{" * 200, b"[" * 1100, b"{}", b"[]", b'"a":1,', b'"request_id":"twice",', b"//", b" ", b"\r", b"\n"),
)


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """A request to be sent. token: the kind of its token; needs: the path that the roles name."""

    verb: str
    path: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    token: str
    needs: str
    is_huge: bool
    """Whether its head is longer than a server takes."""


def request_of(seed: int, number: int, tokens: Tokens) -> HttpRequest:
    """The request with this number: the same for the same seed, tokens aside."""
    rng = Random(f"http/{seed}/{number}")
    kind = rng.choices(_KINDS, _WEIGHTS)[0]
    token = "all" if rng.random() < 0.75 else rng.choice(tokens.kinds)
    verb, path, needs, content_type, body = _KIND[kind](rng, number)
    if rng.random() < 0.02:
        content_type = rng.choice(
            ("", "text/plain", "application/json;charset=utf-16", "application/x-ndjson", "a" * 500)
        )
    if rng.random() < 0.02:
        verb = rng.choice(("GET", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "HEAD"))
    headers = [("content-type", content_type)] if content_type else []
    if rng.random() < 0.1:
        body, more = _encoded(rng, body)
        headers += more
    headers += _odd_headers(rng, needs)
    is_huge = rng.random() < 0.002
    if is_huge:
        headers.append(("x-long", "x" * rng.randrange(20_000, 60_000)))
    headers += [(name, str(value).strip()) for name, value in tokens.metadata(token)]
    return HttpRequest(verb, path, tuple(headers), body, token, needs, is_huge)


def _friendly(rng: Random, number: int) -> tuple[str, str, str, str, bytes]:
    path, name = rng.choice(list(FRIENDLY.items()))
    return (
        "POST",
        path,
        f"{DECISIONS}{name}",
        _JSON,
        _json_body(rng, MESSAGES[f"{DECISIONS}{name}"](rng, number)),
    )


def _connect(rng: Random, number: int) -> tuple[str, str, str, str, bytes]:
    path = f"{DECISIONS}{rng.choice(list(FRIENDLY.values()))}"
    message = MESSAGES[path](rng, number)
    if rng.random() < 0.5:
        return "POST", path, path, _JSON, _json_body(rng, message)
    body = message.SerializeToString()
    return "POST", path, path, _PROTO, body if rng.random() < 0.4 else mutated(rng, body)


def _stream(rng: Random, number: int) -> tuple[str, str, str, str, bytes]:
    path = f"{DECISIONS}DecideStream"
    lines = [_json_body(rng, MESSAGES[path](rng, number)) for _ in range(rng.randrange(5))]
    return "POST", STREAM, path, NDJSON.decode(), b"\n".join(lines)


def _rulebooks(rng: Random, _number: int) -> tuple[str, str, str, str, bytes]:
    path = f"{_RULEBOOKS}{rng.choice(('List', 'Get', 'Servers', 'Diff'))}"
    names = rng.choice(("", "everything", "x", "\0", "x" * 300))
    body = rng.choice(({}, {"name": names}, {"version": names}, {"old": names, "new": names}, {"most": -1}))
    return "POST", path, path, _JSON, changed(rng, json.dumps(body).encode())


def _books(rng: Random, _number: int) -> tuple[str, str, str, str, bytes]:
    name = rng.choice(("everything", "x", "%00", "%2e%2e", "x" * 300))
    if rng.random() < 0.5:
        return "GET", f"/v1/books/{name}/live", "GET /v1/books/{name}/live", "", b""
    version = rng.choice(("0" * 64, "0" * 12, "x", "f" * 5000))
    return "GET", f"/v1/books/{name}/versions/{version}", "GET /v1/books/{name}/versions/{version}", "", b""


def _page(rng: Random, _number: int) -> tuple[str, str, str, str, bytes]:
    path = rng.choice(_PAGES)
    return "GET", path, f"GET {path}", "", b""


def _unknown(rng: Random, number: int) -> tuple[str, str, str, str, bytes]:
    return (
        "POST",
        rng.choice(_UNKNOWN),
        "",
        _JSON,
        _json_body(rng, MESSAGES[f"{DECISIONS}Decide"](rng, number)),
    )


_KIND: dict[str, Callable[[Random, int], tuple[str, str, str, str, bytes]]] = {
    "friendly": _friendly,
    "connect": _connect,
    "stream": _stream,
    "rulebooks": _rulebooks,
    "books": _books,
    "page": _page,
    "unknown": _unknown,
}


def _json_body(rng: Random, message: Message) -> bytes:
    snake, integers = rng.random() < 0.5, rng.random() < 0.2
    try:
        document = json_format.MessageToDict(
            message, preserving_proto_field_name=snake, use_integers_for_enums=integers
        )
    except (json_format.Error, ValueError):  # it has a moment that JSON cannot say
        document = {
            "now": rng.choice(("0000-01-01T00:00:00Z", "9999-12-31T23:59:60Z", "2026-02-30T00:00:00Z"))
        }
    body = json.dumps(document, ensure_ascii=rng.random() < 0.5).encode()
    return body if rng.random() < 0.4 else changed(rng, body)


def changed(rng: Random, body: bytes) -> bytes:
    """The body with one to three changes, behind some of which it is still JSON."""
    data = bytearray(body)
    for _ in range(rng.randint(1, 3)):
        at = rng.randrange(len(data) + 1)
        match rng.randrange(5):
            case 0 if data:
                data[min(at, len(data) - 1)] = rng.randrange(256)
            case 1:
                del data[at : at + rng.randint(1, 20)]
            case 2:
                data[at:at] = data[at : at + rng.randint(1, 200)]
            case 3:
                values = list(re.finditer(rb'-?\d+(\.\d+)?|"[^"\\]*"|true|false', data))
                if values:
                    data[slice(*rng.choice(values).span())] = rng.choice(_PIECES)
            case _:
                data[at:at] = rng.choice(_PIECES)
    return bytes(data)


def _encoded(rng: Random, body: bytes) -> tuple[bytes, list[tuple[str, str]]]:
    match rng.randrange(5):
        case 0:
            return body, [("content-encoding", rng.choice(("br", "gzip", "gzip, gzip", "identity")))]
        case 1:
            return gzip.compress(body)[: rng.randrange(40)], [("content-encoding", "gzip")]
        case 2:
            return gzip.compress(body + b" " * 5_000_000), [("content-encoding", "gzip")]
        case _:
            return gzip.compress(body), [("content-encoding", "gzip")]


def _odd_headers(rng: Random, needs: str) -> list[tuple[str, str]]:
    """Headers as proxies, caches and attackers add them."""
    odd: list[tuple[str, str]] = []
    while rng.random() < 0.3:
        odd.append(
            rng.choice(
                (
                    ("traceparent", rng.choice(("00-" + "a" * 32 + "-" + "b" * 16 + "-01", "zz", ""))),
                    ("x-forwarded-for", "127.0.0.1"),
                    ("cookie", "; ".join(["a=b"] * rng.randrange(50))),
                    ("accept-encoding", rng.choice(("gzip", "gzip;q=0", "*", "br, zstd", ","))),
                    ("connect-timeout-ms", rng.choice(("60000", "-1", "soon", "9" * 12))),
                    ("connect-protocol-version", rng.choice(("1", "2"))),
                    ("if-none-match", rng.choice(('"x"', "*", 'W/"x"', '"' * 99))),
                    ("expect", "something"),
                )
            )
        )
    if needs.endswith("/Decide") and rng.random() < 0.1:
        odd.append(("idempotency-key", rng.choice(('"', '""', "k" * 300, "é", f"k-{rng.randrange(10**9)}"))))
    return odd


def documented() -> frozenset[int]:
    """The statuses that docs/how-to/call-over-http.md names, without those of a server in trouble; and those of answers."""
    page = (ROOT / "docs" / "how-to" / "call-over-http.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d{3}(?:, \d{3})*) \|", page, re.MULTILINE)
    statuses = {int(status) for row in rows for status in row.split(", ")}
    return frozenset(statuses - {500, 503, 504} | {200, 304})


@dataclass
class HttpTally:
    """What became of the requests."""

    tokens: Tokens
    allowed: frozenset[int] = field(default_factory=documented)
    codes: Counter[str] = field(default_factory=Counter)
    """By path and status."""
    items: Counter[str] = field(default_factory=Counter)
    """By the code of each item of a batch, a stream or a recording."""
    decided: set[str] = field(default_factory=set)
    """The decisions that were acknowledged."""
    faults: list[str] = field(default_factory=list)
    """A sentence for each request that was answered as none should be."""

    def add(self, number: int, request: HttpRequest, answer: httpx.Response) -> None:
        """Notes how a request was answered."""
        status = answer.status_code
        self.codes[f"{request.needs.rpartition('/')[2] or 'unknown'} {status}"] += 1
        if status not in self._expected(request):
            self.faults.append(f"{self._named(number, request)}: {status} {answer.text:.200}")
        elif status in (200, 304):
            for wrong in self._wrong_answer(request, answer):
                self.faults.append(f"{self._named(number, request)}: {wrong}")
        elif request.verb != "HEAD" and status != 431 and not _is_refusal(answer):
            self.faults.append(f"{self._named(number, request)}: {status} without its document")

    def _named(self, number: int, request: HttpRequest) -> str:
        return f"request {number}, {request.verb} {request.path:.80} with token {request.token}"

    def _expected(self, request: HttpRequest) -> frozenset[int]:
        if request.is_huge:
            return frozenset((431,))
        is_page = request.needs in OPEN_TO_ALL and request.verb in ("GET", "HEAD")
        if is_page:
            return self.allowed - {401, 403}
        if request.token not in self.tokens.roles:
            return frozenset((401,))
        needed = NEEDED.get(request.needs) if _has_its_verb(request) else None
        if needed is not None and self.tokens.roles[request.token].isdisjoint(needed):
            return frozenset((403,))
        return self.allowed - {401, 403}

    def _wrong_answer(self, request: HttpRequest, answer: httpx.Response) -> Iterator[str]:
        """What is wrong with an answer; notes its decisions and the codes of its items."""
        if answer.status_code == 304 or request.verb != "POST":
            return
        for response, error in _items(request, answer):
            code = int(error.get("code", 0))
            self.items[str(code)] += 1
            if code not in _CODES_OF_ITEMS:
                yield f"an item with {error}"
            if decision := response.get("decision_id"):
                self.decided.add(decision)
        if request.path == STREAM:
            asked = sum(bool(line.strip()) for line in request.body.split(b"\n"))
            if answer.text.count("\n") != asked:
                yield f"{answer.text.count(chr(10))} answers to {asked} lines"


_CODES_OF_ITEMS = frozenset((0, 3, 5, 6, 7, 8, 9, 10, 11, 12))
"""Codes of items while a server is well: not that it is in trouble or has a fault."""


def _has_its_verb(request: HttpRequest) -> bool:
    """Whether the path takes the verb: else it is none, which every known caller may hear."""
    return request.verb == "POST" if request.needs.startswith("/") else request.verb in ("GET", "HEAD")


def _is_refusal(answer: httpx.Response) -> bool:
    """Whether it is a problem document or an error of Connect."""
    kind = answer.headers.get("content-type")
    document = answer.json()
    if kind == "application/problem+json":
        return bool(document["status"] == answer.status_code and document["detail"] and document["code"])
    return bool(kind == _JSON and document["code"] and document["message"])


def _items(request: HttpRequest, answer: httpx.Response) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """The decisions of an answer with their errors."""
    if request.path == STREAM:
        for line in answer.text.splitlines():
            response = json.loads(line)
            yield response, response.get("error", {})
        return
    document = (
        answer.json() if answer.headers["content-type"] == _JSON else _of_bytes(request, answer.content)
    )
    match request.needs.removeprefix(DECISIONS):
        case "Decide":
            yield document, {}
        case "DecideBatch":
            for item in document.get("items", ()):
                yield item.get("response", {}), item.get("error", {})
        case "Record":
            for result in document.get("results", ()):
                yield {}, result.get("error", {})


_ANSWERS: dict[str, type[Message]] = {
    "Decide": pb.DecideResponse,
    "DecideBatch": pb.DecideBatchResponse,
    "Record": pb.RecordResponse,
    "Link": pb.LinkResponse,
    "Explain": pb.ExplainResponse,
}


def _of_bytes(request: HttpRequest, content: bytes) -> dict[str, Any]:
    message = _ANSWERS[request.needs.removeprefix(DECISIONS)].FromString(content)
    document: dict[str, Any] = json_format.MessageToDict(message, preserving_proto_field_name=True)
    return document


class HttpFuzz:
    """Sends the requests of a seed over several connections. tls: None: without."""

    def __init__(self, seed: int, url: str, tls: ssl.SSLContext | None, tokens: Tokens) -> None:
        self._seed, self._url, self._tls = seed, url, tls
        self.tally = HttpTally(tokens)

    def run(
        self, numbers: Iterable[int], on_call: Callable[[], object] = lambda: None, *, callers: int = 16
    ) -> None:
        """Sends the requests with these numbers, so many at a time."""
        asyncio.run(self._run(iter(numbers), on_call, callers))

    async def _run(self, numbers: Iterator[int], on_call: Callable[[], object], callers: int) -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(callers):
                group.create_task(self._caller(numbers, on_call))

    async def _caller(self, numbers: Iterator[int], on_call: Callable[[], object]) -> None:
        verify = self._tls if self._tls is not None else False
        async with httpx.AsyncClient(base_url=self._url, verify=verify, timeout=_PATIENCE) as web:
            for number in numbers:
                request = request_of(self._seed, number, self.tally.tokens)
                headers = [(name.encode(), value.encode()) for name, value in request.headers]
                try:
                    answer = await web.request(
                        request.verb, request.path, headers=headers, content=request.body
                    )
                    self.tally.add(number, request, answer)
                except (httpx.HTTPError, ValueError, DecodeError, LookupError) as error:
                    fault = f"request {number}, {request.verb} {request.path:.80}: {error!r:.200}"
                    self.tally.faults.append(fault)
                on_call()
