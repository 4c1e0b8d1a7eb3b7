"""Requests from plain Python values, and from context files read as JSON or YAML."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple, TypeVar

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from engine.api.v1.decisions_pb2 import (
    Context,
    Customer,
    DecideRequest,
    Event,
    Location,
    Mode,
    Profile,
    Weather,
)
from engine.api.v1.values_pb2 import Value
from engine.wire.messages.events import event_of
from engine.wire.messages.values import Plain, aware, known_name, moment_of, texts, value_of

_M = TypeVar("_M", bound=Message)


_MODES = {"commit": Mode.MODE_COMMIT, "preview": Mode.MODE_PREVIEW}


def request(  # noqa: PLR0913 -- a parameter for each part of a request
    customer_id: str,
    *,
    aliases: Iterable[str] | None = None,
    profile: Mapping[str, Plain | None] | None = None,
    consents: Iterable[str] | None = None,
    preferred_channels: Iterable[str] | None = None,
    language: str | None = None,
    time_zone: str | None = None,
    location: Mapping[str, str | float | None] | None = None,
    weather: Mapping[str, Plain | None] | None = None,
    events: Iterable[Event | Mapping[str, object]] | None = None,
    channels: Iterable[str] | None = None,
    placement: str | None = None,
    max_offers: int | None = None,
    mode: str | None = None,
    now: datetime | None = None,
    request_id: str | None = None,
) -> DecideRequest:
    """A request to decide for one customer; raises TypeError or ValueError naming what cannot be sent.

    profile: attributes by name; a mapping among them holds attributes below its name. Other parts are as the fields of
    DecideRequest. events: messages, or mappings with the keys of `event`. mode: `commit` (the default) or `preview`.
    None, also as the value of an attribute or a field, is as good as not given.
    """
    return DecideRequest(
        request_id=request_id,
        customer=Customer(id=customer_id, aliases=texts("aliases", aliases)),
        context=Context(
            profile=_profile(profile or {}, consents, preferred_channels, language, time_zone),
            location=_message(Location(), "location", location or {}),
            weather=_message(Weather(), "weather", weather or {}),
            events=[
                event if isinstance(event, Event) else event_of(f"events[{index}]", event)
                for index, event in enumerate(events or ())
            ],
        ),
        channels=texts("channels", channels),
        placement=placement,
        max_offers=max_offers,
        mode=_MODES[known_name("mode", mode or "commit", _MODES)],
        now=None if now is None else aware("now", now),
    )


def _profile(
    profile: Mapping[str, Plain | None],
    consents: Iterable[str] | None,
    preferred_channels: Iterable[str] | None,
    language: str | None,
    time_zone: str | None,
) -> Profile:
    known = {"language": language, "time_zone": time_zone}
    attributes: dict[str, Value] = {}
    for name, value in _flat("", profile):
        if name not in known:
            attributes[name] = value_of(f"profile.{name}", value)
        elif isinstance(value, str):
            known[name] = known[name] or value
        else:
            raise TypeError(f"profile.{name}: is a text, not {value!r}")
    return Profile(
        **known,
        consents=texts("consents", consents),
        preferred_channels=texts("preferred_channels", preferred_channels),
        attributes=attributes,
    )


def _flat(prefix: str, values: Mapping[str, Any]) -> Iterator[tuple[str, object]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(f"{prefix}{name}.", value)
        elif value is not None:
            yield f"{prefix}{name}", value


def _message(message: _M, name: str, values: Mapping[str, object]) -> _M:
    fields = message.DESCRIPTOR.fields_by_name
    for key, value in values.items():
        field = fields[known_name(name, key, fields)]
        if value is None:
            continue
        if not _fits(field.cpp_type, value):
            raise TypeError(f"{name}.{key}: is {_KINDS[field.cpp_type][0]}, not {value!r}")
        if isinstance(value, Mapping):
            _message(getattr(message, key), f"{name}.{key}", value)
        else:
            setattr(message, key, value)
    return message


_KINDS: dict[int, tuple[str, type | tuple[type, ...]]] = {
    FieldDescriptor.CPPTYPE_STRING: ("a text", str),
    FieldDescriptor.CPPTYPE_DOUBLE: ("a number", (int, float)),
    FieldDescriptor.CPPTYPE_BOOL: ("true or false", bool),
    FieldDescriptor.CPPTYPE_MESSAGE: ("a mapping", Mapping),
}


def _fits(kind_of_field: int, value: object) -> bool:
    kind = _KINDS[kind_of_field][1]
    return isinstance(value, kind) and (kind is bool or not isinstance(value, bool))


def from_document(document: object) -> DecideRequest:
    """The request that a context file describes; raises ValueError that says what is wrong and where.

    {customer: id, aliases: [...], profile: {...}, location: {...}, weather: {...}, consents: [...], channels: [...],
    preferred_channels: [...], placement: name, events: [{type: view, at: time, item: name}],
    max_offers: 1, mode: commit, now: 2026-03-10T10:00+08:00,
    request_id: name}; a null is as good as left out.
    """
    if not isinstance(document, Mapping):
        raise ValueError(f"a context is a mapping with a customer, not {document!r}")  # noqa: TRY004 -- see above
    for key, value in document.items():
        expected = _KEYS[known_name("context", key, _KEYS)]
        if value is not None and not expected.fits(value):
            raise ValueError(f"{key}: needs {expected.text}, not {value!r}")
    arguments = dict(document)
    customer = arguments.pop("customer", "")
    if not customer:
        raise ValueError("customer: is missing")
    if arguments.get("now") is not None:
        arguments["now"] = moment_of("now", arguments["now"])
    try:
        return request(customer, **arguments)
    except TypeError as error:
        raise ValueError(str(error)) from None


class _Expected(NamedTuple):
    """What a key of the document must have as its value."""

    text: str
    fits: Callable[[object], bool]


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(text, str) for text in value)


def _is_events(value: object) -> bool:
    return isinstance(value, list) and all(_is_mapping(event) for event in value)


def _is_mapping(value: object) -> bool:
    return isinstance(value, Mapping) and all(isinstance(key, str) for key in value)


_TEXT = _Expected("a text", _is_text)


_TEXTS = _Expected("a list of texts", _is_texts)


_MAPPING = _Expected("a mapping of names to values", _is_mapping)


_COUNT = _Expected("a whole number", lambda value: type(value) is int and 0 <= value < 2**32)


_TIME = _Expected("a time", lambda value: isinstance(value, str | datetime))


_KEYS: dict[str, _Expected] = {
    "customer": _Expected("the customer's id, a text", _is_text),
    "aliases": _TEXTS,
    "profile": _MAPPING,
    "location": _MAPPING,
    "weather": _MAPPING,
    "events": _Expected("a list of events", _is_events),
    "consents": _TEXTS,
    "preferred_channels": _TEXTS,
    "channels": _TEXTS,
    "placement": _TEXT,
    "max_offers": _COUNT,
    "mode": _TEXT,
    "now": _TIME,
    "request_id": _TEXT,
}
