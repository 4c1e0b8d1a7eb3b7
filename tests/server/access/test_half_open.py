"""Connections and calls that are begun and not gone on with."""

import socket
import ssl
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest

from engine.client import Client, Tls
from engine.server.access.roles import Role
from tests.requests import li_na
from tests.server.access.conftest import Authority, secure, token_for, write_callers
from tests.server.access.test_tokens import stall
from tests.server.http2 import Peer, peer_of
from tests.servers import Server, faults_in, serving
from tests.waiting import HANGS, until

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
SHOP, SHOP_ENTRY = token_for("shop", Role.DECIDE)
DECIDE = "/tact.v1.Decisions/Decide"
HALF_A_BODY = (
    b"POST /v1/decide HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{"
)
OVERDUE = str(grpc.StatusCode.DEADLINE_EXCEEDED.value[0])


@dataclass(frozen=True)
class HalfSent:
    """Connections over gRPC with their calls, and connections over HTTP, of all of which a half has been sent."""

    calls: list[tuple[Peer, list[int]]]
    sockets: list[socket.socket]

    def ends(self) -> "Counter[str]":
        """Waits until all have ended, and counts how: by gRPC's status, by HTTP's, or by the code of a reset."""
        ended = Counter(status for peer, streams in self.calls for status in peer.statuses(streams).values())
        return ended + Counter(connection.recv(4096).split()[1].decode() for connection in self.sockets)


@contextmanager
def half_sent(server: Server, connections: int, calls: int) -> Iterator[HalfSent]:
    """So many connections of each kind for the length of a block, with so many calls on each of gRPC, allowed or not."""
    with (
        ExitStack() as stack,
        connected(server.http.partition("://")[2], [HALF_A_BODY] * connections) as sockets,
    ):
        peers = [stack.enter_context(peer_of(server.target)) for _ in range(connections)]
        for peer in peers:
            peer.overstep()
        begun = [(peer, [peer.call(DECIDE, b"\0", of=100) for _ in range(calls)]) for peer in peers]
        yield HalfSent(begun, sockets)


@contextmanager
def connected(target: str, says: list[bytes]) -> Iterator[list[socket.socket]]:
    """Connections that each say this and no more."""
    host, port = target.rsplit(":", 1)
    made = []
    try:
        for words in says:
            connection = socket.create_connection((host, int(port)), timeout=HANGS)
            made.append(connection)
            connection.sendall(words)
        yield made
    finally:
        for connection in made:
            connection.close()


def is_closed(connection: socket.socket) -> bool:
    """Whether the server ends the connection, whatever it says before."""
    connection.settimeout(HANGS)
    try:
        while connection.recv(4096):
            pass
    except ConnectionError:
        return True
    return True


def hello() -> bytes:
    """The first words of a TLS handshake."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    wrapped = ssl.create_default_context().wrap_bio(incoming, outgoing, server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        wrapped.do_handshake()
    return outgoing.read()


@pytest.mark.parametrize("tls", [True, False], ids=["tls", "plain"])
def test_connections_that_stop_in_the_middle_are_ended(
    book: Path, log: Path, authority: Authority, monkeypatch: pytest.MonkeyPatch, tls: bool
) -> None:
    """Two hundred connections with no words, half a greeting or nonsense hinder nobody, and are closed in time."""
    monkeypatch.setenv("TACT_HANDSHAKE_TIMEOUT", "5")
    words = [b"", hello()[:50], hello(), PREFACE[:10], b"GET / HTTP/1.1\r\n\r\n"]
    options = secure(authority) if tls else []
    trust = Tls(ca=authority.file) if tls else None
    with (
        serving(book, log, *options) as server,
        connected(server.target, words * 40) as connections,
        Client(server.target, timeout=HANGS, attempts=100, tls=trust) as client,
    ):
        assert client.decide(li_na()).decision_id
        assert all(map(is_closed, connections))
        assert client.decide(li_na()).decision_id


def test_calls_whose_message_never_comes_are_ended(
    book: Path, log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a caller and of strangers who ask for health: after the time of a call they end with DEADLINE_EXCEEDED."""
    monkeypatch.setenv("TACT_REQUEST_TIMEOUT", "10")
    callers = write_callers(tmp_path / "callers.toml", SHOP_ENTRY)
    with serving(book, log, "--callers", str(callers)) as server:
        with (
            grpc.insecure_channel(server.target) as channel,
            Client(server.target, timeout=60, token=SHOP) as client,
        ):
            calls = [stall(channel, SHOP) for _ in range(20)]
            calls += [stall(channel, None, "/grpc.health.v1.Health/Check") for _ in range(20)]
            assert client.decide(li_na()).decision_id
            codes = {ended(call) for call in calls}
        assert server.stop() == 0
    assert codes == {grpc.StatusCode.DEADLINE_EXCEEDED}


