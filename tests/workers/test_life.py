"""Ends and new beginnings under load."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

from engine.api.v1 import decisions_pb2 as pb
from engine.client import Client, Unavailable
from tests.books import SPRING, write_book
from tests.requests import li_na
from tests.server.load import Load
from tests.server.log_trouble import held
from tests.servers import serving, start_server
from tests.waiting import HANGS, until
from tests.workers.audit import audit
from tests.workers.processes import is_running, said, workers


def somebody(caller: int, turn: int) -> pb.DecideRequest:
    """A customer who is asked about once."""
    return li_na(f"{caller}-{turn}", request_id=f"{caller}-{turn}")


def test_sigterm_loses_nothing_that_was_accepted(book: Path, log: Path) -> None:
    """Under load a SIGTERM drains all workers: every decision in the log was answered, and the exit code is 0."""
    server = start_server(book, log, "--workers", "3")
    load = Load(server.target, somebody, callers=12)
    with load.running():
        load.await_answers(300)
        assert server.stop(within=HANGS) == 0
    assert {type(failure) for failure in load.failures} <= {Unavailable}, load.failures
    assert audit(log, load.answers).total() == len(load.answers)
    assert said(server, "a worker died") == 0


def test_sighup_renews_all_workers_and_fails_no_call(book: Path, log: Path) -> None:
    """Under load every worker is replaced, by one that serves the book as it is now; callers get all their answers."""
    with serving(book, log, "--workers", "2") as server:
        load = Load(server.target, somebody, callers=8, pause=0.03, patient=True)
        with load.running():
            load.await_answers(50)
            old = workers(server)
            write_book(book, SPRING.replace("Winter is here", "Winter has come"))
            server.process.send_signal(signal.SIGHUP)
            until(lambda: said(server, "workers renewed"), server)
            assert not any(is_running(pid) for pid in old)
            load.await_answers(len(load.answers) + 50)
        with Client(server.target, timeout=HANGS) as client:
            humid = li_na("humid", weather={"temperature_c": 3.0, "humidity_pct": 60.0})
            assert client.decide(humid).offers[0].content["title"] == "Winter has come"
        assert server.stop() == 0
    assert {type(failure) for failure in load.failures} <= {Unavailable}, load.failures
    assert audit(log, load.answers).total() == len(load.answers) + 1
    assert said(server, "a worker died") == 0


def test_a_changed_book_renews_the_workers(book: Path, log: Path) -> None:
    """With --watch nobody has to say so; the same book written again changes nothing."""
    with serving(book, log, "--workers", "2", "--watch") as server:
        until(lambda: said(server, "book unchanged"), server)
        pool = workers(server)
        write_book(book, SPRING.replace("Winter is here", "Winter has come"))
        until(lambda: said(server, "workers renewed"), server)
        assert not set(workers(server)) & set(pool)
        assert server.stop() == 0


def test_sighup_with_a_broken_book_changes_nothing(book: Path, log: Path) -> None:
    """What is wrong is logged, and the workers go on; one that dies comes back with the book that they serve."""
    with (
        serving(book, log, "--workers", "2") as server,
        Client(server.target, timeout=HANGS, attempts=1000) as client,
    ):
        pool = workers(server)
        (book / "book.yaml").write_text("book: {name: spring}\n", encoding="utf-8")
        server.process.send_signal(signal.SIGHUP)
        until(lambda: said(server, "book refused"), server)
        assert workers(server) == pool
        os.kill(pool[0], signal.SIGKILL)
        until(lambda: said(server, " serving ") == 3, server)
        assert client.decide(li_na()).outcome == pb.OUTCOME_OFFER
        assert server.stop() == 0


def test_workers_leave_when_their_supervisor_is_killed(book: Path, log: Path) -> None:
    """They finish what they accepted: nothing that they logged is without its answer."""
    server = start_server(book, log, "--workers", "2")
    pool = workers(server)
    load = Load(server.target, somebody, callers=6, pause=0.03)
    with load.running():
        load.await_answers(50)
        server.process.kill()
        until(lambda: not any(is_running(pid) for pid in pool))
    assert server.ended(120) == -signal.SIGKILL
    assert said(server, "the supervisor is gone") == 2
    assert audit(log, load.answers).total() == len(load.answers)


def test_a_second_signal_hurries(book: Path, log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls that the log keeps waiting get no answer then, and the workers leave long before the grace is over."""
    monkeypatch.setenv("TACT_BUSY_TIMEOUT", "10")  # a worker gets 5 s more than twice that to end in
    with serving(book, log, "--workers", "2", "--grace", "600") as server:
        load = Load(server.target, somebody, callers=4, pause=0.03)
        with held(log), load.running():
            until(lambda: load.failures, server)  # so calls are under way, which the log keeps waiting
            server.process.send_signal(signal.SIGTERM)
            until(lambda: said(server, "draining") == 3, server)
            server.process.send_signal(signal.SIGTERM)
            until(lambda: said(server, "hurrying"), server)
            assert server.ended(HANGS) == 0, "".join(server.errors)


def test_a_worker_that_somebody_stops_is_replaced(book: Path, log: Path) -> None:
    """SIGTERM to a worker has it drain; the supervisor, who did not say so, fills the place again."""
    with serving(book, log, "--workers", "2") as server:
        os.kill(workers(server)[0], signal.SIGTERM)
        until(lambda: said(server, "exit code 0"), server)
        until(lambda: said(server, " serving ") == 3, server)
        assert server.stop() == 0


def test_a_worker_that_cannot_be_started_is_tried_again(book: Path, log: Path) -> None:
    """A supervisor without room for another file says so, and goes on trying until there is room."""
    with serving(book, log, "--workers", "2") as server:
        pid = str(server.process.pid)
        subprocess.run(["prlimit", "--pid", pid, "--nofile=8:4096"], check=True)
        os.kill(workers(server)[0], signal.SIGKILL)
        until(lambda: said(server, "a worker could not be started") >= 2, server)
        subprocess.run(["prlimit", "--pid", pid, "--nofile=4096:4096"], check=True)
        until(lambda: len(workers(server)) == 2, server)
        with Client(server.target, timeout=HANGS) as client:
            assert client.decide(li_na()).decision_id
        assert server.stop(within=HANGS) == 0
