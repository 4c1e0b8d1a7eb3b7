"""Several servers on one log are as exact as one, while they are killed too."""

import random
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from engine.api.v1 import decisions_pb2 as pb
from engine.client import Client
from tests.logs import Log
from tests.postgres import PostgresServer, postgres
from tests.requests import li_na
from tests.server.load_generator import Hammer, assert_exact
from tests.server.replicas import Fleet
from tests.waiting import HANGS


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Servers that wait for one another at the log for as long as it takes."""
    monkeypatch.setenv("TACT_BUSY_TIMEOUT", str(HANGS))


@pytest.mark.usefixtures("patient")
def test_servers_on_one_log_are_exact(book: Path, any_log: Log) -> None:
    """Four servers, sixteen callers, one hot customer and fifty warm ones: no cap is exceeded, no call fails."""
    with Fleet(book, any_log).running() as fleet:
        hammer = Hammer(fleet.target)
        with hammer.running():
            hammer.await_answers(1_000)
    assert hammer.failures == []
    assert_exact(any_log, hammer.answers)


@pytest.mark.usefixtures("patient")
def test_names_of_one_person_share_a_cap_on_every_server(book: Path, any_log: Log) -> None:
    """Linked names, and names that are linked by being sent together, ask four servers at once: two contacts each."""
    requests = [
        (f"{kind}-{number}", turn) for number in range(12) for kind in ("linked", "sent") for turn in range(8)
    ]
    with Fleet(book, any_log).running() as fleet:
        targets = [fleet.target(random.Random(seed)) for seed in range(len(requests))]
        clients = {target: Client(target, timeout=HANGS) for target in set(targets)}
        for number in range(12):
            clients[targets[number]].link([f"linked-{number}-a", f"linked-{number}-b"])

        def decide(number: int) -> int:
            person, turn = requests[number]
            name, other = (f"{person}-a", f"{person}-b")[:: 1 if turn % 2 else -1]
            request = li_na(name, channels=["wechat"], aliases=[other] if person.startswith("sent") else [])
            return clients[targets[number]].decide(request).outcome

        with ThreadPoolExecutor(16) as callers:
            outcomes = list(callers.map(decide, range(len(requests))))
        for client in clients.values():
            client.close()
    assert outcomes.count(pb.OUTCOME_OFFER) == 2 * 2 * 12
    assert {count for _, count in any_log.rows("select person, count(*) from contacts group by person")} == {
        2
    }
    assert any_log.rows("select count(*), count(distinct person) from identities") == [(24, 24)]


@pytest.mark.timeout(3600)
def test_kills_of_servers_and_of_postgresql_lose_nothing(book: Path, kills: int) -> None:
    """Servers, and PostgreSQL itself, are killed at random under load: nothing is lost, doubled, or given beyond a cap."""
    rng = random.Random(kills)
    with postgres() as database:
        log = Log(database.create_database("log"))
        with Fleet(book, log).running() as fleet:
            hammer = Hammer(fleet.target, pause=0.1)
            with hammer.running():
                for kill in range(kills):
                    hammer.await_answers(50)
                    time.sleep(rng.uniform(0, 0.1))
                    if kill % 4 == 3:
                        _kill(database)
                    else:
                        fleet.kill(rng)
                hammer.await_answers(50)
        assert hammer.failures != []
        assert_exact(log, hammer.answers)


def _kill(database: PostgresServer) -> None:
    database.kill()
    database.start()


@pytest.fixture
def kills(request: pytest.FixtureRequest) -> int:
    """How many kills, as `--kills` says."""
    return int(request.config.getoption("--kills"))
