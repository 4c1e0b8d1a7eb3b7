"""The fields of events, and conditions on them (`where`, steps of patterns)."""

import difflib
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from engine.conditions.model import Condition, Operator
from engine.rulebook.conditions.trees import IGNORE_CASE, Trees
from engine.rulebook.model.book import Attribute, AttributeType
from engine.rulebook.model.derived import EVENT_NUMBER, EVENT_TEXTS
from engine.rulebook.report.diagnostics import Code, Severity, quote
from engine.rulebook.report.findings import Findings, Path
from engine.rulebook.text.merge import is_words
from engine.rulebook.text.nodes import PlainData

FIELDS: Mapping[str, Attribute] = {
    **{name: Attribute(name, AttributeType.TEXT) for name in EVENT_TEXTS},
    EVENT_NUMBER: Attribute(EVENT_NUMBER, AttributeType.NUMBER),
}
"""Fields of every event. Any other field is an attribute of the event."""

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

    def _entry(self, key: str, value: PlainData, path: Path) -> Condition | None:
        if not check_field(key, path, self.findings, key=True, beside=self.beside):
            return None
        field = FIELDS.get(key) or Attribute(key, _type_of(value))
        return self._tests(field, value, path)


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
        findings.remark(path, Code.UNKNOWN, message, Severity.WARNING)
    return True


def type_of_field(name: str) -> AttributeType:
    """The type of the field when it is exposed: all but `value` are texts."""
    return FIELDS[name].type if name in FIELDS else AttributeType.TEXT


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
