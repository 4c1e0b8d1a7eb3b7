"""When a campaign runs."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar
from zoneinfo import ZoneInfo

from engine.rulebook import times
from engine.rulebook.diagnostics import Code, quote
from engine.rulebook.findings import Findings, Path
from engine.rulebook.model import Active
from engine.rulebook.shapes import ActiveShape

T = TypeVar("T")

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@dataclass(frozen=True, slots=True)
class ActiveReader:
    """Reads periods in the book's time zone."""

    zone: ZoneInfo
    findings: Findings

    def read(self, shape: ActiveShape, path: Path) -> Active:
        """The period at the path; what is wrong with it goes to the findings."""
        start = self._parsed(
            shape.from_, (*path, "from"), lambda text: times.parse_bound(text, self.zone, end=False)
        )
        end = self._parsed(
            shape.until, (*path, "until"), lambda text: times.parse_bound(text, self.zone, end=True)
        )
        if start is not None and end is not None and end <= start:
            self.findings.error((*path, "until"), Code.VALUE, "`until` is not after `from`")
        hours = self._parsed(shape.hours, (*path, "hours"), times.parse_hours)
        days = None if shape.days is None else frozenset(map(_DAYS.index, shape.days))
        return Active(start, end, days, hours)

    def _parsed(self, text: str | None, path: Path, parse: Callable[[str], T]) -> T | None:
        if text is None:
            return None
        try:
            return parse(text)
        except times.ZoneError as error:
            self.findings.error(path, Code.ZONE, str(error), "add the offset, for example +08:00")
        except ValueError as error:
            self.findings.error(path, Code.VALUE, f"{quote(text)}: {error}")
        return None
