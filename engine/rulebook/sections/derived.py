"""What a book derives (places, patterns, signals, and what conditions measure), and which events are kept for it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

from engine.rulebook.conditions.contacts import ContactReader
from engine.rulebook.conditions.derived import BehaviourReader, DistanceReader
from engine.rulebook.conditions.event_fields import EVENT_NOUN, EVENT_TYPES, FIELDS, EventGrammar, check_field
from engine.rulebook.conditions.grammar import Grammar
from engine.rulebook.conditions.operands import OperandReader
from engine.rulebook.conditions.trends import TrendReader
from engine.rulebook.model.book import Attribute, AttributeType, EventType, Offer
from engine.rulebook.model.derived import (
    DAYS_TO_ANNIVERSARY,
    EVENT_NUMBER,
    Derived,
    EventStore,
    Pattern,
    Signal,
)
from engine.rulebook.report.diagnostics import Code, Severity, quote
from engine.rulebook.report.findings import Findings, Path
from engine.rulebook.sections.patterns import PatternReader, fields_of
from engine.rulebook.sections.places import PlaceReader, attributes_of
from engine.rulebook.sections.signals import SignalReader
from engine.rulebook.shapes.derived import EventFieldShape, EventsShape
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
    event_types: SymbolTable[EventType]
    """None if there may be any."""
    event_store: EventStore

    @classmethod
    def declare(
        cls,
        merged: Merged,
        attribute_scope: AttributeScope,
        reader: OperandReader,
        place_reader: PlaceReader,
    ) -> "DerivedReader":
        """Read places and patterns, and what signals expose, so that conditions and content can name them."""
        findings = reader.findings
        types = read_event_types(merged.section("events"), findings, partial=merged.partial("events"))
        events = EventGrammar(reader=reader, findings=findings, types=types, lawful=attribute_scope.lawful)
        places = place_reader.read(merged.section("places"), partial=merged.partial("places"))
        attribute_scope.concluded["nearest"] = attributes_of(places)
        patterns = PatternReader(events, findings).read(
            merged.section("patterns"), partial=merged.partial("patterns")
        )
        fields = {name: fields_of(pattern) for name, pattern in patterns.values.items()}
        attribute_scope.concluded["pattern"] = SymbolTable(
            "pattern", dict(fields), patterns.broken, patterns.partial
        )
        signals = SignalReader(attribute_scope, findings)
        signals.declare(merged.section("signals"), partial=merged.partial("signals"))
        event_store = read_events(merged.section("events"), types, findings)
        grammar = Grammar(
            reader=replace(reader, attribute_scope=attribute_scope),
            findings=findings,
            attribute_scope=attribute_scope,
            behaviours=BehaviourReader(events),
            distances=DistanceReader(places, findings),
            contacts=ContactReader(
                events, _names(merged, "campaign"), _names(merged, "offer"), _names(merged, "channel")
            ),
            trends=TrendReader(
                events,
                attribute_scope,
                event_store.stored or merged.partial("events"),
                merged.section("campaigns"),
            ),
        )
        return cls(grammar, patterns, signals, types, event_store)

    def read_conditions(
        self, merged: Merged, offers: SymbolTable[Offer]
    ) -> tuple[Grammar, Mapping[str, Signal]]:
        """The grammar after reading the audiences, and the signals; conditions can be about their campaign's offer."""
        self.grammar.trends.offers = offers
        self.grammar.read_audiences(merged.section("audiences"), partial=merged.partial("audiences"))
        return self.grammar, self.signals.read(self.grammar, merged.section("audiences"))

    def derived(self, signals: Mapping[str, Signal]) -> Derived:
        """Everything derived; call it after all conditions are read."""
        return Derived(
            _sorted(self.grammar.behaviours.aggregates),
            _sorted(self.grammar.distances.distances),
            _sorted(self.patterns.values),
            _sorted(signals),
            _sorted(self.grammar.distances.places.values),
            {
                name: name.removesuffix(DAYS_TO_ANNIVERSARY)
                for name in sorted(self.grammar.attribute_scope.anniversaries)
            },
            _sorted(self.grammar.contacts.counts),
            _sorted(self.grammar.trends.trends),
            tuple(sorted(self.grammar.trends.alarms)),
        )


def _names(merged: Merged, noun: str) -> SymbolTable[str]:
    """The names of a section, before it is read."""
    section = f"{noun}s"
    names = {name: name for name in merged.section(section)}
    return SymbolTable(noun, names, partial=merged.partial(section))


def _sorted(named: Mapping[str, T]) -> dict[str, T]:
    return dict(sorted(named.items()))


def read_event_types(
    data: Mapping[str, PlainData], findings: Findings, *, partial: bool
) -> SymbolTable[EventType]:
    """The types of events that the section `events` declares; none if there may be any."""
    types: SymbolTable[EventType] = SymbolTable(EVENT_NOUN, partial=partial, section=EVENT_TYPES)
    shape = shaped(EventsShape, dict(data), _PATH, findings)
    if shape is None or not shape.types:
        return types
    types.partial |= (*_PATH, "types") in findings.poisoned
    for index, name in enumerate(shape.types):
        path: Path = (*_PATH, "types", name if isinstance(shape.types, dict) else index)
        if name in types.values:
            findings.error(path, Code.DUPLICATE, f"the type {quote(name)} is here a second time")
        stated = shape.types[name] if isinstance(shape.types, dict) else "any"
        fields = None if stated == "any" else stated.fields
        types.add(name, EventType(name, None if fields is None else _declared(fields, path, findings)))
    return types


def _declared(
    fields: Mapping[str, str | EventFieldShape], path: Path, findings: Findings
) -> dict[str, Attribute]:
    """The further fields of a type, and those of every event that are sensitive in it; these keep their own types."""
    declared = {}
    for name, stated in fields.items():
        here = (*path, "fields", name)
        kind = stated.type if isinstance(stated, EventFieldShape) else stated
        sensitive = stated.sensitive if isinstance(stated, EventFieldShape) else None
        if name in FIELDS and FIELDS[name].type != kind:
            message = f"{quote(name)} is a {FIELDS[name].type} in every event"
            findings.error(here, Code.TYPE, message)
        elif name == EVENT_NUMBER and sensitive:
            message = f"`{name}` cannot be sensitive: `rfm.monetary` and reports add it up"
            findings.error(
                (*here, "sensitive"), Code.VALUE, message, "send the number in a field of your own"
            )
        elif (name not in FIELDS or sensitive) and check_field(name, here, findings, key=True):
            declared[name] = Attribute(
                name, AttributeType(kind), sensitive=sensitive, masked=sensitive is not None
            )
    return declared


def read_events(data: dict[str, PlainData], types: SymbolTable[EventType], findings: Findings) -> EventStore:
    """The section `events`; by default no events are kept."""
    shape = shaped(EventsShape, data, _PATH, findings)
    if shape is None:
        return EventStore()
    if not shape.stored:
        for key in ("newest", "keep"):
            if key in data and (*_PATH, key) not in findings.poisoned:
                message = f"events are not stored, so `{key}` has no effect: it needs `stored: true`"
                findings.remark((*_PATH, key), Code.NO_EFFECT, message, Severity.WARNING)
    if isinstance(shape.newest, dict) and types.values:
        for name in shape.newest:
            if name != REST:
                types.get(name, (*_PATH, "newest", name), findings, key=True)
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
