"""A worker that fails inside durable-rules' C code costs that worker, and nobody's answer."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from engine.api.v1 import decisions_pb2 as pb
from engine.client import Client, request
from tests.books import write_book
from tests.decide.signals.books import needs_library
from tests.server.load import Load
from tests.servers import Server, start
from tests.waiting import HANGS, until
from tests.workers.faulty import CRASH, HANG
from tests.workers.processes import is_running, said, workers

pytestmark = needs_library

RISK = """
book: {name: risk, timezone: Europe/Paris}
attributes:
  profile.score: {type: number, min: 0, max: 1}
channels: {web: {kind: inbound}}
placements: {hero: {channel: web}}
signals:
  at-risk: {when: {profile.score: {gte: 0.8}}}
offers:
  stay: {name: Stay, value: 1, content: {default: {title: Stay}}}
campaigns:
  stay: {offer: stay, when: {signal: at-risk}, placements: [hero]}
"""


@contextmanager
def faulty(folder: Path) -> Iterator[tuple[Server, Path]]:
    """Two workers that draw signals by durable-rules, and the file that makes one of them fail."""
    fault = folder / "fault"
    module = ["tests.workers.faulty", "serve", str(fault)]
    server = start(
        [sys.executable, "-m", *module, str(write_book(folder / "book", RISK)), str(folder / "tact.db")]
    )
    try:
        yield server, fault
    finally:
        if server.process.poll() is None:
            server.kill()


def at_risk(caller: int, turn: int) -> pb.DecideRequest:
    """A customer for whom the signal holds."""
    name = f"{caller}-{turn}"
    return request(name, profile={"score": 0.9}, placement="hero", request_id=name)


def arm(fault: Path, kind: str) -> None:
    """Has the next evaluation fail, in whichever worker it is."""
    (fault.parent / "arming").write_text(kind, encoding="utf-8")
    (fault.parent / "arming").rename(fault)


@pytest.mark.parametrize(("kind", "words"), [(CRASH, "SIGSEGV"), (HANG, "a worker hangs")])
def test_service_goes_on(tmp_path: Path, kind: str, words: str) -> None:
    """Twice a worker fails in the library under load: it is replaced, every caller gets its answer in the end."""
    with faulty(tmp_path) as (server, fault):
        load = Load(server.target, at_risk, callers=6, pause=0.03, patient=True)
        with load.running():
            for times in (1, 2):
                load.await_answers(len(load.answers) + 30)
                arm(fault, kind)
                until(lambda times=times: said(server, "a worker died") == times, server)  # type: ignore[misc]
                load.await_answers(len(load.answers) + 30)
                until(lambda: len(workers(server)) == 2, server)
        assert server.stop() == 0
    assert said(server, words) == 2
    assert said(server, "assert_fact") == 2, "it was not in the library"
    assert {answer.outcome for answer in load.answers} == {pb.OUTCOME_OFFER}
    assert len({answer.request_id for answer in load.answers}) == len(load.answers)


def test_a_retry_gets_the_answer_that_a_crash_kept_back(tmp_path: Path) -> None:
    """The client that was cut off asks again by itself, and the other worker answers."""
    with faulty(tmp_path) as (server, fault), Client(server.target, timeout=HANGS, attempts=1000) as client:
        arm(fault, CRASH)
        answer = client.decide(at_risk(0, 0))
        assert answer.outcome == pb.OUTCOME_OFFER
        assert not fault.exists()
        until(lambda: said(server, "a worker died"), server)
        assert client.decide(at_risk(0, 0)) == answer
        assert server.stop() == 0


def test_a_worker_that_hangs_without_a_supervisor_ends(tmp_path: Path) -> None:
    """Nobody is left to kill it, so the system does; the other one drains."""
    with faulty(tmp_path) as (server, fault):
        pool = workers(server)
        load = Load(server.target, at_risk, callers=6, pause=0.03)
        with load.running():
            load.await_answers(10)
            arm(fault, HANG)
            until(lambda: not fault.exists())
            server.process.kill()
            until(lambda: not any(is_running(pid) for pid in pool))
        assert server.ended(120) == -9
