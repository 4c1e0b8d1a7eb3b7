"""Contexts and times in scenario and context files, read with the book's declarations and in its time zone.

Both kinds of files are read by the same code, so that what one reports, the other does too.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from engine.api.v1.decisions_pb2 import DecideRequest
from engine.decide.compiled import CompiledBook
from engine.decide.pressure.consent import own_purpose
from engine.model.customer import EVERYTHING
from engine.model.instant import Instant, from_datetime, to_datetime
from engine.model.request import Request
from engine.rulebook.model.book import Attribute, AttributeType, Book
from engine.rulebook.report.diagnostics import Code, quote
from engine.rulebook.report.findings import Findings, Path
from engine.rulebook.shapes.faults import shaped
from engine.rulebook.text import datetimes, hints
from engine.rulebook.text.datetimes import ZoneError
from engine.scenario.shapes import CustomerShape, OverrideShape
from engine.wire.messages.requests import from_document
from engine.wire.parse import Parser
from engine.wire.violations import InvalidMessage, Unsupported

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
"""How a time begins; Python reads week dates and dates without hyphens as well."""

_FIRST, _LAST = (from_datetime(datetime(year, 1, 1, tzinfo=UTC)) for year in (1970, 2200))


def moment(text: str, zone: ZoneInfo, path: Path, findings: Findings) -> Instant | None:
    """The time as an instant; None after reporting that it is not valid."""
    try:
        instant = datetimes.parse_moment(text, zone)
        if not _FIRST <= instant < _LAST:
            raise ValueError("the year is out of range")
    except ZoneError as error:
        findings.error(path, Code.ZONE, f"{quote(text)}: {error}")
    except ValueError as error:
        findings.error(path, Code.VALUE, f"{quote(text)}: {error}", "for example 2026-03-10T10:00+08:00")
    else:
        return instant
    return None


def shown(instant: Instant, zone: ZoneInfo) -> str:
    """The instant as scenario files write it."""
    local = to_datetime(instant).astimezone(zone)
    return local.isoformat(timespec="auto" if local.second or local.microsecond else "minutes")


def typed(document: Mapping[str, object], book: Book) -> dict[str, object]:
    """The context with the dates and times of its profile and events parsed; a time without a zone takes the book's.

    Raises ValueError that begins with the attribute's name.
    """
    context = dict(document)
    if isinstance(profile := document.get("profile"), dict):
        context["profile"] = _typed(profile, "profile", book)
    if isinstance(events := document.get("events"), list):
        context["events"] = [
            typed_event(event, f"events[{index}]", book) for index, event in enumerate(events)
        ]
    return context


def typed_event(values: Any, where: str, book: Book) -> Any:
    """The event with its time parsed; raises ValueError. What is not a mapping with a text `at` is returned as it is."""
    if not isinstance(values, dict) or not isinstance(at := values.get("at"), str):
        return values
    return {**values, "at": _moment(at, f"{where}.at", book)}


def _moment(text: str, name: str, book: Book) -> datetime:
    try:
        moment = datetime.fromisoformat(text if _DAY.match(text) else "")
    except ValueError:
        raise ValueError(f"{name}: {text!r} is not a time") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=book.timezone)


def _typed(values: Mapping[str, object], prefix: str, book: Book) -> dict[str, object]:
    """The values, with dates and times parsed where the book declares them."""
    typed_values: dict[str, object] = {}
    for key, value in values.items():
        name = f"{prefix}.{key}"
        if isinstance(value, dict):
            typed_values[key] = _typed(value, name, book)
        else:
            typed_values[key] = _value(value, name, book.attributes.get(name), book)
    return typed_values


def _value(value: object, name: str, declared: Attribute | None, book: Book) -> object:
    if declared is None or not isinstance(value, str):
        return value
    if declared.type is AttributeType.TIME:
        return _moment(value, name, book)
    if declared.type is AttributeType.DATE:
        try:
            return datetimes.parse_date(value)
        except ValueError:
            hint = hints.day(value)
            raise ValueError(f"{name}: {value!r} is not a date{hint and f': {hint}'}") from None
    return value


GROUPS = ("profile", "location", "weather")


_PROFILE = re.compile(r"profile\.attributes\[(?P<name>.*)\]")


_ITEM = re.compile(r"(?P<list>\w+)\[(?P<index>[0-9]+)\]\.?(?P<rest>.*)")
"""The path of a request's field inside a list."""


