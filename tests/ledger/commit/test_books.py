"""The texts of books in the log, on both stores: each version once, whole, and from it the same version again."""

import json
from pathlib import Path

from engine.decide.evaluate import evaluate
from engine.engine import Engine
from engine.ledger.commit.decisions import DecideCommand
from engine.ledger.commit.group import commit_group
from engine.ledger.commit.replay import logged_book
from engine.ledger.ledger import Ledger
from engine.ledger.store.open import open_store
from engine.ledger.store.store import Store
from engine.model.request import Mode, Request
from engine.rulebook.load import load, load_text
from tests.books import SPRING, compiled_book
from tests.logs import Log

RULES = Path(__file__).parents[3] / "rules"
NOW = 1_773_108_000_000_000


def test_a_book_loads_again_from_its_text() -> None:
    """To an equal book of the same version, whatever its files: this one has several, and letters beyond ASCII."""
    book = load(RULES / "cosmetics-cn").book
    assert book is not None
    assert len(json.loads(book.text)) > 1
    again = load_text(book.text).book
    assert again is not None
    assert (again, again.version, again.text) == (book, book.version, book.text)


def test_a_byte_order_mark_is_kept(tmp_path: Path) -> None:
    """A file may begin with one; the text has what the file has."""
    (tmp_path / "book.yaml").write_bytes(b"\xef\xbb\xbfbook: {name: marked, timezone: UTC}\n")
    book = load(tmp_path).book
    assert book is not None
    again = load_text(book.text).book
    assert again is not None
    assert again.version == book.version


def test_what_decides_is_in_the_log(store: Store, any_log: Log, tmp_path: Path) -> None:
    """The book of a decision is kept with it, once; that of a preview is not."""
    first = compiled_book(tmp_path / "first", SPRING)
    second = compiled_book(tmp_path / "second", SPRING.replace("name: spring", "name: autumn"))
    assert first.book.version != second.book.version
    preview = Request("ann", NOW, {}, mode=Mode.PREVIEW)
    commit_group(store, [DecideCommand(evaluate(second, preview))])
    assert any_log.rows("select version from books") == []
    for later in range(3):
        commit_group(store, [DecideCommand(evaluate(first, Request("ann", NOW + later, {})))])
    assert any_log.rows("select version, first_at from books") == [(first.book.version, NOW)]
    with store.transaction(writes=False):
        kept = logged_book(store, first.book.version)
        assert kept == first.book
        assert logged_book(store, second.book.version) is None


def test_a_group_that_fails_keeps_no_book_and_the_next_does(
    store: Store, any_log: Log, tmp_path: Path
) -> None:
    """The store knows a book only once it is in the log for good."""
    compiled = compiled_book(tmp_path, SPRING)
    command = DecideCommand(evaluate(compiled, Request("ann", NOW, {}, request_id="r-1")))
    any_log.execute("alter table contacts rename to contact", "alter table requests rename to request")
    try:
        commit_group(store, [command])
    except Exception:  # noqa: BLE001 whatever the store makes of a table that is not there
        pass
    else:
        raise AssertionError("the table is not there")
    assert any_log.rows("select version from books") == []
    any_log.execute("alter table contact rename to contacts", "alter table request rename to requests")
    commit_group(store, [command])
    assert any_log.rows("select version from books") == [(compiled.book.version,)]


async def test_servers_keep_a_book_once(any_log: Log, tmp_path: Path) -> None:
    """Several that go live with it leave the first moment."""
    compiled = compiled_book(tmp_path, SPRING)
    for moment in (NOW, NOW + 5, NOW + 9):
        ledger = Ledger(open_store(any_log.url))
        await Engine(compiled, ledger).keep_book(moment)
        await Engine(compiled, ledger).keep_book(moment + 1)
        ledger.close()
    assert any_log.rows("select version, text, first_at from books") == [
        (compiled.book.version, compiled.book.text, NOW)
    ]
