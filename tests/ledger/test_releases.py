"""What the log keeps of releases, on both stores."""

import threading

import psycopg
import pytest

from engine.ledger.errors import DataRefused
from engine.ledger.queries import releases
from engine.ledger.queries.books import book_of
from engine.ledger.store.open import open_store
from engine.ledger.store.release_rows import ActivationRow, AuditRow, PublicationRow, ServerRow
from engine.ledger.store.store import Store
from engine.model.instant import DAY
from tests.logs import Log

NOW = 1_773_108_000_000_000


def activated(version: str, previous: str = "", **fields: object) -> ActivationRow:
    """An activation whose id is not given yet."""
    row = ActivationRow(
        0, "spring", version, previous, "activate", None, None, NOW, "ann", "", emergency=False
    )
    return row._replace(**fields)  # type: ignore[arg-type]


def add(store: Store, *rows: ActivationRow) -> None:
    """Adds activations, each in a transaction of its own."""
    for row in rows:
        with store.transaction((releases.RELEASES,)):
            releases.add_activation(store, releases.next_activation(store, row))


def test_the_last_row_of_a_name_says_what_is_live_and_staged(any_log: Log) -> None:
    """Under each name by itself; ids count all names together."""
    store = open_store(any_log.url)
    add(store, activated("v1"), activated("x1", name="autumn"))
    add(store, activated("v2", "v1", action="stage", share=0.05, salt="s"))
    with store.transaction(writes=False):
        last, other = releases.live(store, "spring"), releases.live(store, "autumn")
        assert releases.live(store, "winter") is None
        assert releases.newest_activation(store) == 3
        assert [row.id for row in releases.activations_since(store, 1)] == [2, 3]
        assert releases.was_live(store, "spring", "v1")
        assert not releases.was_live(store, "spring", "v2")
    assert last is not None
    assert other is not None
    assert (last.id, last.live, last.staged, last.share) == (3, "v1", "v2", 0.05)
    assert (other.live, other.staged, other.emergency) == ("x1", None, False)
    store.close()


def test_ids_follow_the_order_of_the_commits(any_log: Log) -> None:
    """However many processes activate at once: a follower that saw id n sees all below it."""

    def activate() -> None:
        store = open_store(any_log.url, busy_timeout=30)
        add(store, *[activated("v")] * 5)
        store.close()

    threads = [threading.Thread(target=activate) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [id for (id,) in any_log.rows("SELECT id FROM activations ORDER BY id")] == list(range(1, 21))  # noqa: A001


def test_files_of_a_publication_are_those_of_its_text_and_its_scenarios(any_log: Log) -> None:
    """A text that a server kept before stays."""
    store = open_store(any_log.url)
    row = PublicationRow(
        "v1", "spring", "d", "0.1", NOW, "ann", "", "note", "", "[]", 1, '{"tests/a.yaml":"t"}'
    )
    with store.transaction():
        releases.add_publication(store, row, '{"book.yaml":"b"}')
        assert releases.book_files(store, "v1") == {"book.yaml": "b", "tests/a.yaml": "t"}
        assert releases.book_files(store, "v2") is None
        assert releases.publication(store, "v1") == row._replace(tests="")
        assert releases.publications(store, "spring", 9) == [row._replace(tests="")]
        assert releases.published_names(store) == ["spring"]
        assert releases.published_like(store, "v", 9) == ["v1"]
        assert releases.published_like(store, "w", 9) == []
    with store.transaction(writes=False):
        kept = book_of(store, "v1")
    assert kept is not None
    assert kept.first_at == NOW
    store.close()


def test_a_server_says_anew_what_it_serves(any_log: Log) -> None:
    """One row a server, and none of one that said nothing for a day."""
    store = open_store(any_log.url)
    first = ServerRow("a-1", "spring", "v1", "", 1, NOW, NOW, "", "", "0.1")
    with store.transaction():
        releases.see_server(store, first)
        releases.see_server(store, first._replace(server="b-1", seen_at=NOW + DAY))
        again = first._replace(version="v2", seen_at=NOW + DAY, refused="v3", cause="does not load")
        releases.see_server(store, again)
    with store.transaction():
        releases.see_server(store, again._replace(seen_at=NOW + 2 * DAY + 1))
        assert [row.server for row in releases.servers(store)] == ["a-1"]
    store.close()


def test_the_audit_is_read_from_its_end(any_log: Log) -> None:
    """Of one book, or of all."""
    store = open_store(any_log.url)
    rows = [
        AuditRow(f"i{number}", NOW, "ann", "grpc", "publish", name, "v", "done", "")
        for number, name in enumerate(("spring", "autumn", "spring"))
    ]
    with store.transaction():
        releases.add_audit(store, rows)
        assert [row.id for row in releases.audit(store, "", 2)] == ["i2", "i1"]
        assert [row.id for row in releases.audit(store, "spring", 9)] == ["i2", "i0"]
    store.close()


def test_an_activation_is_told_on_postgresql(postgres_log: Log) -> None:
    """To whoever listens, when it is committed, with the book's name."""
    store = open_store(postgres_log.url)
    with psycopg.connect(postgres_log.url, autocommit=True) as listening:
        listening.execute(f"LISTEN {releases.CHANNEL}".encode())
        with pytest.raises(DataRefused), store.transaction():
            releases.add_activation(store, activated("v\0", id=1))
        add(store, activated("v1"))
        (told,) = listening.notifies(timeout=30, stop_after=1)
    assert told.payload == "spring"
    store.close()
