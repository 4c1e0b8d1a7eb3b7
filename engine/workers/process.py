"""A worker process, as its supervisor sees it."""

import asyncio
import signal
import sys
import time
from asyncio.subprocess import PIPE, Process, create_subprocess_exec
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress

from engine.children import child_environment
from engine.workers.spawn_config import ALIVE, DUMP_SIGNAL, SERVING

WORKER = (sys.executable, "-m", "engine.workers.worker")


_MOST_LINES = 200
"""Lines kept of the report of a crash."""


DUMP_SECONDS = 0.5
"""Seconds that a worker that hangs gets to report its stacks, before it is killed."""


class Worker:
    """A worker process with its pipes. on_serving: called when it reports that it serves."""

    def __init__(self, process: Process, on_serving: Callable[[], None]) -> None:
        self.serving = False
        """Whether it has reported that it serves."""
        self.stacks: deque[str] = deque(maxlen=_MOST_LINES)
        """The interpreter's stacks, which it reported when it crashed or hung."""
        self.pid = process.pid
        self._process, self._on_serving = process, on_serving
        self._last_sign = time.monotonic()

    @classmethod
    async def start(
        cls, command: Sequence[str], spawn_config: bytes, on_serving: Callable[[], None]
    ) -> "Worker":
        """Starts a worker.

        It is a fresh interpreter, since gRPC's threads do not survive a fork, in a session of its own, since Ctrl-C in a
        terminal is for the supervisor.
        """
        process = await create_subprocess_exec(
            *command, stdin=PIPE, stdout=PIPE, env=child_environment(), start_new_session=True
        )
        worker = cls(process, on_serving)
        if process.stdin is not None:
            process.stdin.write(spawn_config)
        return worker

    async def ended(self) -> int:
        """Reads its report until it ends; returns its exit code, negative for a signal."""
        rest = b""
        while self._process.stdout is not None and (chunk := await self._process.stdout.read(1 << 16)):
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                self._read(line)
        return await self._process.wait()

    def _read(self, line: bytes) -> None:
        if line in (SERVING, ALIVE):
            self._last_sign = time.monotonic()
            if line == SERVING:
                self.serving = True
                self._on_serving()
        else:
            self.stacks.append(line.decode(errors="replace"))

    @property
    def serves(self) -> bool:
        """Whether it serves now."""
        return self.serving and self._process.returncode is None

    @property
    def silent(self) -> float:
        """Seconds since its last sign of life, or since its start."""
        return time.monotonic() - self._last_sign

    def excuse(self, seconds: float) -> None:
        """Subtracts seconds of silence that are not its own fault."""
        self._last_sign += seconds

    def drain(self) -> None:
        """Tells it to finish what it accepted and leave; one that does not serve yet ends at once."""
        self._signal(signal.SIGTERM)

    def hurry(self) -> None:
        """Tells it to leave at once."""
        self._signal(signal.SIGINT)

    def kill(self) -> None:
        """Ends it at once."""
        self._signal(signal.SIGKILL)

    async def dump_and_kill(self) -> None:
        """Makes it report its stacks, and ends it."""
        self._signal(DUMP_SIGNAL)
        await asyncio.sleep(DUMP_SECONDS)
        self.kill()

    def _signal(self, signum: signal.Signals) -> None:
        with suppress(ProcessLookupError):  # it has ended
            self._process.send_signal(signum)
