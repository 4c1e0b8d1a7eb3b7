"""A log filled by SQL looks like one that the engine wrote."""

import sqlite3
import time
from contextlib import closing
from pathlib import Path

from bench import books, ledger
from engine.ledger.queries.contacts import contacts_of


def test_a_filled_log_is_as_the_engine_would_have_written_it(tmp_path: Path) -> None:
    """Ids ascend with time over 100 days, five decisions a customer, a request and as a rule a contact for each."""
    path, now = tmp_path / "log.db", time.time_ns() // 1000
    evaluations = ledger.Evaluations(books.compiled_book(300), 100)
    store = ledger.filled(evaluations, path, 1_000, pattern=100)
    with closing(sqlite3.connect(path)) as connection:
        decisions = connection.execute(
            "SELECT decision_id, person, at FROM decisions ORDER BY rowid"
        ).fetchall()
        contacts = connection.execute("SELECT decision_id, person, at FROM contacts").fetchall()
        known = connection.execute("SELECT person, first_seen FROM persons").fetchall()
        requests = connection.execute("SELECT decision_id FROM requests").fetchall()
    assert decisions == sorted(decisions)
    times = [at for _, _, at in decisions]
    assert times == sorted(times)
    assert 99 < (now - times[0]) / 86_400_000_000 < 101
    assert len({person for _, person, _ in decisions}) == 200
    assert dict(known) == {person: at for _, person, at in reversed(decisions)}
    assert {decision_id for (decision_id,) in requests} == {decision_id for decision_id, _, _ in decisions}
    assert 0 < len(contacts) < 1_000
    assert set(contacts) <= set(decisions)
    with store.transaction():
        assert contacts_of(store, [books.customer(number) for number in range(200)], 0, lambda _: 10)
    store.close()
