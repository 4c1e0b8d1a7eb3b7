"""The log that the console reads: a connection for each thread that answers a request."""

from collections.abc import Iterator
from contextlib import contextmanager
from queue import Empty, LifoQueue
from threading import Lock

from engine.ledger.store.open import open_store
from engine.ledger.store.store import Store

_MOST_KEPT = 8
"""Connections that stay open while nobody needs them."""


class LogReader:
    """Reads a log from many threads. Raises LedgerUnavailable where the log cannot be opened.

    It is migrated to the newest form first, as every command does it.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._first = open_store(url)
        self._idle: LifoQueue[Store] = LifoQueue(_MOST_KEPT)
        self._turn = Lock()

    @contextmanager
    def connection(self) -> Iterator[Store]:
        """A connection of this thread's own, for the length of a block."""
        try:
            store = self._idle.get_nowait()
        except Empty:
            store = self._first.another()
        try:
            yield store
        except BaseException:
            store.close()
            raise
        if self._idle.full():
            store.close()
        else:
            self._idle.put_nowait(store)

    @contextmanager
    def reading(self) -> Iterator[Store]:
        """The same, inside one transaction: all that is read is of one moment."""
        with self.connection() as store, store.transaction(writes=False):
            yield store

    @contextmanager
    def writing(self) -> Iterator[Store]:
        """The connection that may write too: what is counted, and who looked at a person. For one thread at a time."""
        with self._turn:
            yield self._first

    def close(self) -> None:
        """Closes what is open."""
        while not self._idle.empty():
            self._idle.get_nowait().close()
        self._first.close()
