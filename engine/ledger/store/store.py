"""The store: all that the ledger needs of a database. SqliteStore and PostgresStore implement it.

What is read and written stands in `engine.ledger.queries`, once for both. A group's rows go in by one statement a table,
and what it reads comes out by one statement: the interpreter lock changes hands a few times a group instead of a few
times a row, while the server's event loop runs on.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, TypeVar

from engine.ledger.store.statements import Select
from engine.ledger.store.templates import RowTemplate
from engine.model.instant import Instant

RowT = TypeVar("RowT", bound=tuple[Any, ...])


class Store(ABC):
    """A log, for one thread at a time. Statements are made inside a transaction, which raises when they fail."""

    shards: int = 1
    """Into how many rows a counter is divided: one where writers come one by one anyway."""

    has_one_writer: bool = False
    """Whether transactions that write come one by one, so that locks say nothing more."""

    most_locks: int | None = None
    """The locks that one transaction may take; None where they cost nothing."""

    begins_at_once: bool = False
    """Whether `at_once` is to be had: its statements wait for no other program but those that hold the log."""

    errors: tuple[type[Exception], ...] = ()
    """What its statements raise when they fail; `transaction` turns it into LedgerUnavailable."""

    def __init__(self) -> None:
        self.counters: set[tuple[str, int]] = set()
        """Counters that are known to be in the log: name and period."""
        self.books: set[str] = set()
        """Versions of books whose texts are known to be in the log."""
        self.dictionaries: dict[int, str] = {}
        """Those that packed decisions were read with, by number; they never change while a log is open."""

    @abstractmethod
    def transaction(self, locks: Iterable[str] = (), *, writes: bool = True) -> AbstractContextManager[None]:
        """Keeps everything inside together when the block ends, or nothing of it when it raises. They do not nest.

        locks: names of what is read and written inside, such as persons and request ids; transactions with the same name
        come one after the other, in whatever process. Without `writes` all that is read inside is of one moment, and no
        writer waits for it or is waited for. Raises LedgerUnavailable; DataRefused where it is for what was to be written.
        """

    def at_once(self) -> AbstractContextManager[None]:
        """Has the transactions of a block raise WouldWait where another process holds the log, in place of waiting for it."""
        raise NotImplementedError("this store waits for others in any case: see begins_at_once")

    @abstractmethod
    def another(self) -> "Store":
        """The same log on a connection of its own, for reading."""

    @abstractmethod
    def close(self) -> None:
        """Closes what is open; the next transaction opens it again."""

    @abstractmethod
    def select(self, statement: Select, *values: Any) -> Sequence[Any]:
        """Reads rows."""

    @abstractmethod
    def stream(self, statement: Select, *values: Any) -> Iterator[Any]:
        """Reads rows as they are taken, one such statement at a time, so that memory does not grow with their number.

        All are taken inside the transaction. Not for statements that are packed.
        """

    @abstractmethod
    def change(self, sql: str, *values: Any) -> None:
        """Changes or deletes rows."""

    @abstractmethod
    def insert(self, row: type[RowT], rows: Sequence[RowT], conflict: str = "") -> None:
        """Adds rows to the table of their type; `conflict` says in SQL what becomes of one whose key is there."""

    @abstractmethod
    def load(self, row: type[RowT], rows: Sequence[RowT]) -> None:
        """Adds many rows in the quickest way; what is read later in the transaction may not see them yet."""

    @abstractmethod
    def load_alike(
        self, row: type[RowT], templates: Sequence[RowTemplate], values: Sequence[Sequence[str]]
    ) -> None:
        """Adds as many rows as there are templates, as `load` does. values: by stand-in, the text in each row."""

    @abstractmethod
    def unsettled(self) -> int:
        """From which number on commits may still come: none below it is under way."""

    @abstractmethod
    def mark(self) -> None:
        """Marks the state of the transaction to which `retreat` goes back."""

    @abstractmethod
    def retreat(self) -> None:
        """Undoes everything since the mark, and gives up the rows that were locked since."""

    @abstractmethod
    def share(self, name: str) -> None:
        """Shares a lock until the transaction ends: one that takes it by `transaction` waits, or is waited for."""

    @abstractmethod
    def notify(self, channel: str, text: str) -> None:
        """Tells whoever listens on the channel, once the transaction is kept; where nobody can listen, nothing happens."""

    @abstractmethod
    def size(self) -> int:
        """Bytes that the log takes, inside a transaction."""

    def drop_months(self, table: str, before: Instant, now: Instant) -> int:  # noqa: ARG002 for stores without months
        """Drops the months of the table that ended before the moment, where tables are divided by month; the rows in them.

        A month of decisions that become allowed from `now` on stays. In transactions of its own.
        """
        return 0

    @abstractmethod
    def prove(self, rows: Mapping[type[tuple[Any, ...]], Sequence[tuple[Any, ...]]]) -> None:
        """Writes rows, by their type, as those that are kept are written, and takes them back before the transaction ends.

        Nobody ever sees them; where there is no room to keep them, the transaction fails.
        """
