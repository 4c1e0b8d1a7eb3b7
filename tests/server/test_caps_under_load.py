"""Contact pressure under load, checked from the log by a count written apart."""

import time
from collections import Counter
from pathlib import Path

from engine.api.v1 import decisions_pb2 as pb
from tests.logs import Log
from tests.requests import li_na
from tests.server.load import Load
from tests.servers import Server, serving


def test_a_cap_holds_for_one_customer_hammered_by_many(book: Path, any_log: Log) -> None:
    """Sixteen callers on one hot and ten warm customers: nobody gets more than the cap, and the log agrees."""
    with serving(book, any_log) as server:
        load = Load(
            server.target,
            lambda caller, turn: li_na("hot" if turn % 2 else f"warm-{(caller + turn) % 10}"),
            callers=16,
        )
        with load.running():
            time.sleep(3)
        assert load.failures == []
        assert server.stop() == 0
    given = Counter(one.outcome for one in load.answers)
    assert given[pb.OUTCOME_OFFER] == 11 * 2
    assert given[pb.OUTCOME_OFFER] + given[pb.OUTCOME_BLOCKED] == len(load.answers) > 200
    contacts = any_log.rows("select person, count(*) from contacts where kind = 'outbound' group by person")
    logged = any_log.rows("select count(*) from decisions")
    assert sorted(contacts) == sorted([("hot", 2), *((f"warm-{n}", 2) for n in range(10))])
    assert logged == [(len(load.answers),)]


def test_retries_of_one_request_id_reserve_once(book: Path, any_log: Log) -> None:
    """Sixteen callers with the same request_id at once get one decision."""
    with serving(book, any_log) as server:
        load = Load(server.target, lambda caller, turn: li_na("same", request_id="same"), callers=16)
        with load.running():
            _until(load, 100)
        assert _stopped(server) == 0
    assert load.failures == []
    assert len({one.SerializeToString(deterministic=True) for one in load.answers}) == 1
    assert any_log.rows("select count(*) from contacts") == [(1,)]


def _until(load: Load, count: int) -> None:
    deadline = time.monotonic() + 20
    while len(load.answers) < count:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def _stopped(server: Server) -> int:
    return server.stop()
