"""Reads and writes the texts of books, each once."""

from collections.abc import Sequence

from engine.ledger.store.rows import BookRow
from engine.ledger.store.statements import Select, columns
from engine.ledger.store.store import Store

_KEPT = "ON CONFLICT (version) DO NOTHING"
"""The first that was kept stays, and the moment at which it was."""


_PRESENT = Select("version", "FROM books WHERE version IN :given(version text)")
"""The versions whose texts are in the log."""


_BOOK = Select(columns(BookRow._fields), "FROM books WHERE version = ?")
"""The row of a version."""


def present(store: Store, versions: Sequence[str]) -> set[str]:
    """Those of the versions whose texts are in the log."""
    return {version for (version,) in store.select(_PRESENT, versions)}


def book_of(store: Store, version: str) -> BookRow | None:
    """The book of the version; None where the log does not have it."""
    rows = store.select(_BOOK, version)
    return BookRow(*rows[0]) if rows else None


def keep(store: Store, rows: Sequence[BookRow]) -> None:
    """Adds books that are not there."""
    store.insert(BookRow, rows, _KEPT)
