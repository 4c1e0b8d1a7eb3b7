"""Serving books: which version serves whom, and when a version is freed."""

import asyncio
import resource
from pathlib import Path

import pytest

from engine.decide.compiled import CompiledBook, compile_book
from engine.decide.signals.kernel import DurableKernel
from engine.engine import Engine
from engine.ledger.commit.decisions import DecideCommand
from engine.ledger.ledger import Ledger
from engine.ledger.store.open import open_store
from engine.model.decision import Decision
from engine.rulebook.load import load
from engine.server.book.serving import ServingBook, ServingBooks
from engine.wire.parse import Parser
from tests.books import compiled_book, write_book
from tests.decide.signals.books import needs_library
from tests.requests import li_na
from tests.server.reloads import numbered_book

NOW = 1_773_100_800_000_000
RULES_OF_200 = 4_500_000
"""Bytes that the rulesets of 200 signals take."""


def serving(compiled: CompiledBook, ledger: Ledger) -> ServingBooks:
    """A server's book, and those that replace it."""
    return ServingBooks(compiled, lambda compiled: ServingBook(Parser(compiled), Engine(compiled, ledger)))


async def committed(*servings: ServingBook, ledger: Ledger) -> list[str]:
    """The versions that decided, of evaluations by each serving book that are committed in one group."""
    evaluations = [
        evaluation
        for serving in servings
        for evaluation in await serving.engine.evaluate_all([serving.parser.parse(li_na("li-na"), NOW)])
    ]
    decisions = await ledger.commit_all([DecideCommand(evaluation) for evaluation in evaluations])
    return [decision.book_version for decision in decisions if isinstance(decision, Decision)]


@pytest.fixture
def books(tmp_path: Path) -> tuple[CompiledBook, CompiledBook]:
    """Two versions with signals."""
    first = compiled_book(tmp_path / "one", numbered_book(1))
    return first, compiled_book(tmp_path / "two", numbered_book(2))


def healthy(compiled: CompiledBook) -> bool:
    """Whether the book's rulesets are still there."""
    assert compiled.signals is not None
    assert isinstance(compiled.signals.evaluator, DurableKernel)
    return compiled.signals.evaluator.healthy


@needs_library
async def test_rulesets_live_as_long_as_requests(
    tmp_path: Path, books: tuple[CompiledBook, CompiledBook]
) -> None:
    """A replaced version keeps its rulesets while a request of its own is under way, and is freed after the last one."""
    ledger = Ledger(open_store(f"sqlite:///{tmp_path}/log.db"))
    first, second = books
    serving_books = serving(first, ledger)
    with serving_books.current as old, serving_books.current:
        serving_books.swap(second)
        assert serving_books.current.version == second.book.version
        assert healthy(first)
        assert await committed(old, serving_books.current, ledger=ledger) == [
            first.book.version,
            second.book.version,
        ]
    await asyncio.get_running_loop().shutdown_default_executor()
    assert not healthy(first)
    assert healthy(second)
    ledger.close()


@needs_library
async def test_an_idle_version_is_freed_at_once(
    tmp_path: Path, books: tuple[CompiledBook, CompiledBook]
) -> None:
    """With no request under way the replaced version goes with the swap."""
    ledger = Ledger(open_store(f"sqlite:///{tmp_path}/log.db"))
    first, second = books
    serving_books = serving(first, ledger)
    serving_books.swap(second)
    await asyncio.get_running_loop().shutdown_default_executor()
    assert not healthy(first)
    assert healthy(second)
    ledger.close()


@needs_library
async def test_memory_is_flat_over_swaps(tmp_path: Path) -> None:
    """Fifty versions with 200 signals each come and go in less room than four that stayed would take."""
    loaded = load(write_book(tmp_path / "book", numbered_book(1, 200))).book
    assert loaded is not None
    ledger = Ledger(open_store(f"sqlite:///{tmp_path}/log.db"))
    serving_books = serving(compile_book(loaded), ledger)
    before = 0
    for swap in range(70):
        if swap == 20:
            before = resident()
        serving_books.swap(compile_book(loaded))
    await asyncio.get_running_loop().shutdown_default_executor()
    assert resident() - before < 4 * RULES_OF_200
    ledger.close()


def resident() -> int:
    """Bytes of this process in memory."""
    return int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[1]) * resource.getpagesize()
