"""Shares as books write them: `5%`, `0.25%`; and stretches: `0-50%`, `12.5-25%`."""

import re

from engine.rulebook.report.findings import Findings, ParseError, Path

_FORM = "write a percentage, for example 5% or 0.25%"
_STRETCH_FORM = "write two percentages, for example 0-50%"
_NUMBER = r"[0-9]{1,3}(?:\.[0-9]{1,6})?"
_SHARE = re.compile(rf"({_NUMBER}) ?%")
_STRETCH = re.compile(rf"({_NUMBER}) ?%? ?- ?({_NUMBER}) ?%")


def parse(text: str) -> float:
    """The share, above 0 and below 1; raises ParseError."""
    match = _SHARE.fullmatch(text)
    if not match:
        raise ParseError("not a percentage", _FORM)
    share = float(match[1]) / 100
    if not 0 < share < 1:
        raise ParseError("a share lies between 0% and 100%, without the two", _FORM)
    return share


def share(path: Path, text: str, findings: Findings) -> float:
    """The share at the path; a half after reporting that it is none."""
    return findings.parse(path, text, parse) or 0.5


def parse_stretch(text: str) -> tuple[float, float]:
    """Where the stretch begins and where it ends, from 0 to 1; raises ParseError."""
    match = _STRETCH.fullmatch(text)
    if not match:
        raise ParseError("not a stretch", _STRETCH_FORM)
    low, high = float(match[1]) / 100, float(match[2]) / 100
    if high > 1:
        raise ParseError("a layer ends at 100%", _STRETCH_FORM)
    if low >= high:
        raise ParseError("a stretch ends above where it begins", _STRETCH_FORM)
    return low, high
