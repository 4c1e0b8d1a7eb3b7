"""Quiet hours of two rules that together leave the night open around midnight."""

from collections.abc import Iterable, Iterator
from itertools import product

from engine.conditions.model import ALWAYS
from engine.rulebook.model.book import Book, Kind
from engine.rulebook.model.policies import WEEKDAYS, Quiet
from engine.rulebook.report.diagnostics import Code, Severity, Suggestion, quote
from engine.rulebook.report.findings import Findings

_DAY = 24 * 60
_WEEK = 7 * _DAY
_SHORT = 15
"""Minutes at most that a hole at midnight is taken for a mistake."""


def check_nights(book: Book, findings: Findings) -> None:
    """Warn of evenings and mornings that are meant as one night and do not meet."""
    rules = [quiet for quiet in book.pressure.quiet.values() if quiet.hours and _is_weekly(quiet)]
    evenings = [quiet for quiet in rules if _until(quiet) >= _DAY - _SHORT and _until(quiet) <= _DAY]
    mornings = [quiet for quiet in rules if _from(quiet) <= _SHORT and _until(quiet) < _DAY - _SHORT]
    for evening, morning in product(evenings, mornings):
        of_same = evening.when == morning.when or ALWAYS in (evening.when, morning.when)
        if of_same and evening.clock is morning.clock and evening.except_ == morning.except_:
            _check(evening, morning, book, findings)


def _check(evening: Quiet, morning: Quiet, book: Book, findings: Findings) -> None:
    for channel in sorted(_channels(evening, book) & _channels(morning, book)):
        rules = [quiet for quiet in book.pressure.quiet.values() if channel in _channels(quiet, book)]
        if any(quiet.clock is not evening.clock for quiet in rules):
            continue  # another clock may close the hole for some customers
        covered = _minutes(quiet for quiet in rules if _is_weekly(quiet))
        hole = _hole(evening, morning, covered)
        message = hole or _half_night(evening, morning, covered)
        if message:
            since, until = _clock(_from(evening)), _clock(_until(morning))
            hint = (
                f'write one rule, `from: "{since}", until: "{until}"`: the whole night belongs to the day on '
                "which it begins"
            )
            path = ("pressure", "quiet", evening.name, "until")
            joined = _clock(_from(morning)) if hole else until
            suggestion = Suggestion(hint, _clock(_until(evening)), joined)
            findings.remark(path, Code.MIDNIGHT_HOLE, message, Severity.WARNING, suggestion)
            return


def _hole(evening: Quiet, morning: Quiet, covered: frozenset[int]) -> str:
    """The message if minutes between the two are open; empty if not."""
    for day in sorted(_days(evening)):
        if (day + 1) % 7 not in _days(morning):
            continue
        since, until = _until(evening), _DAY + _from(morning)
        if any((day * _DAY + minute) % _WEEK not in covered for minute in range(since, until)):
            return (
                f"between {_clock(since)} and {_clock(until)} it is not quiet: {quote(evening.name)} ends before "
                f"{quote(morning.name)} begins"
            )
    return ""


def _half_night(evening: Quiet, morning: Quiet, covered: frozenset[int]) -> str:
    """The message if a night that is quiet before midnight is open after it, while other nights go on; empty if not."""
    days, following = _days(evening), _days(morning)
    if not any((day + 1) % 7 in following for day in days):
        return ""
    for day in sorted(days):
        after = (day + 1) % 7
        if after not in following and after * _DAY not in covered:
            return (
                f"the night of {WEEKDAYS[day]} is quiet to midnight only: {quote(morning.name)} does not include "
                f"{WEEKDAYS[after]}, on which that night ends"
            )
    return ""


def _is_weekly(quiet: Quiet) -> bool:
    return not quiet.dates and quiet.holidays is None


def _channels(quiet: Quiet, book: Book) -> frozenset[str]:
    outbound = (name for name, channel in book.channels.items() if channel.kind is Kind.OUTBOUND)
    return quiet.select.channel or frozenset(outbound)


def _days(quiet: Quiet) -> frozenset[int]:
    return quiet.days or frozenset(range(7))


def _from(quiet: Quiet) -> int:
    """The minute of the day; 0 without hours."""
    return quiet.hours[0].hour * 60 + quiet.hours[0].minute if quiet.hours else 0


def _until(quiet: Quiet) -> int:
    """The minute, counted from the midnight before `from`: more than a day's if the hours cross midnight."""
    if not quiet.hours:
        return _DAY
    minute = quiet.hours[1].hour * 60 + quiet.hours[1].minute
    return minute if minute > _from(quiet) else minute + _DAY


def _minutes(rules: Iterable[Quiet]) -> frozenset[int]:
    """The minutes of the week at which one of the rules is quiet."""
    return frozenset(_minutes_of(rules))


def _minutes_of(rules: Iterable[Quiet]) -> Iterator[int]:
    for quiet in rules:
        for day in _days(quiet):
            for minute in range(day * _DAY + _from(quiet), day * _DAY + _until(quiet)):
                yield minute % _WEEK


def _clock(minute: int) -> str:
    return f"{minute // 60 % 24:02}:{minute % 60:02}"
