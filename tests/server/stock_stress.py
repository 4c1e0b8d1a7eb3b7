"""A thousand of something and more people who want it: each asks until answered, tranche by tranche, whatever is killed."""

import random
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from engine.api.v1 import decisions_pb2 as pb
from engine.client import Client, TactError, request
from tests.independent_audit import Shared, overruns
from tests.logs import Log
from tests.replays import assert_replays
from tests.waiting import HANGS

STOCK, BY_PHONE, ASK = 1_000, 400, 1_400
BATCH = 10
_AGAIN = 0.05
"""Seconds between a failure and the next try."""
BOOK = f"""
book: {{name: giveaway, timezone: UTC}}
attributes: {{profile.phone: {{type: text}}}}
channels:
  phone: {{kind: outbound, address: profile.phone, consent: not_needed, capacity: {{limit: {BY_PHONE}, per: calendar month}}}}
  sms: {{kind: outbound, address: profile.phone, consent: not_needed}}
offers: {{seat: {{name: A seat, stock: {STOCK}, content: {{default: {{text: A seat}}}}}}}}
campaigns: {{invited: {{offer: seat, channels: [phone, sms]}}}}
"""
RULES = (
    Shared("stock", STOCK, lambda contact: contact.offer == "seat"),
    Shared("phone", BY_PHONE, lambda contact: contact.channel == "phone"),
)


class Giveaway:
    """Callers that ask in batches of a stock of 1,000, of which 400 may be called by phone."""

    def __init__(self, target: Callable[[random.Random], str]) -> None:
        """target: which server to ask next."""
        self._target = target
        self._may_start = threading.Semaphore(0)
        self.answers: dict[str, pb.DecideResponse] = {}
        """By request_id."""

    @contextmanager
    def running(self) -> Iterator["Giveaway"]:
        """The callers; after the block, all of them were answered."""
        with ThreadPoolExecutor(16) as callers:
            futures = [callers.submit(self._ask, number) for number in range(ASK // BATCH)]
            try:
                yield self
            finally:
                self._may_start.release(ASK // BATCH)
        for future in futures:
            future.result()

    def go_on(self, batches: int) -> None:
        """Lets so many batches more be asked, and waits until one in three of them is answered."""
        expected = len(self.answers) + batches * BATCH // 3
        self._may_start.release(batches)
        deadline = time.monotonic() + HANGS
        while len(self.answers) < expected:
            assert time.monotonic() < deadline, "nobody is answered"
            time.sleep(0.002)

    def _ask(self, number: int) -> None:
        self._may_start.acquire()
        rng, names = random.Random(number), [f"{number}-{position}" for position in range(BATCH)]
        while names:
            requests = [request(name, profile={"phone": "1"}, request_id=name) for name in names]
            try:
                with Client(self._target(rng), timeout=HANGS, attempts=1) as client:
                    answers = client.decide_batch(requests)
            except TactError:
                time.sleep(_AGAIN)
                continue  # whoever was asked is gone: another is asked, by the same names
            self.answers |= {
                answer.request_id: answer for answer in answers if isinstance(answer, pb.DecideResponse)
            }
            names = [name for name in names if name not in self.answers]


def assert_given(log: Log, answers: dict[str, pb.DecideResponse]) -> None:
    """All of the stock was given and no more, each answer is in the log, and nobody was decided about twice."""
    logged = log.rows("select request_id, decision_id, outcome, channel from decisions")
    assert len(logged) == len(answers) == ASK
    assert {name: answer.decision_id for name, answer in answers.items()} == {
        row[0]: row[1] for row in logged
    }
    given = [row for row in logged if row[2] == "offer"]
    assert len(given) == STOCK
    assert assert_replays(log.url) == len(logged)
    assert sum(row[3] == "phone" for row in given) == BY_PHONE
    assert sorted(log.rows("select decision_id from contacts")) == sorted((row[1],) for row in given)
    assert overruns(log, RULES) == []
    shards = log.rows(
        "select counter, sum(used), max(used - quota) from counters group by counter order by 1"
    )
    assert [(name, used) for name, used, _ in shards] == [("phone/capacity", BY_PHONE), ("seat/stock", STOCK)]
    assert max(over for *_, over in shards) <= 0
