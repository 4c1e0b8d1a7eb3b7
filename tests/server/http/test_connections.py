"""Connections over HTTP that are hostile, broken, or many; and how a server ends beside them."""

import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.books import write_book
from tests.forked import tact
from tests.requests import li_na
from tests.server.access.conftest import Authority, secure
from tests.server.access.test_half_open import hello, is_closed
from tests.server.http.conftest import HTTP
from tests.server.http.test_calls import body_of
from tests.server.log_trouble import held
from tests.servers import Server, faults_in, serving
from tests.telemetry.shown import three_free_ports, value
from tests.waiting import HANGS, until
from tests.workers.processes import said

CHUNKED = b"POST /v1/decide HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"


@contextmanager
def served(folder: Path, *options: str) -> Iterator[Server]:
    """A server of the test's own."""
    with serving(write_book(folder / "book"), folder / "tact.db", *HTTP, *options) as server:
        yield server
        assert faults_in(server.errors) == []


def connect(server: Server, words: bytes = b"") -> socket.socket:
    """A connection that says this."""
    host, port = server.http.partition("://")[2].rsplit(":", 1)
    connection = socket.create_connection((host, int(port)), timeout=HANGS)
    connection.sendall(words)
    return connection


def answer_to(server: Server, words: bytes) -> bytes:
    """All that the server says to these words until it closes the connection."""
    with closing(connect(server, words)) as connection:
        heard = b""
        try:
            while part := connection.recv(65536):
                heard += part
        except ConnectionError:
            pass
        return heard


def well(server: Server) -> bool:
    """Whether it decides."""
    with httpx.Client(base_url=server.http, timeout=60, verify=False) as web:
        return web.post("/v1/decide", json=body_of(li_na("well", placement="hero"))).status_code == 200


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01", b"400"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"400"),
        (b"GET / HTTP/9.9\r\n\r\n", b"400"),
        (b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\n\r\n", b"431"),
        (b"GET /healthz HTTP/1.1\r\n" + b"x: y\r\n" * 5000 + b"\r\n", b"431"),
        (b"GET /healthz HTTP/1.1\r\nx: " + b"y" * 40_000, b"431"),
        (b"POST /v1/decide HTTP/1.1\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\n", b"400"),
        (b"POST /v1/decide HTTP/1.1\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n", b"400"),
        (b"POST /v1/decide HTTP/1.1\r\ncontent-length: -5\r\n\r\n", b"400"),
    ],
)
def test_what_is_no_request_is_refused_and_ends_the_connection(
    server: Server, words: bytes, status: bytes
) -> None:
    """With the status of HTTP for it, and without a message for each."""
    assert answer_to(server, words).startswith(b"HTTP/1.1 " + status)
    assert well(server)


def test_a_body_that_breaks_off_or_never_ends(server: Server) -> None:
    """A chunk that is none, a flood of pipelined requests, trailers without end: the connection ends, others do not."""
    assert answer_to(server, CHUNKED + b"zz\r\n") == b""
    assert answer_to(server, CHUNKED + b"2\r\n{}\r\n0\r\n" + b"x: y\r\n" * 5000) == b""
    assert answer_to(server, b"GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n" * 500).count(b"HTTP/1.1 200") < 100
    with closing(connect(server, CHUNKED + b"5\r\n{")):
        assert well(server)


def test_an_early_refusal_is_read_although_the_body_goes_on(server: Server) -> None:
    """A caller that sends 100 MB hears 413 and not that the connection broke."""
    headers = {"content-type": "application/json"}
    with httpx.Client(base_url=server.http, timeout=60) as web:
        answer = web.post("/v1/decide", content=b" " * 100_000_000, headers=headers)
        assert answer.status_code == 413
    head = b"POST /v1/decide HTTP/1.1\r\ncontent-type: application/json\r\ncontent-length: 10\r\n"
    with closing(connect(server, head + b"expect: 100-continue\r\n\r\n")) as connection:
        assert connection.recv(100).startswith(b"HTTP/1.1 100")


def test_another_protocol_is_not_begun(server: Server) -> None:
    """A request that asks for an upgrade is answered in HTTP/1.1, and the connection ends."""
    ask = b"GET /healthz HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: %s\r\n\r\n"
    for protocol in (b"websocket", b"h2c"):
        assert answer_to(server, ask % protocol).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("tls", [True, False], ids=["tls", "plain"])
def test_connections_that_stop_in_the_middle_are_ended(
    tmp_path: Path, authority: Authority, monkeypatch: pytest.MonkeyPatch, tls: bool
) -> None:
    """Without words, with half a greeting, half a head, half a body, or idle: they hinder nobody and are closed in time."""
    monkeypatch.setenv("TACT_HANDSHAKE_TIMEOUT", "2")
    monkeypatch.setenv("TACT_REQUEST_TIMEOUT", "3")
    monkeypatch.setenv("TACT_CONNECTION_IDLE", "2")
    words = [
        b"",
        hello()[:50],
        b"GET /heal",
        b"GET /healthz HTTP/1.1\r\nx: y\r\n",
        CHUNKED,
        CHUNKED + b"5\r\n{",
    ]
    words += [] if tls else [b"GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n"]
    with served(tmp_path, *(secure(authority) if tls else ())) as server, ExitStack() as stack:
        connections = [stack.enter_context(closing(connect(server, said))) for said in words * 20]
        assert well(server)
        assert all(map(is_closed, connections))
        assert well(server)


