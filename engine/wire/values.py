"""Fields of messages as plain Python values: attributes, checked against what the book declares, texts, times and names."""

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any, TypeAlias
from unicodedata import normalize
from zoneinfo import available_timezones

from engine.api.v1 import decisions_pb2 as pb
from engine.api.v1.values_pb2 import Value as ValueMessage
from engine.conditions.typed_texts import ADDRESS_HINT, VERSION_HINT, address_of, version_of
from engine.model.texts import number_text
from engine.model.values import Value
from engine.rulebook.model.book import Attribute, AttributeType
from engine.rulebook.report.findings import ParseError
from engine.rulebook.text import datetimes, regions
from engine.wire.limits import (
    LARGEST_NUMBER,
    LONGEST_NAME,
    LONGEST_TEXT,
    MOST_ALIASES,
    MOST_LIST_ENTRIES,
    MOST_NAMES,
)
from engine.wire.violations import FieldViolations

ReadValue: TypeAlias = Callable[[ValueMessage], Value]
"""Reads an attribute's value; raises ValueError that says what is wrong with it."""


ReadField: TypeAlias = Callable[[Any], Value]
"""Reads the plain value of a field, as it is compared; raises ValueError that says what is wrong with it."""


Check: TypeAlias = Callable[[Any], object]
"""Checks a plain value; raises ValueError that says what is wrong with it."""


_EXACT = 2**53
_WHOLE = ("integer", "integers")
_LISTS = ("texts", "integers", "numbers")
_ZONES = frozenset(available_timezones())


def attributes_of(
    messages: Mapping[str, ValueMessage],
    readers: Mapping[str, ReadValue],
    path: str,
    most: int,
    violations: FieldViolations,
) -> dict[str, Value]:
    """The values by name in NFC; without a reader they are read as `plain`. Reports what is wrong, under `path`."""
    values: dict[str, Value] = {}
    if len(messages) > most:
        violations.add(path, f"must be at most {most}, not {len(messages)}")
        return values
    for sent in messages:
        name = sent if sent.isascii() else normalize("NFC", sent)
        try:
            if name in values:
                raise ValueError("is sent twice, in two forms of Unicode")
            values[sound(name)] = readers.get(name, plain)(messages[sent])
        except ValueError as error:
            violations.add(f"{path}[{name:.{LONGEST_NAME}}]".replace("\0", "\\0"), str(error))
    return values


def reader(declared: Attribute) -> ReadValue:
    """Reads the values of a declared attribute, and checks their type and bounds."""
    fitting, kind_of = _FITTING[declared.type], ValueMessage.WhichOneof
    bounded = not (declared.minimum is None and declared.maximum is None and declared.one_of is None)
    normal = _NORMAL.get(declared.name) or _TYPED_TEXTS.get(declared.type)
    check, whole = checker(declared), declared.type in (AttributeType.INTEGER, AttributeType.INTEGERS)

    def read(message: ValueMessage) -> Value:
        kind = kind_of(message, "kind")
        if kind not in fitting:
            if plain(message) == () and fitting[0] in _LISTS:
                return ()  # an empty list is one of any type
            as_text = ": send it as text" if declared.type in _TYPED_TEXTS else ""
            raise ValueError(f"must be of type {declared.type}, not {kind}{as_text}")
        value = _READERS[kind](getattr(message, kind))
        if whole and kind not in _WHOLE:
            value = tuple(map(_whole, value)) if isinstance(value, tuple) else _whole(value)
        if normal is not None:
            if isinstance(value, str):
                return normal(value)
            if isinstance(value, tuple) and declared.type is AttributeType.TEXTS:
                return tuple(normal(str(element)) for element in value)
        if bounded:
            for element in value if isinstance(value, tuple) else (value,):
                check(element)
        return value

    return read


def plain(message: ValueMessage) -> Value:
    """The value of an undeclared attribute; raises ValueError for a value that no attribute may have."""
    kind = message.WhichOneof("kind")
    if kind is None:
        raise ValueError(
            "has no value: set one of text, integer, number, boolean, time, date, texts, integers, numbers"
        )
    return _READERS[kind](getattr(message, kind))


def checker(declared: Attribute) -> Check:
    """Checks values of the declared type against its bounds and `one_of`."""
    low = -math.inf if declared.minimum is None else declared.minimum
    high = math.inf if declared.maximum is None else declared.maximum
    one_of = declared.one_of

    def check(value: Any) -> None:
        if one_of is not None:
            if value not in one_of:
                raise ValueError(f"must be one of {', '.join(sorted(map(str, one_of)))}, not {value!r:.60}")
        elif value < low:
            raise ValueError(f"must be at least {number_text(low, 6)}, not {value}")
        elif value > high:
            raise ValueError(f"must be at most {number_text(high, 6)}, not {value}")

    return check


