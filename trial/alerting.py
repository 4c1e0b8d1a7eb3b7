"""Alerts over what was scraped from real servers, on a timeline of its own: a scrape is fifteen seconds after the last one.

So what takes five minutes in production takes twenty scrapes, and no `for:` and no window of a rate has to be waited for.
"""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import yaml
from prometheus_client.parser import text_string_to_metric_families

from tests.telemetry.shown import get
from trial.promql import NAME, Labels, Series, evaluate

EVERY = 15.0
"""Seconds between two scrapes, as in deploy/prometheus/prometheus.yml, whatever they really took."""


RULES = Path(__file__).parents[1] / "deploy" / "prometheus" / "alerts.yaml"


@dataclass(frozen=True)
class AlertRule:
    """An alert: its name, its query, and the seconds for which that has to give something."""

    name: str
    query: str
    seconds: float


def read_rules(path: Path = RULES) -> list[AlertRule]:
    """The rules of a file."""
    groups = yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]
    return [
        AlertRule(rule["alert"], rule["expr"], _seconds(rule.get("for", "0s")))
        for group in groups
        for rule in group["rules"]
    ]


def _seconds(text: str) -> float:
    number, unit = re.fullmatch(r"(\d+)([smhd])", text).groups()  # type: ignore[union-attr]
    return float(number) * {"s": 1, "m": 60, "h": 3600, "d": 86400}[unit]


@dataclass
class Alerting:
    """Scrapes targets and evaluates the rules after each scrape.

    targets: ports of loopback, which may be changed between two scrapes. A target that does not answer has `up` 0; one that
    is taken out ends with all of its series.
    """

    targets: list[int]
    job: str = "kubernetes-pods"
    """What Prometheus calls them; none of our rules may care."""
    rules: Sequence[AlertRule] = field(default_factory=read_rules)
    now: float = 0.0
    series: Series = field(default_factory=Series)
    fired: Counter[str] = field(default_factory=Counter)
    """How often each alert began to fire, for any labels."""
    firing: set[tuple[str, Labels]] = field(default_factory=set)
    _pending: dict[tuple[str, Labels], float] = field(default_factory=dict)
    _shown: dict[int, set[Labels]] = field(default_factory=dict)
    """The series of each target at its last scrape."""

    def scrape(self, times: int = 1, meanwhile: Callable[[], object] | None = None) -> None:
        """Scrapes so many times, and does something before each of them."""
        for _ in range(times):
            if meanwhile is not None:
                meanwhile()
            self.now += EVERY
            for port in {*self.targets, *self._shown}:
                self._scrape(port)
            self.evaluate()

    def scrape_until(
        self, holds: Callable[[], bool], times: int, meanwhile: Callable[[], object] | None = None
    ) -> bool:
        """Scrapes until something holds, so many times at most; whether it does."""
        while not holds() and times:
            self.scrape(1, meanwhile)
            times -= 1
        return holds()

    def is_firing(self, *names: str) -> bool:
        """Whether all of these alerts are firing."""
        return {name for name, _ in self.firing}.issuperset(names)

    def _scrape(self, port: int) -> None:
        of_target = {"job": self.job, "instance": f"127.0.0.1:{port}"}
        shown: dict[Labels, float] = {}
        if port in self.targets:
            exposition = _metrics_of(port)
            shown[frozenset({NAME: "up", **of_target}.items())] = float(exposition is not None)
            for line in self._queried(exposition or ""):
                text, number = line.rsplit(" ", 1)
                shown[_labels_of(text).union(of_target.items())] = float(number)
        for ended in self._shown.pop(port, set()) - shown.keys():
            self.series.add(ended, self.now, None)
        for labels, value in shown.items():
            self.series.add(labels, self.now, value)
        if shown:
            self._shown[port] = set(shown)

    def _queried(self, exposition: str) -> list[str]:
        """The lines of the series that the rules are about: the others would take most of the time."""
        names = set(re.findall(r"\w+", " ".join(rule.query for rule in self.rules)))
        return [line for line in exposition.splitlines() if re.split(r"[{ ]", line, maxsplit=1)[0] in names]

    def evaluate(self) -> None:
        """Evaluates the rules on what there is by now."""
        for rule in self.rules:
            active = {(rule.name, labels) for labels in evaluate(rule.query, self.series, self.now)}
            for alert in active:
                since = self._pending.setdefault(alert, self.now)
                if alert not in self.firing and self.now - since >= rule.seconds:
                    self.firing.add(alert)
                    self.fired[rule.name] += 1
            for alert in [alert for alert in self._pending if alert[0] == rule.name and alert not in active]:
                del self._pending[alert]
                self.firing.discard(alert)


@cache
def _labels_of(text: str) -> Labels:
    """The name and labels of a series as they are shown."""
    (family,) = text_string_to_metric_families(f"{text} 0\n")
    (sample,) = family.samples
    return frozenset({NAME: sample.name, **sample.labels}.items())


def _metrics_of(port: int) -> str | None:
    """What a target shows; None if it does not answer."""
    try:
        status, exposition = get(port, "/metrics")
    except OSError:
        return None
    return exposition if status == 200 else None
