"""A multiplied log replays to the byte, whatever its size."""

import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from bench import multiply
from demo.households import households
from engine.explain.books import Books
from engine.ledger.store.open import open_store
from engine.measure.replay import ReplayResult, replay_log


def test_every_decision_of_every_copy_replays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Copies lie weeks apart and have persons of their own, and all that the engine decides of them is as logged."""
    few = households()[:12]
    monkeypatch.setattr(multiply, "households", lambda: few)
    monkeypatch.setattr(multiply, "DAYS", 9)
    copies = multiply.WEEKS + 2
    assert multiply.copy_log(tmp_path / "log.db", copies) == copies * 12 * 9
    store = open_store(f"sqlite:///{tmp_path / 'log.db'}")
    results = Counter(replayed.result for replayed in replay_log(store, Books(store)))
    store.close()
    with closing(sqlite3.connect(tmp_path / "log.db")) as connection:
        persons, outcomes = connection.execute(
            "SELECT count(DISTINCT person), count(DISTINCT outcome) FROM decisions"
        ).fetchone()
        kinds = connection.execute("SELECT count(DISTINCT type) FROM outcomes").fetchone()
    assert results == {ReplayResult.EQUAL: copies * 12 * 9}
    assert (persons, outcomes, *kinds) == (copies * 12, 3, 3)
