"""What a book derives (places, patterns, signals, and what conditions measure), and which events are kept for it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

from engine.rulebook.conditions import derived
from engine.rulebook.conditions.derived import BehaviourReader, DistanceReader
from engine.rulebook.conditions.event_fields import EventGrammar
from engine.rulebook.conditions.grammar import Grammar
from engine.rulebook.conditions.operands import OperandReader
from engine.rulebook.model.derived import DAYS_TO_ANNIVERSARY, Derived, EventStore, Pattern, Signal
from engine.rulebook.report.diagnostics import Code, Severity
from engine.rulebook.report.findings import Findings
from engine.rulebook.sections.patterns import PatternReader, fields_of
from engine.rulebook.sections.signals import SignalReader
from engine.rulebook.shapes.derived import EventsShape
from engine.rulebook.shapes.faults import shaped
from engine.rulebook.symbols import AttributeScope, SymbolTable
from engine.rulebook.text.durations import span
from engine.rulebook.text.merge import Merged
from engine.rulebook.text.nodes import PlainData

T = TypeVar("T")
_PATH = ("events",)

REST = "default"
"""In `newest`, the key of all types that it does not name."""

MOST_EVENTS = 10_000
"""Most events of a person that a book can keep."""


@dataclass(frozen=True, slots=True)
class DerivedReader:
    """Reads places, patterns and signals, and holds the grammar of the conditions that use them."""

    grammar: Grammar
    patterns: SymbolTable[Pattern]
    signals: SignalReader

    @classmethod
    def declare(
        cls,
        merged: Merged,
        attribute_scope: AttributeScope,
        reader: OperandReader,
    ) -> "DerivedReader":
        """Read places and patterns, and what signals expose, so that conditions and content can name them."""
        findings = reader.findings
        events = EventGrammar(reader=reader, findings=findings)
        places = derived.read_places(merged.section("places"), findings, partial=merged.partial("places"))
        patterns = PatternReader(events, findings).read(
            merged.section("patterns"), partial=merged.partial("patterns")
        )
        fields = {name: fields_of(pattern) for name, pattern in patterns.values.items()}
        attribute_scope.concluded["pattern"] = SymbolTable(
            "pattern", dict(fields), patterns.broken, patterns.partial
        )
        signals = SignalReader(attribute_scope, findings)
        signals.declare(merged.section("signals"), partial=merged.partial("signals"))
        grammar = Grammar(
            reader=replace(reader, attribute_scope=attribute_scope),
            findings=findings,
            attribute_scope=attribute_scope,
            behaviours=BehaviourReader(events),
            distances=DistanceReader(places, findings),
        )
        return cls(grammar, patterns, signals)

    def derived(self, signals: Mapping[str, Signal]) -> Derived:
        """Everything derived; call it after all conditions are read."""
        return Derived(
            _sorted(self.grammar.behaviours.aggregates),
            _sorted(self.grammar.distances.distances),
            _sorted(self.patterns.values),
            _sorted(signals),
            {
                name: name.removesuffix(DAYS_TO_ANNIVERSARY)
                for name in sorted(self.grammar.attribute_scope.anniversaries)
            },
        )


def _sorted(named: Mapping[str, T]) -> dict[str, T]:
    return dict(sorted(named.items()))


def read_events(data: dict[str, PlainData], findings: Findings) -> EventStore:
    """The section `events`; by default no events are kept."""
    shape = shaped(EventsShape, data, _PATH, findings)
    if shape is None:
        return EventStore()
    if not shape.stored:
        for key in ("newest", "keep"):
            if key in data and (*_PATH, key) not in findings.poisoned:
                message = f"events are not stored, so `{key}` has no effect: it needs `stored: true`"
                findings.remark((*_PATH, key), Code.NO_EFFECT, message, Severity.WARNING)
    newest, by_type = _newest(shape, findings)
    return EventStore(shape.stored, newest, span((*_PATH, "keep"), shape.keep, findings), by_type)


def _newest(shape: EventsShape, findings: Findings) -> tuple[int, dict[str, int]]:
    """The most events that are kept: of the types that are not named, and by type."""
    if isinstance(shape.newest, int):
        return shape.newest, {}
    by_type = dict(sorted(shape.newest.items()))
    rest = by_type.pop(REST, EventStore().newest)
    total, path = rest + sum(by_type.values()), (*_PATH, "newest")
    if total > MOST_EVENTS:
        message = f"at most {MOST_EVENTS:,} events of a person are kept; these are {total:,}"
        hint = "lower the numbers" if REST in shape.newest else f"`{REST}` is {rest} unless it is given"
        findings.error(path, Code.VALUE, message, hint)
    return rest, by_type
