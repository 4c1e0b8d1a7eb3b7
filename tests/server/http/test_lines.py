"""Streams over HTTP: a request a line, an answer a line, however broken, hostile or slow the caller is."""

import json
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from google.rpc import code_pb2

from engine.client import Client
from engine.server.access.roles import Role
from tests.requests import li_na
from tests.server.access.conftest import token_for, write_callers
from tests.server.http.test_calls import body_of, problem
from tests.server.http.test_connections import connect, served, well
from tests.servers import Server
from tests.telemetry.shown import free_port, value
from tests.waiting import HANGS, until

PATH = "/v1/decide-stream"
NDJSON = {"content-type": "application/x-ndjson"}


def line(name: str, **over: Any) -> bytes:
    """A request of a customer, whose request_id is the name."""
    return json.dumps(body_of(li_na(name, placement="hero", request_id=name, **over))).encode() + b"\n"


def answers(answer: httpx.Response) -> list[dict[str, Any]]:
    """The lines of an answer."""
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/x-ndjson"
    return list(map(json.loads, answer.text.splitlines()))


class Lines:
    """A stream over a connection of its own, whose sides are written and read as a test says."""

    def __init__(self, connection: socket.socket, headers: str) -> None:
        head = f"POST {PATH} HTTP/1.1\r\nhost: a\r\ncontent-type: application/x-ndjson\r\n{headers}"
        self.connection = connection
        connection.sendall(f"{head}transfer-encoding: chunked\r\n\r\n".encode())
        self.file = connection.makefile("rb")

    def send(self, data: bytes) -> None:
        """Sends a part of the body."""
        self.connection.sendall(b"%x\r\n%s\r\n" % (len(data), data))

    def end(self) -> None:
        """Ends the body."""
        self.connection.sendall(b"0\r\n\r\n")

    def head(self) -> bytes:
        """Reads the status and the headers; the status."""
        status = self.file.readline()
        while self.file.readline().strip():
            continue
        return status.split()[1]

    def read(self) -> dict[str, Any] | None:
        """Reads a line of the answer; None at its end."""
        length = int(self.file.readline(), 16)
        part = self.file.read(length)
        self.file.readline()
        return json.loads(part) if part else None


@contextmanager
def stream(server: Server, headers: str = "") -> Iterator[Lines]:
    """A stream to the server."""
    with closing(connect(server)) as connection:
        lines = Lines(connection, headers)
        with closing(lines.file):
            yield lines


def ended_by(lines: Lines) -> dict[str, Any]:
    """The last line, which tells why the stream ended early; and its end."""
    last = lines.read()
    assert last is not None
    assert "request_id" not in last
    assert lines.read() is None
    error: dict[str, Any] = last["error"]
    return error


def test_each_line_is_answered_while_the_next_has_not_been_sent(server: Server) -> None:
    """A caller that waits for the answer before it goes on gets it, and decisions are those of gRPC."""
    with stream(server) as lines:
        assert lines.head() == b"200"
        for number in range(3):
            lines.send(line(f"turn-{number}"))
            answer = lines.read()
            assert answer is not None
            assert (answer["request_id"], answer["outcome"]) == (f"turn-{number}", "offer")
            with Client(server.target, timeout=60) as client:
                retried = client.decide(
                    li_na(f"turn-{number}", placement="hero", request_id=f"turn-{number}")
                )
            assert retried.decision_id == answer["decision_id"]
        lines.end()
        assert lines.read() is None


