"""Requests from context files, read as JSON or YAML."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import NamedTuple

from engine.api.v1.decisions_pb2 import DecideRequest
from engine.client.request import request
from engine.client.values import known_name, moment_of


def from_document(document: object) -> DecideRequest:
    """The request that a context file describes; raises ValueError that says what is wrong and where.

    {customer: id, aliases: [...], profile: {...}, location: {...}, weather: {...}, consents: [...], channels: [...],
    preferred_channels: [...], placement: name, events: [{type: view, at: time, item: name}],
    max_offers: 1, mode: commit, now: 2026-03-10T10:00+08:00,
    request_id: name}
    """
    if not isinstance(document, Mapping):
        raise ValueError(f"a context is a mapping with a customer, not {document!r}")  # noqa: TRY004 -- see above
    for key, value in document.items():
        expected = _KEYS[known_name("context", key, _KEYS)]
        if not expected.fits(value):
            raise ValueError(f"{key}: needs {expected.text}, not {value!r}")
    arguments = dict(document)
    customer = arguments.pop("customer", "")
    if not customer:
        raise ValueError("customer: is missing")
    if "now" in arguments:
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
