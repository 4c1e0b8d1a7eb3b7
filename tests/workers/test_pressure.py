"""Contact pressure with several processes on one log, with and without kills."""

import os
import random
import signal
from pathlib import Path

import pytest

from engine.api.v1 import decisions_pb2 as pb
from tests.requests import li_na
from tests.server.load import Load
from tests.servers import serving
from tests.waiting import until
from tests.workers.audit import WEEKLY, audit
from tests.workers.processes import said, workers

KILLS = 12
WARM = 50


def somebody_of_few(caller: int, turn: int) -> pb.DecideRequest:
    """Every other request for one hot customer, the others for fifty warm ones in turn; on one of two channels."""
    customer = "hot" if turn % 2 else f"warm-{(caller * 31 + turn // 2) % WARM}"
    channel = "sms" if turn // 14 % 2 else "wechat"
    return li_na(customer, channels=[channel], request_id=f"{caller}-{turn}")


@pytest.mark.timeout(900)
def test_caps_hold_with_four_workers(book: Path, log: Path) -> None:
    """Sixteen clients on one hot and fifty warm customers: everybody gets as much as the cap allows, and no more."""
    with serving(book, log, "--workers", "4") as server:
        load = Load(server.target, somebody_of_few, callers=16, patient=True)
        with load.running():
            load.await_answers(2_000, within=800)
        assert server.stop() == 0
    asked = audit(log, load.answers)
    assert set(asked) == {"hot", *(f"warm-{n}" for n in range(WARM))}
    assert asked.total() == len(load.answers)
    given = sum(answer.outcome == pb.OUTCOME_OFFER for answer in load.answers)
    assert given == WEEKLY * (WARM + 1)


@pytest.mark.timeout(900)
def test_workers_killed_at_random_cost_nobody_an_answer(book: Path, log: Path) -> None:
    """Twelve times a worker is killed under load; clients ask again by request_id, and every request is decided once."""
    rng = random.Random(4)
    with serving(book, log, "--workers", "4") as server:
        load = Load(server.target, somebody_of_few, callers=16, pause=0.05, patient=True)
        with load.running():
            for kill in range(1, KILLS + 1):
                load.await_answers(len(load.answers) + rng.randrange(100))
                until(lambda: workers(server))
                os.kill(rng.choice(workers(server)), signal.SIGKILL)
                until(lambda kill=kill: said(server, "a worker died") == kill, server)  # type: ignore[misc]
        assert server.stop() == 0
    assert said(server, "SIGKILL") == KILLS
    assert load.failures, "no call was cut off"
    asked = audit(log, load.answers)
    assert asked.total() == len(load.answers)
    assert len({answer.request_id for answer in load.answers}) == len(load.answers)
