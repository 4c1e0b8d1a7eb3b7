"""JSON as messages of the contract, by tables that are made once from the descriptors.

Takes what ProtoJSON takes (https://protobuf.dev/programming-guides/json), and besides: enums by their short names, and plain
values where a `Value` is meant. Is stricter in one thing: a name that is not known, or comes twice, is an error.
"""

import json
import re
from base64 import b64decode
from binascii import Error as WrongBase64
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cache, partial
from typing import Any, NamedTuple, TypeAlias

import orjson
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.message import Message

from engine.api.v1.values_pb2 import Value
from engine.wire.elements import MOST_ELEMENTS, most_entries
from engine.wire.violations import FieldViolation, FieldViolations, InvalidMessage

MOST_VIOLATIONS = 100
"""After so many violations nothing more is read: each takes more memory than what is wrong."""


Convert: TypeAlias = Callable[[Any], Any]
"""Gives what a message's constructor takes for a value of JSON; raises ValueError that says what is wrong with it."""


ConvertPart: TypeAlias = Callable[[Any, str, FieldViolations], Any]
"""Like Convert, of an object or a list, whose parts may be wrong: given its path, and where violations are added."""


class _Field(NamedTuple):
    name: str
    direct: type | None
    """The type whose values are taken as they are; None: there is none."""
    plain: Convert | None
    """None for an object or a list."""
    part: ConvertPart
    oneof: str
    """The choice to which it belongs; empty: none."""


_Fields: TypeAlias = Mapping[str, _Field]
"""The fields of a message, by both of their names."""


def read_json(data: bytes, kind: type[Message]) -> Message:
    """The message of this type; raises InvalidMessage, with the paths of all that is wrong."""
    document = _document(data)
    violations = FieldViolations()
    values = _message(_fields_of(kind.DESCRIPTOR), document, "", violations)
    violations.raise_any()
    _refuse_duplicates(data, document)
    try:
        return kind(**values)
    except (TypeError, ValueError):  # nothing that was converted above should come to this
        raise InvalidMessage([FieldViolation("", f"is no {kind.DESCRIPTOR.name}")]) from None


def _document(data: bytes) -> dict[str, Any]:
    """The object in the bytes; raises InvalidMessage."""
    if _parts(data) > MOST_ELEMENTS and _parts(_STRING.sub(b"", data)) > MOST_ELEMENTS:
        violation = FieldViolation("", f"the body has more than {MOST_ELEMENTS:,} values: split it")
        raise InvalidMessage([violation])
    try:
        document = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        why = "it is empty" if not data else str(error)
        raise InvalidMessage([FieldViolation("", f"the body is not JSON: {why}")]) from None
    if type(document) is not dict:
        raise InvalidMessage([FieldViolation("", f"must be an object, not {_kind_of(document)}")])
    return document


_STRING = re.compile(rb'"(?:[^"\\]+|\\.)*"')


def _parts(data: bytes) -> int:
    """At least as many as there are values: each follows a comma or an opening bracket, which texts may hold too."""
    return data.count(b",") + data.count(b"{") + data.count(b"[")


_ESCAPED_COLON = re.compile(rb"\\u003a", re.IGNORECASE)


def _refuse_duplicates(data: bytes, document: dict[str, Any]) -> None:
    """Raises InvalidMessage where a name comes twice in an object.

    The parser keeps the last one of them, so that what it read, written again, has fewer colons: only then is it searched.
    """
    if orjson.dumps(document).count(b":") == data.count(b":") and not _ESCAPED_COLON.search(data):
        return
    try:
        json.loads(data, object_pairs_hook=_without_duplicates)
    except RecursionError:
        raise InvalidMessage([FieldViolation("", "the body is nested too deep")]) from None


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in values if names.count(name) > 1)
        raise InvalidMessage([FieldViolation(f"{twice:.200}", "comes twice in one object")])
    return values


@cache
def _fields_of(descriptor: Descriptor) -> _Fields:
    """By their names in the contract and in camel case."""
    fields: dict[str, _Field] = {}
    for field in descriptor.fields:
        fields[field.name] = fields[field.json_name] = _field(field)
    return fields


