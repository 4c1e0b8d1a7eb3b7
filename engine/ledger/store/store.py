"""The store: all that the ledger asks of a database. SqliteStore and PostgresStore do it.

What is read and written stands in the modules beside this one, once for both. A group's rows go in by one statement a
table, and what it reads comes out by one statement: the interpreter lock changes hands a few times a group instead of a
few times a row, while the server's event loop runs on.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Any

from engine.ledger.store.statements import Select


class Store(ABC):
    """A log, for one thread at a time. Statements are made inside of a transaction, which raises when they fail."""

    @abstractmethod
    def transaction(self, about: Iterable[str] = (), *, writes: bool = True) -> AbstractContextManager[None]:
        """Everything inside is kept together when the block ends, or not at all when it raises.

        about: names of what is read and written inside, such as persons and request ids; transactions about the same
        name come one after the other, in whatever process. Inside another transaction it is part of that one, which has
        to be about the same names. Without `writes` all that is read inside is of one moment, and no writer waits for it
        or is waited for. Raises LedgerUnavailable.
        """

    shards: int = 1
    """Into how many rows a counter is divided: one where writers come one by one anyway."""

    @property
    @abstractmethod
    def within(self) -> bool:
        """Whether a transaction is under way."""

    @abstractmethod
    def another(self) -> "Store":
        """The same log on a connection of its own, for reading."""

    @abstractmethod
    def close(self) -> None:
        """Closes what is open; the next transaction opens it again."""

    @abstractmethod
    def select(self, statement: Select, *values: Any) -> Sequence[Any]:
        """The rows."""

    @abstractmethod
    def change(self, sql: str, *values: Any) -> None:
        """Changes or deletes rows."""

    @abstractmethod
    def insert(self, table: type[Any], rows: Sequence[tuple[Any, ...]], conflict: str = "") -> None:
        """Adds the rows to the table; `conflict` says in SQL what becomes of one whose key is there."""

    @abstractmethod
    def mark(self) -> None:
        """Remembers the place in the transaction to which `retreat` goes back."""

    @abstractmethod
    def retreat(self) -> None:
        """Undoes everything since the mark, and gives up the rows that were locked since."""

    @abstractmethod
    def prove(self) -> None:
        """Writes what changes nothing, so that a log that can be read and not written is noticed by who only looks."""
