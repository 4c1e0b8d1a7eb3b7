"""Peers that read nothing of their streams while the log is away: others see health change, and a signal ends the server."""

import os
import signal
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from grpc_health.v1.health_pb2 import HealthCheckRequest
from grpc_reflection.v1alpha.reflection_pb2 import ServerReflectionRequest

from engine.api.v1 import decisions_pb2 as pb
from engine.client import Client
from tests.books import write_book
from tests.logs import Log
from tests.postgres import postgres
from tests.requests import li_na
from tests.server.http2 import Peer, peer_of
from tests.server.log_trouble import held
from tests.servers import Server, serving
from tests.telemetry.shown import get, three_free_ports
from tests.workers.processes import said
from trial.result import PATIENCE, TrialResult, TrialSettings, wait_until

GRACE = ("--grace", "1")
LONG_GRACE = ("--grace", "3600")
"""Beyond any patience: what ends in spite of it ended at once."""
WORKERS = ("--workers", "2")


def run(settings: TrialSettings) -> TrialResult:
    """Does it to one process and to workers, then with a database that keeps its connections and answers nothing."""
    result = TrialResult()
    with impatient():
        for number in range(int(settings.size(10, 1))):
            for workers in ((), WORKERS):
                folder = settings.folder / f"{number}-{len(workers)}"
                folder.mkdir()
                _unread(TrialSettings(folder), result, workers)
                _hurried(TrialSettings(folder), result, workers)
        _frozen(settings, result)
    result.summary = (
        "unread streams of every kind, the log held, one and two signals, without and with workers"
    )
    return result


@contextmanager
def impatient() -> Iterator[None]:
    """Servers started in the block wait a fifth of a second for others at the log."""
    os.environ["TACT_BUSY_TIMEOUT"] = "0.2"
    try:
        yield
    finally:
        del os.environ["TACT_BUSY_TIMEOUT"]


def ends(server: Server, signals: int = 1) -> bool:
    """Whether it ends with 0 after so many SIGTERMs."""
    for number in range(signals):
        server.process.send_signal(signal.SIGTERM)
        if not number and signals > 1:
            wait_until(lambda: said(server, "draining"))
    if not wait_until(lambda: server.process.poll() is not None):
        return False
    return server.ended(PATIENCE) == 0


def open_streams(peer: Peer) -> None:
    """Begins every kind of call that answers; the peer reads none of the answers."""
    request = li_na("unread", placement="hero", request_id="unread")
    for name in ("", "tact.v1.Decisions", "liveness"):
        peer.call("/grpc.health.v1.Health/Watch", HealthCheckRequest(service=name).SerializeToString())
    reflection = ServerReflectionRequest(file_by_filename="engine/api/v1/decisions.proto")
    peer.call(
        "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", reflection.SerializeToString()
    )
    for method, message in {
        "Decide": request,
        "DecideBatch": pb.DecideBatchRequest(requests=[request] * 50),
        "DecideStream": request,
        "Explain": pb.ExplainRequest(request=request),
    }.items():
        peer.call(f"/tact.v1.Decisions/{method}", message.SerializeToString())


@contextmanager
def unread_pages(port: int) -> Iterator[None]:
    """Connections to the metrics port for the length of a block: some send half a request, some do not read the answer."""
    with ExitStack() as stack:
        for request in (b"", b"GET /met", b"GET /metrics HTTP/1.1\r\n\r\n") * 5:
            connection = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=PATIENCE))
            connection.sendall(request)
        yield


def _unread(settings: TrialSettings, result: TrialResult, workers: tuple[str, ...]) -> None:
    log, port = settings.folder / "tact.db", three_free_ports()
    book = write_book(settings.folder / "book")
    with (
        serving(book, log, *GRACE, *workers, "--metrics-port", str(port)) as server,
        peer_of(server.target, window=0) as peer,
    ):
        with Client(server.target, timeout=60) as client, unread_pages(port):
            open_streams(peer)
            page = port + 1 if workers else port
            result.check(
                wait_until(lambda: _well(client, page)), "it was not ready beside streams that are not read"
            )
            with held(log):
                result.check(wait_until(lambda: not client.health()), "it said SERVING without its log")
                result.check(wait_until(lambda: get(page, "/ready")[0] == 503), "it said 200 without its log")
            result.check(wait_until(lambda: _well(client, page)), "it was not ready again")
        result.check(ends(server), "a signal did not end it, beside streams that are not read")


def _well(client: Client, port: int) -> bool:
    return client.health() and get(port, "/ready")[0] == 200


def _hurried(settings: TrialSettings, result: TrialResult, workers: tuple[str, ...]) -> None:
    """While a decision waits for the log, a second signal waits for nothing."""
    log = settings.folder / "tact.db"
    with (
        serving(settings.folder / "book", log, *LONG_GRACE, *workers) as server,
        peer_of(server.target, window=0) as peer,
        held(log),
    ):
        open_streams(peer)
        result.check(ends(server, signals=2), "a second signal did not end it at once")


def _frozen(settings: TrialSettings, result: TrialResult) -> None:
    """A database that keeps its connections and answers nothing."""
    with (
        postgres() as database,
        serving(
            write_book(settings.folder / "book"), Log(database.create_database("frozen")), *GRACE
        ) as server,
        Client(server.target, timeout=60) as client,
    ):
        result.check(bool(client.decide(li_na()).decision_id), "no decision")
        with database.frozen(), peer_of(server.target, window=0) as peer:
            open_streams(peer)
            result.check(wait_until(lambda: not client.health()), "it said SERVING beside a frozen database")
            result.check(ends(server), "a signal did not end it beside a frozen database")
