"""Values as texts for people: numbers with their digits, times on a clock, spans as books write them."""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import UTC, date, datetime, tzinfo
from decimal import Decimal

from engine.model.instant import DAY, SECOND, Instant, Microseconds, to_datetime
from engine.model.values import Value

_UNITS = (("d", DAY), ("h", 3600 * SECOND), ("m", 60 * SECOND), ("s", SECOND))


def span_text(span: Microseconds) -> str:
    """The span as a book writes it: `7d`, `36h`, `90s`; parts of a second as a fraction."""
    unit, size = next(((unit, size) for unit, size in _UNITS if span % size == 0), ("s", 0))
    return f"{span // size}{unit}" if size else f"{span / SECOND}s"


def time_text(instant: Instant, zone: tzinfo) -> str:
    """The instant on the zone's clock in RFC 3339; in UTC where the zone's clock would leave the years 1 to 9999."""
    try:
        moment = to_datetime(instant)
    except OverflowError:
        return str(instant)
    try:
        return moment.astimezone(zone).isoformat()
    except OverflowError:
        return moment.isoformat()


def number_text(number: float, digits: int = 12) -> str:
    """The number: whole numbers with all of their digits, others rounded to so many; all that are certain of large ones."""
    if isinstance(number, int):
        return str(number)
    if number.is_integer() and abs(number) < 1e15:
        return str(int(number))
    text = f"{number:.{digits if abs(number) < 10 ** (digits - 1) else 15}g}"
    return f"{Decimal(text):f}" if 1e-9 <= abs(number) < 1e15 else text


def written_number(number: float) -> str:
    """The number as a person writes it: `31`, `30.3`, `0.00001`; without an exponent, and without what only rounding leaves.

    Twelve digits are kept; of numbers from 1e11 on, whose whole part is longer, fifteen, and from 1e14 on all.
    """
    if isinstance(number, int) or number.is_integer():
        return str(int(number))
    size = abs(number)
    rounded = f"{number:.{12 if size < 1e11 else 15}g}" if size < 1e14 else repr(number)
    text = f"{Decimal(rounded):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def as_text(value: Value) -> str:
    """A value as content shows it: numbers as people write them, booleans in lower case, dates in ISO 8601."""
    match value:
        case bool():
            return "true" if value else "false"
        case datetime():
            return value.astimezone(UTC).isoformat()
        case date():
            return value.isoformat()
        case float():
            return written_number(value)
        case tuple():
            return ", ".join(map(as_text, value))
        case _:
            return str(value)


def value_text(value: Value) -> str:
    """The value of any type but time: booleans in lower case, dates in ISO 8601, the entries of a list with commas."""
    match value:
        case bool():
            return "true" if value else "false"
        case int() | float():
            return number_text(value)
        case date():
            return value.isoformat()
        case tuple():
            return ", ".join(map(value_text, value))
        case _:
            return str(value)


@dataclass(frozen=True, slots=True)
class TimeAttributes:
    """The attributes of type time, whose values are instants, and the clock on which they are shown."""

    names: AbstractSet[str] = frozenset()
    zone: tzinfo = UTC

    def shown(self, name: str, value: Value) -> Value:
        """The attribute's value; a time as its text in RFC 3339, any other as it is."""
        if name in self.names and isinstance(value, int) and not isinstance(value, bool):
            return time_text(value, self.zone)
        return value
