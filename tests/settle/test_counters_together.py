"""What all customers share, taken by several at once, on both stores."""

import random
import threading
from contextlib import closing
from pathlib import Path

from engine.decision import Outcome
from engine.instant import SECOND
from engine.ledger.open import open_store
from tests.books import live_book
from tests.logs import Log
from tests.settle.shared import BOOK, NOW, TAKES, assert_sound, outcome, settle, wish

MANY = (
    BOOK.replace("stock: 3", "stock: 400")
    .replace("total: 4", "total: 150")
    .replace("total: 12", "total: 120")
)
LIMITS = {"rare/stock": 400, "few/total": 150, "call/total": 120, "phone/capacity": 100}


def test_several_at_once_give_exactly_what_there_is(any_log: Log, tmp_path: Path) -> None:
    """Four at a time, some reporting that nothing arrived, until nothing is left: all of it was given, and nothing twice."""
    live = live_book(tmp_path / "book", MANY.replace("limit: 5", "limit: 100"))
    faults: list[BaseException] = []

    def give(worker: int) -> None:
        rng, turn, refused = random.Random(worker), 0, 0
        with closing(open_store(any_log.url, busy_timeout=60)) as store:
            while refused < 12:
                turn += 1
                now = NOW + turn * SECOND
                wanted = rng.choices(sorted(TAKES), weights=(4, 3, 3), k=rng.randrange(1, 12))
                asks = [wish(f"{worker}-{turn}-{n}", word, now) for n, word in enumerate(wanted)]
                given = [one for one in settle(live, store, asks) if one.outcome is Outcome.OFFER]
                refused = 0 if given else refused + 1
                lost = rng.sample(given, len(given) // 8)
                told = [outcome(live, one.decision_id, "bounced", now, now, "b") for one in lost]
                settle(live, store, (), told)

    def run(worker: int) -> None:
        try:
            give(worker)
        except BaseException as fault:
            faults.append(fault)
            raise

    workers = [threading.Thread(target=run, args=(worker,)) for worker in range(4)]
    for one in workers:
        one.start()
    for one in workers:
        one.join()
    assert faults == []
    assert_sound(any_log)
    used = dict(any_log.rows("select counter, sum(used) from counters group by counter"))
    assert used == {**LIMITS, "call/total": 100}
    assert any_log.rows("select count(*) from contacts where state = 'released'") != [(0,)]
