"""Context files: one customer at one moment, as JSON or YAML, for trying a book out."""

from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path

from engine.api.v1.decisions_pb2 import DecideRequest
from engine.client import from_document
from engine.rulebook.model import Attribute, AttributeType, Book
from engine.rulebook.nodes import compose


def read_context(path: Path, book: Book) -> DecideRequest:
    """The request in the file; raises ValueError that says what is wrong where.

    Text that the book declares as a date or a time is read as one; a time without a zone takes the book's.
    """
    try:
        document = compose(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: cannot be read: {error}") from None
    for problem in document.problems:
        line, column = problem.position
        raise ValueError(f"{path}:{line}:{column}: {problem.message}")
    data: object = document.data
    try:
        if isinstance(data, dict) and isinstance(profile := data.get("profile"), dict):
            data = {**data, "profile": _typed(profile, "profile", book)}
        return from_document(data)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def _typed(values: Mapping[str, object], prefix: str, book: Book) -> dict[str, object]:
    """The values with dates and times read where the book declares them."""
    typed: dict[str, object] = {}
    for key, value in values.items():
        name = f"{prefix}.{key}"
        if isinstance(value, dict):
            typed[key] = _typed(value, name, book)
        else:
            typed[key] = _value(value, name, book.attributes.get(name), book)
    return typed


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
