"""Contact pressure under load, checked from the log by a count written apart."""

from collections import Counter
from pathlib import Path

from engine.api.v1 import decisions_pb2 as pb
from tests.logs import Log
from tests.replays import assert_replays
from tests.requests import li_na
from tests.server.load import Load
from tests.servers import serving
from tests.waiting import until


def test_a_cap_holds_for_one_customer_hammered_by_many(book: Path, any_log: Log) -> None:
    """Sixteen callers on one hot and ten warm customers: nobody gets more than the cap, and the log agrees."""
    with serving(book, any_log) as server:
        load = Load(
            server.target,
            lambda caller, turn: li_na("hot" if turn % 2 else f"warm-{(caller + turn) % 10}"),
            callers=16,
        )
        with load.running():
            until(lambda: given(load)[pb.OUTCOME_OFFER] == 11 * 2 and len(load.answers) > 200)
        assert load.failures == []
        assert server.stop() == 0
    outcomes = given(load)
    assert outcomes[pb.OUTCOME_OFFER] == 11 * 2
    assert outcomes[pb.OUTCOME_OFFER] + outcomes[pb.OUTCOME_BLOCKED] == len(load.answers) > 200
    contacts = any_log.rows("select person, count(*) from contacts where kind = 'outbound' group by person")
    logged = any_log.rows("select count(*) from decisions")
    assert sorted(contacts) == sorted([("hot", 2), *((f"warm-{n}", 2) for n in range(10))])
    assert logged == [(len(load.answers),)]
    assert assert_replays(any_log.url) == len(load.answers)


def test_retries_of_one_request_id_reserve_once(book: Path, any_log: Log) -> None:
    """Sixteen callers with the same request_id at once get one decision."""
    with serving(book, any_log) as server:
        load = Load(server.target, lambda caller, turn: li_na("same", request_id="same"), callers=16)
        with load.running():
            load.await_answers(100)
        assert server.stop() == 0
    assert load.failures == []
    assert len({answer.SerializeToString(deterministic=True) for answer in load.answers}) == 1
    assert any_log.rows("select count(*) from contacts") == [(1,)]


def given(load: Load) -> Counter[pb.Outcome]:
    """The answers so far, by their outcome."""
    return Counter(answer.outcome for answer in list(load.answers))
