"""Withdrawals of a log that a book does not know: `tact check --log` imports it, so that a plain check loads no database."""

from collections.abc import Mapping

from engine.cli.exits import USAGE, fail
from engine.decide.pressure.consent import purposes_of
from engine.ledger.errors import LedgerError
from engine.ledger.queries.consents import withdrawn_purposes
from engine.ledger.store.open import check_url, is_missing, open_store
from engine.model.customer import EVERYTHING
from engine.rulebook.model.book import Book


def unnamed_purposes(book: Book, log: str) -> Mapping[str, int]:
    """The purposes with withdrawals in the log that no channel of the book has, and of how many persons.

    Ends the command where the log cannot be opened.
    """
    try:
        withdrawn = _withdrawn(log)
    except ValueError as error:
        fail(str(error), USAGE)
    except LedgerError as error:
        fail(str(error))
    named = {EVERYTHING}.union(*map(purposes_of, book.channels.values()))
    return {purpose: persons for purpose, persons in withdrawn.items() if purpose not in named}


def _withdrawn(log: str) -> Mapping[str, int]:
    check_url(log)
    if is_missing(log):
        raise ValueError(f"there is no log at {log}")
    store = open_store(log)
    try:
        with store.transaction(writes=False):
            return withdrawn_purposes(store)
    finally:
        store.close()
