"""A server that the tests of a module share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.client import Client
from tests.books import write_book
from tests.servers import Server, serving


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with the spring book and a fresh log."""
    folder = tmp_path_factory.mktemp("served")
    with serving(write_book(folder / "book"), folder / "tact.db") as running:
        yield running


@pytest.fixture(scope="module")
def client(server: Server) -> Iterator[Client]:
    """A client of it."""
    with Client(server.target, timeout=60) as client:
        yield client


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Where a test's own server logs."""
    return tmp_path / "tact.db"


@pytest.fixture
def book(tmp_path: Path) -> Path:
    """The spring book, in a folder of the test's own."""
    return write_book(tmp_path / "book")
