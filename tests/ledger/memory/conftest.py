"""A server with the book that remembers, shared by the tests of a module."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from engine.client import Client
from tests.books import write_book
from tests.ledger.memory.books import REMEMBERING
from tests.servers import Server, serving

_CUSTOMERS = count()


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the module's server logs."""
    return tmp_path_factory.mktemp("log") / "tact.db"


@pytest.fixture(scope="module")
def server(log: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with the book that remembers."""
    book = write_book(tmp_path_factory.mktemp("book"), REMEMBERING)
    with serving(book, log, "--allow-simulated-now") as running:
        yield running


@pytest.fixture(scope="module")
def client(server: Server) -> Iterator[Client]:
    """A client of it."""
    with Client(server.target, timeout=60) as client:
        yield client


@pytest.fixture
def ann() -> str:
    """A customer of whom nothing is known."""
    return f"ann-{next(_CUSTOMERS)}"
