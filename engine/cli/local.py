"""Context files: one customer at one moment, as JSON or YAML, for trying a book out."""

import asyncio
import tempfile
from collections.abc import Collection
from pathlib import Path

from engine.api.v1.decisions_pb2 import DecideRequest
from engine.client import from_document
from engine.decide.compiled import CompiledBook
from engine.engine import Engine
from engine.explain import Explained, explain, explain_logged
from engine.ledger.ledger import Ledger
from engine.ledger.store.open import check_url, is_missing, open_store
from engine.rulebook.model.book import Book
from engine.rulebook.text.nodes import compose
from engine.scenario.contexts import typed
from engine.server.clock import wall_clock
from engine.wire.parse import Parser


def read_context(path: Path, book: Book) -> DecideRequest:
    """The request in the file; raises ValueError that says what is wrong where.

    Text that the book declares as a date or a time is read as one; a time without a zone takes the book's.
    """
    try:
        document = compose(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: cannot be read: {error}") from None
    for problem in document.problems:
        line, column = problem.position
        raise ValueError(f"{path}:{line}:{column}: {problem.message}")
    data: object = document.data
    try:
        return from_document(typed(data, book) if isinstance(data, dict) else data)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def try_out(
    compiled: CompiledBook, message: DecideRequest, *, only: Collection[str] = (), flips: bool = False
) -> Explained:
    """The explained answer for a customer without history, as `explain`; raises InvalidRequest, Unsupported."""
    request = Parser(compiled, may_simulate=lambda: True).parse(message, wall_clock())
    with tempfile.TemporaryDirectory() as folder:
        ledger = Ledger(open_store(f"sqlite:///{folder}/tact.db"))
        try:
            return asyncio.run(explain(Engine(compiled, ledger), request, only=only, counterfactuals=flips))
        finally:
            ledger.close()


def look_back(compiled: CompiledBook, decision_id: str, log: str, *, only: Collection[str] = ()) -> Explained:
    """A decision of a log explained, as `explain_logged`; raises ValueError where there is no log, and LedgerError."""
    check_url(log)
    if is_missing(log):
        raise ValueError(f"there is no log at {log}")
    ledger = Ledger(open_store(log))
    try:
        return asyncio.run(
            explain_logged(Engine(compiled, ledger), decision_id, only=only, counterfactuals=True)
        )
    finally:
        ledger.close()