def test_lines_are_answered_in_their_order_and_each_wrong_one_by_its_own_error(web: httpx.Client) -> None:
    """What is no JSON, no request, too long or without a request_id concerns no other line; blank lines are none."""
    body = b"".join(
        [
            line("first"),
            b"\n \r\n",
            b"{\n",
            b'{"customer":{"idd":"a"}}\n',
            json.dumps(body_of(li_na("nameless", placement="hero"))).encode() + b"\n",
            b'{"request_id":"' + b"a" * 5_000_000 + b'"}\n',
            b'\xff{"request_id":"b"}\r\n',
            b'{"request_id":"c","request_id":"c"}\n',
            b"[" * 3000 + b"\n",
            line("last").rstrip(b"\n"),
        ]
    )
    given = answers(web.post(PATH, content=body, headers=NDJSON))
    assert [given[0]["request_id"], given[-1]["request_id"]] == ["first", "last"]
    assert all("error" not in answer for answer in (given[0], given[-1]))
    errors = [answer["error"] for answer in given[1:-1]]
    assert {error["code"] for error in errors} == {code_pb2.INVALID_ARGUMENT}
    for error, why in zip(
        errors,
        [
            "not JSON",
            "'idd' is not a field; did you mean 'id'?",
            "request_id: is required in a stream",
            "the line must be at most 4,194,304 bytes",
            "not JSON",
            "comes twice",
            "JSON",
        ],
        strict=True,
    ):
        assert why in error["message"]
    assert errors[1]["details"][0]["field_violations"][0]["field"] == "customer.idd"


def test_a_body_without_lines(web: httpx.Client) -> None:
    """Is answered by none."""
    assert answers(web.post(PATH, content=b"", headers=NDJSON)) == []
    assert answers(web.post(PATH, content=b"\n" * 100_000, headers=NDJSON)) == []


@pytest.mark.parametrize(
    ("headers", "status", "why"),
    [
        ({"content-type": "application/json"}, 415, "must be application/x-ndjson"),
        ({}, 415, "must be application/x-ndjson, and there is none"),
        (NDJSON | {"content-encoding": "gzip"}, 415, "not compressed"),
        (NDJSON | {"idempotency-key": "a"}, 400, "each line has its own"),
        (NDJSON | {"connect-timeout-ms": "soon"}, 400, "milliseconds"),
    ],
)
def test_requests_that_are_no_stream(
    web: httpx.Client, headers: dict[str, str], status: int, why: str
) -> None:
    """They are refused by a status, before anything is decided."""
    assert why in problem(web.post(PATH, content=line("refused"), headers=headers), status)["detail"]
    assert problem(web.get(PATH), 405)["detail"] == "this path takes POST"


def test_a_caller_that_asks_first_is_told_to_go_on(server: Server) -> None:
    """By 100; and one that speaks HTTP/1.0 cannot have its answer in parts."""
    with stream(server, "expect: 100-continue\r\n") as lines:
        assert lines.head() == b"100"
        lines.send(line("expected"))
        assert lines.head() == b"200"
        assert lines.read() is not None
    head = f"POST {PATH} HTTP/1.0\r\ncontent-type: application/x-ndjson\r\ncontent-length: 0\r\n\r\n"
    with closing(connect(server, head.encode())) as connection:
        assert connection.recv(100).startswith(b"HTTP/1.1 505")


def test_more_bytes_than_any_message_may_have_pass_through(server: Server) -> None:
    """A stream has no length: what is bounded is a line, and what is under way."""
    wrong = json.dumps({"request_id": "a" * 200_000}).encode() + b"\n"
    with stream(server) as lines:
        assert lines.head() == b"200"
        for _ in range(60):  # 12 MB, where a message may have 4
            lines.send(wrong)
            assert (lines.read() or {})["error"]["code"] == code_pb2.INVALID_ARGUMENT
        lines.end()
        assert lines.read() is None
        lines.connection.sendall(b"GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n")
        assert lines.head() == b"200"


