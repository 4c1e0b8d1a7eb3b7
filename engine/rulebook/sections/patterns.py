"""Patterns: sequences of events. A step has a type, a window, and tests on its fields, all in one mapping."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from engine.conditions.model import ALWAYS, Condition
from engine.model.instant import Microseconds
from engine.rulebook.conditions.event_fields import EventGrammar
from engine.rulebook.model.book import Attribute, AttributeType
from engine.rulebook.model.derived import (
    EVENT_NUMBER,
    Absence,
    Anchor,
    Exposed,
    Pattern,
    PatternStep,
    Prefer,
)
from engine.rulebook.report.diagnostics import Code, quote
from engine.rulebook.report.findings import Findings, Path
from engine.rulebook.shapes.derived import PatternShape
from engine.rulebook.shapes.faults import shaped
from engine.rulebook.symbols import SymbolTable
from engine.rulebook.text.durations import span
from engine.rulebook.text.merge import is_name, is_words
from engine.rulebook.text.nodes import PlainData

MAX_PATTERNS = 200

STEP_KEYS = ("event", "within", "same")
"""Keys of a step beside tests on its fields."""

_ANCHORS = {"first": Anchor.FIRST, "previous": Anchor.PREVIOUS}
_EXPOSED = (AttributeType.TEXT, AttributeType.INTEGER, AttributeType.NUMBER)
_FORMS = "for example 1h of first, or 1h of previous"
_SOURCE = re.compile(r"(first|then\.([1-9][0-9]?))\.(.+)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class PatternReader:
    """Reads the patterns of one book."""

    events: EventGrammar
    findings: Findings

    def read(self, data: Mapping[str, PlainData], *, partial: bool) -> SymbolTable[Pattern]:
        """The section `patterns`; errors go to the findings."""
        patterns: SymbolTable[Pattern] = SymbolTable("pattern", partial=partial)
        for count, (name, value) in enumerate(data.items()):
            path = ("patterns", name)
            if count == MAX_PATTERNS:
                message = f"a book has at most {MAX_PATTERNS} patterns"
                self.findings.key_error(path, Code.TOO_LARGE, message)
                patterns.partial = True
                break
            check_conclusion(name, path, self.findings)
            shape = shaped(PatternShape, value, path, self.findings)
            pattern = self._pattern(name, shape, path) if shape else None
            patterns.add(name, pattern, sound=path not in self.findings.recovered)
        return patterns

    def _pattern(self, name: str, shape: PatternShape, path: Path) -> Pattern | None:
        steps = StepReader(replace(self.events, beside=STEP_KEYS))
        first = steps.first(shape.first, (*path, "first"))
        then = [steps.next(step, (*path, "then", i)) for i, step in enumerate(shape.then)]
        here = (*path, "not_after")
        if isinstance(shape.not_after, dict):
            absences = [steps.absence(shape.not_after, here)]
        else:
            absences = [steps.absence(event, (*here, i)) for i, event in enumerate(shape.not_after)]
        types = [step.event if step else "" for step in (first, *then)]
        expose = {
            key: self._exposed(key, source, types, (*path, "expose", key))
            for key, source in shape.expose.items()
        }
        if first is None or None in then or None in absences or None in expose.values():
            return None
        return Pattern(
            name,
            first,
            tuple(step for step in then if step),
            tuple(absence for absence in absences if absence),
            Prefer(shape.prefer),
            {key: exposed for key, exposed in expose.items() if exposed},
        )

    def _exposed(self, key: str, source: str, types: Sequence[str], path: Path) -> Exposed | None:
        """types: of the pattern's events, in order; empty of a step that is wrong."""
        check_exposed(key, path, self.findings)
        match = _SOURCE.fullmatch(source)
        if not match:
            hint = "for example first.item, or then.1.page"
            message = f"{quote(source)} is no field of one of the pattern's events"
            self.findings.error(path, Code.VALUE, message, hint)
            return None
        step, steps = int(match[2] or 0), len(types) - 1
        if step > steps:
            message = f"there is no step {step} in `then`, which has {steps}"
            self.findings.error(path, Code.UNKNOWN, message)
            return None
        return self._field(self.events.named(types[step]), step, match[3], path)

    def _field(self, events: EventGrammar, step: int, name: str, path: Path) -> Exposed | None:
        if not events.check(name, path):
            return None
        declared = events.field_of(name)
        kind = AttributeType.TEXT if declared is None else declared.type
        if kind not in _EXPOSED:
            self.findings.error(
                path, Code.TYPE, f"{quote(name)} is a {kind}; only texts and numbers are exposed"
            )
            return None
        sensitive = None if declared is None else declared.sensitive
        return Exposed(step, name, kind is not AttributeType.TEXT and name != EVENT_NUMBER, sensitive)


