"""When a campaign or an offer runs."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, time
from typing import TypeAlias, TypeVar
from zoneinfo import ZoneInfo

from engine.model.instant import Instant
from engine.rulebook.model.book import Active
from engine.rulebook.model.policies import WEEKDAYS, Clock
from engine.rulebook.report.diagnostics import Code, quote
from engine.rulebook.report.findings import Findings, Path
from engine.rulebook.shapes.sections import ActiveShape
from engine.rulebook.text import datetimes

T = TypeVar("T")


Bound: TypeAlias = Instant | datetime
"""A moment, or what the customer's clock shows."""


@dataclass(frozen=True, slots=True)
class ActiveReader:
    """Reads periods; on the book's clock their bounds are moments."""

    zone: ZoneInfo
    findings: Findings

    def read(self, shape: ActiveShape | None, path: Path) -> Active:
        """The period at the path, always without a shape; what is wrong with it goes to the findings."""
        if shape is None:
            return Active()
        hours = self._parsed(shape.hours, (*path, "hours"), datetimes.parse_hours)
        days = None if shape.days is None else frozenset(map(WEEKDAYS.index, shape.days))
        if Clock(shape.clock) is Clock.CUSTOMER:
            return self._of_customer(shape, path, days, hours)
        start = self._parsed(
            shape.from_, (*path, "from"), lambda text: datetimes.parse_bound(text, self.zone, end=False)
        )
        end = self._parsed(
            shape.until, (*path, "until"), lambda text: datetimes.parse_bound(text, self.zone, end=True)
        )
        self._check_order(start, end, path)
        return Active(start, end, days, hours)

    def _of_customer(
        self, shape: ActiveShape, path: Path, days: frozenset[int] | None, hours: tuple[time, time] | None
    ) -> Active:
        """The period on the customer's clock; a bound with an offset is the same moment for everybody."""
        start = self._parsed(
            shape.from_, (*path, "from"), lambda text: datetimes.parse_local_bound(text, end=False)
        )
        end = self._parsed(
            shape.until, (*path, "until"), lambda text: datetimes.parse_local_bound(text, end=True)
        )
        self._check_order(start, end, path)
        return Active(
            start=start if isinstance(start, int) else None,
            end=end if isinstance(end, int) else None,
            days=days,
            hours=hours,
            clock=Clock.CUSTOMER,
            local_start=start if isinstance(start, datetime) else None,
            local_end=end if isinstance(end, datetime) else None,
        )

    def _check_order(self, start: Bound | None, end: Bound | None, path: Path) -> None:
        """Report an end that is not after the start; a moment and a local time cannot be compared."""
        moments = isinstance(start, int) and isinstance(end, int) and end <= start
        locals_ = isinstance(start, datetime) and isinstance(end, datetime) and end <= start
        if moments or locals_:
            self.findings.error((*path, "until"), Code.VALUE, "`until` is not after `from`")

    def _parsed(self, text: str | None, path: Path, parse: Callable[[str], T]) -> T | None:
        if text is None:
            return None
        try:
            return parse(text)
        except datetimes.ZoneError as error:
            self.findings.error(path, Code.ZONE, str(error), "add the offset, for example +08:00")
        except ValueError as error:
            self.findings.error(path, Code.VALUE, f"{quote(text)}: {error}")
        return None
