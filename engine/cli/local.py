"""Deciding and explaining in this process: context files, an empty ledger for them, and logged decisions."""

import asyncio
import tempfile
from collections.abc import Collection
from datetime import UTC, datetime
from pathlib import Path

from engine.api.v1.decisions_pb2 import DecideRequest
from engine.decide.compiled import CompiledBook
from engine.engine import Engine
from engine.explain import Explained, explain, explain_logged
from engine.ledger.ledger import Ledger
from engine.ledger.store.open import check_url, is_missing, open_store
from engine.model.instant import from_datetime
from engine.rulebook.model.book import Book
from engine.rulebook.text.nodes import compose
from engine.scenario.contexts import typed
from engine.wire.messages.requests import from_document
from engine.wire.parse import Parser


def read_context(path: Path, book: Book) -> DecideRequest:
    """The request in a context file, JSON or YAML; raises ValueError that says what is wrong and where.

    Text is parsed as a date or a time where the book declares one; a time without a zone takes the book's.
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
    compiled: CompiledBook,
    message: DecideRequest,
    *,
    only: Collection[str] = (),
    counterfactuals: bool = False,
) -> Explained:
    """The explained decision for a customer without history; raises InvalidMessage, Unsupported."""
    now = from_datetime(datetime.now(UTC))
    request = Parser(compiled, may_simulate=lambda: True).parse(message, now)
    with tempfile.TemporaryDirectory() as folder:
        ledger = Ledger(open_store(f"sqlite:///{folder}/tact.db"))
        try:
            return asyncio.run(
                explain(Engine(compiled, ledger), request, only=only, counterfactuals=counterfactuals)
            )
        finally:
            ledger.close()


def look_back(compiled: CompiledBook, decision_id: str, log: str, *, only: Collection[str] = ()) -> Explained:
    """A logged decision explained; raises ValueError if there is no log, NoSuchDecision and LedgerError."""
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
