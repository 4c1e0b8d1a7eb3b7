"""Shares as books write them: `5%`, `0.25%`; and stretches: `0-50%`, `12.5-25%`."""

import re

FORM = "write a percentage, for example 5% or 0.25%"


STRETCH_FORM = "write two percentages, for example 0-50%"


_NUMBER = r"[0-9]{1,3}(?:\.[0-9]{1,6})?"


_SHARE = re.compile(rf"({_NUMBER}) ?%")


_STRETCH = re.compile(rf"({_NUMBER}) ?%? ?- ?({_NUMBER}) ?%")


def parse(text: str) -> float:
    """The share; raises ValueError, with a message for the author."""
    match = _SHARE.fullmatch(text)
    if not match:
        raise ValueError("not a percentage")
    share = float(match[1]) / 100
    if not 0 < share < 1:
        raise ValueError("a share lies between 0% and 100%, without the two")
    return share


def parse_stretch(text: str) -> tuple[float, float]:
    """Where the stretch begins and where it ends; raises ValueError, with a message for the author."""
    match = _STRETCH.fullmatch(text)
    if not match:
        raise ValueError("not a stretch")
    low, high = float(match[1]) / 100, float(match[2]) / 100
    if high > 1:
        raise ValueError("a layer ends at 100%")
    if low >= high:
        raise ValueError("a stretch ends above where it begins")
    return low, high
