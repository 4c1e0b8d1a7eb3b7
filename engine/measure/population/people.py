"""Reads people: each row of a file as the request that a server would get of them, checked as the server checks it.

Columns: `customer`; attributes by their dotted names, with `__` for dots, or as structs (`profile`, `location`, `weather`);
`consents` (a list) or booleans `consent__NAME`; `aliases`, `preferred_channels` (lists); `events` (not in CSV). Other columns
are ignored and listed. In CSV a value is read as the book declares its attribute: an empty field is missing, a list is
`a|b` or a JSON list, a boolean `true` or `false`. Elsewhere a value of a wrong type is a fault; nothing is converted.
"""

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import orjson

from engine.api.v1.decisions_pb2 import DecideRequest
from engine.decide.compiled import CompiledBook
from engine.measure.population.files import OUTSIDE_OF_TIME, Fault, PeopleFile, Row, aware, open_file
from engine.model.instant import to_datetime
from engine.model.request import Request
from engine.rulebook.model.book import Attribute, AttributeType
from engine.rulebook.text import datetimes
from engine.wire.messages.requests import request
from engine.wire.parse import Parser
from engine.wire.violations import InvalidMessage

MOST_SHOWN = 20
"""Faults that are kept for showing; the others are counted."""

GROUPS = ("profile", "location", "weather")
_LISTS = ("aliases", "consents", "preferred_channels")
_PARTS = ("customer", *_LISTS, "events")
_CONSENT = "consent__"
_LIST_TYPES = {
    AttributeType.TEXTS: AttributeType.TEXT,
    AttributeType.INTEGERS: AttributeType.INTEGER,
    AttributeType.NUMBERS: AttributeType.NUMBER,
}
_TEXTS = Attribute("", AttributeType.TEXTS)
_BOOLEAN = Attribute("", AttributeType.BOOLEAN)
_INTEGER_TEXT = re.compile(r"[+-]?[0-9]{1,19}")
_FIELD = re.compile(r"^(context\.)?(profile\.attributes\[(?P<name>.*?)\])?")


class Person(NamedTuple):
    """One person of the file."""

    row: int
    message: DecideRequest
    """With their id and context; the moment is not set."""
    request: Request
    """The same as the engine reads it, at the moment 0."""


@dataclass(slots=True)
class Faults:
    """What is wrong with a file: the first faults, and the number of all."""

    first: list[Fault] = field(default_factory=list)
    count: int = 0

    def add(self, fault: Fault) -> None:
        """Counts the fault, and keeps it if it is among the first."""
        self.count += 1
        if len(self.first) < MOST_SHOWN:
            self.first.append(fault)


class _Wrong(ValueError):
    """A value that cannot be read; the message says what is needed."""


