"""Patterns: what happened in order, and what did not."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from engine.rulebook.conditions.event_fields import EventGrammar, check_field, type_of_field
from engine.rulebook.declared import Declared
from engine.rulebook.deriving.steps import STEP_KEYS, StepReader
from engine.rulebook.model.book import Attribute
from engine.rulebook.model.derived import Exposed, Pattern, Prefer
from engine.rulebook.report.diagnostics import Code, quote
from engine.rulebook.report.findings import Findings, Path
from engine.rulebook.shapes.derived import PatternShape
from engine.rulebook.shapes.faults import shaped
from engine.rulebook.text.merge import NAME
from engine.rulebook.text.nodes import Plain

MAX_PATTERNS = 200

_FIELD = re.compile(r"[a-z][a-z0-9_]{0,99}")
_SOURCE = re.compile(r"(first|then\.([1-9][0-9]?))\.(.+)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class PatternReader:
    """Reads the patterns of one book."""

    events: EventGrammar
    findings: Findings

    def read(self, data: Mapping[str, Plain], *, partial: bool) -> Declared[Pattern]:
        """All patterns; what is wrong with them goes to the findings."""
        patterns: Declared[Pattern] = Declared("pattern", partial=partial)
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
            patterns.add(name, pattern, sound=path not in self.findings.salvaged)
        return patterns

    def _pattern(self, name: str, shape: PatternShape, path: Path) -> Pattern | None:
        steps = StepReader(replace(self.events, beside=STEP_KEYS))
        first = steps.first(shape.first, (*path, "first"))
        then = [steps.next(each, (*path, "then", i)) for i, each in enumerate(shape.then)]
        here = (*path, "not_after")
        if isinstance(shape.not_after, dict):
            absences = [steps.absence(shape.not_after, here)]
        else:
            absences = [steps.absence(each, (*here, i)) for i, each in enumerate(shape.not_after)]
        expose = {
            key: self._exposed(key, source, len(then), (*path, "expose", key))
            for key, source in shape.expose.items()
        }
        if first is None or None in then or None in absences or None in expose.values():
            return None
        return Pattern(
            name,
            first,
            tuple(each for each in then if each),
            tuple(each for each in absences if each),
            Prefer(shape.prefer),
            {key: each for key, each in expose.items() if each},
        )

    def _exposed(self, key: str, source: str, steps: int, path: Path) -> Exposed | None:
        check_exposed(key, path, self.findings)
        match = _SOURCE.fullmatch(source)
        if not match:
            hint = "for example first.item, or then.1.page"
            message = f"{quote(source)} is no field of one of the pattern's events"
            self.findings.error(path, Code.VALUE, message, hint)
            return None
        step = int(match[2] or 0)
        if step > steps:
            message = f"there is no step {step} in `then`, which has {steps}"
            self.findings.error(path, Code.UNKNOWN, message)
            return None
        return Exposed(step, match[3]) if check_field(match[3], path, self.findings) else None


def fields_of(pattern: Pattern) -> dict[str, Attribute]:
    """The attributes that the pattern exposes, by field."""
    return {
        key: Attribute(f"pattern.{pattern.name}.{key}", type_of_field(source.field))
        for key, source in pattern.expose.items()
    }


def check_conclusion(name: str, path: Path, findings: Findings) -> None:
    """Report a name that would not say where it ends in the name of an attribute."""
    if NAME.fullmatch(name) and "." in name:
        hint = "up to 100 letters, digits, and _ - after the first"
        findings.key_error(path, Code.NAME, f"a dot in the name {quote(name)}", hint)


def check_exposed(key: str, path: Path, findings: Findings) -> None:
    """Report a field that could not be named."""
    if not _FIELD.fullmatch(key):
        hint = "a word of a-z, 0-9 and _"
        findings.key_error(path, Code.NAME, f"{quote(key)} is not the name of a field", hint)