def _field(field: FieldDescriptor) -> _Field:
    oneof = field.containing_oneof
    choice = "" if oneof is None or len(oneof.fields) == 1 else oneof.name
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        return _Field(field.name, None, None, _map_converter(field), choice)
    plain, part = _converters(field)
    if field.is_repeated:
        read = partial(_list, plain, part, most_entries(field.name))
        return _Field(field.name, None, None, read, choice)
    return _Field(field.name, _DIRECT.get(plain), plain, part, choice)


def _converters(field: FieldDescriptor) -> tuple[Convert | None, ConvertPart]:
    """What converts one value of the field."""
    descriptor = field.message_type
    if descriptor is None:
        return _scalar(field), _no_part
    if descriptor.full_name in _WELL_KNOWN:
        return _WELL_KNOWN[descriptor.full_name], _no_part
    if descriptor is Value.DESCRIPTOR:
        return None, _value
    return None, lambda value, path, violations: _message(_fields_of(descriptor), value, path, violations)


def _no_part(_value: Any, _path: str, _violations: FieldViolations) -> Any:
    raise AssertionError("a plain value has no parts")


def _message(fields: _Fields, value: Any, path: str, violations: FieldViolations) -> dict[str, Any]:
    """An object as the arguments of a message's constructor. `null` stands for a field that is left out."""
    if type(value) is not dict:
        raise ValueError(f"must be an object, not {_kind_of(value)}")
    values: dict[str, Any] = {}
    for key, given in value.items():
        field = fields.get(key)
        if field is None:
            _unknown(fields, key, path, violations)
        elif given is not None:
            name, direct, plain, part, oneof = field
            if name in values:
                _wrong(violations, _below(path, name), "comes twice, in both of its spellings")
            if oneof:
                _choose(oneof, name, values, path, fields, violations)
            if type(given) is direct:
                values[name] = given
                continue
            try:
                values[name] = (
                    plain(given) if plain is not None else part(given, _below(path, name), violations)
                )
            except ValueError as error:
                _wrong(violations, _below(path, name), str(error))
    return values