class RowReader:
    """Reads rows against a book, each by itself, and says what is wrong with them."""

    def __init__(
        self,
        compiled: CompiledBook,
        *,
        are_texts: bool = False,
        placement: str = "",
        channels: Sequence[str] = (),
        kept: Collection[str] = (),
    ) -> None:
        """are_texts: whether values are texts, to be read as the book declares them. kept: as of PeopleReader."""
        self.faults = Faults()
        self.ignored: dict[str, str] = {}
        """Columns that the book does not declare, with what was probably meant, or an empty text."""
        self._compiled, self._parser = compiled, Parser(compiled)
        self._placement, self._channels, self._kept = placement, tuple(channels), frozenset(kept)
        self._are_texts = are_texts
        self._columns: dict[str, Callable[[Any, dict[str, Any]], None] | None] = {}

    def person(self, row: Row) -> Person | None:
        """The person of a row, if a server would take the request; else None after adding the faults."""
        parts: dict[str, Any] = {group: {} for group in GROUPS}
        before = self.faults.count
        for column, value in row.values.items():
            self._read(row.number, column, value, parts)
        if not isinstance(customer := parts.pop("customer", None), str) or not customer.strip():
            self.faults.add(Fault(row.number, "customer", "needs the customer's id, a text"))
        elif self.faults.count == before:
            return self._checked(row.number, customer, parts)
        return None

    def is_read(self, column: str) -> bool:
        """Whether values of the column are read; one that is not is noted as ignored."""
        if column not in self._columns:
            self._columns[column] = self._reader(column)
        return self._columns[column] is not None

    def alone(self, values: Mapping[str, Any]) -> Request:
        """The request of a customer with the values of these columns only; raises ValueError that says what is wrong."""
        parts: dict[str, Any] = {group: {} for group in GROUPS}
        for column, value in values.items():
            if self.is_read(column) and (reader := self._columns[column]) is not None:
                reader(value, parts)
        try:
            return self._parser.parse(request(parts.pop("customer", "x"), **parts), 0)
        except InvalidMessage as error:
            raise ValueError("; ".join(own.description for own in error.violations)) from error
        except TypeError as error:
            raise ValueError(str(error)) from error

    def of_text(self, column: str, text: str) -> Any:
        """The text of a CSV field as the plain value that it stands for; raises ValueError that says what is needed."""
        if column in _LISTS:
            kind = AttributeType.TEXTS
        elif column.startswith(_CONSENT):
            kind = AttributeType.BOOLEAN
        elif (declared := self._compiled.book.attributes.get(column.replace("__", "."))) is not None:
            kind = declared.type
        else:
            return text
        return _read_text(text, kind, self._compiled.book.timezone)

    def _read(self, number: int, column: str, value: Any, parts: dict[str, Any]) -> None:
        if column not in self._columns:
            self._columns[column] = self._reader(column)
        reader = self._columns[column]
        if reader is None:
            return
        try:
            reader(value, parts)
        except _Wrong as error:
            self.faults.add(Fault(number, column, str(error)))

    def _checked(self, number: int, customer: str, parts: Mapping[str, Any]) -> Person | None:
        """The person, if a server would take the request; else None after adding the faults."""
        try:
            message = request(
                customer, **parts, placement=self._placement or None, channels=self._channels or None
            )
            parsed = self._parser.parse(message, 0)
        except InvalidMessage as error:
            for violation in error.violations:
                self.faults.add(Fault(number, _column_of(violation.field), violation.description))
        except (TypeError, ValueError) as error:
            name, colon, rest = str(error).partition(": ")
            self.faults.add(Fault(number, name if colon else "", rest if colon else name))
        else:
            return Person(number, message, parsed)
        return None

    def _reader(self, column: str) -> Callable[[Any, dict[str, Any]], None] | None:
        """What puts a value of the column into the parts of a request; None: the column is ignored."""
        if column in _PARTS:
            return self._part(column)
        if column in GROUPS:
            return lambda value, parts: self._struct(column, value, parts)
        if column.startswith(_CONSENT):
            return self._purpose(column, column.removeprefix(_CONSENT))
        name = column.replace("__", ".")
        declared = self._compiled.book.attributes.get(name)
        group = name.partition(".")[0]
        if declared is None and name in self._kept:
            return lambda value, parts: self._keep(name, value, parts)
        if declared is None or group not in GROUPS:
            self._ignore(column, name)
            return None
        return lambda value, parts: self._attribute(declared, value, parts)

    def _ignore(self, column: str, name: str) -> None:
        names = [known for known in self._compiled.book.attributes if known.partition(".")[0] in GROUPS]
        short = {known.partition(".")[2]: known for known in names}
        close = (
            [short[name]] if name in short else get_close_matches(name, [*names, *_PARTS], n=1, cutoff=0.75)
        )
        self.ignored[column] = close[0] if close else ""

    def _part(self, column: str) -> Callable[[Any, dict[str, Any]], None]:
        def put(value: Any, parts: dict[str, Any]) -> None:
            if column in _LISTS:
                value = self._value(value, _TEXTS)
                if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
                    raise _Wrong("needs a list of texts")
                parts[column] = [*parts.get(column, ()), *value]
            elif column == "events":
                parts[column] = self._events(value)
            else:
                parts[column] = value

        return put

    def _events(self, value: Any) -> list[dict[str, Any]]:
        if not isinstance(value, list) or not all(isinstance(event, dict) for event in value):
            raise _Wrong("needs a list of events")
        return [
            {
                key: self._time(part) if key == "at" else part
                for key, part in event.items()
                if part is not None
            }
            for event in value
        ]

    def _struct(self, group: str, value: Any, parts: dict[str, Any]) -> None:
        if not isinstance(value, dict):
            raise _Wrong("needs a struct of attributes")
        for name, part in value.items():
            full = f"{group}.{name}"
            declared = self._compiled.book.attributes.get(full)
            if isinstance(part, dict):
                self._struct(full, part, parts)
            elif declared is None and full in self._kept:
                self._keep(full, part, parts)
            elif declared is None:
                self._ignore(full, full)
            elif part is not None:
                self._attribute(declared, part, parts)

    def _purpose(self, column: str, purpose: str) -> Callable[[Any, dict[str, Any]], None] | None:
        purposes = {channel.consent for channel in self._compiled.book.channels.values() if channel.consent}
        if purpose in purposes:
            return lambda value, parts: self._consent(purpose, value, parts)
        close = get_close_matches(purpose, purposes, n=1)
        self.ignored[column] = f"{_CONSENT}{close[0]}" if close else ""
        return None

    def _consent(self, purpose: str, value: Any, parts: dict[str, Any]) -> None:
        given = self._value(value, _BOOLEAN)
        if not isinstance(given, bool):
            raise _Wrong("needs true or false")
        if given:
            parts["consents"] = [*parts.get("consents", ()), purpose]

    @staticmethod
    def _keep(name: str, value: Any, parts: dict[str, Any]) -> None:
        """Sends the value as text, for comparing persons by it; the engine ignores what the book does not declare."""
        if value is not None:
            parts["profile"][name.removeprefix("profile.")] = (
                str(value).lower() if isinstance(value, bool) else str(value)
            )

    def _attribute(self, declared: Attribute, value: Any, parts: dict[str, Any]) -> None:
        group, _, name = declared.name.partition(".")
        mapping = parts[group]
        if group != "profile":
            *above, name = name.split(".")
            for key in above:
                mapping = mapping.setdefault(key, {})
        mapping[name] = self._value(value, declared)

    def _value(self, value: Any, declared: Attribute) -> Any:
        """The value as a request carries it; raises _Wrong."""
        if self._are_texts:
            return _read_text(value, declared.type, self._compiled.book.timezone)
        if declared.type is AttributeType.TIME:
            return self._time(value)
        if declared.type is AttributeType.DATE and isinstance(value, str):
            return _read_text(value, declared.type, self._compiled.book.timezone)
        return value

    def _time(self, value: Any) -> Any:
        if isinstance(value, str):
            return _read_text(value, AttributeType.TIME, self._compiled.book.timezone)
        try:
            return aware(value, self._compiled.book.timezone) if isinstance(value, datetime) else value
        except OverflowError as error:
            raise _Wrong(OUTSIDE_OF_TIME) from error