def test_half_sent_messages_are_bounded_by_connection_and_ended(
    book: Path, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No connection holds more calls than it may, all end in time over many connections and HTTP, and others are answered."""
    monkeypatch.setenv("TACT_STREAMS", "4")
    monkeypatch.setenv("TACT_REQUEST_TIMEOUT", "10")
    with serving(book, log, "--http", "127.0.0.1:0") as server, half_sent(server, 20, calls=7) as sent:
        with Client(server.target, timeout=60) as client, httpx.Client(base_url=server.http) as web:
            assert client.decide(li_na("beside")).decision_id
            assert web.get("/healthz").status_code == 200
            assert sent.ends() == Counter({"REFUSED_STREAM": 20 * 3, OVERDUE: 20 * 4, "504": 20})
            assert client.decide(li_na("after")).decision_id
        peer, _ = sent.calls[0]
        assert peer.statuses([peer.call(DECIDE, li_na("again").SerializeToString())]).popitem()[1] == "0"
        assert server.stop() == 0
    assert faults_in(server.errors) == []


def test_connections_that_answer_no_ping_end_with_their_calls(
    book: Path, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though calls may take any time: who is gone without a word holds nothing for longer than keepalive takes."""
    for name, seconds in (("REQUEST_TIMEOUT", "0"), ("KEEPALIVE", "1"), ("KEEPALIVE_TIMEOUT", "1")):
        monkeypatch.setenv(f"TACT_{name}", seconds)
    with serving(book, log) as server, ExitStack() as stack:
        client = stack.enter_context(Client(server.target, timeout=60))
        peers = [stack.enter_context(peer_of(server.target)) for _ in range(10)]
        for peer in peers:
            peer.call(DECIDE, b"\0", of=100)
        assert client.decide(li_na()).decision_id
        assert all(peer.is_closed_unheard() for peer in peers)
        assert client.decide(li_na()).decision_id


def test_a_stranger_s_message_is_not_waited_for(book: Path, log: Path, tmp_path: Path) -> None:
    """Who has no token is refused by the metadata alone, though the message never comes."""
    callers = write_callers(tmp_path / "callers.toml", SHOP_ENTRY)
    with (
        serving(book, log, "--callers", str(callers)) as server,
        grpc.insecure_channel(server.target) as channel,
    ):
        assert ended(stall(channel, None)) is grpc.StatusCode.UNAUTHENTICATED


def test_huge_metadata_is_refused(book: Path, log: Path, tmp_path: Path) -> None:
    """Metadata beyond the bound is refused, below it the call is looked at, and the server goes on."""
    callers = write_callers(tmp_path / "callers.toml", SHOP_ENTRY)
    with (
        serving(book, log, "--callers", str(callers)) as server,
        grpc.insecure_channel(server.target) as channel,
        Client(server.target, timeout=60, token=SHOP) as client,
    ):
        codes = {}
        for size in (1_000, 15_000, 20_000, 500_000):
            ask: Any = channel.stream_stream("/tact.v1.Decisions/Decide")
            call = ask(iter([b""]), metadata=(("x-long", "x" * size),), timeout=60)
            codes[size] = ended(call)
        assert client.decide(li_na()).decision_id
    assert codes == {
        1_000: grpc.StatusCode.UNAUTHENTICATED,
        15_000: grpc.StatusCode.UNAUTHENTICATED,
        20_000: grpc.StatusCode.RESOURCE_EXHAUSTED,
        500_000: grpc.StatusCode.RESOURCE_EXHAUSTED,
    }


def test_refusals_are_logged_and_not_without_end(book: Path, log: Path, tmp_path: Path) -> None:
    """A hundred refusals leave a few lines, which say how many were left out, and never a token."""
    callers = write_callers(tmp_path / "callers.toml", SHOP_ENTRY)
    with serving(book, log, "--callers", str(callers)) as server:
        with grpc.insecure_channel(server.target) as channel:
            ask: Any = channel.stream_stream("/tact.v1.Decisions/Decide")
            start = time.monotonic()
            for _ in range(100):
                metadata = (("authorization", "Bearer tact_secret"),)
                assert ended(ask(iter([b""]), metadata=metadata)) is grpc.StatusCode.UNAUTHENTICATED
            seconds = time.monotonic() - start
        assert server.stop() == 0
    said = [line for line in server.errors if " refused " in line]
    assert 20 <= len(said) <= 21 + seconds
    assert "no such token" in said[0]
    assert "tact_secret" not in "".join(server.errors)


def ended(call: Any) -> grpc.StatusCode:
    """How the call ends."""
    until(lambda: not call.is_active())
    code: grpc.StatusCode = call.code()
    return code
