"""Thousands of connections to the port for metrics that send half a request, or do not read: others are answered."""

import socket
from contextlib import ExitStack, suppress

import psutil

from engine.telemetry.endpoint import CONNECTIONS
from tests.books import write_book
from tests.servers import faults_in, serving
from tests.telemetry.shown import free_port, get
from trial.result import TrialResult, TrialSettings, wait_until

_SENT = (b"", b"GET /metrics HTTP/1.1\r\nHost", b"GET /metrics HTTP/1.0\r\n\r\n")
"""Nothing, half a head, and a request whose answer is not read."""


def run(settings: TrialSettings) -> TrialResult:
    """Opens them, asks in between, and counts threads and lines."""
    result, many, port = TrialResult(), int(settings.size(4000, 200)), free_port()
    with serving(
        write_book(settings.folder / "book"), settings.folder / "tact.db", "--metrics-port", str(port)
    ) as server:
        process, most = psutil.Process(server.process.pid), 0
        before = process.num_threads()
        with ExitStack() as held:
            for number in range(many):
                connection = held.enter_context(socket.create_connection(("127.0.0.1", port), timeout=60))
                with suppress(OSError):  # the server has ended it already
                    connection.sendall(_SENT[number % len(_SENT)])
                if number % 50 == 0:
                    result.check(get(port, "/live")[0] == 200, "a probe was not answered")
                    most = max(most, process.num_threads() - before)
        result.expect(most <= 2 * CONNECTIONS, f"{most} threads for {CONNECTIONS} connections")
        result.expect(wait_until(lambda: get(port, "/ready")[0] == 200), "it is not ready afterwards")
        result.expect(server.stop() == 0, "it did not stop with 0")
    lines = [line for line in server.errors if "broke off" in line]
    result.expect(not faults_in(server.errors), f"faults in the messages: {faults_in(server.errors)[:3]}")
    result.expect(len(server.errors) < 50, f"{len(server.errors):,} lines of messages")
    result.summary = f"{many:,} connections, at most {most} threads more, {len(lines)} lines about them"
    return result
