"""Warn of windows and counts that reach behind the events that a book keeps."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date

from engine.conditions.evaluate import holds
from engine.conditions.model import Operator, Test, tests_of
from engine.model.instant import DAY, Microseconds
from engine.model.texts import number_text, span_text
from engine.model.values import Moment, Value
from engine.rulebook.conditions.derived import MeasureUse
from engine.rulebook.model.derived import EventStore, Measure, Pattern
from engine.rulebook.report.diagnostics import Code, Severity, quote
from engine.rulebook.report.findings import Findings, Path

_VISIT = 50
"""Events of one visit to a website, at most, as a rule."""


_COUNTS = (Measure.COUNT, Measure.DISTINCT)


@dataclass(frozen=True, slots=True)
class KeptCheck:
    """Checks what a book reads of events against what it keeps of them."""

    events: EventStore
    findings: Findings

    def check(self, uses: Iterable[MeasureUse], patterns: Mapping[str, Pattern]) -> None:
        """Warn of every use of events and every pattern that the kept events cannot serve."""
        if not self.events.stored:
            return
        used = list(uses)
        for use in used:
            self._check_window(use)
            self._check_bounds(use)
        for pattern in patterns.values():
            self._check_pattern(pattern)
        read = {use.aggregate.event for use in used}.union(*map(_types, patterns.values()))
        self._check_types(read)
        self._check_shared_room(read)

    def _check_window(self, use: MeasureUse) -> None:
        """Of an aggregate: a window longer than events are kept, or none, where it holds without any events."""
        within = use.aggregate.within
        if within is not None:
            self._check_length((*use.path, "within"), within)
        elif _holds_without(use):
            message = f"this reads the events of the last {span_text(self.events.keep)}, which are kept, and none before"
            hint = f"write a behaviour `within: {span_text(self.events.keep)}` to say so, or keep events for longer"
            self._warn(use.measure, message, hint, Severity.NOTE)

    def _check_length(self, path: Path, within: Microseconds) -> None:
        kept = span_text(self.events.keep)
        if within > self.events.keep:
            message = f"events are kept for {kept}, so a window of {span_text(within)} is one of {kept}"
            hint = f"write `keep: {span_text(within)}` under `events`, or a window of at most {kept}"
            self._warn(path, message, hint)

    def _check_bounds(self, use: MeasureUse) -> None:
        """Numbers that an aggregate of the kept events never tells from others."""
        for test in tests_of(use.condition):
            for operator, bound in _bounds(test):
                if self._is_beyond(use, operator, bound):
                    break

    def _is_beyond(self, use: MeasureUse, operator: Operator, bound: float) -> bool:
        """Whether the kept events never reach the number, which is reported."""
        if use.aggregate.measure is Measure.DAYS_SINCE_LAST:
            return self._check_days(use, operator, bound)
        if use.aggregate.measure not in _COUNTS:
            return False
        # more than n, and n at most, are told apart by one more event
        number = int(bound) + (operator in (Operator.GT, Operator.LTE))
        beyond = number > self.events.most(use.aggregate.event)
        if beyond:
            self._warn_of_count(use, number)
        return beyond

    def _check_days(self, use: MeasureUse, operator: Operator, bound: float) -> bool:
        longest = self.events.keep / DAY
        beyond = bound > longest or (bound == longest and operator not in (Operator.LT, Operator.LTE))
        if beyond:
            days = number_text(bound)
            message = (
                f"events are kept for {span_text(self.events.keep)}: after {days} days the last one is gone, as if there "
                "had never been any"
            )
            hint = f"keep events for more than {days} days: `keep` under `events`"
            self._warn(use.measure, message, hint)
        return beyond

    def _warn_of_count(self, use: MeasureUse, number: int) -> None:
        event = use.aggregate.event
        most = self.events.most(event)
        which = f"{quote(event)} events" if event in self.events.newest_of else "events"
        message = (
            f"the newest {most:,} {which} of a person are kept, so that {number:,} of them are never counted"
        )
        self._warn(use.measure, message, self._keep_more(event, number))

    def _keep_more(self, event: str, number: int) -> str:
        return f"write `newest: {{{event}: {number}, default: {self.events.newest}}}` under `events`, with your other types"

    def _check_pattern(self, pattern: Pattern) -> None:
        path: Path = ("patterns", pattern.name)
        if pattern.first.within is not None:
            self._check_length((*path, "first", "within"), pattern.first.within)
        for index, step in enumerate(pattern.then):
            if step.within is not None:
                self._check_length((*path, "then", index, "within"), step.within)
        pools = Counter(
            step.event if step.event in self.events.newest_of else ""
            for step in (pattern.first, *pattern.then)
        )
        for event, steps in pools.items():
            most = self.events.most(event)
            if steps > most:
                which = f"{quote(event)} events" if event else "events"
                message = f"the pattern needs {steps} {which}, and the newest {most} of a person are kept"
                self._warn(path, message, self._keep_more(event or pattern.first.event, steps))

    def _check_types(self, read: set[str]) -> None:
        """Types under `newest` that nothing reads, and that are nearly one that is read."""
        for event in self.events.newest_of.keys() - read:
            if hint := self.findings.suggest(event, sorted(read)):
                message = f"no condition and no pattern reads events of the type {quote(event)}"
                self._warn(("events", "newest", event), message, hint, code=Code.NO_EFFECT)

    def _check_shared_room(self, read: set[str]) -> None:
        """A room for the events of all types that a visit to a few pages fills."""
        shared = sorted(read - self.events.newest_of.keys())
        if shared and self.events.newest < _VISIT:
            most, event = self.events.newest, shared[0]
            message = (
                f"the newest {most} events are kept, whatever their types: {most} others, such as page views, push out"
                f" {quote(event)}, which the book reads"
            )
            self._warn(("events", "newest"), message, self._keep_more(event, 100))

    def _warn(
        self,
        path: Path,
        message: str,
        hint: str,
        severity: Severity = Severity.WARNING,
        *,
        code: Code = Code.BEYOND_KEPT,
    ) -> None:
        location = self.findings.keys.get(path) or self.findings.location(path)
        self.findings.report(location, code, message, hint, severity=severity)


def _types(pattern: Pattern) -> Iterator[str]:
    yield from (step.event for step in (pattern.first, *pattern.then))
    yield from (absence.event for absence in pattern.not_after)


def _holds_without(use: MeasureUse) -> bool:
    """Whether it holds of a customer without any events; of one whose events are gone it does so wrongly."""
    tests = list(tests_of(use.condition))
    if use.aggregate.measure is Measure.DAYS_SINCE_LAST:
        operators = {test.operator for test in tests if test.operator is not Operator.EXISTS}
        gone = any(test.operator is Operator.EXISTS and test.operand is use.negated for test in tests)
        return gone or (use.negated and bool(operators & {Operator.GT, Operator.GTE}))
    none: dict[str, Value] = {test.attribute: 0 for test in tests}
    return holds(use.condition, none, Moment(0, date(1970, 1, 1))) is not use.negated


def _bounds(test: Test) -> list[tuple[Operator, float]]:
    """The numbers that the test compares with, the largest first; of a list only the largest matters."""
    operand = test.operand
    match test.operator:
        case Operator.BETWEEN if isinstance(operand, tuple):
            # all that is kept may be the high bound, which is then none
            pairs = zip((Operator.LT, Operator.GTE), reversed(operand), strict=True)
            return [(operator, bound) for operator, bound in pairs if isinstance(bound, int | float)]
        case Operator.IN | Operator.NOT_IN if isinstance(operand, tuple):
            numbers = [number for number in operand if isinstance(number, int | float)]
            return [(test.operator, max(numbers))] if numbers else []
    if isinstance(operand, bool) or not isinstance(operand, int | float):
        return []
    return [(test.operator, operand)]
