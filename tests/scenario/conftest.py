"""The book that scenarios of these tests are about."""

import pytest

from engine.decide.compiled import LiveBook
from tests.books import live_book


@pytest.fixture(scope="session")
def spring(tmp_path_factory: pytest.TempPathFactory) -> LiveBook:
    """The small book of tests/books.py, compiled."""
    return live_book(tmp_path_factory.mktemp("spring"))