class PeopleReader(RowReader):
    """Reads one file against a book. `faults` and `ignored` are complete when `people` is used up."""

    def __init__(
        self,
        path: Path,
        compiled: CompiledBook,
        *,
        placement: str = "",
        channels: Sequence[str] = (),
        kept: Collection[str] = (),
    ) -> None:
        """Opens the file; raises ValueError, OSError, MissingExtra.

        kept: attributes of the profile that are kept, as texts, though the book does not declare them.
        """
        self._file: PeopleFile = open_file(path)
        super().__init__(
            compiled,
            are_texts=self._file.are_texts,
            placement=placement,
            channels=channels,
            kept=kept,
        )
        if (fault := without_customers(self._file.columns)) is not None:
            self.faults.add(fault)

    def people(self) -> Iterator[Person]:
        """The people of the rows without faults, in the order of the file."""
        if self.faults.count:
            return
        for row in self._file.rows:
            if isinstance(row, Fault):
                self.faults.add(row)
            elif (person := self.person(row)) is not None:
                yield person


def without_customers(columns: Sequence[str]) -> Fault | None:
    """The fault of a file that has columns, but not that of the customers' ids, or one attribute twice."""
    if not columns or "customer" in columns:
        return _doubled(columns)
    lowered = {column.lower().strip(): column for column in columns}
    close = get_close_matches("customer", lowered, n=1)
    meant = f"; is it {lowered[close[0]]!r}?" if close else ""
    return Fault(0, "", f"there is no column 'customer'{meant}")


