"""Keeps the texts of books, so that every decision of the log can be made again by the book that made it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

from engine.decide.compiled import CompiledBook
from engine.ledger.commit.commands import Command, Stage, UnitOfWork
from engine.ledger.queries import books, releases, trends
from engine.ledger.store.release_rows import ServerRow
from engine.ledger.store.rows import BookRow
from engine.ledger.store.store import Store
from engine.model.instant import Instant
from engine.rulebook.model.book import Book


@dataclass(frozen=True, slots=True)
class KeepBookCommand(Command[None]):
    """A book that is live from `now` on, whose text is to be kept."""

    book: Book
    now: Instant

    stage = Stage.DECIDE

    @classmethod
    def apply(cls, unit: UnitOfWork, commands: Sequence[Self]) -> list[None]:
        """Keeps the texts."""
        keep_books(unit.store, ((command.book, command.now) for command in commands))
        return [None for _ in commands]


def keep_books(store: Store, live: Iterable[tuple[Book, Instant]]) -> None:
    """Keeps the books that are not in the log yet, inside the transaction that commits what they decided.

    A server keeps its book when it goes live; decisions do it for the log that was not to be had then, or is another by
    now. The store remembers a book once a later transaction has found it: its own may still fail.
    """
    rows = {
        book.version: BookRow(book.version, book.text, now)
        for book, now in live
        if book.version not in store.books and book.text
    }
    if not rows:
        return
    present = books.present(store, list(rows))
    store.books |= present
    books.keep(store, [rows[version] for version in sorted(rows.keys() - present)])


@dataclass(frozen=True, slots=True)
class SeeServerCommand(Command[None]):
    """What a server serves and refused, in place of what it said before."""

    row: ServerRow

    stage = Stage.LEARN

    @classmethod
    def apply(cls, unit: UnitOfWork, commands: Sequence[Self]) -> list[None]:
        """Keeps what it said last."""
        for command in commands:
            releases.see_server(unit.store, command.row)
        return [None] * len(commands)


@dataclass(frozen=True, slots=True)
class KeepTrendsCommand(Command[None]):
    """Says that a server counts what its book reads of the events of all customers; old counts are deleted."""

    compiled: CompiledBook
    now: Instant

    stage = Stage.LEARN

    def locks(self) -> tuple[str, ...]:
        """One for all servers: they say so one after the other."""
        return ("trends",)

    @classmethod
    def apply(cls, unit: UnitOfWork, commands: Sequence[Self]) -> list[None]:
        """Keeps from when until when what is counted."""
        for command in commands:
            trends.register(unit.store, command.compiled.counted, command.now)
        return [None] * len(commands)
