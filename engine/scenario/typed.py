"""A context's profile as the book declares it: text that stands for a date or a time becomes one."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from engine.rulebook.model.book import Attribute, AttributeType, Book


def typed(document: Mapping[str, object], book: Book) -> dict[str, object]:
    """The context with the dates and times of its profile and events read; a time without a zone takes the book's.

    Raises ValueError that begins with the attribute's name.
    """
    found = dict(document)
    if isinstance(profile := document.get("profile"), dict):
        found["profile"] = _typed(profile, "profile", book)
    if isinstance(events := document.get("events"), list):
        found["events"] = [typed_event(one, f"events[{place}]", book) for place, one in enumerate(events)]
    return found


def typed_event(values: Any, where: str, book: Book) -> Any:
    """The event with its moment read; whatever is none stays as it is. Raises ValueError."""
    if not isinstance(values, dict) or not isinstance(at := values.get("at"), str):
        return values
    return {**values, "at": _moment(at, f"{where}.at", book)}


def _moment(text: str, name: str, book: Book) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{name}: {text!r} is not a time") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=book.timezone)


def _typed(values: Mapping[str, object], prefix: str, book: Book) -> dict[str, object]:
    """The values with dates and times read where the book declares them."""
    found: dict[str, object] = {}
    for key, value in values.items():
        name = f"{prefix}.{key}"
        if isinstance(value, dict):
            found[key] = _typed(value, name, book)
        else:
            found[key] = _value(value, name, book.attributes.get(name), book)
    return found


def _value(value: object, name: str, declared: Attribute | None, book: Book) -> object:
    if declared is None or not isinstance(value, str):
        return value
    if declared.type is AttributeType.TIME:
        return _moment(value, name, book)
    if declared.type is AttributeType.DATE:
        try:
            return date.fromisoformat(value)
        except ValueError:
            raise ValueError(f"{name}: {value!r} is not a date") from None
    return value
