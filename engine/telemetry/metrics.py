"""Everything that a server counts about itself. docs/reference/metrics.md has a row for each."""

from collections.abc import Mapping

from engine.model.decision import Decision
from engine.telemetry import counters
from engine.telemetry.figures import About, Figure, GaugeReading, Histogram, Labels, Tally

_SECONDS = tuple(0.0001 * 2**step for step in range(18))
"""0.1 ms to 13 s."""


_SIZES = tuple(2**step for step in range(10))
"""1 to 512, the largest group."""


class Metrics:
    """The figures that are written while calls are served."""

    def __init__(self) -> None:
        self.decisions = _tally("tact_decisions", "Decisions, previews too.", "outcome")
        self.reasons = _tally("tact_reasons", "Reasons in answers.", "code")
        self.degraded = _tally("tact_degraded", "Answers in place of a decision that the log did not take.")
        self.recorded = _tally("tact_recorded", "Recorded events.", "result")
        self.calls = _tally("tact_calls", "Calls, by how they ended.", "method", "status")
        self.call_seconds = _seconds("tact_call_seconds", "From a call's message to its answer.", "method")
        self.stage_seconds = _seconds("tact_stage_seconds", "Parts of that, in the server.", "stage")
        self.group_seconds = _seconds("tact_group_seconds", "One transaction of the log, with its waiting.")
        self.group_size = Histogram(About("tact_group_size", "Requests in one transaction."), _SIZES)
        self.groups_lost = _tally("tact_groups_lost", "Transactions that the log did not take.")
        self.readings: list[GaugeReading] = []
        """What is looked up elsewhere."""

    def decided(self, decision: Decision) -> None:
        """Counts an answer."""
        self.decisions.add((decision.outcome,))
        for reason in decision.reasons:
            self.reasons.add((reason.code,))
        if decision.degraded:
            self.degraded.add()

    def group(self, size: int, seconds: float, kept: bool) -> None:
        """Counts a transaction; those that only look are not counted as long as all is well."""
        if kept and size:
            self.group_size.add(size)
            self.group_seconds.add(seconds)
        elif not kept:
            self.groups_lost.add()

    def all(self) -> list[Figure]:
        """All of them."""
        named = [one for one in vars(self).values() if isinstance(one, Figure)]
        return [*named, *self.readings, *PROCESS]


def _tally(name: str, help_: str, *labels: str) -> Tally:
    return Tally(About(name, help_, labels))


def _seconds(name: str, help_: str, *labels: str) -> Histogram:
    return Histogram(About(name, help_, labels, "seconds"), _SECONDS)


def _counter(counter: counters.Counter, help_: str) -> GaugeReading:
    def look() -> Mapping[Labels, float]:
        return {(): counter.value}

    return GaugeReading(About(f"tact_{counter.name}", help_), look, grows=True)


PROCESS = (
    _counter(
        counters.SIGNAL_ANOMALIES, "Instances of durable-rules that were discarded, or could not be built."
    ),
    _counter(counters.LOG_WAITS, "Transactions that waited for another process to leave the log."),
    _counter(counters.LOG_WAIT_SECONDS, "How long they waited, all together."),
    _counter(counters.WORKER_DEATHS, "Worker processes that ended without being told to."),
    _counter(counters.CLOCK_STEPS, "How often the system's clock was found set back."),
)
"""Counters of the process, which are there whether anybody looks or not."""
