"""Has work on books done in child processes, a few at a time: what `engine.workbench.jobs` can do.

A book comes from whoever may write drafts: the child has bounds on time and memory, and the console's pages stay quick.
"""

import atexit
import json
import subprocess
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from hashlib import sha256
from queue import Empty, Full, LifoQueue
from shutil import rmtree
from tempfile import mkdtemp
from typing import Any, NamedTuple

from engine.children import child_command, child_environment

JOB_SECONDS = 60.0
"""Most processor time, and most time, of a job that somebody waits for."""


REPLAY_SECONDS = 300.0
"""The same of a replay, whose progress is watched."""


_AT_ONCE = 2
"""Jobs that run; others wait as long as a job may take."""


_MOST_KEPT = 30


_CHILD = "from engine.workbench.jobs import child; child()"


class JobFailed(Exception):
    """A job came to no result; the message is a sentence that says why."""


class _Child(NamedTuple):
    """A process that does one job, and the folder of its temporary files, such as the customer of a preview."""

    process: "subprocess.Popen[str]"
    folder: str

    def end(self) -> None:
        """Ends it, and deletes its files."""
        self.process.kill()
        self.process.communicate()
        rmtree(self.folder, ignore_errors=True)


class Workbench:
    """Runs jobs. May be used by many threads."""

    def __init__(self) -> None:
        self._turns = threading.BoundedSemaphore(_AT_ONCE)
        self._kept: dict[bytes, Any] = {}
        self._spares: LifoQueue[_Child] = LifoQueue(1)
        atexit.register(self.close)

    def kept(self, kind: str, job: Mapping[str, Any]) -> Any:
        """As `run`, or what came of it before: for jobs whose result depends on nothing but what they are given."""
        key = sha256(json.dumps([kind, job], sort_keys=True).encode()).digest()
        if key not in self._kept:
            result = self.run(kind, job)
            while len(self._kept) >= _MOST_KEPT:
                self._kept.pop(next(iter(self._kept)), None)
            self._kept[key] = result
        return self._kept[key]

    def run(
        self,
        kind: str,
        job: Mapping[str, Any],
        *,
        seconds: float = JOB_SECONDS,
        advance: Callable[[Mapping[str, int]], object] = lambda _: None,
    ) -> Any:
        """The result of a job, by the name of its function; advance: gets how far it is. Raises JobFailed."""
        if not self._turns.acquire(timeout=JOB_SECONDS):
            raise JobFailed("too many books are being worked on; try again in a minute")
        try:
            return self._result(json.dumps({"kind": kind, "seconds": seconds, "job": job}), seconds, advance)
        finally:
            self._turns.release()

    def _result(self, job: str, seconds: float, advance: Callable[[Mapping[str, int]], object]) -> Any:
        child = self._child()
        process = child.process
        stop = threading.Timer(seconds, process.kill)
        stop.start()
        try:
            with process:
                try:
                    return _said(process, job, advance)
                finally:
                    process.kill()
                    self._prepare()
        except BrokenPipeError:
            raise JobFailed("the process that worked on the book broke off before it began") from None
        finally:
            stop.cancel()
            rmtree(child.folder, ignore_errors=True)

    def close(self) -> None:
        """Ends the process that waits for a job, if there is one."""
        with suppress(Empty):
            self._spares.get_nowait().end()

    def _child(self) -> _Child:
        """One that waits for a job already, or a new one."""
        with suppress(Empty):
            while (spare := self._spares.get_nowait()).process.poll() is not None:
                spare.end()
            return spare
        return _started()

    def _prepare(self) -> None:
        """Has the next child started before there is a job for it: that takes a second or two of a core."""
        if not self._spares.empty():
            return
        spare = _started()
        try:
            self._spares.put_nowait(spare)
        except Full:
            spare.end()


def _started() -> _Child:
    folder = mkdtemp(prefix="tact-console-")
    process = subprocess.Popen(  # noqa: S603 our own words
        child_command(_CHILD),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=child_environment(folder),
    )
    return _Child(process, folder)


def _said(process: "subprocess.Popen[str]", job: str, advance: Callable[[Mapping[str, int]], object]) -> Any:
    """What the child says at last: each of its lines is a JSON object."""
    if process.stdin is None or process.stdout is None:
        raise JobFailed("the process that works on the book has no pipes")
    process.stdin.write(job)
    process.stdin.close()
    for line in process.stdout:
        said = json.loads(line)
        if "result" in said:
            return said["result"]
        if "error" in said:
            raise JobFailed(said["error"])
        advance(said)
    raise JobFailed("the book took too much time or memory, and the work on it was given up")
