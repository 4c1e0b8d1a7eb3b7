"""Peers that read nothing, send half, or send much: the server goes on, keeps its memory, and stops when it is told to."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1.health_pb2 import HealthCheckRequest
from grpc_health.v1.health_pb2_grpc import HealthStub

from engine.client import Client
from engine.server.access.admission import MOST_OPEN_CALLS
from engine.server.access.roles import Role
from engine.server.health_service import MOST_WATCHES_OF_A_CONNECTION
from tests.logs import Log
from tests.postgres import PostgresServer
from tests.requests import li_na
from tests.server.access.conftest import token_for, write_callers
from tests.server.dense import DENSE, TOO_DENSE, code_of, limited
from tests.server.http2 import peer_of
from tests.server.log_trouble import held
from tests.servers import serving
from tests.waiting import HANGS, until

WATCH, CHECK = "/grpc.health.v1.Health/Watch", "/grpc.health.v1.Health/Check"
LONG = ("--grace", str(10 * HANGS))


def test_a_watch_that_is_not_read_delays_nothing(
    book: Path, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Health changes for all others, and the stop waits for the peer no longer than the grace."""
    monkeypatch.setenv("TACT_BUSY_TIMEOUT", "0.2")
    with (
        serving(book, log, "--grace", "1") as server,
        peer_of(server.target, window=0) as peer,
        Client(server.target, timeout=60) as client,
    ):
        for name in ("", "tact.v1.Decisions", "liveness"):
            peer.call(WATCH, HealthCheckRequest(service=name).SerializeToString())
        until(client.health)
        with held(log):
            until(lambda: not client.health())
        until(client.health)
        client.close()
        assert server.stop(within=HANGS) == 0


def test_a_watch_that_is_read_ends_with_the_server(book: Path, log: Path) -> None:
    """A stop does not wait for those who watch."""
    with serving(book, log, *LONG) as server, grpc.insecure_channel(server.target) as channel:
        watch = HealthStub(channel).Watch(HealthCheckRequest(service="liveness"))
        next(iter(watch))
        assert server.stop(within=HANGS) == 0
        assert watch.code() is grpc.StatusCode.UNAVAILABLE


