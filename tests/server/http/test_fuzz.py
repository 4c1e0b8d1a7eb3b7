"""Requests over HTTP with bytes that were changed, dropped, repeated or put in: the server goes on, and reports no fault."""

import json
import sqlite3
import ssl
from contextlib import closing, suppress
from pathlib import Path
from random import Random

import pytest
import trustme

from tests.books import write_book
from tests.requests import li_na
from tests.server.access.conftest import Authority, secure
from tests.server.everything import EVERYTHING
from tests.server.http.conftest import HTTP
from tests.server.http.fuzz import HttpFuzz
from tests.server.http.test_calls import body_of
from tests.server.http.test_connections import connect, served, well
from tests.server.wire_fuzz import Tokens
from tests.servers import faults_in, serving
from tests.weather.station import station_apart

_CALLS = 300


def requests() -> list[bytes]:
    """One of each kind that is answered."""
    message = li_na("fuzz", placement="hero")
    bodies = [
        ("/v1/decide", "application/json", json.dumps(body_of(message)).encode()),
        ("/tact.v1.Decisions/Decide", "application/proto", message.SerializeToString()),
        ("/v1/decide-batch", "application/json", json.dumps({"requests": [body_of(message)] * 3}).encode()),
    ]
    posts = [
        f"POST {path} HTTP/1.1\r\nhost: a\r\ncontent-type: {kind}\r\ncontent-length: {len(body)}\r\n\r\n".encode()
        + body
        for path, kind, body in bodies
    ]
    return [*posts, b"GET /v1/books/spring/live HTTP/1.1\r\nhost: a\r\naccept-encoding: gzip\r\n\r\n"]


def changed(random: Random, request: bytes) -> bytes:
    """The request with one to four changes."""
    data = bytearray(request)
    for _ in range(random.randint(1, 4)):
        at = random.randrange(len(data))
        match random.randrange(4):
            case 0:
                data[at] = random.randrange(256)
            case 1:
                del data[at : at + random.randint(1, 20)]
            case 2:
                data[at:at] = data[at : at + random.randint(1, 200)]
            case _:
                data[at:at] = random.choice(
                    [b"\r\n", b"\0", b"\xff", b'"', b"{", b"%00", b"99999999999", b": "]
                )
    return bytes(data)


def test_changed_requests_do_no_harm(tmp_path: Path) -> None:
    """Hundreds of them, each on a connection of its own that reads nothing or the first words of the answer."""
    random, valid = Random(18), requests()
    with served(tmp_path) as server:
        for number in range(_CALLS):
            words = changed(random, valid[number % len(valid)])
            with suppress(ConnectionError), closing(connect(server, words)) as connection:
                connection.sendall(b"\r\n\r\n")
                if number % 3 == 0:
                    connection.settimeout(0.01)
                    with suppress(TimeoutError):
                        connection.recv(100)
        assert well(server)


CALLS = 1000


def test_every_request_has_a_documented_status(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over TLS and with tokens of every kind, each refusal with its document; the log has exactly what was acknowledged."""
    tokens, log, authority = Tokens(), tmp_path / "tact.db", Authority(trustme.CA(), tmp_path)
    callers = tokens.write(tmp_path / "callers.toml")
    with station_apart() as url:
        monkeypatch.setenv("TACT_WEATHER_URL", url)
        book = write_book(tmp_path / "book", EVERYTHING)
        with serving(book, log, *secure(authority), "--callers", str(callers), *HTTP) as server:
            tls = ssl.create_default_context(cafile=str(authority.file))
            fuzz = HttpFuzz(18, server.http, tls, tokens)
            fuzz.run(range(CALLS))
            assert fuzz.tally.faults == [], "\n".join(fuzz.tally.faults[:50])
            assert server.stop() == 0
    assert faults_in(server.errors) == []
    with closing(sqlite3.connect(log)) as connection:
        logged = {name for (name,) in connection.execute("select decision_id from decisions")}
    assert logged == fuzz.tally.decided
    assert len(logged) > CALLS / 20
    seen = {int(code.rpartition(" ")[2]) for code in fuzz.tally.codes}
    assert {200, 400, 401, 403, 404, 405, 413, 415} <= seen
