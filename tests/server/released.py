"""Publishes and activates books in a log as the commands do, without their checks."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.ledger.queries import releases
from engine.ledger.store.open import open_store
from engine.ledger.store.release_rows import ActivationRow, PublicationRow, ServerRow
from engine.ledger.store.store import Store
from engine.rulebook.load import load
from tests.logs import Log


class Releases:
    """The releases of one book in a log."""

    def __init__(self, store: Store, name: str) -> None:
        self._store, self.name = store, name

    def publish(self, folder: Path) -> str:
        """Publishes the folder's book; its version."""
        book = load(folder).book
        assert book is not None
        assert book.name == self.name
        self.add(book.version, book.text)
        return book.version

    @staticmethod
    def text_of(book: str) -> str:
        """The text of a book that has one file, as it is kept in a log."""
        return json.dumps({"book.yaml": book})

    def add(self, version: str, text: str) -> None:
        """Publishes a text under a version, whether or not it is right."""
        row = PublicationRow(version, self.name, "", "", _now(), "ann", "", "", "", "[]", 0, "{}")
        with self._store.transaction((releases.RELEASES,)):
            releases.add_publication(self._store, row, text)

    def activate(self, version: str, *, share: float | None = None, salt: str | None = None) -> int:
        """Makes the version live, or stages it for a share of the persons; the activation's id."""
        with self._store.transaction((releases.RELEASES,)):
            last = releases.live(self._store, self.name)
            action = "activate" if share is None else "stage"
            previous = "" if last is None else last.live
            row = ActivationRow(
                *(0, self.name, version, previous, action, share, salt, _now(), "ann", ""), emergency=False
            )
            row = releases.next_activation(self._store, row)
            releases.add_activation(self._store, row)
        return row.id

    def servers(self) -> list[ServerRow]:
        """What servers said last."""
        with self._store.transaction(writes=False):
            return releases.servers(self._store)


@contextmanager
def releasing(log: Log, name: str) -> Iterator[Releases]:
    """The releases of a book, for the length of a block."""
    store = open_store(log.url)
    try:
        yield Releases(store, name)
    finally:
        store.close()


def _now() -> int:
    return time.time_ns() // 1000
