"""Bulk decisions against a real server that dies and comes back: nothing is lost, and nothing decided twice."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.api.v1 import decisions_pb2 as pb
from engine.client import AsyncClient, Client, Interrupted
from tests.books import write_book
from tests.client.scripted import InThreads, collect
from tests.logs import sqlite_log
from tests.requests import li_na
from tests.servers import Server, start_server
from tests.telemetry.shown import free_port

MANY, SIZE = 60, 20


class Restarted:
    """A server on a fixed port that is killed while requests are read, and started again on the same log."""

    def __init__(self, book: Path, folder: Path) -> None:
        self._book, self._port = book, str(free_port())
        self.log = sqlite_log(folder)
        self.target = f"127.0.0.1:{self._port}"
        self.server: Server | None = None

    def start(self) -> None:
        """Starts it."""
        self.server = start_server(self._book, self.log, "--port", self._port)

    def kill(self) -> None:
        """Kills it, if it runs."""
        if self.server is not None and self.server.process.poll() is None:
            self.server.kill()

    def requests(self, *, and_start: bool = False) -> Iterator[pb.DecideRequest]:
        """Requests during whose second batch the server dies; and_start: it is started again at once."""
        for number in range(MANY):
            if number == SIZE + 5:
                self.kill()
                if and_start:
                    self.start()
            yield li_na(f"customer-{number}", request_id=f"r-{number}")


@pytest.fixture
def restarted(tmp_path: Path) -> Iterator[Restarted]:
    """A running server that can be killed and started again."""
    restarted = Restarted(write_book(tmp_path / "book"), tmp_path)
    restarted.start()
    yield restarted
    restarted.kill()


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_bulk_is_resumed_when_the_server_is_back(restarted: Restarted, asynchronous: bool) -> None:
    """The batches before are answered, the exception has the rest, and all customers have one decision in the end."""
    if asynchronous:
        async with AsyncClient(restarted.target, timeout=60) as tact:
            await _resume(tact, restarted)
    else:
        with Client(restarted.target, timeout=60) as client:
            await _resume(InThreads(client), restarted)


async def _resume(tact: Any, restarted: Restarted) -> None:
    answers: list[pb.DecideResponse] = []
    progress: list[int] = []
    with pytest.raises(Interrupted) as caught:
        await collect(tact, restarted.requests(), into=answers, batch_size=SIZE, on_progress=progress.append)
    assert (caught.value.answered, len(answers), progress) == (SIZE, SIZE, [SIZE])
    await asyncio.to_thread(restarted.start)
    left = caught.value.unfinished
    while len(answers) < MANY:  # the client may not have noticed yet that the server is back
        try:
            await collect(tact, left, into=answers, batch_size=SIZE)
        except Interrupted as again:
            left = again.unfinished
    assert progress == [SIZE]
    assert [answer.request_id for answer in answers] == [f"r-{number}" for number in range(MANY)]
    assert all(answer.outcome == pb.OUTCOME_OFFER for answer in answers)
    assert restarted.log.rows("select count(*), count(distinct person) from decisions") == [(MANY, MANY)]


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_enough_attempts_outlast_a_restart(restarted: Restarted, asynchronous: bool) -> None:
    """A server that is killed and started again between two batches goes unnoticed."""
    progress: list[int] = []
    options: dict[str, Any] = {"batch_size": SIZE, "on_progress": progress.append}
    requests = restarted.requests(and_start=True)
    if asynchronous:
        async with AsyncClient(restarted.target, attempts=1000) as tact:
            answers = await collect(tact, requests, **options)
    else:
        with Client(restarted.target, attempts=1000) as client:
            answers = await collect(InThreads(client), requests, **options)
    assert [answer.request_id for answer in answers] == [f"r-{number}" for number in range(MANY)]
    assert progress == [20, 40, 60]
    assert restarted.log.rows("select count(*), count(distinct person) from decisions") == [(MANY, MANY)]


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_a_batch_whose_answer_was_lost_is_decided_once(
    restarted: Restarted, asynchronous: bool
) -> None:
    """What was decided before the crash is asked again by the same request_id, and gets the decision that was made."""
    with Client(restarted.target, timeout=60) as client:
        before = list(client.decide_many([li_na("customer-0", request_id="r-0")]))
    restarted.kill()
    await asyncio.to_thread(restarted.start)
    requests = [li_na(f"customer-{number}", request_id=f"r-{number}") for number in range(3)]
    if asynchronous:
        async with AsyncClient(restarted.target, timeout=60) as tact:
            after = await collect(tact, requests)
    else:
        with Client(restarted.target, timeout=60) as client:
            after = await collect(InThreads(client), requests)
    assert after[0] == before[0]
    assert restarted.log.rows("select count(*) from decisions") == [(3,)]
