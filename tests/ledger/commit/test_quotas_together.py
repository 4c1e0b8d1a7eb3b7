"""What all customers share, taken by several at once, on both stores."""

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

from engine.ledger.store.open import open_store
from engine.model.decision import Outcome
from engine.model.instant import DAY, SECOND
from tests.books import compiled_book
from tests.ledger.commit.shared import BOOK, NOW, TAKES, assert_sound, customer_limit, outcome, settle
from tests.logs import Log

MANY = (
    BOOK.replace("stock: 3", "stock: 400")
    .replace("total: 4", "total: 150")
    .replace("total: 12", "total: 120")
)
LIMITS = {"rare/stock": 400, "few/total": 150, "call/total": 120, "phone/capacity": 100}


def at_once(work: Callable[[int], None]) -> None:
    """Four at a time, each to its end without a fault."""
    with ThreadPoolExecutor(4) as pool:
        for giving in [pool.submit(work, worker) for worker in range(4)]:
            giving.result()


def test_several_at_once_give_exactly_what_there_is(any_log: Log, tmp_path: Path) -> None:
    """Four at a time, some reporting that nothing arrived, until nothing is left: all of it was given, and nothing twice."""
    compiled = compiled_book(tmp_path / "book", MANY.replace("limit: 5", "limit: 100"))

    def give(worker: int) -> None:
        rng, writer_lock, refused = random.Random(worker), 0, 0
        with closing(open_store(any_log.url, busy_timeout=60)) as store:
            while refused < 12:
                writer_lock += 1
                now = NOW + writer_lock * SECOND
                wanted = rng.choices(sorted(TAKES), weights=(4, 3, 3), k=rng.randrange(1, 12))
                asks = [
                    customer_limit(f"{worker}-{writer_lock}-{n}", word, now) for n, word in enumerate(wanted)
                ]
                given = [made for made in settle(compiled, store, asks) if made.outcome is Outcome.OFFER]
                refused = 0 if given else refused + 1
                lost = rng.sample(given, len(given) // 8)
                bounces = [outcome(compiled, made.decision_id, "bounced", now, now, "b") for made in lost]
                settle(compiled, store, (), bounces)

    at_once(give)
    assert_sound(any_log)
    used = dict(any_log.rows("select counter, sum(used) from counters group by counter"))
    # a call takes stock as well: one that was released when the stock was given away is not given again
    calls = used["phone/capacity"]
    assert used == {**LIMITS, "call/total": calls, "phone/capacity": calls}
    released = any_log.rows("select count(*) from contacts where state = 'released' and channel = 'phone'")
    assert 100 - released[0][0] <= calls <= 100
    assert any_log.rows("select count(*) from contacts where state = 'released'") != [(0,)]


def test_what_is_due_is_given_back_once(any_log: Log, tmp_path: Path) -> None:
    """Four at a time find that all holds have ended: what was held is given anew, and not once more."""
    compiled, later = compiled_book(tmp_path / "book", MANY), NOW + DAY
    with closing(open_store(any_log.url)) as store:
        settle(compiled, store, [customer_limit(n, "rare", NOW) for n in range(400)])
    given: list[int] = []

    def give(worker: int) -> None:
        with closing(open_store(any_log.url, busy_timeout=60)) as store:
            for writer_lock in range(30):
                asks = [customer_limit(f"{worker}-{writer_lock}-{n}", "rare", later) for n in range(5)]
                given.append(sum(made.outcome is Outcome.OFFER for made in settle(compiled, store, asks)))

    at_once(give)
    assert_sound(any_log)
    assert sum(given) == 400
