"""The metrics of a server, in prometheus_client's types. docs/reference/metrics.md has a row for each."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import product
from typing import Generic, TypeAlias, TypeVar

from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.registry import Collector

from engine.model.decision import Decision, Outcome, ReasonCode
from engine.telemetry.counters import COUNTERS, ProcessCounter
from engine.telemetry.stages import add_stage

disable_created_metrics()  # type: ignore[no-untyped-call]  # else each counter and histogram has a second series with the moment of its creation


_SECONDS = tuple(0.0001 * 2**step for step in range(18))
"""Upper bounds of durations: 0.1 ms to 13 s."""


_SIZES = tuple(2**step for step in range(10))
"""Upper bounds of group sizes: 1 to 512, the largest group."""


_RECORDED = ("accepted", "duplicate", "error")
"""What becomes of recorded events."""


_STAGES = ("parse", "propose", "settle")


_WITH_ITEMS = ("Record", "DecideBatch", "DecideStream", "Link")
"""Methods of which a part may be refused, and `Link`, all of whose refusals are counted."""


Metric = TypeVar("Metric", bound=MetricWrapperBase)


class Labelled(dict[tuple[str, ...], Metric], Generic[Metric]):
    """A metric's children by their label values, each bound when it is first used: `labels()` costs more than counting."""

    def __init__(self, metric: Metric) -> None:
        super().__init__()
        self._metric = metric

    def __missing__(self, values: tuple[str, ...]) -> Metric:
        child = self[values] = self._metric.labels(*values)
        return child

    def start_at_zero(self, *values: Iterable[str]) -> None:
        """Shows a 0 for every combination of label values: else the first event makes a series, and is no increase of one."""
        for combination in product(*values):
            self[combination]


class Metrics:
    """Counts what a server does, in a registry of its own. Implements StageObserver."""

    def __init__(self) -> None:
        self.registry = process_registry()
        self._decisions = self._counters("tact_decisions", "Decisions, previews too.", "outcome")
        self._reasons = self._counters("tact_reasons", "Reasons in answers.", "code")
        self._degraded = Counter(
            "tact_degraded",
            "Answers in place of a decision that the log did not take.",
            registry=self.registry,
        )
        self._recorded = self._counters("tact_recorded", "Recorded events.", "result")
        self._refused = self._counters(
            "tact_refused", "Items of calls that were refused, by reason.", "method", "reason"
        )
        self._ignored = Counter(
            "tact_ignored_names",
            "Attributes in requests that the live book does not declare.",
            registry=self.registry,
        )
        self._calls = self._counters("tact_calls", "Calls, by how they ended.", "method", "status")
        self._call_seconds = self._durations(
            "tact_call_seconds", "From a call's message to its answer.", "method"
        )
        self._stage_seconds = self._durations("tact_stage_seconds", "Parts of that, in the server.", "stage")
        self._group_seconds = Histogram(
            "tact_group_seconds",
            "One transaction of the log, with its waiting.",
            registry=self.registry,
            buckets=_SECONDS,
        )
        self._group_size = Histogram(
            "tact_group_size", "Requests in one transaction.", registry=self.registry, buckets=_SIZES
        )
        self._groups_lost = Counter(
            "tact_groups_lost", "Transactions that the log did not take.", registry=self.registry
        )
        self._decisions.start_at_zero(Outcome)
        self._reasons.start_at_zero(ReasonCode)
        self._recorded.start_at_zero(_RECORDED)
        self._stage_seconds.start_at_zero(_STAGES)

    def expect(self, methods: Iterable[str], statuses: Iterable[str], refusals: Iterable[str]) -> None:
        """Shows a 0 for the calls that there may be: methods, how calls end, and why items of calls are refused."""
        self._calls.start_at_zero(methods, statuses)
        self._call_seconds.start_at_zero(methods)
        self._refused.start_at_zero(_WITH_ITEMS, refusals)

    def decided(self, decision: Decision) -> None:
        """Counts a decision and its reasons."""
        self._decisions[decision.outcome,].inc()
        for reason in decision.reasons:
            self._reasons[reason.code,].inc()
        if decision.degraded:
            self._degraded.inc()

    def recorded(self, result: str) -> None:
        """Counts a recorded event; result: `accepted`, `duplicate` or `error`."""
        self._recorded[result,].inc()

    def refused(self, method: str, reason: str) -> None:
        """Counts an item of a call that was refused; method: of the call; reason: from a fixed set."""
        self._refused[method, reason].inc()

    def ignored(self, count: int) -> None:
        """Counts attributes of a request that the live book does not declare."""
        self._ignored.inc(count)

    def called(self, method: str, status: str, seconds: float) -> None:
        """Counts a call that has ended; status: gRPC's name of it."""
        self._calls[method, status].inc()
        self._call_seconds[method,].observe(seconds)

    def took(self, stage: str, seconds: float) -> None:
        """Counts a stage that has ended, for all calls together and for the current call's span."""
        self._stage_seconds[stage,].observe(seconds)
        add_stage(stage, seconds)

    def group(self, size: int, seconds: float, kept: bool) -> None:
        """Counts a transaction; one without requests, as health checks make, only if it was lost."""
        if kept and size:
            self._group_size.observe(size)
            self._group_seconds.observe(seconds)
        elif not kept:
            self._groups_lost.inc()

    def _counters(self, name: str, help_: str, *labels: str) -> Labelled[Counter]:
        return Labelled(Counter(name, help_, labels, registry=self.registry))

    def _durations(self, name: str, help_: str, *labels: str) -> Labelled[Histogram]:
        return Labelled(Histogram(name, help_, labels, registry=self.registry, buckets=_SECONDS))


Family: TypeAlias = CounterMetricFamily | GaugeMetricFamily


Reading: TypeAlias = tuple[Sequence[str], float]
"""The label values of a series, and its value."""


class ReadOnDemand(Collector):
    """A metric whose series are read from elsewhere whenever metrics are collected.

    family: makes the metric without series.
    """

    def __init__(self, family: Callable[[], Family], read: Callable[[], Iterable[Reading]]) -> None:
        self._family, self._read = family, read

    def describe(self) -> Iterator[Family]:
        """The metric without series: reading may not be possible yet when it is registered."""
        yield self._family()

    def collect(self) -> Iterator[Family]:
        """The metric with its series as they are now."""
        family = self._family()
        for labels, value in self._read():
            family.add_metric(labels, value)
        yield family


def process_registry() -> CollectorRegistry:
    """A registry with the counters of the process, which count whether or not metrics are shown."""
    registry = CollectorRegistry()
    for counter in COUNTERS:
        family = partial(CounterMetricFamily, f"tact_{counter.name}", counter.help, labels=())
        registry.register(ReadOnDemand(family, partial(_read_counter, counter)))
    return registry


def _read_counter(counter: ProcessCounter) -> Iterator[Reading]:
    yield (), counter.value