class ContextLayer(NamedTuple):
    """Some keys of a context, and the path where they are written."""

    data: Mapping[str, Any]
    path: Path


class ContextReader:
    """Reads contexts against one live book."""

    def __init__(self, compiled: CompiledBook, findings: Findings) -> None:
        self._compiled, self._findings, self._parser = compiled, findings, Parser(compiled)
        book = compiled.book
        self._attributes = [name for name in book.attributes if name.partition(".")[0] in GROUPS]
        self._purposes = {
            channel.consent for channel in book.channels.values() if channel.consent is not None
        }

    def layer(self, data: Any, path: Path, shape: type[OverrideShape]) -> ContextLayer | None:
        """The valid part of the data as a layer of requests; None for data that is not a mapping."""
        if isinstance(data, dict):
            self._check_keys(data, path, shape)
        unknown = _unknown(data, shape)
        given = {key: data[key] for key in data if key not in unknown} if unknown else data
        parsed = shaped(shape, given, path, self._findings)
        if parsed is None:
            return None
        sound = {key: getattr(parsed, key) for key in given if (*path, key) not in self._findings.poisoned}
        for group in GROUPS:
            if group in sound:
                sound[group] = self._declared(group, sound[group], (*path, group))
        self.check_names(sound, path)
        return ContextLayer({**sound, **unknown}, path)

    def check_names(self, data: Mapping[str, Any], path: Path) -> None:
        """Report channels, placements and consents that the book does not have."""
        book = self._compiled.book
        for key, noun, names in (
            ("consents", "consent", self._purposes),
            ("preferred_channels", "channel", book.channels),
            ("channels", "channel", book.channels),
        ):
            for index, name in enumerate(data.get(key, ())):
                self._know(name, noun, names, (*path, key, index))
        if data.get("placement") is not None:
            self._know(data["placement"], "placement", book.placements, (*path, "placement"))

    def objections(self, data: Sequence[str] | None, path: Path) -> tuple[str, ...]:
        """The purposes to which the customer objects; reports those that no channel of the book is for."""
        known = {EVERYTHING, *self._purposes, *map(own_purpose, self._compiled.book.channels)}
        for index, purpose in enumerate(data or ()):
            self._know(purpose, "purpose", known, (*path, index))
        return tuple(purpose for purpose in data or () if purpose in known)

    def _know(self, name: str, noun: str, names: Collection[str], path: Path) -> None:
        """Report an unknown name, and mark it so that building the request does not report it again."""
        if name not in names:
            hint = self._findings.suggest(name, names) or f"there are: {', '.join(sorted(names)) or 'none'}"
            self._findings.error(path, Code.UNKNOWN, f"the book has no {noun} {quote(name)}", hint)
            self._findings.poison(path[:-1] if isinstance(path[-1], int) else path)

    def _check_keys(self, data: Mapping[str, Any], path: Path, shape: type[OverrideShape]) -> None:
        """Report attributes that are written beside their group, and not below it."""
        for key in data:
            group, _, name = key.partition(".")
            names = [key] if group in GROUPS and name else [f"{group}.{key}" for group in GROUPS]
            meant = next((name for name in names if name in self._attributes), None)
            if key not in shape.model_fields and meant is not None:
                group, _, name = meant.partition(".")
                message, hint = f"there is no key {quote(key)} here", f"write {group}: {{{name}: …}}"
                self._findings.key_error((*path, key), Code.UNKNOWN, message, hint)
                self._findings.poison((*path, key))

    def request(
        self, customer: str, layers: Sequence[ContextLayer], now: Instant, path: Path
    ) -> Request | None:
        """The request that the layers make, later ones over earlier ones; None after reporting what is wrong."""
        checked = self.checked(customer, layers, now, path)
        return None if checked is None else checked.request

    def checked(
        self, customer: str, layers: Sequence[ContextLayer], now: Instant, path: Path
    ) -> "CheckedRequest | None":
        """The same, with its message, which has no `now`."""
        origins: dict[str, Path] = {}
        document: dict[str, Any] = {}
        for layer in layers:
            _merge(layer.data, document, layer.path, "", origins)
        document["customer"] = customer
        try:
            message = from_document(typed(document, self._compiled.book))
            return CheckedRequest(message, self._parser.parse(message, now))
        except InvalidMessage as error:
            for violation in error.violations:
                self._report(_short(violation.field), violation.description, origins, path)
        except (ValueError, OverflowError, Unsupported) as error:
            self._report(*divided(str(error)), origins, path)
        return None

    def _report(self, where: str, message: str, origins: Mapping[str, Path], path: Path) -> None:
        known = where
        while known and known not in origins:
            known = known.rpartition(".")[0]
        around = origins.get(known, path)
        if (item := _ITEM.fullmatch(where)) and item["list"] in origins:
            around = (*origins[item["list"]], int(item["index"]), *filter(None, item["rest"].split(".")))
        text = f"{where}: {message}" if where else message
        self._findings.error(around, Code.VALUE, text)

    def _declared(self, prefix: str, values: Mapping[str, Any], path: Path) -> dict[str, Any]:
        """The values of declared attributes; reports the others."""
        declared: dict[str, Any] = {}
        for key, value in values.items():
            name, here = f"{prefix}.{key}", (*path, key)
            if isinstance(value, dict):
                declared[key] = self._declared(name, value, here)
            elif name in self._attributes:
                declared[key] = value
            else:
                hint = self._misplaced(prefix, key) or self._findings.suggest(name, self._attributes)
                message = f"the book declares no attribute {quote(name)}"
                self._findings.key_error(here, Code.UNKNOWN, message, hint)
        return declared

    def _misplaced(self, prefix: str, key: str) -> str:
        """A hint for a key that is below the wrong group, or names its group a second time; empty for others."""
        group, _, name = key.partition(".")
        if key in self._attributes and group == prefix:
            return f"it is below {group} already: write {name}"
        if key in self._attributes:
            return f"write it below {group}, as {name}"
        if key in CustomerShape.model_fields:
            return f"write it beside {prefix.partition('.')[0]}, not below it"
        home = next((group for group in GROUPS if f"{group}.{key}" in self._attributes), None)
        return f"write it below {home}" if home else ""


