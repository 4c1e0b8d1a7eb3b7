"""Books that are loaded and linted."""

from pathlib import Path

from engine.model.instant import Instant
from engine.rulebook.load import LoadedBook, load_linted

NOW: Instant = 1_772_532_000_000_000
"""2026-03-03T10:00Z."""


def linted(folder: Path, book: str, now: Instant = NOW) -> LoadedBook:
    """The book, written to the folder, after linting."""
    (folder / "book.yaml").write_text(book, encoding="utf-8")
    return load_linted(folder, lambda _: now)


def lines_of(loaded: LoadedBook, code: str) -> list[int]:
    """The lines at which the code was reported."""
    return [diagnostic.line for diagnostic in loaded.diagnostics if diagnostic.code == code]
