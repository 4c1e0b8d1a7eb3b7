"""A thousand connections, hundreds that stop half-way, and readers who do not read: nobody else notices."""

import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import grpc

from engine.api.v1.decisions_pb2 import DecideBatchRequest
from engine.client import Client, TactError
from tests.books import write_book
from tests.requests import li_na
from tests.server.access.test_half_open import PREFACE, connected, hello
from tests.server.load import Load
from tests.servers import serving
from trial.offer import BATCH, OPTIONS
from trial.result import Finding, Place, await_that
from trial.watch import Watch

MAY_GROW = 256.0
_WORDS = (b"", b"GET / HTTP/1.1\r\n\r\n", PREFACE[:10], PREFACE, b"\x16\x03\x01")


def run(place: Place) -> Finding:
    """Each kind in turn, while others call."""
    finding, many = Finding(), int(place.size(1000, 30))
    half_open, slow = int(place.size(500, 15)), int(place.size(50, 3))
    book, log = write_book(place.folder / "book"), place.folder / "tact.db"
    with serving(book, log) as server, Watch(server).looking() as watch:
        load = Load(server.target, lambda caller, turn: li_na(f"{caller}-{turn}"), callers=4, timeout=60)
        with load.running():
            load.await_answers(20)
            _many(finding, server.target, many)
            with connected(server.target, [_WORDS[one % len(_WORDS)] or hello() for one in range(half_open)]):
                finding.trials += half_open
                _served(finding, load, "beside connections that stop half-way")
            with unread(server.target, slow):
                finding.trials += slow
                _served(finding, load, "beside readers who do not read")
        finding.trials += len(load.answers)
        finding.failures += [f"a call beside them ended with {one}" for one in load.failures]
        finding.expect(watch.grown() < MAY_GROW, f"memory grew by {watch.grown():.0f} MB")
        finding.expect(server.stop(within=60) == 0, "it did not stop with 0")
    finding.curves = watch.curves()
    finding.said = (
        f"{many:,} connections at once, {half_open} half open, {slow} that do not read;"
        f" {len(load.answers):,} calls beside them; memory {watch.grown():+.0f} MB"
    )
    return finding


def _many(finding: Finding, target: str, many: int) -> None:
    """So many connections, each with a call."""
    with Client(target, timeout=60, connections=many) as client, ThreadPoolExecutor(16) as pool:

        def one(number: int) -> str:
            try:
                return client.decide(li_na(f"many-{number}")).decision_id
            except TactError as error:
                return f"!{error}"

        for answer in pool.map(one, range(many)):
            finding.tried(not answer.startswith("!"), f"on one of {many} connections: {answer}")


def _served(finding: Finding, load: Load, when: str) -> None:
    wanted = len(load.answers) + 20
    finding.expect(await_that(lambda: len(load.answers) >= wanted), f"nobody was served {when}")


@contextmanager
def unread(target: str, many: int) -> Iterator[None]:
    """Callers whose answers are large, and who take none of them: between them and the server stands what does not read."""
    requests = [li_na(f"unread-{one}", placement="hero") for one in range(500)]
    body = DecideBatchRequest(requests=requests).SerializeToString()
    with ExitStack() as stack:
        gate = stack.enter_context(_deaf(target))
        for _ in range(many):
            channel = stack.enter_context(grpc.insecure_channel(gate, options=OPTIONS))
            ask: Any = channel.unary_unary(BATCH)
            stack.callback(ask.future(body, timeout=120).cancel)
        yield


@contextmanager
def _deaf(target: str) -> Iterator[str]:
    """Hands on what callers say, and of what the server says the first words only."""
    host, port = target.rsplit(":", 1)
    listener, stop, threads = socket.create_server(("127.0.0.1", 0)), threading.Event(), []

    def one(caller: socket.socket) -> None:
        with caller, socket.create_connection((host, int(port))) as server, suppress(OSError):
            back = threading.Thread(target=_first_words, args=(server, caller), daemon=True)
            back.start()
            while said := caller.recv(65536):
                server.sendall(said)
            stop.wait()

    def accept() -> None:
        with suppress(OSError):
            while True:
                caller, _ = listener.accept()
                threads.append(threading.Thread(target=one, args=(caller,), daemon=True))
                threads[-1].start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield f"127.0.0.1:{listener.getsockname()[1]}"
    finally:
        stop.set()
        listener.close()


def _first_words(server: socket.socket, caller: socket.socket) -> None:
    with suppress(OSError):
        for _ in range(3):
            caller.sendall(server.recv(1024))
