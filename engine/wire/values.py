"""Attribute values: from the contract's Value to plain Python, checked against what the book declares."""

import math
from collections.abc import Callable
from datetime import date
from typing import Any

from engine.api.v1.values_pb2 import Value as ValueMessage
from engine.model.values import Value
from engine.rulebook.model.book import Attribute, AttributeType
from engine.wire.limits import LONGEST_TEXT, MOST_LIST_ENTRIES

Take = Callable[[Any], Value]


ReadValue = Callable[[ValueMessage], Value]


def reader(declared: Attribute) -> ReadValue:
    """What reads the values of a declared attribute; it raises ValueError that says what is wrong with one."""
    fitting, kind_of = _FITTING[declared.type], ValueMessage.WhichOneof
    bounded = not (declared.minimum is None and declared.maximum is None and declared.one_of is None)
    check = checker(declared)

    def read(message: ValueMessage) -> Value:
        kind = kind_of(message, "kind")
        if kind not in fitting:
            plain(message)
            raise ValueError(f"must be of type {declared.type}, not {kind}")
        value = _TAKE[kind](getattr(message, kind))
        if bounded:
            for one in value if isinstance(value, tuple) else (value,):
                check(one)
        return value

    return read


def plain(message: ValueMessage) -> Value:
    """The value of an attribute that nobody declared; raises ValueError for what no value may be."""
    kind = message.WhichOneof("kind")
    if kind is None:
        raise ValueError(
            "has no value: set one of text, integer, number, boolean, time, date, texts, integers, numbers"
        )
    return _TAKE[kind](getattr(message, kind))


def checker(declared: Attribute) -> Callable[[Any], None]:
    """What checks a value of the declared type against bounds and `one_of`; it raises ValueError."""
    low = -math.inf if declared.minimum is None else declared.minimum
    high = math.inf if declared.maximum is None else declared.maximum
    one_of = declared.one_of

    def check(value: Any) -> None:
        if one_of is not None:
            if value not in one_of:
                raise ValueError(f"must be one of {', '.join(sorted(map(str, one_of)))}, not {value!r:.60}")
        elif value < low:
            raise ValueError(f"must be at least {low:g}, not {value}")
        elif value > high:
            raise ValueError(f"must be at most {high:g}, not {value}")

    return check


_SURELY_SHORT = LONGEST_TEXT // 4
"""Characters; UTF-8 takes at most four bytes for each."""


def text(value: str) -> str:
    """The text, if it is not too long."""
    if len(value) > _SURELY_SHORT and len(value.encode()) > LONGEST_TEXT:
        raise ValueError(f"must have at most {LONGEST_TEXT} bytes")
    return value


def number(value: float) -> float:
    """The number, if it is finite."""
    if not math.isfinite(value):
        raise ValueError(f"must be finite, not {value}")
    return value


def moment(value: Any) -> int:
    """The moment of a Timestamp, in microseconds; raises ValueError."""
    if not 0 <= value.nanos < 1_000_000_000 or not -62_135_596_800 <= value.seconds <= 253_402_300_799:
        raise ValueError("must be a moment between the years 1 and 9999")
    return int(value.seconds * 1_000_000 + value.nanos // 1000)


def _date(value: str) -> date:
    try:
        if len(value) == 10:
            return date.fromisoformat(value)
    except ValueError:
        pass  # the error below says it better
    raise ValueError(f"must be a day as YYYY-MM-DD, not {value!r:.60}")


def _listed(take: Callable[[Any], Any]) -> Take:
    def take_all(message: Any) -> Value:
        if len(message.values) > MOST_LIST_ENTRIES:
            raise ValueError(f"must have at most {MOST_LIST_ENTRIES} entries")
        return tuple(map(take, message.values))

    return take_all


_TAKE: dict[str, Take] = {
    "text": text,
    "integer": int,
    "number": number,
    "boolean": bool,
    "time": moment,
    "date": _date,
    "texts": _listed(text),
    "integers": _listed(int),
    "numbers": _listed(number),
}


_FITTING: dict[AttributeType, tuple[str, ...]] = {
    AttributeType.INTEGER: ("integer",),
    AttributeType.NUMBER: ("number", "integer"),
    AttributeType.TEXT: ("text",),
    AttributeType.BOOLEAN: ("boolean",),
    AttributeType.DATE: ("date",),
    AttributeType.TIME: ("time",),
    AttributeType.TEXTS: ("texts",),
    AttributeType.INTEGERS: ("integers",),
    AttributeType.NUMBERS: ("numbers", "integers"),
}
