"""Moments in scenario files: read in the book's time zone, and shown in it."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from engine.instant import Instant, from_datetime, to_datetime
from engine.rulebook import times
from engine.rulebook.report.diagnostics import Code, quote
from engine.rulebook.report.findings import Findings, Path
from engine.rulebook.times import ZoneError

_FIRST, _LAST = (from_datetime(datetime(year, 1, 1, tzinfo=UTC)) for year in (1970, 2200))


def moment(text: str, zone: ZoneInfo, path: Path, findings: Findings) -> Instant | None:
    """The moment; None after reporting that there is none."""
    try:
        found = times.parse_moment(text, zone)
        if not _FIRST <= found < _LAST:
            raise ValueError("the year is out of range")
    except ZoneError as error:
        findings.error(path, Code.ZONE, f"{quote(text)}: {error}")
    except ValueError as error:
        findings.error(path, Code.VALUE, f"{quote(text)}: {error}", "for example 2026-03-10T10:00+08:00")
    else:
        return found
    return None


def shown(instant: Instant, zone: ZoneInfo) -> str:
    """The moment as scenario files write it."""
    local = to_datetime(instant).astimezone(zone)
    return local.isoformat(timespec="auto" if local.second or local.microsecond else "minutes")
