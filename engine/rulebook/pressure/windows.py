"""Limits and windows of caps: how many contacts, in which time, on whose clock."""

from collections.abc import Mapping
from dataclasses import dataclass

from engine.rulebook import spans
from engine.rulebook.attributes import Lexicon
from engine.rulebook.channels import span
from engine.rulebook.model.book import AttributeType
from engine.rulebook.model.clock import Clock
from engine.rulebook.model.policies import Calendar, Period, Quota, Rolling, Window
from engine.rulebook.report.diagnostics import Code, Severity, quote
from engine.rulebook.report.findings import Findings, Path
from engine.rulebook.shapes.faults import shaped
from engine.rulebook.shapes.pressure import CapacityShape, WishShape
from engine.rulebook.text.nodes import Plain

_PERIODS = tuple(map(str, Period))
_PERIODS_HINT = "one of: calendar day, calendar week, calendar month"


@dataclass(frozen=True, slots=True)
class WindowReader:
    """Reads limits and windows of one book."""

    lexicon: Lexicon
    findings: Findings
    week_starts: int
    """Weekday, Monday is 0."""

    def check_above_zero(self, value: Plain, path: Path) -> None:
        """Report a limit of 0, better than its shape could."""
        below = value.get("limit") if isinstance(value, dict) else None
        number, where = below, (*path, "limit")
        if isinstance(below, Mapping):
            number, where = below.get("default"), (*where, "default")
        if type(number) is int and number == 0:
            hint = "to send nothing on a channel, leave the channel out of the campaigns"
            self.findings.error(where, Code.VALUE, "a cap of 0 would let nothing through", hint)
            self.findings.spoil(where)

    def limit(self, form: int | WishShape, path: Path) -> tuple[int, str | None]:
        """The limit at the path, and the attribute that may lower it."""
        if isinstance(form, int):
            return form, None
        where = (*path, "attribute")
        attribute = self.lexicon.use(form.attribute, where, self.findings)
        if attribute and attribute.type not in (AttributeType.INTEGER, AttributeType.NUMBER):
            message = f"a number is needed; {quote(form.attribute)} is of type {attribute.type}"
            self.findings.error(where, Code.TYPE, message)
        return form.default, form.attribute

    def window(self, text: str, clock: str | None, path: Path) -> Window:
        """The window of the policy at the path, from its `per` and its `clock`."""
        word, _, rest = map(str.strip, text.partition(" "))
        here = (*path, "per")
        if word == "calendar":
            return self._calendar(rest, Clock(clock or Clock.CUSTOMER), here)
        if clock is not None and word == "rolling":
            message = "`clock` does nothing here: a rolling window is as long on every clock"
            self.findings.remark((*path, "clock"), Code.NO_EFFECT, message, Severity.WARNING)
        if word != "rolling":
            hint = "for example: rolling 7d, or calendar week"
            self.findings.error(here, Code.VALUE, f"{quote(text)} is not a window", hint)
            return Rolling(1)
        if rest in _PERIODS:
            hint = f"write `calendar {rest}`, or a duration: rolling 7d"
            self.findings.error(here, Code.VALUE, f"{quote(rest)} is a period of the calendar", hint)
            return Rolling(1)
        return Rolling(span(here, rest, self.findings))

    def capacity(self, channel: str, value: Plain, path: Path) -> Quota | None:
        """The channel's capacity, at the path; None after reporting that it is none."""
        self.check_above_zero(value, path)
        shape = shaped(CapacityShape, value, path, self.findings)
        if shape is None:
            return None
        if shape.per.strip().partition(" ")[0] == "rolling":
            message = "a capacity is counted in a period of the calendar, not in a rolling window"
            self.findings.error((*path, "per"), Code.VALUE, message, _PERIODS_HINT)
            return None
        window = self.window(shape.per, Clock.BOOK, path)
        return Quota(f"{channel}/capacity", shape.limit, window) if isinstance(window, Calendar) else None

    def _calendar(self, rest: str, clock: Clock, path: Path) -> Window:
        if rest in _PERIODS:
            return Calendar(Period(rest), clock, self.week_starts)
        message = f"{quote(rest)} is not a period of the calendar" if rest else "the period is missing"
        hint = self.findings.suggest(rest, _PERIODS) or _PERIODS_HINT
        if _is_span(rest):
            hint = f"write `rolling {rest}`, or one of: calendar day, calendar week, calendar month"
        self.findings.error(path, Code.VALUE, message, hint)
        return Calendar(Period.DAY, clock, self.week_starts)


def _is_span(text: str) -> bool:
    try:
        spans.parse(text)
    except ValueError:
        return False
    return True
