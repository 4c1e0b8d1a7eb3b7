"""A stock that several servers give away is given exactly, while they are killed."""

import os
import random
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.books import write_book
from tests.logs import Log, sqlite_log
from tests.postgres import postgres
from tests.server.replicas import Fleet
from tests.server.stock_stress import ASK, BATCH, BOOK, Giveaway, assert_given
from tests.servers import serving
from tests.waiting import until
from tests.workers.processes import said, workers

KILLS = 3


@pytest.fixture
def seats(tmp_path: Path) -> Path:
    """The book with the stock."""
    return write_book(tmp_path / "seats", BOOK)


def give_away(giveaway: Giveaway, kill: Callable[[int], None]) -> None:
    """Lets everybody ask, with kills in between."""
    with giveaway.running():
        for number in range(KILLS):
            giveaway.go_on(ASK // BATCH // (KILLS + 1))
            kill(number)


def test_four_replicas_give_a_thousand_and_no_more(seats: Path) -> None:
    """Four servers on PostgreSQL share a stock and a capacity; servers, and PostgreSQL once, are killed meanwhile."""
    rng = random.Random(1)
    with postgres() as database:
        log = Log(database.create_database("log"))
        with Fleet(seats, log).running() as fleet:
            giveaway = Giveaway(fleet.target)

            def kill(number: int) -> None:
                if number == 1:
                    database.kill()
                    database.start()
                else:
                    fleet.kill(rng)

            give_away(giveaway, kill)
        assert_given(log, giveaway.answers)


def test_four_workers_give_a_thousand_and_no_more(
    seats: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four worker processes on one SQLite file; workers are killed meanwhile."""
    monkeypatch.setenv("TACT_LIVENESS", "60")  # none is taken for hung because the machine is busy
    rng, log = random.Random(2), sqlite_log(tmp_path)
    with serving(seats, log, "--workers", "4") as server:
        giveaway = Giveaway(lambda _: server.target)

        def kill(number: int) -> None:
            os.kill(rng.choice(workers(server)), signal.SIGKILL)
            until(lambda: said(server, "a worker died") == number + 1, server)

        give_away(giveaway, kill)
        assert server.stop() == 0
    assert_given(log, giveaway.answers)
