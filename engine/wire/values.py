"""Fields of messages as plain Python values: texts, numbers, times, lists of them, and names."""

import math
import re
from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

from engine.api.v1 import decisions_pb2 as pb
from engine.api.v1.values_pb2 import Value as ValueMessage
from engine.model.values import Value
from engine.rulebook.text import datetimes
from engine.wire.limits import (
    LARGEST_NUMBER,
    LONGEST_NAME,
    LONGEST_TEXT,
    MOST_ALIASES,
    MOST_LIST_ENTRIES,
    MOST_NAMES,
)
from engine.wire.violations import FieldViolations


def plain(message: ValueMessage) -> Value:
    """The value of an undeclared attribute; raises ValueError for a value that no attribute may have."""
    kind = message.WhichOneof("kind")
    if kind is None:
        raise ValueError(
            "has no value: set one of text, integer, number, boolean, time, date, texts, integers, numbers"
        )
    return READERS[kind](getattr(message, kind))


SURELY_SHORT = LONGEST_TEXT // 4
"""Characters; UTF-8 takes at most four bytes for each."""


_SURROGATE = re.compile("[\ud800-\udfff]")


def sound(value: str) -> str:
    """The text; raises ValueError if it has characters that no database keeps. Every text of the contract is checked by it."""
    if "\0" in value:
        raise ValueError("must not contain a NUL character")
    if not value.isascii() and _SURROGATE.search(value):
        raise ValueError("must not contain half of a surrogate pair")
    return value


def text(value: str) -> str:
    """The text; raises ValueError if it is too long, or not sound."""
    if len(value) > SURELY_SHORT and len(value.encode(errors="surrogatepass")) > LONGEST_TEXT:
        raise ValueError(f"must have at most {LONGEST_TEXT} bytes")
    return sound(value)


def number(value: float, largest: float = LARGEST_NUMBER) -> float:
    """The number; raises ValueError if it is not finite, or beyond `largest` in either direction."""
    if not -largest <= value <= largest:
        if not math.isfinite(value):
            raise ValueError(f"must be finite, not {value}")
        raise ValueError(f"must be between {-largest:g} and {largest:g}, not {value:g}")
    return value


LATEST_SECOND = 253_402_300_799
"""The last one of the year 9999, since 1970."""


def moment(value: Any) -> int:
    """The time of a Timestamp in microseconds; raises ValueError."""
    if not 0 <= value.nanos < 1_000_000_000 or not -62_135_596_800 <= value.seconds <= LATEST_SECOND:
        raise ValueError("must be a moment between the years 1 and 9999")
    return int(value.seconds * 1_000_000 + value.nanos // 1000)


def _date(value: str) -> date:
    try:
        return datetimes.parse_date(value)
    except ValueError:
        pass  # the error below says it better
    raise ValueError(f"must be a day as YYYY-MM-DD, not {value!r:.60}")


def _listed(read: Callable[[Any], Any]) -> Callable[[Any], Value]:
    def read_all(message: Any) -> Value:
        if len(message.values) > MOST_LIST_ENTRIES:
            raise ValueError(f"must have at most {MOST_LIST_ENTRIES} entries")
        return tuple(map(read, message.values))

    return read_all


READERS: dict[str, Callable[[Any], Value]] = {
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
"""By kind of a value, what reads it; each raises ValueError that says what is wrong with it."""


def name_of(value: str, path: str, violations: FieldViolations, *, required: bool = False) -> str:
    """The name; reports what is wrong with it."""
    if value and len(value) <= LONGEST_NAME and value.isascii() and "\0" not in value:
        return value
    if required and not value:
        violations.add(path, "is required")
    elif len(value) > LONGEST_NAME:
        violations.add(path, f"must have at most {LONGEST_NAME} characters, not {len(value)}")
    else:
        try:
            sound(value)
        except ValueError as error:
            violations.add(path, str(error))
    return value


def names_of(values: Sequence[str], path: str, violations: FieldViolations) -> tuple[str, ...]:
    """The names; reports what is wrong with them."""
    if not values:
        return ()
    names = tuple(values)
    joined = "".join(names)
    is_short = len(joined) <= LONGEST_NAME and len(names) <= MOST_NAMES
    if is_short and all(names) and joined.isascii() and "\0" not in joined:
        return names
    if len(names) > MOST_NAMES:
        violations.add(path, f"must be at most {MOST_NAMES}, not {len(names)}")
        return ()
    for name in names:
        name_of(name, path, violations, required=True)
    return names


def aliases_of(customer: pb.Customer, path: str, violations: FieldViolations) -> tuple[str, ...]:
    """The customer's aliases without duplicates; reports what is wrong with them."""
    if not customer.aliases:
        return ()
    if len(customer.aliases) > MOST_ALIASES:
        violations.add(f"{path}.aliases", f"must be at most {MOST_ALIASES}, not {len(customer.aliases)}")
        return ()
    for index, name in enumerate(customer.aliases):
        name_of(name, f"{path}.aliases[{index}]", violations, required=True)
    return tuple(name for name in dict.fromkeys(customer.aliases) if name != customer.id)
