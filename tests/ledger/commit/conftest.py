"""What the tests of a group share: a fresh log on each store."""

from collections.abc import Iterator

import pytest

from engine.ledger.store.open import open_store
from engine.ledger.store.store import Store
from tests.logs import Log


@pytest.fixture
def store(any_log: Log) -> Iterator[Store]:
    """A fresh log."""
    store = open_store(any_log.url)
    yield store
    store.close()
