"""The steps of patterns: an event's type, its window, and tests on its fields, all in one mapping."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engine.conditions.model import ALWAYS, Condition
from engine.instant import Microseconds
from engine.rulebook.channels import span
from engine.rulebook.conditions.event_fields import EventGrammar, check_field
from engine.rulebook.model.derived import Absence, Anchor, Step
from engine.rulebook.report.diagnostics import Code, quote
from engine.rulebook.report.findings import Path

STEP_KEYS = ("event", "within", "same")
"""What is said of a step beside tests on its fields."""

_ANCHORS = {"first": Anchor.FIRST, "previous": Anchor.PREVIOUS}
_FORMS = "for example 1h of first, or 1h of previous"


@dataclass(frozen=True, slots=True)
class StepReader:
    """Reads steps; what is wrong with them goes to the findings."""

    events: EventGrammar

    def first(self, data: Mapping[str, Any], path: Path) -> Step | None:
        """The first event of a pattern, whose window ends now."""
        event, where = self._event(data, path), self._where(data, path, ("event", "within"))
        within = self._text(data, "within", path)
        if within is not None and " of " in within:
            message = "the window of the first event ends now; it is a duration"
            self.events.findings.error((*path, "within"), Code.VALUE, message, "for example 24h")
            return None
        window = None if within is None else span((*path, "within"), within, self.events.findings)
        return None if event is None or where is None else Step(event, where, window)

    def next(self, data: Mapping[str, Any], path: Path) -> Step | None:
        """A further event, whose window begins at another one."""
        event, where = self._event(data, path), self._where(data, path, ("event", "within"))
        window, anchor = self._window(data, path)
        return None if event is None or where is None else Step(event, where, window, anchor)

    def absence(self, data: Mapping[str, Any], path: Path) -> Absence | None:
        """An event that must not follow."""
        event, where = self._event(data, path), self._where(data, path, ("event", "same"))
        same = self._text(data, "same", path)
        if same is not None and not check_field(same, (*path, "same"), self.events.findings):
            return None
        return None if event is None or where is None else Absence(event, where, same or "")

    def _event(self, data: Mapping[str, Any], path: Path) -> str | None:
        if "event" not in data:
            message = "`event` is missing"
            self.events.findings.key_error(path, Code.MISSING, message, "for example event: page_view")
            return None
        return self._text(data, "event", path)

    def _where(self, data: Mapping[str, Any], path: Path, keys: tuple[str, ...]) -> Condition | None:
        """The tests on the event's fields: all entries but these keys."""
        tests = {key: value for key, value in data.items() if key not in keys}
        return self.events.parse(tests, path) if tests else ALWAYS

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
        length, of, anchor = within.partition(" of ")
        here, findings = (*path, "within"), self.events.findings
        if of and anchor.strip() not in _ANCHORS:
            findings.error(here, Code.VALUE, f"a window cannot begin at {quote(anchor)}", _FORMS)
            return None, Anchor.PREVIOUS
        return span(here, length.strip(), findings), _ANCHORS.get(anchor.strip(), Anchor.PREVIOUS)