def test_a_body_that_does_not_arrive_in_time_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As 504, on a connection that is still open to read it."""
    monkeypatch.setenv("TACT_REQUEST_TIMEOUT", "1")
    with served(tmp_path) as server, closing(connect(server, CHUNKED + b"5\r\n{")) as connection:
        assert connection.recv(4096).startswith(b"HTTP/1.1 504")
        assert is_closed(connection)


def test_a_further_connection_ends_the_one_that_is_idle_for_longest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many are silent, a caller connects; a call under way is not ended."""
    monkeypatch.setenv("TACT_HTTP_CONNECTIONS", "10")
    with served(tmp_path) as server, ExitStack() as stack:
        waiting = stack.enter_context(closing(connect(server, CHUNKED)))
        silent = [stack.enter_context(closing(connect(server))) for _ in range(30)]
        assert all(map(is_closed, silent[:20]))
        assert well(server)
        body = b'{"customer":{"id":"late"}}'
        waiting.sendall(b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body))
        assert waiting.recv(4096).startswith(b"HTTP/1.1 200")


def test_what_was_accepted_is_answered_when_the_server_stops(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Decisions that wait for the log get their answers; idle and half-open connections are not waited for."""
    monkeypatch.setenv("TACT_BUSY_TIMEOUT", "60")
    metrics = three_free_ports()
    with served(tmp_path, "--metrics-port", str(metrics)) as server, ExitStack() as stack:
        assert well(server)
        for words in (b"", b"GET /heal", b"GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n"):
            stack.enter_context(closing(connect(server, words)))
        answers: list[int] = []

        def call(name: str) -> None:
            with httpx.Client(base_url=server.http, timeout=60) as web, suppress(httpx.TransportError):
                answers.append(
                    web.post("/v1/decide", json=body_of(li_na(name, channels=["sms"]))).status_code
                )

        callers: list[threading.Thread] = []

        def waits() -> bool:
            """Whether two calls wait for the writer, after one more has come: however many the writer took at once."""
            callers.append(threading.Thread(target=call, args=(f"caller{len(callers)}",)))
            callers[-1].start()
            return value(metrics, "tact_queue_depth") >= 2

        with held(tmp_path / "tact.db"):
            until(waits, server)
            server.process.send_signal(signal.SIGTERM)
            until(lambda: said(server, "draining"), server)
        for caller in callers:
            caller.join(HANGS)
        # who came while the server closed its doors may hear nothing
        assert answers.count(200) >= 2
        assert server.ended(HANGS) == 0


def test_a_log_that_does_not_take_it_is_503(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the seconds after which to try again, and nothing of where the log is; a placement gets its fallback."""
    monkeypatch.setenv("TACT_BUSY_TIMEOUT", "0.2")
    with served(tmp_path) as server, httpx.Client(base_url=server.http, timeout=60) as web:
        assert well(server)
        with held(tmp_path / "tact.db"):
            answer = web.post("/v1/decide", json=body_of(li_na("away", channels=["sms"])))
            until(lambda: web.get("/readyz").status_code == 503, server)
            assert web.get("/readyz").json() == {"ready": False}
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert answer.json()["detail"] == "the log did not take this now; a retry is safe"
        assert "tact.db" not in answer.text


def test_a_second_signal_waits_for_no_call(tmp_path: Path) -> None:
    """Calls under way get no answer, and the process ends."""
    with served(tmp_path, "--grace", "3600") as server, closing(connect(server, CHUNKED)):
        assert well(server)
        server.process.send_signal(signal.SIGTERM)
        until(lambda: said(server, "draining"), server)
        server.process.send_signal(signal.SIGTERM)
        assert server.ended(HANGS) == 0


def test_workers_share_the_port(tmp_path: Path) -> None:
    """Each takes connections; the address is told once, and held while all are down."""
    with served(tmp_path, "--workers", "2") as server:
        assert all(well(server) for _ in range(10))
        assert server.stop() == 0


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("8080", "it must be host:port"),
        ("::1:8080", "it must be host:port"),
        ("127.0.0.1:http", "its port must be a number"),
        ("127.0.0.1:99999", "its port must be a number"),
    ],
)
def test_addresses_that_cannot_be_meant(tmp_path: Path, address: str, words: str) -> None:
    """They are refused before anything starts."""
    done: Any = tact("serve", "--rules", str(tmp_path), "--http", address)
    assert done.returncode == 2
    assert words in done.stderr


def test_an_address_beyond_loopback_needs_what_grpc_needs(tmp_path: Path) -> None:
    """TLS, and callers; and an address that is in use is said."""
    book = str(write_book(tmp_path / "book"))
    done = tact("serve", "--rules", book, "--port", "0", "--http", "0.0.0.0:0")
    assert "0.0.0.0 is not loopback and there is no TLS" in done.stderr
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        log = f"sqlite:///{tmp_path / 'tact.db'}"
        done = tact("serve", "--rules", book, "--log", log, "--port", "0", "--http", f"127.0.0.1:{port}")
        assert f"cannot listen on 127.0.0.1:{port}: it is in use" in done.stderr


def test_calls_and_connections_are_counted(tmp_path: Path) -> None:
    """As those of gRPC, by method and status, refused ones too; and how many connections are open."""
    port = three_free_ports()
    with served(tmp_path, "--metrics-port", str(port)) as server, closing(connect(server)):
        with httpx.Client(base_url=server.http, timeout=60) as web:
            assert web.post("/v1/decide", json=body_of(li_na("counted", placement="hero"))).status_code == 200
            assert web.post("/tact.v1.Decisions/Decide", json={}).status_code == 400
            assert web.get("/v1/books/spring/live").status_code == 200
            assert web.get("/healthz").status_code == 200
            until(lambda: value(port, "tact_http_connections") == 2, server)
        assert value(port, "tact_calls_total", method="Decide", status="OK") == 1
        assert value(port, "tact_calls_total", method="Decide", status="INVALID_ARGUMENT") == 1
        assert value(port, "tact_calls_total", method="live", status="OK") == 1
        assert value(port, "tact_decisions_total", outcome="offer") == 1
