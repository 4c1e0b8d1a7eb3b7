"""Requests over HTTP with bytes that were changed, dropped, repeated or put in: the server goes on, and reports no fault."""

import json
from contextlib import closing, suppress
from pathlib import Path
from random import Random

from tests.requests import li_na
from tests.server.http.test_calls import body_of
from tests.server.http.test_connections import connect, served, well

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
