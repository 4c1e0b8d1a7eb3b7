"""Counters of the process, which library code increments whether or not metrics are shown.

They are plain numbers, so that counting does not import prometheus_client; `metrics` shows them to Prometheus.
"""

from threading import Lock


class ProcessCounter:
    """A number that only grows. Safe to increment from any thread."""

    def __init__(self, name: str, help_: str) -> None:
        self.name = name
        self.help = help_
        self._lock = Lock()
        self._value = 0.0

    def add(self, amount: float = 1) -> float:
        """Increments; returns the new value."""
        with self._lock:
            self._value += amount
            return self._value

    @property
    def value(self) -> float:
        """The current value."""
        return self._value


SIGNAL_ANOMALIES = ProcessCounter(
    "signal_anomalies", "Instances of durable-rules that were discarded, or could not be built."
)


LOG_WAITS = ProcessCounter("log_waits", "Transactions that waited for another process to leave the log.")


LOG_WAIT_SECONDS = ProcessCounter("log_wait_seconds", "How long they waited, all together.")


LEARNING_SKIPPED = ProcessCounter("learning_skipped", "Reported values that learning left out as too large.")


TREND_ALERTS = ProcessCounter("trend_alerts", "Trends that began, each counted by one server.")


TREND_OTHERS = ProcessCounter(
    "trend_others", "Events that trends counted without their value, as an hour had too many values."
)


WORKER_DEATHS = ProcessCounter("worker_deaths", "Worker processes that ended without being told to.")


CLOCK_STEPS = ProcessCounter("clock_steps", "How often the system's clock was found set back.")


COUNTERS = (
    SIGNAL_ANOMALIES,
    LOG_WAITS,
    LOG_WAIT_SECONDS,
    LEARNING_SKIPPED,
    TREND_ALERTS,
    TREND_OTHERS,
    WORKER_DEATHS,
    CLOCK_STEPS,
)


def counted() -> dict[str, float]:
    """The values that are not 0, by name: the fields of the message with which a server ends."""
    return {counter.name: round(counter.value, 3) for counter in COUNTERS if counter.value}