def _doubled(columns: Sequence[str]) -> Fault | None:
    """The fault of a file with two columns of one attribute, of which nobody could say which counts."""
    by_name: dict[str, str] = {}
    for column in columns:
        name = column if column.startswith(_CONSENT) else column.replace("__", ".")
        other = by_name.setdefault(name, column)
        if other != column:
            return Fault(
                0, "", f"the columns {other!r} and {column!r} are of the same attribute: leave one out"
            )
    return None


def _column_of(path: str) -> str:
    """The column that a field of the request comes from."""
    match = _FIELD.match(path)
    if match and match["name"]:
        return f"profile.{match['name']}"
    short = path.removeprefix("context.").removeprefix("profile.")
    return "customer" if short == "customer.id" else path.removeprefix("context.")


def _read_text(text: str, kind: AttributeType, zone: ZoneInfo) -> Any:  # noqa: PLR0911 -- a return for each type
    """The text of a CSV field as a value of the type; raises _Wrong that says what is needed."""
    if kind in _LIST_TYPES:
        return _read_list(text, _LIST_TYPES[kind], zone)
    try:
        match kind:
            case AttributeType.INTEGER if _INTEGER_TEXT.fullmatch(text):
                return int(text)
            case AttributeType.NUMBER if "_" not in text:
                return int(text) if _INTEGER_TEXT.fullmatch(text) else float(text)
            case AttributeType.BOOLEAN if text.lower() in ("true", "false"):
                return text.lower() == "true"
            case AttributeType.DATE:
                return datetimes.parse_date(text)
            case AttributeType.TIME:
                return to_datetime(datetimes.parse_moment(text, zone))
            case AttributeType.TEXT | AttributeType.VERSION | AttributeType.IP:
                return text
    except ValueError as error:
        raise _Wrong(f"needs {_NEEDS[kind]}, not {text!r}") from error
    raise _Wrong(f"needs {_NEEDS[kind]}, not {text!r}")


_NEEDS: Mapping[AttributeType, str] = {
    AttributeType.INTEGER: "a whole number",
    AttributeType.NUMBER: "a number",
    AttributeType.BOOLEAN: "true or false",
    AttributeType.DATE: "a date such as 2026-03-10",
    AttributeType.TIME: "a time such as 2026-03-10T10:00",
}


def _read_list(text: str, kind: AttributeType, zone: ZoneInfo) -> list[Any]:
    if not text.startswith("["):
        return [_read_text(part, kind, zone) for part in text.split("|")]
    try:
        values = orjson.loads(text)
    except orjson.JSONDecodeError:
        values = None
    if not isinstance(values, list):
        raise _Wrong(f"needs a list such as a|b or a JSON list, not {text!r}")
    return values


def plain_value(message: DecideRequest, name: str) -> str | None:
    """The value of an attribute of a person's request as text; None where it is missing.

    Also of attributes that the book never reads, which `Request.attributes` leaves out.
    """
    group, _, rest = name.partition(".")
    context = message.context
    if group == "profile" and rest in context.profile.attributes:
        sent = context.profile.attributes[rest]
        kind = sent.WhichOneof("kind")
        value = getattr(sent, kind) if kind else None
    else:
        value = getattr(context, group)
        for part in rest.split("."):
            if value is None or part not in value.DESCRIPTOR.fields_by_name:
                return None
            value = getattr(value, part) if _is_set(value, part) else None
    if isinstance(value, bool):
        return str(value).lower()
    return None if value is None else str(value)


def _is_set(message: Any, name: str) -> bool:
    return any(descriptor.name == name for descriptor, _ in message.ListFields())
