"""A context's profile as the book declares it: text that stands for a date or a time becomes one."""

from collections.abc import Mapping
from datetime import date, datetime

from engine.rulebook.model import Attribute, AttributeType, Book


def typed(document: Mapping[str, object], book: Book) -> dict[str, object]:
    """The context with its profile's dates and times read; a time without a zone takes the book's.

    Raises ValueError that begins with the attribute's name.
    """
    profile = document.get("profile")
    if not isinstance(profile, dict):
        return dict(document)
    return {**document, "profile": _typed(profile, "profile", book)}


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
    try:
        if declared.type is AttributeType.DATE:
            return date.fromisoformat(value)
        if declared.type is AttributeType.TIME:
            moment = datetime.fromisoformat(value)
            return moment if moment.tzinfo else moment.replace(tzinfo=book.timezone)
    except ValueError:
        raise ValueError(f"{name}: {value!r} is not a {declared.type}") from None
    return value
