"""What a server knows of variants that are learned follows the log."""

from pathlib import Path

from engine.decide.experiments.learning import Learned
from engine.engine import Engine
from engine.ledger.ledger import Ledger
from engine.ledger.store.open import open_store
from engine.model.instant import SECOND
from engine.server.book.serving import Learner, ServingBook, ServingBooks
from engine.server.clock import ServerClock
from engine.wire.parse import Parser
from tests.decide.arbitrate.shop import NOW
from tests.decide.experiments.test_learning import learning_book
from tests.logs import Log


async def test_a_server_learns_and_lives_through_a_log_that_is_away(tmp_path: Path) -> None:
    """It writes what is known, once while nothing changes; what it cannot write it leaves, and what it knew it still knows."""
    log, compiled = Log(f"sqlite:///{tmp_path}/tact.db"), learning_book()
    ledger, learned, now = Ledger(open_store(log.url)), Learned(), [NOW]
    serving_books = ServingBooks(
        compiled, lambda compiled: ServingBook(Parser(compiled), Engine(compiled, ledger, None, learned))
    )
    learner = Learner(serving_books, ledger, ServerClock(lambda: now[0], lambda: now[0] * 1000), learned)
    await learner.look()
    assert log.rows("select campaign, reward, since, arms from learned") == [
        ("x", "clicked", NOW + 30 * SECOND, "{}")
    ]
    now[0] += 3600 * SECOND
    await learner.look()
    assert log.rows("select count(*) from learned") == [(1,)]
    ledger.close()
    await learner.look()
    known = learned.weights("x", ("a", "b"), now[0], compiled.book.campaigns["x"].learn.reward, 0.1)  # type: ignore[union-attr]
    assert known.since == NOW + 30 * SECOND
