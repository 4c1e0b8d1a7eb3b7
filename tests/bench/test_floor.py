"""The floor writes what the server writes."""

from pathlib import Path

from bench import floor, ledger
from bench.books import compiled_book
from engine.ledger.queries.contacts import contacts_of
from engine.ledger.queries.decisions import answered_requests
from engine.ledger.store.open import open_store


def test_its_rows_are_the_server_s_but_for_their_names(tmp_path: Path) -> None:
    """A decision, a request and a contact for each call, as a decision of the server's left them."""
    log = tmp_path / "log.db"
    store = open_store(f"sqlite:///{log}")
    ledger.settled(store, ledger.Evaluations(compiled_book(300), 50).group(range(50)))
    store.close()
    rows = floor.rows_of(log)
    assert rows.contact.decision_id == rows.decision.decision_id
    own = open_store(f"sqlite:///{tmp_path / 'floor.db'}")
    with own.transaction():
        floor.add(own, rows, [floor.Call("r1", "ann"), floor.Call("r2", "bob")])
    past = answered_requests(own, ["r1", "r2", "r3"])
    assert {name: (outcome.person, outcome.answer) for name, outcome in past.items()} == {
        "r1": ("ann", rows.decision.answer),
        "r2": ("bob", rows.decision.answer),
    }
    assert len(contacts_of(own, ["ann", "bob"], 0, lambda _: 2)) == 2
    own.close()
