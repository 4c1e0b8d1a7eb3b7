"""Ports in use, addresses of others, names of nobody, and wrong URLs: a server says in one sentence why it does not start."""

import socket
from pathlib import Path

from tests.books import write_book
from tests.forked import tact
from tests.servers import faults_in
from trial.result import TrialResult, TrialSettings


def run(settings: TrialSettings) -> TrialResult:
    """Starts a server, alone and with workers, with each of them; the first line is ours, and there is no traceback."""
    result, book = TrialResult(), write_book(settings.folder / "book")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        for options, words in _wrong(port)[:: 3 if settings.short else 1]:
            for workers in ("1",) if settings.short else ("1", "2"):
                lines = _start(book, settings.folder / "tact.db", *options, "--workers", workers)
                first = lines[0] if lines else ""
                result.check(first.startswith("tact: ") and words in first, f"{options}: {first}")
                result.expect(not faults_in(lines), f"{options}: {faults_in(lines)}")
                result.expect(not any("secret" in line for line in lines), f"{options}: a password is shown")
    result.summary = f"{result.trials} starts"
    return result


def _wrong(port: str) -> list[tuple[tuple[str, ...], str]]:
    """Options with what the first line says of them; port: one that is in use."""
    return [
        (("--port", port), "it is in use by another program"),
        (("--port", "0", "--metrics-port", port), "cannot show metrics on"),
        (("--host", "192.0.2.1", "--insecure", "--anyone"), "this machine has no such address"),
        (("--host", "db.invalid"), "is not an IP address"),
        (("--port", "0", "--metrics-port", "9", "--metrics-host", "db.invalid"), "cannot show metrics"),
        (("--log", "sqlite://ada:secret@host/x"), "the log must be a file"),
    ]


def _start(book: Path, log: Path, *options: str) -> list[str]:
    """The lines on standard error of a server that does not start, without those of its end."""
    done = tact("serve", "--rules", str(book), "--log", f"sqlite:///{log}", *options)
    return [line for line in done.stderr.splitlines() if "draining" not in line and "stopped" not in line]
