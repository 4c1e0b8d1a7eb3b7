"""Signals, in two passes: first their names and what they expose, which conditions use; then their own conditions."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from engine.conditions.dnf import CLAUSE_LIMIT, clauses_of
from engine.conditions.model import Condition
from engine.model.instant import Microseconds
from engine.rulebook.conditions.grammar import Cycles, Grammar, named
from engine.rulebook.model.book import Attribute
from engine.rulebook.model.derived import Signal
from engine.rulebook.report.diagnostics import Code, Severity
from engine.rulebook.report.findings import Findings, Path
from engine.rulebook.sections.patterns import check_conclusion, check_exposed
from engine.rulebook.shapes.derived import SignalShape
from engine.rulebook.shapes.faults import shaped
from engine.rulebook.symbols import AttributeScope
from engine.rulebook.text import durations
from engine.rulebook.text.nodes import PlainData

MAX_SIGNALS = 2_000
_AUDIENCE = "audience "


@dataclass(frozen=True, slots=True)
class SignalReader:
    """Reads the signals of one book, whose attributes and patterns are read already."""

    attribute_scope: AttributeScope
    findings: Findings
    shapes: dict[str, SignalShape] = field(default_factory=dict)

    def declare(self, data: Mapping[str, PlainData], *, partial: bool) -> None:
        """Add the signals and what they expose to the attribute scope."""
        signals = self.attribute_scope.concluded["signal"]
        signals.partial = partial
        for count, (name, value) in enumerate(data.items()):
            path = ("signals", name)
            if count == MAX_SIGNALS:
                message = f"a book has at most {MAX_SIGNALS:,} signals"
                self.findings.key_error(path, Code.TOO_LARGE, message)
                signals.partial = True
                break
            check_conclusion(name, path, self.findings)
            shape = shaped(SignalShape, value, path, self.findings)
            fields = None
            if shape is not None:
                self.shapes[name] = shape
                fields = self._fields(name, shape, (*path, "expose"))
            signals.add(name, fields, sound=path not in self.findings.recovered)

    def read(self, grammar: Grammar, audiences: Mapping[str, PlainData]) -> dict[str, Signal]:
        """The section `signals`; errors go to the findings. audiences: that section as written."""
        self._check_cycles(audiences)
        signals = {name: self._signal(name, shape, grammar) for name, shape in self.shapes.items()}
        return {name: signal for name, signal in signals.items() if signal}

    def _fields(self, name: str, shape: SignalShape, path: Path) -> dict[str, Attribute] | None:
        fields: dict[str, Attribute | None] = {}
        for key, source in shape.expose.items():
            here = (*path, key)
            check_exposed(key, here, self.findings)
            if source.startswith("signal."):
                hint = "content can name that signal's field itself"
                self.findings.error(here, Code.VALUE, "a signal cannot expose what a signal exposes", hint)
                fields[key] = None
                continue
            known = self.attribute_scope.use(source, here, self.findings)
            fields[key] = known and Attribute(
                f"signal.{name}.{key}", known.type, sensitive=known.sensitive, masked=known.masked
            )
        sound = {key: attribute for key, attribute in fields.items() if attribute}
        return sound if len(sound) == len(fields) else None

    def _signal(self, name: str, shape: SignalShape, grammar: Grammar) -> Signal | None:
        path = ("signals", name)
        when = self._condition(shape.when, (*path, "when"), grammar)
        hold = self._hold(shape, (*path, "hold"))
        until: Condition | None = None
        if shape.until is not None:
            until = self._condition(shape.until, (*path, "until"), grammar)
            if not hold and (*path, "hold") not in self.findings.poisoned:
                message = "nothing is remembered, so `until` has no effect: it needs `hold`"
                self.findings.remark((*path, "until"), Code.NO_EFFECT, message, Severity.WARNING)
        return None if when is None else Signal(name, when, hold, until, dict(shape.expose))

    def _condition(self, data: Mapping[str, PlainData], path: Path, grammar: Grammar) -> Condition | None:
        condition = grammar.parse(dict(data), path)
        if condition is not None and clauses_of(condition) is None:
            message = f"the condition has more than {CLAUSE_LIMIT} alternatives: every `any` multiplies them"
            hint = "conclude a part of it in a signal of its own"
            self.findings.key_error(path, Code.TOO_LARGE, message, hint)
            return None
        return condition

    def _hold(self, shape: SignalShape, path: Path) -> Microseconds:
        text = shape.hold if isinstance(shape.hold, str) else f"{shape.hold:g}"
        return 0 if text in ("0", "-0") else durations.span(path, text, self.findings)

    def _check_cycles(self, audiences: Mapping[str, PlainData]) -> None:
        """Report signals that depend on themselves, directly or by audiences."""
        graph = {f"{_AUDIENCE}{name}": _referred(value) for name, value in audiences.items()}
        for name, shape in self.shapes.items():
            graph[name] = _referred([dict(data) for data in (shape.when, shape.until) if data is not None])
        Cycles("signals", "signals refer to each other", self.findings, _AUDIENCE).ordered(graph)


def _referred(data: PlainData) -> list[str]:
    """The signals and audiences that a condition names."""
    return [*named(data, "signal"), *(f"{_AUDIENCE}{name}" for name in named(data, "audience"))]
