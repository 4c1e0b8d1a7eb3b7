"""Real servers for tests: the program itself, as a process of its own, on a free port of loopback.

Most are forked from a process that has imported the program; those with workers or with words before the command are started
as an operator starts them.
"""

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from engine.ledger.store.open import lay_out
from tests.forked import Forked
from tests.logs import Log

_FAULTS = re.compile(
    r"Traceback|Exception ignored|internal error|ended by a fault|\bfault=|\"fault\":|was never (awaited|retrieved)"
)
"""What the lines of a process have of an exception that nobody foresaw, as Python reports it or as our logging does."""


def faults_in(lines: Iterable[str]) -> list[str]:
    """The lines that report a fault of the program, whether Python wrote them or our logging."""
    return [line.rstrip() for line in lines if _FAULTS.search(line)]


@dataclass
class Server:
    """A running server."""

    process: subprocess.Popen[str] | Forked
    target: str
    errors: list[str] = field(default_factory=list)
    reader: threading.Thread | None = None
    http: str = ""
    """Its URL, if it answers HTTP."""

    def stop(self, *, within: float = 120) -> int:
        """Sends SIGTERM, and waits for the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.ended(within)

    def kill(self) -> None:
        """Ends it at once, as a crash would."""
        self.process.kill()
        self.ended(120)

    def ended(self, within: float) -> int:
        """Waits for its end, reads its last words, and returns its exit code."""
        code = self.process.wait(within)
        if self.reader is not None:
            self.reader.join(within)
        for pipe in (self.process.stdout, self.process.stderr):
            if pipe is not None:
                pipe.close()
        return code


def start_server(rules: Path | str, log: Path | Log, *options: str, wrapper: tuple[str, ...] = ()) -> Server:
    """Starts a server and returns when it listens. A log that is not there yet is laid out empty, which starts sooner.

    rules: the folder of the book, or the name of a published one. wrapper: words to put before the command.
    """
    file = log.path if isinstance(log, Log) else log
    if file is not None and file.parent.exists() and not file.exists():
        lay_out(file)
    url = log.url if isinstance(log, Log) else f"sqlite:///{log}"
    book = ("--book", rules) if isinstance(rules, str) else ("--rules", str(rules))
    words: tuple[str, ...] = ("serve", *book, "--log", url)
    words += (*(() if "--port" in options else ("--port", "0")), *options)
    if wrapper or "--workers" in options:
        return start([*wrapper, sys.executable, "-m", "engine.cli", *words])
    return _when_it_listens(Forked(*words), http="--http" in words)


def start(command: list[str]) -> Server:
    """Starts whatever says where it listens as a server does, and returns when it does."""
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    return _when_it_listens(process, http="--http" in command)


def _when_it_listens(process: subprocess.Popen[str] | Forked, *, http: bool) -> Server:
    assert process.stdout is not None
    line = process.stdout.readline()
    if "listening on " not in line:
        process.kill()
        assert process.stderr is not None
        line += process.stderr.read()
        Server(process, "").ended(120)
        raise AssertionError(f"the server did not start: {line}")
    server = Server(process, line.split("listening on ")[1].strip())
    if http:
        server.http = process.stdout.readline().split("listening on ")[1].strip()
    server.reader = threading.Thread(target=_drain, args=(server,), daemon=True)
    server.reader.start()
    return server


@contextmanager
def serving(
    rules: Path | str, log: Path | Log, *options: str, wrapper: tuple[str, ...] = ()
) -> Iterator[Server]:
    """A server for the length of a block."""
    server = start_server(rules, log, *options, wrapper=wrapper)
    try:
        yield server
    finally:
        if server.process.poll() is None:
            server.kill()


def _drain(server: Server) -> None:
    """Reads what it says, so that a full pipe never stops it."""
    assert server.process.stderr is not None
    server.errors.extend(server.process.stderr)