def test_a_caller_that_does_not_read_waits_and_then_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server reads no further than its window and what the connection holds; read at last, all is answered in order."""
    monkeypatch.setenv("TACT_STREAM_WINDOW", "8")
    count, sent = 100_000, 0
    padded = b'{"max_offers":-1,"placement":"' + b"p" * 400 + b'"}\n'
    with served(tmp_path) as server, stream(server) as lines:
        assert lines.head() == b"200"
        lines.connection.settimeout(1)
        part = padded * 100
        chunk = memoryview(b"%x\r\n%s\r\n" % (len(part), part))
        rest = chunk[:0]
        while rest or sent < count:
            if not rest:
                rest, sent = chunk, sent + 100
            try:
                rest = rest[lines.connection.send(rest) :]
            except TimeoutError:
                break
        assert sent < count, "43 MB were taken of a caller that reads nothing"
        lines.connection.settimeout(HANGS)

        def finish() -> None:
            lines.connection.sendall(rest)
            lines.end()

        finishing = threading.Thread(target=finish)
        finishing.start()
        for _ in range(sent):
            assert "max_offers" in (lines.read() or {})["error"]["message"]
        assert lines.read() is None
        finishing.join(HANGS)


def test_a_caller_that_never_reads_is_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the time that a stream may be idle; others are served."""
    monkeypatch.setenv("TACT_STREAM_IDLE", "1")
    with served(tmp_path) as server, stream(server) as lines:
        lines.connection.settimeout(HANGS)

        def send_on() -> None:
            for _ in range(100_000):
                lines.send(b'{"max_offers":-1}\n' * 1000)

        with pytest.raises(ConnectionError):
            send_on()
        assert well(server)


def test_a_silent_stream_is_ended_with_its_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was asked before is answered."""
    monkeypatch.setenv("TACT_STREAM_IDLE", "1")
    with served(tmp_path) as server, stream(server) as lines:
        lines.send(line("spoke"))
        assert lines.head() == b"200"
        assert (lines.read() or {})["request_id"] == "spoke"
        error = ended_by(lines)
        assert (error["code"], error["message"]) == (code_pb2.UNAVAILABLE, "no message arrived for 1 s")


def test_the_deadline_of_a_caller_ends_its_stream(server: Server) -> None:
    """With the status that says so."""
    with stream(server, "connect-timeout-ms: 500\r\n") as lines:
        assert lines.head() == b"200"
        assert ended_by(lines)["code"] == code_pb2.DEADLINE_EXCEEDED


def test_a_server_that_stops_answers_what_it_read(tmp_path: Path) -> None:
    """And says that the rest was not decided."""
    with served(tmp_path) as server, stream(server) as lines:
        lines.send(line("before"))
        assert lines.head() == b"200"
        assert (lines.read() or {})["request_id"] == "before"
        server.process.send_signal(signal.SIGTERM)
        error = ended_by(lines)
        assert error["code"] == code_pb2.UNAVAILABLE
        assert "ask again" in error["message"]
        assert server.ended(HANGS) == 0


def test_a_caller_that_leaves_is_counted_and_forgotten(tmp_path: Path) -> None:
    """In the middle of a line, and with answers that nobody reads."""
    port = free_port()
    with served(tmp_path, "--metrics-port", str(port)) as server:
        for words in (b'{"customer"', line("gone") * 3, b""):
            with stream(server) as lines:
                assert lines.head() == b"200"
                if words:
                    lines.send(words)
        until(lambda: value(port, "tact_calls_total", method="DecideStream", status="CANCELLED") == 3, server)
        assert well(server)


def test_who_may_open_a_stream_and_for_how_long(tmp_path: Path) -> None:
    """Role and number at once are those of gRPC; a caller that is removed loses the streams that are open."""
    token, entry = token_for("shop", Role.DECIDE)
    other, other_entry = token_for("analyst", Role.EXPLAIN)
    limits = "\n[limits.shop]\nat_once = 1\n"
    callers = write_callers(tmp_path / "callers.toml", entry, other_entry, more=limits)
    with (
        served(tmp_path, "--callers", str(callers)) as server,
        httpx.Client(base_url=server.http, headers=NDJSON, timeout=60) as web,
        stream(server, f"authorization: Bearer {token}\r\n") as lines,
    ):
        assert lines.head() == b"200"
        assert problem(web.post(PATH, content=b"{"), 401)
        assert problem(web.post(PATH, headers={"authorization": f"Bearer {other}"}), 403)
        again = web.post(PATH, headers={"authorization": f"Bearer {token}"})
        assert problem(again, 429)["detail"] == "more calls at once than this caller may make"
        lines.send(line("allowed"))
        assert (lines.read() or {})["request_id"] == "allowed"
        write_callers(callers, other_entry)
        assert ended_by(lines)["code"] == code_pb2.UNAUTHENTICATED