@dataclass(frozen=True, slots=True)
class StepReader:
    """Reads the steps of patterns; errors go to the findings."""

    events: EventGrammar

    def first(self, data: Mapping[str, Any], path: Path) -> PatternStep | None:
        """The first event of a pattern, whose window ends now."""
        event, where = self._event(data, path), self._where(data, path, ("event", "within"))
        within = self._text(data, "within", path)
        if within is not None and " of " in within:
            message = "the window of the first event ends now; it is a duration"
            self.events.findings.error((*path, "within"), Code.VALUE, message, "for example 24h")
            return None
        window = None if within is None else span((*path, "within"), within, self.events.findings)
        return None if event is None or where is None else PatternStep(event, where, window)

    def next(self, data: Mapping[str, Any], path: Path) -> PatternStep | None:
        """A further event, whose window begins at another one."""
        event, where = self._event(data, path), self._where(data, path, ("event", "within"))
        window, anchor = self._window(data, path)
        return None if event is None or where is None else PatternStep(event, where, window, anchor)

    def absence(self, data: Mapping[str, Any], path: Path) -> Absence | None:
        """An event that must not follow."""
        event, where = self._event(data, path), self._where(data, path, ("event", "same"))
        same = self._text(data, "same", path)
        events = self.events.named(event or "")
        if same is not None and not events.check(same, (*path, "same")):
            return None
        return None if event is None or where is None else Absence(event, where, same or "")

    def _event(self, data: Mapping[str, Any], path: Path) -> str | None:
        if "event" not in data:
            message = "`event` is missing"
            self.events.findings.key_error(path, Code.MISSING, message, "for example event: page_view")
            return None
        event = self._text(data, "event", path)
        if event is not None:
            self.events.of(event, (*path, "event"))
        return event

    def _where(self, data: Mapping[str, Any], path: Path, keys: tuple[str, ...]) -> Condition | None:
        """The tests on the event's fields: all entries but these keys."""
        tests = {key: value for key, value in data.items() if key not in keys}
        event = data.get("event")
        events = self.events.named(event if isinstance(event, str) else "")
        return events.parse(tests, path) if tests else ALWAYS

    def _text(self, data: Mapping[str, Any], key: str, path: Path) -> str | None:
        text = data.get(key)
        if key not in data or (isinstance(text, str) and text):
            return text
        self.events.findings.error((*path, key), Code.TYPE, f"`{key}` must be text")
        return None

    def _window(self, data: Mapping[str, Any], path: Path) -> tuple[Microseconds | None, Anchor]:
        within = self._text(data, "within", path)
        if within is None:
            return None, Anchor.PREVIOUS
        length, preposition, anchor = within.partition(" of ")
        here, findings = (*path, "within"), self.events.findings
        if preposition and anchor.strip() not in _ANCHORS:
            findings.error(here, Code.VALUE, f"a window cannot begin at {quote(anchor)}", _FORMS)
            return None, Anchor.PREVIOUS
        return span(here, length.strip(), findings), _ANCHORS.get(anchor.strip(), Anchor.PREVIOUS)


def fields_of(pattern: Pattern) -> dict[str, Attribute]:
    """The attributes that the pattern exposes, by field."""
    return {
        key: Attribute(
            f"pattern.{pattern.name}.{key}",
            _type_of(source),
            sensitive=source.sensitive,
            masked=source.sensitive is not None,
        )
        for key, source in pattern.expose.items()
    }


def _type_of(source: Exposed) -> AttributeType:
    is_number = source.is_number or source.field == EVENT_NUMBER
    return AttributeType.NUMBER if is_number else AttributeType.TEXT


def check_conclusion(name: str, path: Path, findings: Findings) -> None:
    """Report a name with a dot: in `pattern.NAME.FIELD` its end would be unclear."""
    if is_name(name) and "." in name:
        hint = "up to 100 letters, digits, and _ - after the first"
        findings.key_error(path, Code.NAME, f"a dot in the name {quote(name)}", hint)


def check_exposed(key: str, path: Path, findings: Findings) -> None:
    """Report an exposed field whose name is no lower-case word."""
    if not is_words(key, dots=False):
        hint = "a lower-case word of letters, digits and _"
        findings.key_error(path, Code.NAME, f"{quote(key)} is not the name of a field", hint)
