"""Durations as books write them: `90s`, `15m`, `24h`, `7d`, `2w`."""

import re

from engine.model.instant import DAY, SECOND, Microseconds
from engine.rulebook.report.diagnostics import Code, quote
from engine.rulebook.report.findings import Findings, Path

_SPAN = re.compile(r"([0-9]{1,9})([smhdw])")


_UNITS = {"s": SECOND, "m": 60 * SECOND, "h": 3600 * SECOND, "d": DAY, "w": 7 * DAY}


_LONGEST = 3660 * DAY


FORM = "write a whole number and a unit: 90s, 15m, 24h, 7d or 2w"


def parse(text: str) -> Microseconds:
    """The span in microseconds, above 0; raises ValueError, with a message for the author."""
    match = _SPAN.fullmatch(text)
    if not match:
        raise ValueError("not a duration")
    span = int(match[1]) * _UNITS[match[2]]
    if not span:
        raise ValueError("a duration must be longer than 0")
    if span > _LONGEST:
        raise ValueError("a duration is at most 3660d")
    return span


def shown(span: Microseconds) -> str:
    """The span as a book would write it: `7d`, `36h`, `90s`."""
    unit = next(unit for unit in ("d", "h", "m", "s") if span % _UNITS[unit] == 0)
    return f"{span // _UNITS[unit]}{unit}"


def span(path: Path, text: str, findings: Findings) -> int:
    """The span in microseconds at the path; 1 after reporting that it is none."""
    try:
        return parse(text)
    except ValueError as error:
        findings.error(path, Code.VALUE, f"{quote(text)}: {error}", FORM)
        return 1
