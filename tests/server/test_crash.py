"""Crashes: what was acknowledged is on disk, whenever the server dies. On PostgreSQL see test_replicas."""

import random
import time
from pathlib import Path

from engine.api.v1.decisions_pb2 import DecideRequest
from tests.logs import Log, sqlite_log
from tests.replays import assert_replays
from tests.requests import li_na
from tests.server.load import Load
from tests.servers import start_server

KILLS = 20


def test_acknowledged_decisions_survive_kill_9(book: Path, tmp_path: Path) -> None:
    """Twenty times killed under load at a random moment: all that was acknowledged is logged, whole, and replays."""
    rng, log = random.Random(20), sqlite_log(tmp_path)
    acknowledged: dict[str, str] = {}
    for kill in range(KILLS):
        server = start_server(book, log)
        load = Load(server.target, lambda caller, turn, kill=kill: _request(kill, caller, turn))  # type: ignore[misc]
        with load.running():
            load.await_answers(20)
            time.sleep(rng.uniform(0, 0.15))
            server.kill()
        acknowledged.update({answer.decision_id: answer.request_id for answer in load.answers})
    logged = dict(log.rows("select decision_id, request_id from decisions"))
    torn = log.rows(
        "select count(*) from decisions d where outcome = 'offer' and"
        " (select count(*) from contacts c where c.decision_id = d.decision_id) <> 1"
        " or not exists (select 1 from requests r where r.decision_id = d.decision_id)"
    )
    orphans = log.rows(
        "select count(*) from contacts where decision_id not in (select decision_id from decisions)"
    )
    assert log.rows("pragma integrity_check") == [("ok",)]
    assert len(acknowledged) >= KILLS * 20
    assert acknowledged.items() <= logged.items()
    assert (torn, orphans) == ([(0,)], [(0,)])
    assert assert_replays(log.url) == len(logged)


def _request(kill: int, caller: int, turn: int) -> DecideRequest:
    name = f"{kill}-{caller}-{turn}"
    return li_na(f"customer-{name}", request_id=name)


def test_a_retry_after_a_crash_gets_the_logged_answer(book: Path, any_log: Log) -> None:
    """A caller that did not hear the answer asks again by request_id, and gets what the first server logged."""
    first = start_server(book, any_log)
    load = Load(first.target, lambda caller, turn: _request(0, caller, turn), callers=1)
    with load.running():
        load.await_answers(5)
        first.kill()
    heard = load.answers[0]
    second = start_server(book, any_log)
    again = Load(second.target, lambda caller, turn: _request(0, caller, turn), callers=1)
    with again.running():
        again.await_answers(1)
    assert second.stop() == 0
    assert again.answers[0] == heard
