"""Context files: one customer at one moment, as JSON or YAML, for trying a book out."""

from pathlib import Path

from engine.api.v1.decisions_pb2 import DecideRequest
from engine.client import from_document
from engine.rulebook.model.book import Book
from engine.rulebook.text.nodes import compose
from engine.scenario.typed import typed


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
        return from_document(typed(data, book) if isinstance(data, dict) else data)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
