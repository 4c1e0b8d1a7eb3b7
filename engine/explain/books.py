"""The books of a log's decisions: loaded from the log's own text of each version, or from folders."""

from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path

from engine.decide.compiled import CompiledBook, compile_book
from engine.decide.signals.python_evaluator import PythonEvaluator
from engine.ledger.commit.replay import logged_book
from engine.ledger.store.store import Store
from engine.rulebook.load import load
from engine.rulebook.model.book import Book

_MOST_BOOKS = 4
"""Compiled books that are held at once: decisions come in order of time, and so do their books."""


class Books:
    """The books of a log's decisions, compiled, by version.

    folder: holds folders of books, or is one, for decisions whose book is not in the log.
    """

    def __init__(self, store: Store, folder: Path | None = None) -> None:
        self._store = store
        self._given = {} if folder is None else {book.version: book for book in _books_in(folder)}
        self._compiled: OrderedDict[str, CompiledBook | None] = OrderedDict()

    def of(self, version: str) -> CompiledBook | None:
        """The book of the version; None where it is not at hand."""
        if version not in self._compiled:
            while len(self._compiled) >= _MOST_BOOKS:
                self._compiled.popitem(last=False)
            self._compiled[version] = self._compile(version)
        self._compiled.move_to_end(version)
        return self._compiled[version]

    def _compile(self, version: str) -> CompiledBook | None:
        book = self._given.get(version)
        if book is None:
            with self._store.transaction(writes=False):
                book = logged_book(self._store, version)
        # in plain Python, which infers the same and cannot be ended by what a book says
        return None if book is None else compile_book(book, PythonEvaluator)


def _books_in(folder: Path) -> Iterator[Book]:
    """The books that load, of the folder itself and of the folders in it."""
    for candidate in (folder, *sorted(path for path in folder.iterdir() if path.is_dir())):
        if (book := load(candidate).book) is not None:
            yield book
