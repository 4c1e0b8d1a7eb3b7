"""Commands of `tact` as processes of their own, forked from a process that has imported the program already.

An import takes over a second of processor time, a fork some milliseconds, and the tests start hundreds of processes. What
is forked has its own arguments, environment, pipes and signals, and runs the same function as `python -m engine.cli`. Where
the start itself is the subject, or a supervisor with processes below it, tests start the interpreter.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection
from threading import Thread
from typing import TextIO

from engine.cli import main
from tests.waiting import HANGS

CONTEXT = get_context("forkserver")
CONTEXT.set_forkserver_preload(["tests.imported"])
"""Its processes are forked from one that has imported the program."""


class Forked:
    """A command that runs; with those members of `subprocess.Popen` that tests use. It ends with the tests at the latest."""

    def __init__(self, *words: str, environment: Mapping[str, str] = os.environ) -> None:
        output, errors = CONTEXT.Pipe(duplex=False), CONTEXT.Pipe(duplex=False)
        arguments = (words, dict(environment), output[1], errors[1])
        self._process = CONTEXT.Process(target=_run, args=arguments, daemon=True)
        self._process.start()
        self.stdout, self.stderr = _reader(*output), _reader(*errors)
        pid = self._process.pid
        assert pid is not None
        self.pid = pid

    def poll(self) -> int | None:
        """The exit code, negative for a signal; None while it runs."""
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        """Waits for the exit code. Raises subprocess.TimeoutExpired."""
        self._process.join(timeout)
        code = self.poll()
        if code is None:
            raise subprocess.TimeoutExpired("tact", timeout or 0.0)
        return code

    def send_signal(self, number: int) -> None:
        """Sends a signal, unless it has ended: the fork server may have reaped it before its exit code is known here."""
        if self.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def terminate(self) -> None:
        """Sends SIGTERM."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Sends SIGKILL."""
        self.send_signal(signal.SIGKILL)


def _reader(reader: Connection, writer: Connection) -> TextIO:
    """What the process writes; the end that it writes to is closed here."""
    writer.close()
    with reader:
        return os.fdopen(os.dup(reader.fileno()), encoding="utf-8")


def _run(
    words: tuple[str, ...], environment: Mapping[str, str], output: Connection, errors: Connection
) -> None:
    """Runs the command line in the forked process."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    become(environment, nothing, output.fileno(), errors.fileno())
    os.close(nothing)
    output.close()
    errors.close()
    sys.argv = ["tact", *words]
    main()


def become(environment: Mapping[str, str], *descriptors: int) -> None:
    """Gives this forked process an environment, and its standard input, output and errors."""
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    for number, descriptor in enumerate(descriptors):
        os.dup2(descriptor, number)
    sys.stdin = os.fdopen(0, encoding="utf-8", closefd=False)
    sys.stdout, sys.stderr = (
        os.fdopen(number, "w", buffering=1, encoding="utf-8", closefd=False) for number in (1, 2)
    )


def tact(*words: str, environment: Mapping[str, str] = os.environ) -> "subprocess.CompletedProcess[str]":
    """Runs the command line to its end."""
    command, read = Forked(*words, environment=environment), list[str]()
    reader = Thread(target=lambda: read.append(command.stderr.read()))
    reader.start()
    with command.stdout, command.stderr:
        printed = command.stdout.read()
        reader.join()
    try:
        return subprocess.CompletedProcess(words, command.wait(HANGS), printed, *read)
    finally:
        command.kill()