def field_reader(declared: Attribute) -> ReadField:
    """Reads the values of an attribute that has a typed field of its own in the contract."""
    if declared.name.endswith(".time_zone"):
        return _zone
    if declared.type is AttributeType.BOOLEAN:
        return bool
    normal, within = _NORMAL.get(declared.name), checker(declared)
    if declared.type is AttributeType.TEXT and declared.one_of is None:
        return normal or text

    def read(value: Any) -> Value:
        within(number(value) if declared.type is AttributeType.NUMBER else value)
        plain_value: Value = value
        return plain_value

    return read


def _zone(value: str) -> str:
    if value not in _ZONES:
        raise ValueError(f"must be an IANA time zone, not {value!r:.60}")
    return value


def _country(value: str) -> str:
    return _normal(value, "a country code of ISO 3166-1", regions.country_of)


def _language(value: str) -> str:
    return _normal(value, "a language tag of BCP 47", regions.language_of)


def _normal(value: str, expected: str, normal: Callable[[str], str]) -> str:
    """The text as it is compared; raises ValueError with the one that was meant."""
    try:
        return normal(value)
    except ParseError as error:
        raise ValueError(f"must be {expected}, not {value!r:.60}: {error.hint}") from None


_NORMAL: Mapping[str, Callable[[str], str]] = {
    "location.country": _country,
    "profile.language": _language,
    "profile.languages": _language,
}
"""By attribute, how its texts are checked and written."""


def _version(value: str) -> str:
    """The text as it was sent, which is a version."""
    if version_of(value) is None:
        raise ValueError(f"must be a version by SemVer 2.0.0, {VERSION_HINT}, not {value!r:.60}")
    return value


def _address(value: str) -> str:
    """The IP address in its usual form."""
    address = address_of(value)
    if address is None:
        raise ValueError(f"must be an IP address, {ADDRESS_HINT}, not {value!r:.60}")
    return str(address)


_TYPED_TEXTS: Mapping[AttributeType, Callable[[str], str]] = {
    AttributeType.VERSION: _version,
    AttributeType.IP: _address,
}
"""By type, how its texts are checked and written."""


_SURELY_SHORT = LONGEST_TEXT // 4
"""Characters; UTF-8 takes at most four bytes for each."""


def sound(value: str) -> str:
    """The text; raises ValueError if it has characters that no database keeps. Every text of the contract is checked by it."""
    if "\0" in value:
        raise ValueError("must not contain a NUL character")
    if not value.isascii() and any("\ud800" <= character <= "\udfff" for character in value):
        raise ValueError("must not contain half of a surrogate pair")
    return value


def text(value: str) -> str:
    """The text; raises ValueError if it is too long, or not sound."""
    if len(value) > _SURELY_SHORT and len(value.encode(errors="surrogatepass")) > LONGEST_TEXT:
        raise ValueError(f"must have at most {LONGEST_TEXT} bytes")
    return sound(value)


def number(value: float, largest: float = LARGEST_NUMBER) -> float:
    """The number; raises ValueError if it is not finite, or beyond `largest` in either direction."""
    if not -largest <= value <= largest:
        if not math.isfinite(value):
            raise ValueError(f"must be finite, not {value}")
        raise ValueError(f"must be between {-largest:g} and {largest:g}, not {value:g}")
    return value


def moment(value: Any) -> int:
    """The time of a Timestamp in microseconds; raises ValueError."""
    if not 0 <= value.nanos < 1_000_000_000 or not -62_135_596_800 <= value.seconds <= 253_402_300_799:
        raise ValueError("must be a moment between the years 1 and 9999")
    return int(value.seconds * 1_000_000 + value.nanos // 1000)


def _date(value: str) -> date:
    try:
        return datetimes.parse_date(value)
    except ValueError:
        pass  # the error below says it better
    raise ValueError(f"must be a day as YYYY-MM-DD, not {value!r:.60}")


def _whole(value: Any) -> int:
    """The integer that a number such as 31.0 is."""
    if not float(value).is_integer():
        raise ValueError(f"must be a whole number, not {value:g}")
    if abs(value) >= _EXACT:
        raise ValueError("must be sent as an integer: from 2^53 on a number is not exact")
    return int(value)


def _listed(read: Callable[[Any], Any]) -> Callable[[Any], Value]:
    def read_all(message: Any) -> Value:
        if len(message.values) > MOST_LIST_ENTRIES:
            raise ValueError(f"must have at most {MOST_LIST_ENTRIES} entries")
        return tuple(map(read, message.values))

    return read_all


_READERS: dict[str, Callable[[Any], Value]] = {
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
    AttributeType.INTEGER: ("integer", "number"),
    AttributeType.NUMBER: ("number", "integer"),
    AttributeType.TEXT: ("text",),
    AttributeType.BOOLEAN: ("boolean",),
    AttributeType.DATE: ("date",),
    AttributeType.TIME: ("time",),
    AttributeType.TEXTS: ("texts",),
    AttributeType.INTEGERS: ("integers", "numbers"),
    AttributeType.NUMBERS: ("numbers", "integers"),
    AttributeType.VERSION: ("text",),
    AttributeType.IP: ("text",),
}


def name_of(value: str, path: str, violations: FieldViolations, *, required: bool = False) -> str:
    """The name; reports what is wrong with it."""
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
    names = tuple(values)
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
