"""What a process counts, for whoever looks: lines of the log that say how often, and what a server says when it ends."""

from threading import Lock


class Counter:
    """A figure that only grows; threads may add to it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._lock = Lock()
        self._value = 0.0

    def add(self, amount: float = 1) -> float:
        """Adds, and returns the new figure."""
        with self._lock:
            self._value += amount
            return self._value

    @property
    def value(self) -> float:
        """The figure."""
        return self._value


SIGNAL_ANOMALIES = Counter("signal_anomalies")
"""Instances of durable-rules that were discarded, or could not be built."""


LOG_WAITS = Counter("log_waits")
"""Transactions that waited for another process to leave the log."""


LOG_WAIT_SECONDS = Counter("log_wait_seconds")
"""How long they waited, all together."""


WORKER_DEATHS = Counter("worker_deaths")
"""Worker processes that ended without being told to."""


CLOCK_STEPS = Counter("clock_steps")
"""How often the system's clock was found set back."""


COUNTERS = (SIGNAL_ANOMALIES, LOG_WAITS, LOG_WAIT_SECONDS, WORKER_DEATHS, CLOCK_STEPS)


def counted() -> dict[str, float]:
    """The figures that are not 0, by name."""
    return {one.name: round(one.value, 3) for one in COUNTERS if one.value}
