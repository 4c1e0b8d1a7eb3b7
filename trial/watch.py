"""Looking at a server from outside while something is done to it: its memory, and what it shows of its queue."""

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
    """What was seen of a server."""

    server: Server
    metrics: int = 0
    """The port of its figures; 0: only its memory is looked at."""
    memory: Points = field(default_factory=list)
    """MB."""
    queue: Points = field(default_factory=list)
    """Requests that wait."""
    _began: float = field(default_factory=time.monotonic)
    _stop: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def looking(self, every: float = 0.25) -> Iterator["Watch"]:
        """Looks every so many seconds, for the length of a block."""
        thread = threading.Thread(target=self._run, args=(every,), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._stop.set()
            thread.join()

    def grown(self) -> float:
        """By how many MB its memory is larger at the end than after the first fifth, when it has what it needs.

        The least of several looks: processes that come and go are no growth.
        """
        settled = [size for _, size in self.memory[len(self.memory) // 5 :]]
        some = max(1, len(settled) // 5)
        return min(settled[-some:]) - min(settled[:some]) if settled else 0.0

    def curves(self) -> list[Curve]:
        """What to draw."""
        seen = [Curve("Memory", "MB", "resident", self.memory)]
        return [*seen, Curve("Queue", "requests that wait", "waiting", self.queue)] if self.queue else seen

    def _run(self, every: float) -> None:
        process = psutil.Process(self.server.process.pid)
        while not self._stop.wait(every):
            now = time.monotonic() - self._began
            with suppress(psutil.NoSuchProcess):  # it was stopped, which others look at
                self.memory.append((now, memory_of(process)))
            if self.metrics:
                with suppress(OSError, AssertionError):  # it is too busy to say
                    self.queue.append((now, value(self.metrics, "tact_queue_depth")))


def memory_of(process: psutil.Process) -> float:
    """MB of a process and its children."""
    family = (process, *process.children(recursive=True))
    return float(sum(one.memory_info().rss for one in family) / 1e6)