def test_a_message_that_does_not_arrive_delays_no_stop(
    book: Path, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of calls without a token; they would otherwise take the grace, or the time that calls may take.

    The peer reads until they have ended, so that the server ends them, and not the loss of a connection.
    """
    monkeypatch.setenv("TACT_REQUEST_TIMEOUT", "0")
    with serving(book, log, *LONG) as server:
        with peer_of(server.target) as peer:
            calls = [peer.call(method, b"\0" * 100, of=1000) for method in (WATCH, CHECK)]
            with Client(server.target, timeout=60) as client:
                until(client.health)
            server.process.terminate()
            assert set(peer.statuses(calls)) == set(calls)
        assert server.ended(HANGS) == 0


def test_a_second_signal_ends_a_server_at_once(book: Path, log: Path) -> None:
    """While a call waits for the log, a first SIGTERM waits for the call, and a second one for nothing."""
    with serving(book, log, *LONG) as server, Client(server.target, timeout=HANGS, attempts=1) as client:
        client.decide(li_na())
        with held(log), peer_of(server.target, window=0) as peer:
            peer.call("/tact.v1.Decisions/Decide", li_na("waits").SerializeToString())
            peer.call("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo")
            server.process.terminate()
            until(lambda: any("draining" in line for line in server.errors), server)
            assert server.stop(within=HANGS) == 0


def test_a_frozen_database_does_not_delay_the_stop(
    book: Path, postgres_log: Log, postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that keeps its connections and answers nothing: a signal ends the server after the time that the log may take."""
    monkeypatch.setenv("TACT_BUSY_TIMEOUT", "1")
    with (
        serving(book, postgres_log, "--grace", "1") as server,
        Client(server.target, timeout=HANGS) as client,
        peer_of(server.target) as peer,
    ):
        client.decide(li_na())
        with postgres_server.frozen():
            peer.call("/tact.v1.Decisions/Decide", li_na("waits").SerializeToString())
            until(lambda: not client.health())  # so that something waits for the log when the signal comes
            assert server.stop(within=HANGS) == 0
    assert any("the log did not answer" in line for line in server.errors)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_frozen_database_does_not_delay_the_stop_of_a_start(
    book: Path,
    postgres_log: Log,
    postgres_server: PostgresServer,
    monkeypatch: pytest.MonkeyPatch,
    workers: str,
) -> None:
    """A server that waits for it says so, and ends at the first signal."""
    monkeypatch.setenv("TACT_BUSY_TIMEOUT", "0.1")
    command = [sys.executable, "-m", "engine.cli", "serve", "--rules", str(book), "--log", postgres_log.url]
    with (
        postgres_server.frozen(),
        subprocess.Popen(
            [*command, "--port", "0", "--workers", workers], stderr=subprocess.PIPE, text=True
        ) as process,
    ):
        assert process.stderr is not None
        assert "the start waits for the log" in process.stderr.readline()
        process.terminate()
        try:
            assert process.wait(HANGS) == 0
        finally:
            process.kill()


def test_a_file_that_cannot_be_read_delays_neither_calls_nor_the_stop(
    book: Path, log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A callers file as on a disk that does not answer: calls still end in time, and the server stops."""
    monkeypatch.setenv("TACT_REQUEST_TIMEOUT", "1")
    token, entry = token_for("shop", Role.DECIDE)
    callers, pipe = write_callers(tmp_path / "callers.toml", entry), tmp_path / "pipe"
    os.mkfifo(pipe)
    with serving(book, log, "--callers", str(callers)) as server, peer_of(server.target) as peer:
        pipe.rename(callers)
        writer = callers.open("wb")  # returns when the server has begun to read
        with writer:
            call = peer.call("/tact.v1.Decisions/Decide", b"\0", of=100, token=token)
            assert peer.statuses([call]) == {call: str(grpc.StatusCode.DEADLINE_EXCEEDED.value[0])}
            assert server.stop(within=HANGS) == 0


@pytest.mark.parametrize("method", ["Check", "List", "Watch"])
def test_requests_to_health_are_small(book: Path, log: Path, method: str) -> None:
    """A watch keeps its request without a token: 1,000 of them with 4 MB each would take 4 GB."""
    with serving(book, log) as server, grpc.insecure_channel(server.target) as channel:
        for body in (
            HealthCheckRequest(service="x" * 2000).SerializeToString(),
            b"\x12\xd0\x0f" + bytes(2000),
        ):
            call: Any = channel.unary_stream(f"/grpc.health.v1.Health/{method}")
            with pytest.raises(grpc.RpcError) as caught:
                next(iter(call(body, timeout=HANGS)))
            assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


def test_watches_of_a_connection_are_bounded(book: Path, log: Path) -> None:
    """One more than the bound is refused, and another connection may still watch."""
    with serving(book, log) as server, grpc.insecure_channel(server.target) as channel:
        stub = HealthStub(channel)
        watches = [stub.Watch(HealthCheckRequest()) for _ in range(MOST_WATCHES_OF_A_CONNECTION)]
        for watch in watches:
            next(iter(watch))
        with pytest.raises(grpc.RpcError) as caught:
            next(iter(stub.Watch(HealthCheckRequest())))
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        with grpc.insecure_channel(server.target, options=[("grpc.use_local_subchannel_pool", 1)]) as other:
            assert next(iter(HealthStub(other).Watch(HealthCheckRequest()))).status


def test_half_sent_messages_of_strangers_are_bounded_and_probes_answered(
    book: Path, log: Path, tmp_path: Path
) -> None:
    """Beyond the bound the oldest call ends, whether it would check or watch; a probe is answered all the same."""
    callers = write_callers(tmp_path / "callers.toml", token_for("shop", Role.DECIDE)[1])
    with (
        serving(book, log, "--callers", str(callers)) as server,
        peer_of(server.target) as peer,
        Client(server.target, timeout=60) as client,
    ):
        until(client.health)
        half = [peer.call(WATCH if number % 2 else CHECK, b"\0" * 100, of=10_000) for number in range(100)]
        ended = peer.statuses(half[: 100 - MOST_OPEN_CALLS])
        assert set(ended.values()) == {str(grpc.StatusCode.DEADLINE_EXCEEDED.value[0])}
        assert client.health()


MAY_HOLD = 268
"""MB of data that the server may have in this test: what it starts with (about 140 MB), and a few messages."""


@pytest.mark.skipif(sys.platform != "linux", reason="the limit of data counts all memory on Linux only")
def test_messages_do_not_take_more_memory_than_is_said(book: Path, log: Path) -> None:
    """Under a limit on the process, messages of four million bytes in thousands of parts are refused or answered."""
    with (
        serving(book, log, wrapper=limited(MAY_HOLD)) as server,
        grpc.insecure_channel(server.target) as channel,
    ):
        for path, body in [*TOO_DENSE, *DENSE] * 2:
            code, details = code_of(channel, path, body)
            assert code in (grpc.StatusCode.OK, grpc.StatusCode.INVALID_ARGUMENT), (path, details)
            if (path, body) in TOO_DENSE:
                assert "must be at most" in details, path
        with Client(server.target, timeout=60) as client:
            assert client.decide(li_na()).decision_id
        assert server.stop() == 0


def test_a_stream_without_a_message_ends(book: Path, log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With UNAVAILABLE after the time that a stream may be silent, half a message or none."""
    monkeypatch.setenv("TACT_STREAM_IDLE", "0.5")
    with serving(book, log) as server, peer_of(server.target) as peer:
        streams = [
            peer.call("/tact.v1.Decisions/DecideStream", b"\0" * 100, of=10_000),
            peer.call("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", b"\0", of=10_000),
        ]
        assert set(peer.statuses(streams).values()) == {str(grpc.StatusCode.UNAVAILABLE.value[0])}


def test_a_removed_caller_s_open_stream_ends(book: Path, log: Path, tmp_path: Path) -> None:
    """A stream that is open when its token is taken out of the callers file ends with UNAUTHENTICATED."""
    token, entry = token_for("shop", Role.DECIDE)
    _, other = token_for("mailer", Role.DECIDE)
    callers = write_callers(tmp_path / "callers.toml", entry, other)
    with serving(book, log, "--callers", str(callers)) as server, peer_of(server.target) as peer:
        stream = peer.call("/tact.v1.Decisions/DecideStream", b"\0", of=100, token=token)
        write_callers(callers, other)
        assert peer.statuses([stream]) == {stream: str(grpc.StatusCode.UNAUTHENTICATED.value[0])}
