"""The book that scenarios of these tests are about."""

import pytest

from engine.decide.compiled import CompiledBook
from tests.books import compiled_book


@pytest.fixture(scope="session")
def spring(tmp_path_factory: pytest.TempPathFactory) -> CompiledBook:
    """The small book of tests/books.py, compiled."""
    return compiled_book(tmp_path_factory.mktemp("spring"))
