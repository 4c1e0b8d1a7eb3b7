"""A thousand connections, hundreds that stop half-way, messages that do, and callers that do not read: nobody else notices."""

import os
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import grpc

from engine.api.v1.decisions_pb2 import DecideBatchRequest
from engine.client import Client, TactError
from tests.books import write_book
from tests.requests import li_na
from tests.server.access.test_half_open import OVERDUE, PREFACE, connected, half_sent, hello
from tests.server.http.conftest import HTTP
from tests.server.load import Load
from tests.servers import serving
from trial.offered_load import BATCH, OPTIONS
from trial.result import TrialResult, TrialSettings, wait_until
from trial.watch import Watch

MAY_GROW = 256.0
_STREAMS, _CALLS = 20, 30
"""Calls that a connection may hold, and that it begins of which half a message comes."""
_OPENINGS = (b"", b"GET / HTTP/1.1\r\n\r\n", PREFACE[:10], PREFACE, b"\x16\x03\x01")
"""What a connection sends before it stops; nothing stands for the beginning of a TLS handshake."""


def run(settings: TrialSettings) -> TrialResult:
    """Opens each kind of connection in turn, while other callers decide."""
    result, many = TrialResult(), int(settings.size(1000, 30))
    half_open, slow = int(settings.size(500, 15)), int(settings.size(50, 3))
    book, log = write_book(settings.folder / "book"), settings.folder / "tact.db"
    with (
        bounded_streams(),
        serving(book, log, *HTTP) as server,
        Watch(server).looking() as watch,
    ):
        load = Load(server.target, lambda caller, turn: li_na(f"{caller}-{turn}"), callers=4, timeout=60)
        with load.running():
            load.await_answers(20)
            _many(result, server.target, many)
            with connected(
                server.target, [_OPENINGS[number % len(_OPENINGS)] or hello() for number in range(half_open)]
            ):
                result.trials += half_open
                _served(result, load, "beside connections that stop half-way")
            with half_sent(server, slow, calls=_CALLS) as sent:
                _served(result, load, "beside messages of which a half was sent")
                _ended(result, sent.ends(), slow)
            with unread(server.target, slow):
                result.trials += slow
                _served(result, load, "beside readers who do not read")
        result.trials += len(load.answers)
        result.failures += [f"a call beside them ended with {failure}" for failure in load.failures]
        result.expect(watch.grown() < MAY_GROW, f"memory grew by {watch.grown():.0f} MB")
        result.expect(server.stop() == 0, "it did not stop with 0")
    result.curves = watch.curves()
    result.summary = (
        f"{many:,} connections at once, {half_open} half open, {slow} that do not read,"
        f" {slow * (_CALLS + 1):,} calls half sent; {len(load.answers):,} calls beside them; memory {watch.grown():+.0f} MB"
    )
    return result


@contextmanager
def bounded_streams() -> Iterator[None]:
    """Servers started in the block hold few calls on a connection."""
    os.environ["TACT_STREAMS"] = str(_STREAMS)
    try:
        yield
    finally:
        del os.environ["TACT_STREAMS"]


def _many(result: TrialResult, target: str, many: int) -> None:
    """Makes a call on each of so many connections."""
    with Client(target, timeout=60, connections=many) as client, ThreadPoolExecutor(16) as pool:

        def decide(number: int) -> str:
            try:
                return client.decide(li_na(f"many-{number}")).decision_id
            except TactError as error:
                return f"!{error}"

        for answer in pool.map(decide, range(many)):
            result.check(not answer.startswith("!"), f"on one of {many} connections: {answer}")


def _ended(result: TrialResult, ends: "Counter[str]", connections: int) -> None:
    """Of each connection as many calls were begun as are allowed, others reset, and none is left."""
    expected = {"REFUSED_STREAM": _CALLS - _STREAMS, OVERDUE: _STREAMS, "504": 1}
    result.trials += connections * (_CALLS + 1)
    for end, number in expected.items():
        result.expect(
            ends[end] == number * connections,
            f"{ends[end]} of {number * connections} half-sent calls ended with {end}",
        )


def _served(result: TrialResult, load: Load, when: str) -> None:
    expected = len(load.answers) + 20
    result.expect(wait_until(lambda: len(load.answers) >= expected), f"nobody was served {when}")


@contextmanager
def unread(target: str, many: int) -> Iterator[None]:
    """Callers whose answers are large, behind a proxy that does not read them, for the length of a block."""
    requests = [li_na(f"unread-{number}", placement="hero") for number in range(500)]
    body = DecideBatchRequest(requests=requests).SerializeToString()
    with ExitStack() as stack:
        proxy = stack.enter_context(_stalled_proxy(target))
        for _ in range(many):
            channel = stack.enter_context(grpc.insecure_channel(proxy, options=OPTIONS))
            decide_batch: Any = channel.unary_unary(BATCH)
            stack.callback(decide_batch.future(body, timeout=120).cancel)
        yield


@contextmanager
def _stalled_proxy(target: str) -> Iterator[str]:
    """Address of a proxy that forwards all that callers send, and only the beginning of what the server sends."""
    host, port = target.rsplit(":", 1)
    listener, stop, threads = socket.create_server(("127.0.0.1", 0)), threading.Event(), []

    def forward(caller: socket.socket) -> None:
        with caller, socket.create_connection((host, int(port))) as server, suppress(OSError):
            back = threading.Thread(target=_forward_beginning, args=(server, caller), daemon=True)
            back.start()
            while data := caller.recv(65536):
                server.sendall(data)
            stop.wait()

    def accept() -> None:
        with suppress(OSError):
            while True:
                caller, _ = listener.accept()
                threads.append(threading.Thread(target=forward, args=(caller,), daemon=True))
                threads[-1].start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield f"127.0.0.1:{listener.getsockname()[1]}"
    finally:
        stop.set()
        listener.close()


def _forward_beginning(server: socket.socket, caller: socket.socket) -> None:
    with suppress(OSError):
        for _ in range(3):
            caller.sendall(server.recv(1024))
