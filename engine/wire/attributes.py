"""Attributes, checked against what the book declares."""

import math
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, TypeAlias
from unicodedata import normalize
from zoneinfo import available_timezones

from engine.api.v1.values_pb2 import Value as ValueMessage
from engine.conditions.typed_texts import ADDRESS_HINT, VERSION_HINT, address_of, version_of
from engine.model.texts import number_text
from engine.model.values import Value
from engine.rulebook.model.book import Attribute, AttributeType
from engine.rulebook.report.findings import ParseError
from engine.rulebook.text import regions
from engine.wire.limits import LARGEST_NUMBER, LONGEST_NAME, LONGEST_TEXT, MOST_LIST_ENTRIES
from engine.wire.values import READERS, SURELY_SHORT, number, plain, sound, text
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
    """Reads the values of a declared attribute, and checks their type and bounds.

    What is surely right is known by its type and taken at once; all else is read thoroughly, which tells what is wrong.
    """
    thorough = thorough_reader(declared)
    is_plain = declared.name not in _NORMAL and (declared.one_of is None or declared.type in _WITH_ONE_OF)
    take = _TAKING.get(declared.type) if is_plain else None
    return thorough if take is None else take(declared, thorough)


def _taking_text(declared: Attribute, thorough: ReadValue) -> ReadValue:
    if declared.one_of is not None:
        return _taking_listed_text(declared.one_of, thorough)

    def read(message: ValueMessage) -> Value:
        value = message.text  # empty where the value is of another kind
        if value and value.isascii() and len(value) <= LONGEST_TEXT and "\0" not in value:
            return value
        return thorough(message)

    return read


def _taking_listed_text(one_of: frozenset[str | int | float], thorough: ReadValue) -> ReadValue:
    listed = one_of - {""}

    def read(message: ValueMessage) -> Value:
        value = message.text
        return sound(value) if value in listed and len(value) <= SURELY_SHORT else thorough(message)

    return read


def _taking_integer(declared: Attribute, thorough: ReadValue) -> ReadValue:
    (low, high), one_of = _bounds(declared), declared.one_of

    def read(message: ValueMessage) -> Value:
        value = message.integer
        if value and (low <= value <= high if one_of is None else value in one_of):
            return value
        return thorough(message)

    return read


def _taking_number(declared: Attribute, thorough: ReadValue) -> ReadValue:
    low, high = _bounds(declared)
    low, high = max(low, -LARGEST_NUMBER), min(high, LARGEST_NUMBER)

    def read(message: ValueMessage) -> Value:
        value = message.number
        if value and low <= value <= high:
            return value
        return thorough(message)

    return read


def _taking_boolean(_declared: Attribute, thorough: ReadValue) -> ReadValue:
    def read(message: ValueMessage) -> Value:
        if message.boolean:
            return True
        return False if message.WhichOneof("kind") == "boolean" else thorough(message)

    return read


def _taking_texts(_declared: Attribute, thorough: ReadValue) -> ReadValue:
    def read(message: ValueMessage) -> Value:
        values = tuple(message.texts.values)
        if values and len(values) <= MOST_LIST_ENTRIES and len(joined := "".join(values)) <= SURELY_SHORT:
            sound(joined)
            return values
        return thorough(message)

    return read


_TAKING: Mapping[AttributeType, Callable[[Attribute, ReadValue], ReadValue]] = {
    AttributeType.TEXT: _taking_text,
    AttributeType.INTEGER: _taking_integer,
    AttributeType.NUMBER: _taking_number,
    AttributeType.BOOLEAN: _taking_boolean,
    AttributeType.TEXTS: _taking_texts,
}
"""By type, what takes values that are surely right, and leaves the others to a thorough reader."""


_WITH_ONE_OF = (AttributeType.TEXT, AttributeType.INTEGER)
"""Types of which values from `one_of` are taken at once."""


def thorough_reader(declared: Attribute) -> ReadValue:
    """Reads the same as `reader`, at a higher price: asks each value for its kind, and checks it step by step."""
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
        value = READERS[kind](getattr(message, kind))
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


def checker(declared: Attribute) -> Check:
    """Checks values of the declared type against its bounds and `one_of`."""
    (low, high), one_of = _bounds(declared), declared.one_of

    def check(value: Any) -> None:
        if one_of is not None:
            if value not in one_of:
                raise ValueError(f"must be one of {', '.join(sorted(map(str, one_of)))}, not {value!r:.60}")
        elif value < low:
            raise ValueError(f"must be at least {number_text(low, 6)}, not {value}")
        elif value > high:
            raise ValueError(f"must be at most {number_text(high, 6)}, not {value}")

    return check


def _bounds(declared: Attribute) -> tuple[float, float]:
    low = -math.inf if declared.minimum is None else declared.minimum
    return low, math.inf if declared.maximum is None else declared.maximum


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


@lru_cache(maxsize=1024)
def _country(value: str) -> str:
    return _normal(value, "a country code of ISO 3166-1", regions.country_of)


@lru_cache(maxsize=1024)
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


def _whole(value: Any) -> int:
    """The integer that a number such as 31.0 is."""
    if not float(value).is_integer():
        raise ValueError(f"must be a whole number, not {value:g}")
    if abs(value) >= _EXACT:
        raise ValueError("must be sent as an integer: from 2^53 on a number is not exact")
    return int(value)


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
