"""Durations as books write them: `90s`, `15m`, `24h`, `7d`, `2w`."""

import re

from engine.model.instant import DAY, SECOND, Microseconds
from engine.rulebook.report.findings import Findings, ParseError, Path

_DURATION = re.compile(r"([0-9]{1,9})([smhdw])")
_UNITS = {"s": SECOND, "m": 60 * SECOND, "h": 3600 * SECOND, "d": DAY, "w": 7 * DAY}
_LONGEST = 3660 * DAY
_FORM = "write a whole number and a unit: 90s, 15m, 24h, 7d or 2w"


def parse(text: str) -> Microseconds:
    """The duration in microseconds, above 0; raises ParseError."""
    match = _DURATION.fullmatch(text)
    if not match:
        raise ParseError("not a duration", _FORM)
    span = int(match[1]) * _UNITS[match[2]]
    if not span:
        raise ParseError("a duration must be longer than 0", _FORM)
    if span > _LONGEST:
        raise ParseError("a duration is at most 3660d", _FORM)
    return span


def span(path: Path, text: str, findings: Findings) -> Microseconds:
    """The duration at the path; 1 after reporting that it is none."""
    return findings.parse(path, text, parse) or 1
