"""Messages of 4 MB in two million parts, to every method, in a row and at once: the server's memory stays within a limit."""

from concurrent.futures import ThreadPoolExecutor

import grpc
import psutil

from engine.client import Client
from tests.books import write_book
from tests.requests import li_na
from tests.server.dense import DENSE, TOO_DENSE, code_of, limited
from tests.servers import serving
from trial.result import TrialResult, TrialSettings
from trial.watch import memory_of

_ALLOWED = (grpc.StatusCode.OK, grpc.StatusCode.INVALID_ARGUMENT)
MAY_HOLD = 384
"""MB of data: 140 that a server starts with, four messages at once as bytes and as parts, and what the allocator keeps."""
_AT_ONCE = 4


def run(settings: TrialSettings) -> TrialResult:
    """Sends each message some times in a row, then all of them interleaved, four at a time, to a server under a limit."""
    result, rounds, in_a_row = TrialResult(), int(settings.size(3, 1)), int(settings.size(4, 2))
    book, log = write_book(settings.folder / "book"), settings.folder / "tact.db"
    with (
        serving(book, log, wrapper=limited(MAY_HOLD)) as server,
        grpc.insecure_channel(server.target) as channel,
        ThreadPoolExecutor(_AT_ONCE) as pool,
    ):

        def send(message: tuple[str, bytes]) -> None:
            path, body = message
            code, details = code_of(channel, path, body)
            result.check(code in _ALLOWED, f"{path} with {body[:4].hex()}…: {code.name} {details}")

        for message in (*TOO_DENSE, *DENSE):
            for _ in range(in_a_row):
                send(message)
        for _ in range(rounds):
            list(pool.map(send, (*TOO_DENSE, *DENSE)))
        result.check(server.process.poll() is None, "it did not survive them")
        memory = memory_of(psutil.Process(server.process.pid))
        with Client(server.target, timeout=60, attempts=1) as client:
            result.check(bool(client.decide(li_na()).decision_id), "no decision afterwards")
        result.expect(server.stop() == 0, "it did not stop with 0")
    result.summary = f"{result.trials:,} messages; {memory:.0f} MB afterwards, data limited to {MAY_HOLD} MB"
    return result