def _unknown(data: Any, shape: type[OverrideShape]) -> dict[str, None]:
    """The keys whose value is null: what they would say is unknown, whatever an earlier layer says."""
    if not isinstance(data, dict):
        return {}
    return {key: None for key, value in data.items() if value is None and key in shape.model_fields}


class CheckedRequest(NamedTuple):
    """A request, and the message that it was parsed from."""

    message: DecideRequest
    request: Request


def _merge(
    data: Mapping[str, Any], onto: dict[str, Any], path: Path, prefix: str, origins: dict[str, Path]
) -> None:
    """Merge the data into `onto`: mappings key by key, anything else as a whole; null removes a key."""
    for key, value in data.items():
        name, here = f"{prefix}{key}", (*path, key)
        origins[name] = here
        if isinstance(value, dict):
            below = onto.get(key)
            onto[key] = below = dict(below) if isinstance(below, dict) else {}
            _merge(value, below, here, f"{name}.", origins)
        elif value is None:
            onto.pop(key, None)
        elif not (key == "customer" and not prefix):
            onto[key] = value


def divided(message: str) -> tuple[str, str]:
    """A message divided into the field that it begins with, if any, and the rest."""
    where, colon, rest = message.partition(": ")
    return (where, rest) if colon else ("", message)


def _short(field: str) -> str:
    """The path of a request's field as scenario files write it."""
    field = field.removeprefix("context.")
    if match := _PROFILE.fullmatch(field):
        return f"profile.{match['name']}"
    if field.startswith("profile.") and field.rpartition(".")[2] in ("consents", "preferred_channels"):
        return field.removeprefix("profile.")
    return field
