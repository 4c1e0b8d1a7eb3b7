"""Samples a server's memory and the depth of its queue, from outside, while a trial runs."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import psutil

from tests.servers import Server
from tests.telemetry.shown import value
from trial.result import Curve

Points = list[tuple[float, float]]


@dataclass
class Watch:
    """Samples of a server, each with the seconds since the watch began."""

    server: Server
    metrics: int = 0
    """The port of its metrics; 0: only its memory is sampled."""
    memory: Points = field(default_factory=list)
    """MB."""
    queue: Points = field(default_factory=list)
    """Requests that wait."""
    _warm: int | None = None
    """How many samples were taken before it was warm; None: a fifth of all."""
    _began: float = field(default_factory=time.monotonic)
    _stop: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def looking(self, every: float = 0.25) -> Iterator["Watch"]:
        """Takes a sample every so many seconds, for the length of a block."""
        thread = threading.Thread(target=self._run, args=(every,), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._stop.set()
            thread.join()

    def warm(self) -> None:
        """Says that the server has done all that it does once: what it takes until now is no growth."""
        self._warm = len(self.memory)

    def grown(self) -> float:
        """Growth of its memory in MB from when it is warm, else from the end of the first fifth, to the last samples.

        The least of several samples is taken at either end: processes that come and go are no growth.
        """
        before = len(self.memory) // 5 if self._warm is None else self._warm
        warm = [size for _, size in self.memory[before:]]
        count = max(1, len(warm) // 5)
        return min(warm[-count:]) - min(warm[:count]) if warm else 0.0

    def curves(self) -> list[Curve]:
        """Curves of memory and, where it was sampled, of the queue."""
        memory = [Curve("Memory", "MB", "resident", self.memory)]
        return (
            [*memory, Curve("Queue", "requests that wait", "waiting", self.queue)] if self.queue else memory
        )

    def _run(self, every: float) -> None:
        process, seconds = psutil.Process(self.server.process.pid), 0.0
        while not self._stop.wait(seconds):  # the first look is at once, so that there is one
            seconds, now = every, time.monotonic() - self._began
            with suppress(psutil.NoSuchProcess):  # the server was stopped, which the trial checks
                self.memory.append((now, memory_of(process)))
            if self.metrics:
                with suppress(OSError, AssertionError):  # the server is too busy to answer
                    self.queue.append((now, value(self.metrics, "tact_queue_depth")))


def memory_of(process: psutil.Process) -> float:
    """Memory of a process and its children, MB."""
    family = (process, *process.children(recursive=True))
    return float(sum(member.memory_info().rss for member in family) / 1e6)
