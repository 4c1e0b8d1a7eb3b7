"""The fields of events, and conditions on them (`where`, steps of patterns)."""

import difflib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from engine.conditions.model import Condition, Operator
from engine.rulebook.conditions.trees import IGNORE_CASE, Trees
from engine.rulebook.model.book import Attribute, AttributeType, EventType
from engine.rulebook.model.derived import EVENT_NUMBER, EVENT_TEXTS
from engine.rulebook.report.diagnostics import Code, Severity, Suggestion, quote
from engine.rulebook.report.findings import Findings, Path
from engine.rulebook.symbols import SymbolTable
from engine.rulebook.text.merge import is_words
from engine.rulebook.text.nodes import PlainData

FIELDS: Mapping[str, Attribute] = {
    **{name: Attribute(name, AttributeType.TEXT) for name in EVENT_TEXTS},
    EVENT_NUMBER: Attribute(EVENT_NUMBER, AttributeType.NUMBER),
}
"""Fields of every event. Any other field is an attribute of the event."""

EVENT_NOUN = "type of events"

EVENT_TYPES = ("events", "types")
"""The section of the types of events."""

_RESERVED = {
    "type": "the type of events is what `event` names",
    "event": "the type of events is what stands beside `where`, under `event`",
    "event_id": "events cannot be selected by their names",
    "at": "when events happened is what `within` is about",
    "where": "tests on the event's fields stand beside `event`",
}


@dataclass(slots=True, kw_only=True)
class EventGrammar(Trees):
    """Reads conditions on events. An attribute of an event has the type of the value that it is compared with."""

    beside: tuple[str, ...] = ()
    """Keys beside the fields, for "did you mean"."""
    types: SymbolTable[EventType] = field(
        default_factory=lambda: SymbolTable(EVENT_NOUN, section=EVENT_TYPES)
    )
    """The types of events that the book declares; none if there may be any."""
    event: str = ""
    """The type of the events that conditions are on; empty if there may be any."""
    lawful: frozenset[str] = frozenset()
    """Categories of sensitive data for which the book states a lawful basis."""

    def of(self, event: str, path: Path) -> "EventGrammar":
        """The grammar for events of the type named at the path, which is reported if the book declares others only."""
        if self.types.values or self.types.broken:
            self.types.get(event, path, self.findings)
        else:
            self.findings.use((*EVENT_TYPES, event), path)
        return self.named(event)

    def named(self, event: str) -> "EventGrammar":
        """The grammar for events of the type, which was checked before."""
        return replace(self, event=event)

    def check(self, name: str, path: Path, *, key: bool = False) -> bool:
        """Whether events of the type can have the field named at the path (or at its key); reports it if they cannot."""
        declared = self._declared()
        report = self.findings.key_error if key else self.findings.error
        if declared is not None and name in declared:
            sensitive = declared[name].sensitive
            if sensitive and sensitive not in self.lawful:
                hint = f"state the lawful basis under `book: lawful_basis: {sensitive}:`"
                label = f"{quote(name)} of {quote(self.event)}"
                message = f"{label} is sensitive ({sensitive}) and may not be used without a lawful basis"
                report(path, Code.SENSITIVE, message, hint)
            return True
        if declared is None or name in FIELDS:
            return check_field(name, path, self.findings, key=key, beside=self.beside if key else ())
        hint = self.findings.suggest(name, [*declared, *FIELDS, *(self.beside if key else ())])
        report(path, Code.UNKNOWN, f"events of type {quote(self.event)} have no field {quote(name)}", hint)
        return False

    def field_of(self, name: str) -> Attribute | None:
        """The field of the type's events, if its type is known."""
        return (self._declared() or {}).get(name) or FIELDS.get(name)

    def _declared(self) -> Mapping[str, Attribute] | None:
        declared = self.types.values.get(self.event)
        return None if declared is None else declared.fields

    def _entry(self, key: str, value: PlainData, path: Path) -> Condition | None:
        if not self.check(key, path, key=True):
            return None
        return self._tests(self.field_of(key) or Attribute(key, _type_of(value)), value, path)


def check_field(
    name: str, path: Path, findings: Findings, *, key: bool = False, beside: Collection[str] = ()
) -> bool:
    """Whether the name at the path (or at its key) can be a field of events; reports it if it cannot.

    A name close to a common field, or to a key in `beside`, gives a warning.
    """
    report = findings.key_error if key else findings.error
    if name in FIELDS:
        return True
    if name in _RESERVED:
        report(path, Code.NAME, f"{quote(name)} is not a field of events", _RESERVED[name])
        return False
    if not is_words(name, dots=False):
        hint = f"{', '.join(FIELDS)}, or a lower-case word of letters, digits and _"
        report(path, Code.NAME, f"{quote(name)} is not the name of a field of events", hint)
        return False
    close = difflib.get_close_matches(name, [*FIELDS, *beside], n=1, cutoff=0.8)
    if close and key:
        message = f"{quote(name)} is read as an attribute of the event: did you mean '{close[0]}'?"
        meant = Suggestion("", name, close[0])
        findings.remark(path, Code.UNKNOWN, message, Severity.WARNING, meant)
    return True


def _type_of(value: PlainData) -> AttributeType:
    """The type of the operand that an attribute of an event is compared with; of the first of several."""
    if isinstance(value, dict):
        compared = [operand for key, operand in value.items() if key not in (Operator.EXISTS, IGNORE_CASE)]
        return _type_of(compared[0]) if compared else AttributeType.TEXT
    if isinstance(value, list):
        return _type_of(value[0]) if value else AttributeType.TEXT
    if isinstance(value, bool):
        return AttributeType.BOOLEAN
    return AttributeType.NUMBER if isinstance(value, int | float) else AttributeType.TEXT
