"""The books that the console shows: those that are live, from the log's own text of each version."""

from collections import OrderedDict
from threading import Lock
from typing import NamedTuple

from engine.decide.compiled import CompiledBook, compile_book
from engine.decide.signals.python_evaluator import PythonEvaluator
from engine.ledger.commit.replay import logged_book
from engine.ledger.queries.decisions import last_version
from engine.ledger.queries.releases import live, published_names
from engine.ledger.store.store import Store
from engine.model.instant import Instant
from engine.rulebook.model.book import Book

_MOST_BOOKS = 6
"""Books that are held at once; a large one takes seconds to load."""


class LiveBook(NamedTuple):
    """A book that decides."""

    version: str
    book: Book | None
    """None: the log does not have its text, or this program makes another book of it."""
    name: str = ""
    """Under which it was published; empty: a server serves it from a folder."""
    since: Instant | None = None
    actor: str = ""
    staged: str = ""
    """The version that decides for a share of the persons; empty: none."""
    share: float | None = None


class BookShelf:
    """Loads books once. Threads share it."""

    def __init__(self) -> None:
        self._books: OrderedDict[str, Book | None] = OrderedDict()
        self._compiled: CompiledBook | None = None
        self._turn = Lock()

    def of(self, store: Store, version: str) -> Book | None:
        """The book of the version, inside a transaction; None where it is not at hand."""
        with self._turn:
            if version not in self._books:
                while len(self._books) >= _MOST_BOOKS:
                    self._books.popitem(last=False)
                self._books[version] = logged_book(store, version)
            self._books.move_to_end(version)
            return self._books[version]

    def compiled(self, store: Store, version: str) -> CompiledBook | None:
        """The same, compiled, to ask what its rules count."""
        book = self.of(store, version)
        if book is None:
            return None
        with self._turn:
            if self._compiled is None or self._compiled.book.version != version:
                # in plain Python, which cannot be ended by what a book says
                self._compiled = compile_book(book, PythonEvaluator)
            return self._compiled

    def live(self, store: Store) -> list[LiveBook]:
        """What is live under each name; where nothing was published, the version that decided last."""
        books = []
        for name in published_names(store):
            row = live(store, name)
            if row is None:
                continue
            book = self.of(store, row.live)
            books.append(LiveBook(row.live, book, name, row.at, row.actor, row.staged or "", row.share))
        version = None if books else last_version(store)
        return books if version is None else [LiveBook(version, self.of(store, version))]

    def present(self, store: Store) -> list[Book]:
        """The books that are live and at hand."""
        return [live.book for live in self.live(store) if live.book is not None]
