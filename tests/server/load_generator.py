"""Many callers on several servers of one log, who ask again until they are answered, and what must be true afterwards."""

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from engine.api.v1 import decisions_pb2 as pb
from engine.client import Client, TactError
from tests.logs import Log
from tests.replays import assert_replays
from tests.requests import li_na
from tests.waiting import HANGS

WARM = 50
_AGAIN = 0.02
"""Seconds between a failure and the next try, as a caller would pause too."""


@dataclass
class Hammer:
    """Callers that decide for one hot customer and fifty warm ones, on two channels, until told to stop."""

    target: Callable[[random.Random], str]
    """Which server to ask next."""
    callers: int = 16
    pause: float = 0
    """Seconds between two calls of a caller."""
    answers: dict[str, pb.DecideResponse] = field(default_factory=dict)
    """By request_id."""
    failures: list[TactError] = field(default_factory=list)
    """What a caller was told before it asked again."""
    _stop: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def running(self) -> Iterator["Hammer"]:
        """The callers, for the length of a block."""
        threads = [threading.Thread(target=self._call, args=(caller,)) for caller in range(self.callers)]
        for thread in threads:
            thread.start()
        try:
            yield self
        finally:
            self._stop.set()
            for thread in threads:
                thread.join()

    def await_answers(self, more: int) -> None:
        """Waits until so many more calls are answered."""
        expected, deadline = len(self.answers) + more, time.monotonic() + HANGS
        while len(self.answers) < expected:
            assert time.monotonic() < deadline, self.failures[-3:]
            time.sleep(0.01)

    def _call(self, caller: int) -> None:
        rng, clients, turn = random.Random(caller), dict[str, Client](), 0
        while not self._stop.is_set():
            customer = "hot" if turn % 2 else f"warm-{rng.randrange(WARM)}"
            request = li_na(customer, channels=[rng.choice(("sms", "wechat"))], request_id=f"{caller}-{turn}")
            self._ask(request, rng, clients)
            turn += 1
            time.sleep(self.pause)
        for client in clients.values():
            client.close()

    def _ask(self, request: pb.DecideRequest, rng: random.Random, clients: dict[str, Client]) -> None:
        """Asks one server and another until one answers."""
        while not self._stop.is_set():
            target = self.target(rng)
            client = clients.setdefault(target, Client(target, timeout=HANGS, attempts=1))
            try:
                self.answers[request.request_id] = client.decide(request)
            except TactError as failure:
                self.failures.append(failure)
                time.sleep(_AGAIN)
            else:
                return


def assert_exact(log: Log, answers: dict[str, pb.DecideResponse]) -> None:
    """Nobody got more than the caps allow, nothing acknowledged is lost or decided twice, and all comes out again."""
    per_person = log.rows("select person, count(*) from contacts where kind = 'outbound' group by person")
    per_sms = log.rows("select person, count(*) from contacts where channel = 'sms' group by person")
    assert max(count for _, count in per_person) <= 2
    assert max(count for _, count in per_sms) <= 1
    assert dict(per_person)["hot"] == 2
    logged = log.rows("select request_id, decision_id, outcome from decisions")
    by_request = {request_id: (decision_id, outcome) for request_id, decision_id, outcome in logged}
    assert len(by_request) == len(logged)
    for request_id, answer in answers.items():
        outcome = pb.Outcome.Name(answer.outcome).removeprefix("OUTCOME_").lower()
        assert by_request[request_id] == (answer.decision_id, outcome)
    assert assert_replays(log.url) == len(logged)
    contacts = [decision_id for (decision_id,) in log.rows("select decision_id from contacts")]
    offers = [decision_id for _, decision_id, outcome in logged if outcome == "offer"]
    assert sorted(contacts) == sorted(offers)
