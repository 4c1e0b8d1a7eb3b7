"""HTTP: thousands of silent connections, requests byte by byte, bombs, bodies of 100 MB, wrong verbs and types; a stop."""

import gzip
import itertools
import json
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress

import httpx
import psutil

from engine.server.access.roles import Role
from tests.books import write_book
from tests.requests import li_na
from tests.server.access.conftest import token_for, write_callers
from tests.server.dense import DENSE, TOO_DENSE, limited
from tests.server.http.conftest import HTTP
from tests.server.http.test_calls import PROTO, body_of
from tests.server.http.test_connections import connect
from tests.servers import Server, faults_in, serving
from trial.result import PATIENCE, TrialResult, TrialSettings, wait_until
from trial.watch import memory_of

MAY_HOLD = 384
"""MB of data, as over gRPC."""
_AT_ONCE = 4
_SECRET = "do-not-tell-anybody"
_JSON = {"content-type": "application/json"}
_GZIP = {**_JSON, "content-encoding": "gzip"}
_VERBS = ("GET", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND")
_TYPES = (
    "",
    "text/plain",
    "application/xml",
    "multipart/form-data; boundary=a",
    "application/connect+json",
    "\x7f",
)
_BEGUN = (
    b"",
    b"GET /heal",
    b"POST /v1/decide HTTP/1.1\r\nhost: a\r\n",
    b"POST /v1/decide HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{",
    b"GET /docs HTTP/1.1\r\nhost: a\r\n\r\n" * 10,
)
"""What a connection sends before it stops, and reads nothing."""


def run(settings: TrialSettings) -> TrialResult:
    """Does it to a server that may have little memory, and lets others decide meanwhile."""
    result = TrialResult()
    token, entry = token_for("shop", *Role)
    callers = write_callers(settings.folder / "callers.toml", entry)
    options = ("--callers", str(callers), "--grace", "5", *HTTP)
    book, log = write_book(settings.folder / "book"), settings.folder / "tact.db"
    bearer = {"authorization": f"Bearer {token}"}
    with (
        serving(book, log, *options, wrapper=limited(MAY_HOLD)) as server,
        httpx.Client(base_url=server.http, timeout=PATIENCE, headers=bearer) as web,
        ExitStack() as open_connections,
    ):
        silent = int(settings.size(4000, 100))
        for number in range(silent):
            open_connections.enter_context(closing(connect(server, _BEGUN[number % len(_BEGUN)])))
        result.check(_decides(web), "no decision beside silent connections")
        _bodies(settings, result, web)
        _verbs_and_types(result, web)
        _slowly(result, server, token)
        result.check(_decides(web), "no decision afterwards")
        memory = memory_of(psutil.Process(server.process.pid))
        result.check(server.process.poll() is None, "it did not survive them")
        open_connections.enter_context(closing(connect(server, _BEGUN[3])))
        result.check(server.stop(within=PATIENCE) == 0, "it did not stop with 0 beside half-open connections")
        said = "".join(server.errors)
    result.check(not faults_in(server.errors), f"it said {faults_in(server.errors)[:1]}")
    result.check(token not in said and _SECRET not in said, "it told a secret in its messages")
    result.check(said.count("\n") < 100, "it wrote a line for each of them")
    result.summary = (
        f"{silent:,} silent connections, {result.trials:,} checks; {memory:.0f} MB afterwards,"
        f" data limited to {MAY_HOLD} MB"
    )
    return result


def _decides(web: httpx.Client) -> bool:
    answer = web.post("/v1/decide", json=body_of(li_na("trial", placement="hero")))
    return answer.status_code == 200


def _hostile() -> Iterator[tuple[str, dict[str, str], bytes]]:
    """Bodies with their paths and headers, each of which is refused, or answered where it is harmless."""
    bomb = gzip.compress(b"[" * 100_000_000)
    lists = b'{"channels":[' + b"[]," * 1_300_000 + b"[]]}"
    yield "/v1/decide", _GZIP, bomb
    yield "/v1/record", _GZIP, gzip.compress(bomb)
    yield "/v1/decide", _JSON, lists
    yield "/v1/decide-batch", _GZIP, gzip.compress(b'{"requests":[' + b"{}," * 1_300_000 + b"{}]}")
    yield "/v1/decide", _JSON, b'{"a":' * 700_000
    yield (
        "/v1/explain",
        _JSON,
        json.dumps({f"{_SECRET}-{number}": number for number in range(50_000)}).encode(),
    )
    yield "/v1/decide", _JSON, b'{"request_id":"' + b"\\ud83d\\ude00" * 300_000 + b'"}'
    yield "/v1/decide", _JSON, b'{"context":{"profile":{"attributes":{"a":' + b"9" * 1_000_000 + b"}}}}"
    yield "/v1/decide", _JSON, b'{"customer":{"id":"a"},"customer":{"id":"b"}}'
    yield "/v1/decide", _JSON, b'{"customer":{"id":"\\ud800"}}'
    yield "/v1/link", _JSON, b'{"customer_ids":NaN}'
    for path, body in (*TOO_DENSE, *DENSE):
        yield path, PROTO, body


def _bodies(settings: TrialSettings, result: TrialResult, web: httpx.Client) -> None:
    """Each some times, several at once; and bodies of 100 MB, with and without their length."""
    bodies = list(_hostile()) * int(settings.size(3, 1))

    def send(hostile: tuple[str, dict[str, str], bytes]) -> None:
        path, headers, body = hostile
        status = web.post(path, headers=headers, content=body).status_code
        result.check(status in (200, 400, 404, 413), f"{path} with {body[:10]!r}…: {status}")

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        list(pool.map(send, bodies))
    for content in (b" " * 100_000_000, itertools.repeat(b" " * 100_000, 1000)):
        status = web.post("/v1/decide", headers=_JSON, content=content).status_code
        result.check(status == 413, f"100 MB: {status}")


def _verbs_and_types(result: TrialResult, web: httpx.Client) -> None:
    for verb in _VERBS:
        status = web.request(verb, "/v1/decide").status_code
        result.check(status == 405, f"{verb}: {status}")
    for content_type in _TYPES:
        with suppress(httpx.LocalProtocolError):
            status = web.post("/v1/decide", headers={"content-type": content_type}, content=b"{}").status_code
            result.check(status in (400, 415), f"content-type {content_type!r}: {status}")


def _slowly(result: TrialResult, server: Server, token: str) -> None:
    """A request that arrives byte by byte is answered, if it is whole in time."""
    body = json.dumps(body_of(li_na("slow", placement="hero"))).encode()
    request = (
        f"POST /v1/decide HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n"
        f"authorization: Bearer {token}\r\ncontent-length: {len(body)}\r\n\r\n"
    ).encode() + body
    with closing(connect(server)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in request:
            connection.sendall(bytes([byte]))
        heard = b""

        def answered() -> bool:
            nonlocal heard
            heard += connection.recv(4096)
            return b"\r\n\r\n" in heard

        result.check(
            wait_until(answered) and heard.startswith(b"HTTP/1.1 200"), f"byte by byte: {heard[:20]!r}"
        )
