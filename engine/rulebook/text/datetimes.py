"""Dates and times as books write them, in the book's time zone where they carry none."""

import re
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from engine.model.instant import Instant, from_datetime, to_datetime
from engine.rulebook.report.diagnostics import Code
from engine.rulebook.report.findings import ParseError
from engine.rulebook.text import hints

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MOMENT = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[T ]([0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)?)(Z|[-+][0-9]{2}:[0-9]{2})?"
)
_CLOCK = re.compile(r"[0-9]{2}:[0-9]{2}")
_HOURS = re.compile(r"([0-9]{2}:[0-9]{2}) ?- ?([0-9]{2}:[0-9]{2})")


class ZoneError(ParseError):
    """A local time that a change of clocks skips or repeats."""

    code = Code.ZONE

    def message(self, text: str) -> str:  # noqa: ARG002 - the message is complete without the text
        """The message of the diagnostic."""
        return str(self)


@cache
def zones() -> frozenset[str]:
    """The names of all time zones."""
    return frozenset(available_timezones())


def parse_date(text: str) -> date:
    """A date such as 2026-03-01; raises ParseError."""
    if not _DATE.fullmatch(text):
        raise ParseError("not a date such as 2026-03-01", hints.day(text))
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ParseError("there is no such day") from None


def parse_moment(text: str, zone: ZoneInfo) -> Instant:
    """A time such as 2026-03-01T10:00 or 2026-03-01T10:00+08:00; raises ParseError (ZoneError in a change of clocks)."""
    match = _MOMENT.fullmatch(text)
    if not match:
        day = hints.day(text)
        raise ParseError("not a time such as 2026-03-01T10:00+08:00", f"{day}T00:00" if day else "")
    date_, clock, offset = match.groups(default="")
    seconds, _, fraction = clock.partition(".")
    normal = f"{date_}T{seconds}.{fraction:0<6}" if fraction else f"{date_}T{seconds}"
    try:
        moment = datetime.fromisoformat(normal + offset.replace("Z", "+00:00"))
    except ValueError:
        raise ParseError("there is no such time") from None
    return _instant(moment if offset else _located(moment, zone))


def start_of(day: date, zone: ZoneInfo) -> Instant:
    """The first instant of the day in the zone; raises ParseError beyond the calendar."""
    # If midnight is skipped, fold 0 gives the instant of the skip, the first of the day; if it repeats, the first one.
    return _instant(datetime.combine(day, time(), zone))


def end_of(day: date, zone: ZoneInfo) -> Instant:
    """The first instant after the day in the zone; raises ParseError beyond the calendar."""
    try:
        return start_of(day + timedelta(days=1), zone)
    except OverflowError:
        raise ParseError("the year is out of range") from None


def parse_bound(text: str, zone: ZoneInfo, *, end: bool) -> Instant:
    """A date or a time as a bound of a period; a date as its end means the end of that day. Raises ParseError."""
    if not _DATE.fullmatch(text) and not hints.day(text):
        return parse_moment(text, zone)
    day = parse_date(text)
    return end_of(day, zone) if end else start_of(day, zone)


def parse_local_bound(text: str, *, end: bool) -> datetime | Instant:
    """As `parse_bound` for an unknown zone: the local time without zone, or an instant if the text has an offset."""
    if _DATE.fullmatch(text) or hints.day(text):
        day = parse_date(text)
        try:
            return datetime.combine(day + timedelta(days=1) if end else day, time())
        except OverflowError:
            raise ParseError("the year is out of range") from None
    match = _MOMENT.fullmatch(text)
    moment = parse_moment(text, ZoneInfo("UTC"))
    return moment if match and match[3] else to_datetime(moment).replace(tzinfo=None)


def parse_hours(text: str) -> tuple[time, time]:
    """Hours such as 08:00-20:00, from and until (24:00 is midnight); raises ParseError."""
    match = _HOURS.fullmatch(text)
    if not match:
        raise ParseError("not hours such as 08:00-20:00", hints.hours(text))
    try:
        first = time.fromisoformat(match[1])
        last = time() if match[2] == "24:00" else time.fromisoformat(match[2])
    except ValueError:
        raise ParseError("there is no such hour") from None
    if first == last:
        raise ParseError("hours that end where they begin; to mean the whole day, leave `hours` out")
    return first, last


def parse_clock(text: str, *, end: bool = False) -> time:
    """An hour such as 21:00; 24:00 is midnight as an end; raises ParseError."""
    if not _CLOCK.fullmatch(text):
        raise ParseError("not an hour such as 21:00", hints.hours(text))
    if end and text == "24:00":
        return time()
    try:
        return time.fromisoformat(text)
    except ValueError:
        raise ParseError("there is no such hour") from None


def _located(moment: datetime, zone: ZoneInfo) -> datetime:
    early, late = moment.replace(tzinfo=zone), moment.replace(tzinfo=zone, fold=1)
    try:
        if early.utcoffset() == late.utcoffset():
            return early
        exists = early.astimezone(UTC).astimezone(zone).replace(tzinfo=None) == moment
    except OverflowError:
        raise ParseError("the year is out of range") from None
    reason = "comes twice" if exists else "does not exist"
    raise ZoneError(
        f"a time without zone where one is needed: it {reason} in {zone.key}, where clocks change then",
        "add the offset, for example +08:00",
    )


def _instant(moment: datetime) -> Instant:
    try:
        return from_datetime(moment.astimezone(UTC))
    except OverflowError:
        raise ParseError("the year is out of range") from None
