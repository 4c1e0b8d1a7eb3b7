"""A folder for the search path with a `tact` and a `python` that run in forked processes, which start much sooner.

Each is a small script that hands its words, folder, environment, umask and standard descriptors to a thread of the tests,
which forks a process as tests.forked does. The script passes signals on and ends as the process ends.
"""

import os
import runpy
import socket
import sys
import traceback
from multiprocessing.connection import Connection
from pathlib import Path
from threading import Thread
from types import TracebackType
from typing import Any, NamedTuple

from engine.cli import main
from tests.forked import CONTEXT, become

_SCRIPT = """#!{python} -IS
import os, signal, socket, sys

PASSED_ON = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
signal.pthread_sigmask(signal.SIG_BLOCK, PASSED_ON)
with socket.socket(socket.AF_UNIX) as door:
    door.connect({socket!r})
    umask = os.umask(0)
    variables = [name + b"=" + value for name, value in os.environb.items()]
    words = [os.fsencode(word) for word in sys.argv]
    parts = [os.getcwdb(), b"%d" % umask, b"%d" % len(words), *words, *variables]
    request = b"\\0".join(parts)
    socket.send_fds(door, [b"%10d" % len(request)], [0, 1, 2])
    door.sendall(request)
    answers = door.makefile("r")
    process = int(answers.readline())
    for number in PASSED_ON:
        signal.signal(number, lambda number, frame: os.kill(process, number))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, PASSED_ON)
    code = int(answers.readline())
if code < 0:
    if code != -signal.SIGKILL:
        signal.signal(-code, signal.SIG_DFL)
    os.kill(os.getpid(), -code)
os._exit(code)
"""


class _Request(NamedTuple):
    """What a script hands over."""

    folder: bytes
    umask: int
    words: list[str]
    """With the script's own path in front."""
    environment: dict[str, str]


class ForkedPath:
    """The folder, as long as the context is open."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._listener = socket.socket(socket.AF_UNIX)
        self._threads: list[Thread] = []
        self._processes: list[Any] = []

    def __enter__(self) -> "ForkedPath":
        address = self.folder / "socket"
        self._listener.bind(str(address))
        self._listener.listen()
        text = _SCRIPT.format(python=sys.executable, socket=str(address))
        for name in ("tact", "python"):
            script = self.folder / name
            script.write_text(text, encoding="utf-8")
            script.chmod(0o755)
        self._start(self._accept)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Ends what still runs."""
        self._listener.shutdown(socket.SHUT_RDWR)
        for process in self._processes:
            process.kill()
        for thread in self._threads:
            thread.join()
        self._listener.close()

    def _start(self, work: Any, *arguments: object) -> None:
        thread = Thread(target=work, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:  # the context is closed
                return
            self._start(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        """Runs a process for one script, and tells it the process's id and its exit code."""
        with connection, connection.makefile("rb") as reader:
            size, descriptors, _, _ = socket.recv_fds(connection, 10, 3)
            pipes = [Connection(descriptor) for descriptor in descriptors]
            process = CONTEXT.Process(target=_run, args=(_parsed(reader.read(int(size))), pipes), daemon=True)
            process.start()
            self._processes.append(process)
            for pipe in pipes:
                pipe.close()
            connection.sendall(b"%d\n" % (process.pid or 0))
            process.join()
            connection.sendall(b"%d\n" % (process.exitcode or 0))


def _parsed(request: bytes) -> _Request:
    folder, umask, count, *parts = request.split(b"\0")
    words, variables = parts[: int(count)], parts[int(count) :]
    environment = dict(os.fsdecode(variable).split("=", 1) for variable in variables)
    return _Request(folder, int(umask), [os.fsdecode(word) for word in words], environment)


def _run(request: _Request, pipes: list[Connection]) -> None:
    """Runs the words in the forked process."""
    become(request.environment, *(pipe.fileno() for pipe in pipes))
    for pipe in pipes:
        pipe.close()
    os.chdir(request.folder)
    os.umask(request.umask)
    script, *words = request.words
    if Path(script).name == "tact":
        sys.argv = [script, *words]
        main()
    else:
        _run_python(words)


def _run_python(words: list[str]) -> None:
    """What an interpreter does with `-c TEXT`, or with a file and its arguments."""
    sys.argv = words
    try:
        if words[0] == "-c":
            sys.argv = ["-c", *words[2:]]
            sys.path.insert(0, "")
            exec(compile(words[1], "<string>", "exec"), {"__name__": "__main__"})
        else:
            sys.path.insert(0, str(Path(words[0]).resolve().parent))
            runpy.run_path(words[0], run_name="__main__")
    except Exception:  # noqa: BLE001 shown, and its exit code given, as an interpreter does
        traceback.print_exc()
        sys.exit(1)