def _below(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _wrong(violations: FieldViolations, path: str, description: str) -> None:
    violations.add(path, description)
    if len(violations.items) >= MOST_VIOLATIONS:
        violations.raise_any()


def _unknown(fields: _Fields, key: str, path: str, violations: FieldViolations) -> None:
    known = [name for name, field in fields.items() if name == field.name]
    violations.add_unknown(_below(path, f"{key:.200}"), key, "a field", known)
    if len(violations.items) >= MOST_VIOLATIONS:
        violations.raise_any()


def _choose(
    oneof: str, name: str, values: Mapping[str, Any], path: str, fields: _Fields, violations: FieldViolations
) -> None:
    """Adds a violation where another field of the choice was set before."""
    for other in values:
        if fields[other].oneof == oneof and other != name:
            _wrong(violations, _below(path, name), f"and {other} exclude each other")


def _list(
    plain: Convert | None, part: ConvertPart, most: int, value: Any, path: str, violations: FieldViolations
) -> list[Any]:
    if type(value) is not list:
        raise ValueError(f"must be a list, not {_kind_of(value)}")
    if len(value) > most:
        raise ValueError(f"must be at most {most:,}")
    if plain is _text and set(map(type, value)) <= {str}:
        return value
    entries: list[Any] = []
    for index, entry in enumerate(value):
        try:
            entries.append(plain(entry) if plain is not None else part(entry, f"{path}[{index}]", violations))
        except ValueError as error:
            _wrong(violations, f"{path}[{index}]", str(error))
    return entries


def _map_converter(field: FieldDescriptor) -> ConvertPart:
    """Converts maps, whose keys are texts."""
    entry, most = field.message_type, most_entries(field.name)
    if entry is None or entry.fields_by_name["key"].type != FieldDescriptor.TYPE_STRING:
        raise AssertionError(f"{field.full_name} has keys that are no texts")
    plain, part = _converters(entry.fields_by_name["value"])

    def convert(value: Any, path: str, violations: FieldViolations) -> dict[str, Any]:
        if type(value) is not dict:
            raise ValueError(f"must be an object, not {_kind_of(value)}")
        if len(value) > most:
            raise ValueError(f"must be at most {most:,}")
        entries: dict[str, Any] = {}
        for key, given in value.items():
            if part is _value and (simple := _simple_value(given)) is not None:
                entries[key] = simple
                continue
            try:
                entries[key] = (
                    plain(given) if plain is not None else part(given, f"{path}[{key:.200}]", violations)
                )
            except ValueError as error:
                _wrong(violations, f"{path}[{key:.200}]", str(error))
        return entries

    return convert


_PLAIN_VALUES: Mapping[type, str] = {str: "text", bool: "boolean", int: "integer", float: "number"}


_SIMPLE_KINDS: Mapping[str, type] = {"text": str, "boolean": bool, "integer": int, "number": float}


def _simple_value(value: Any) -> dict[str, Any] | None:
    """What `_value` gives for a single text, number or truth value, without its path; None for all others."""
    kind = type(value)
    name = _PLAIN_VALUES.get(kind)
    if name is not None:
        return {name: value} if kind is not int or -(2**63) <= value < 2**63 else None
    if kind is not dict or len(value) != 1:
        return None
    ((name, inner),) = value.items()
    kind = type(inner)
    if kind is _SIMPLE_KINDS.get(name) and (kind is not int or -(2**63) <= inner < 2**63):
        simple: dict[str, Any] = value
        return simple
    return None


def _value(value: Any, path: str, violations: FieldViolations) -> dict[str, Any]:
    """A Value: an object with its kind, or the plain value that says its kind by itself."""
    kind = type(value)
    name = _PLAIN_VALUES.get(kind)
    if name is not None:
        return {name: _int64(value) if kind is int else value}
    if kind is list:
        return _list_value(value)
    return _message(_fields_of(Value.DESCRIPTOR), value, path, violations)


def _list_value(values: list[Any]) -> dict[str, Any]:
    """A list of texts or of numbers; an empty one fits attributes of every kind of list."""
    kinds = set(map(type, values))
    if kinds <= {str}:
        return {"texts": {"values": values}}
    if kinds == {int}:
        return {"integers": {"values": [_int64(value) for value in values]}}
    if kinds <= {int, float}:
        return {"numbers": {"values": values}}
    raise ValueError("must be a list of texts, or of numbers")


def _scalar(field: FieldDescriptor) -> Convert:
    if field.enum_type is not None:
        return _enum_converter(field.enum_type)
    convert = _SCALARS.get(field.type)
    if convert is None:
        raise AssertionError(f"{field.full_name} is of a type that is not read from JSON")
    return convert


def _enum_converter(descriptor: EnumDescriptor) -> Convert:
    """Takes a value's name, the short form of it, or its number."""
    numbers = {value.name: value.number for value in descriptor.values}
    numbers |= {short_name(descriptor, value.name): value.number for value in descriptor.values}
    short = ", ".join(short_name(descriptor, value.name) for value in descriptor.values if value.number)

    def convert(value: Any) -> int:
        if type(value) is int and -(2**31) <= value < 2**31:
            return value
        number = numbers.get(value) if type(value) is str else None
        if number is None:
            raise ValueError(f"must be one of {short}, not {value!r:.60}")
        return number

    return convert


def short_name(descriptor: EnumDescriptor, name: str) -> str:
    """The name of an enum's value without that of the enum: `offer` for OUTCOME_OFFER."""
    prefix = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", descriptor.name).upper() + "_"
    return name.removeprefix(prefix).lower()


_DIGITS = re.compile(r"-?[0-9]{1,20}")
_NUMBER = re.compile(r"-?[0-9]{1,400}(\.[0-9]{1,400})?([eE][+-]?[0-9]{1,4})?|NaN|-?Infinity")


def _integer(low: int, high: int, value: Any) -> int:
    """A whole number, which may be written as 31.0 and, as ProtoJSON writes those of 64 bits, as a text."""
    kind = type(value)
    if kind is not int and not (
        value.is_integer() if kind is float else kind is str and _DIGITS.fullmatch(value)
    ):
        raise ValueError(f"must be a whole number, not {_shown(value)}")
    number = int(value)
    if not low <= number <= high:
        raise ValueError(f"must be between {low} and {high}, not {_shown(value)}")
    return number


_int64 = partial(_integer, -(2**63), 2**63 - 1)


def _double(value: Any) -> float:
    kind = type(value)
    if kind is float or kind is int:
        return float(value)
    if kind is str and _NUMBER.fullmatch(value):
        number = float(value)
        if abs(number) != float("inf") or value.endswith("Infinity"):
            return number
    raise ValueError(f"must be a number, not {_shown(value)}")


def _text(value: Any) -> str:
    if type(value) is str:
        return value
    raise ValueError(f"must be a text, not {_kind_of(value)}")


def _boolean(value: Any) -> bool:
    if value is True or value is False:
        return bool(value)
    raise ValueError(f"must be true or false, not {_shown(value)}")


def _bytes(value: Any) -> bytes:
    try:
        return b64decode(_text(value).translate(_URL_SAFE) + "==")
    except (WrongBase64, UnicodeEncodeError, ValueError):
        raise ValueError("must be bytes in Base64") from None


_URL_SAFE = str.maketrans("-_", "+/")


_SCALARS: Mapping[int, Convert] = {
    FieldDescriptor.TYPE_STRING: _text,
    FieldDescriptor.TYPE_BOOL: _boolean,
    FieldDescriptor.TYPE_DOUBLE: _double,
    FieldDescriptor.TYPE_BYTES: _bytes,
    FieldDescriptor.TYPE_INT32: partial(_integer, -(2**31), 2**31 - 1),
    FieldDescriptor.TYPE_UINT32: partial(_integer, 0, 2**32 - 1),
    FieldDescriptor.TYPE_INT64: _int64,
    FieldDescriptor.TYPE_UINT64: partial(_integer, 0, 2**64 - 1),
}


_DIRECT: Mapping[Convert | None, type] = {_text: str, _boolean: bool, _double: float}
"""By what converts a value, the type of those that it leaves as they are."""


_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d{1,9})?(Z|[+-]\d\d:\d\d)", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _timestamp(value: Any) -> dict[str, int]:
    """A moment by RFC 3339, to the nanosecond."""
    match = _TIME.fullmatch(value) if type(value) is str else None
    if match is None:
        raise ValueError(f"must be a moment as 2026-03-01T09:00:00Z, not {_shown(value)}")
    try:
        since = datetime.fromisoformat(match[1] + match[3]) - _EPOCH
    except ValueError as error:
        raise ValueError(f"must be a moment, not {_shown(value)}: {error}") from None
    seconds = since.days * 86_400 + since.seconds
    if not -62_135_596_800 <= seconds <= 253_402_300_799:
        raise ValueError(f"must be a moment between the years 1 and 9999, not {_shown(value)}")
    return {"seconds": seconds, "nanos": int(f"{match[2][1:]:0<9}") if match[2] else 0}


_DURATION = re.compile(r"(-?)(\d{1,12})(?:\.(\d{1,9}))?s", re.ASCII)


def _duration(value: Any) -> dict[str, int]:
    match = _DURATION.fullmatch(value) if type(value) is str else None
    if match is None or int(match[2]) > 315_576_000_000:
        raise ValueError(f"must be a duration as 1.5s, not {_shown(value)}")
    sign = -1 if match[1] else 1
    return {"seconds": sign * int(match[2]), "nanos": sign * int(f"{match[3] or '':0<9}")}


_WELL_KNOWN: Mapping[str, Convert] = {
    "google.protobuf.Timestamp": _timestamp,
    "google.protobuf.Duration": _duration,
}


_KINDS: Mapping[type, str] = {
    dict: "an object",
    list: "a list",
    str: "a text",
    bool: "true or false",
    int: "a number",
    float: "a number",
    type(None): "null",
}


def _kind_of(value: Any) -> str:
    return _KINDS[type(value)]


def _shown(value: Any) -> str:
    """A scalar as it was sent, cut short; the kind of anything else."""
    return _kind_of(value) if isinstance(value, dict | list) else orjson.dumps(value).decode()[:60]
