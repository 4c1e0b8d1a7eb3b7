"""What a user sees of a server with several workers: one address, one readiness, one log, one end."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from engine.client import Client
from tests.forked import tact
from tests.requests import li_na
from tests.servers import faults_in, serving, start_server
from tests.waiting import HANGS
from tests.workers.processes import connections, said, workers


def test_it_is_one_server(book: Path, log: Path) -> None:
    """One line says where it listens, `tact health` that it serves; its lines say which worker; SIGTERM ends all with 0."""
    with serving(book, log, "--workers", "3") as server:
        pool = workers(server)
        assert len(pool) == 3
        health = tact("health", server.target, "--timeout", "60")
        assert (health.returncode, health.stdout.strip()) == (0, "SERVING")
        assert server.stop() == 0
        assert server.process.stdout is not None
    assert [said(server, f"worker={n}") for n in (1, 2, 3)] == [3, 3, 3]
    assert not workers(server)


def test_connections_spread(book: Path, log: Path) -> None:
    """A client with many connections reaches more than one worker, by calls in turn."""
    with (
        serving(book, log, "--workers", "2") as server,
        Client(server.target, timeout=HANGS, connections=24) as client,
    ):
        for turn in range(24):
            client.decide(li_na(f"customer-{turn}"))
        assert sum(connections(server).values()) == 24
        assert min(connections(server).values()) > 0


def test_old_connections_are_renewed_without_a_failure(
    book: Path, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connection that has lived its time is closed between calls, so that it may come to another worker."""
    monkeypatch.setenv("TACT_CONNECTION_AGE", "0.2")
    with (
        serving(book, log, "--workers", "2") as server,
        Client(server.target, timeout=HANGS, attempts=1) as client,
    ):
        seen: set[int] = set()
        turn = 0
        while len(seen) < 2:
            client.decide(li_na(f"customer-{turn}"))
            seen |= {pid for pid, count in connections(server).items() if count}
            turn += 1
        assert server.stop() == 0


def test_lines_of_json_say_which_worker(book: Path, log: Path) -> None:
    """With --json every line is an object, those of workers with their number."""
    command = [sys.executable, "-m", "engine.cli", "serve", "--rules", str(book), "--log", f"sqlite:///{log}"]
    command += ["--port", "0", "--workers", "2", "--json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert json.loads(process.stdout.readline())["address"].startswith("127.0.0.1:")
    process.terminate()
    _, errors = process.communicate(timeout=HANGS)
    lines = [json.loads(line) for line in errors.splitlines()]
    life = {
        number: [line["event"] for line in lines if line.get("worker") == number] for number in (1, 2, None)
    }
    assert life == {
        1: ["serving", "draining", "stopped"],
        2: ["serving", "draining", "stopped"],
        None: ["watching", "draining", "stopped"],
    }


@pytest.mark.parametrize("first", ["1", "2"])
def test_a_port_in_use_is_said(book: Path, log: Path, tmp_path: Path, first: str) -> None:
    """Workers share their port with each other and with nobody else, whoever came first."""
    second = "2" if first == "1" else "1"
    with serving(book, log, "--workers", first) as server:
        port = server.target.rsplit(":", 1)[1]
        for workers_wanted in ("2", second):
            words = ("--port", port, "--workers", workers_wanted, "--log", f"sqlite:///{tmp_path}/b.db")
            done = tact("serve", "--rules", str(book), *words)
            assert done.returncode == 1
            assert f"cannot listen on 127.0.0.1:{port}" in done.stderr


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (["--workers", "0"], 2, "workers"),
        (["--host", "0.0.0.0"], 1, "not loopback"),
        (["--log", "sqlite:////proc/no/tact.db"], 1, "cannot be opened"),
    ],
)
def test_what_cannot_be_served_is_said(book: Path, options: list[str], code: int, words: str) -> None:
    """What would stop one server stops several, with the same code and one sentence, before a worker starts."""
    done = tact("serve", "--rules", str(book), "--workers", "2", *options)
    assert done.returncode == code
    assert words in done.stderr
    assert faults_in(done.stderr.splitlines()) == []
    assert "worker=" not in done.stderr


def test_a_broken_book_is_not_served(tmp_path: Path, log: Path) -> None:
    """The diagnostics are shown and the exit code is 3."""
    (tmp_path / "book.yaml").write_text("book: {name: x, timezone: Europe/Pariss}\n")
    done = tact("serve", "--rules", str(tmp_path), "--log", f"sqlite:///{log}", "--workers", "2")
    assert done.returncode == 3
    assert "Europe/Paris" in done.stderr


def test_a_port_of_its_choice_is_the_same_for_all(book: Path, log: Path) -> None:
    """The port that 0 chose is held: killed to the last worker, the server comes back at the same address."""
    server = start_server(book, log, "--workers", "2", "--port", "0")
    with Client(server.target, timeout=HANGS, attempts=1000) as client:
        before = client.decide(li_na(request_id="one"))
        for pid in workers(server):
            subprocess.run(["kill", "-9", str(pid)], check=True)
        assert client.decide(li_na(request_id="one")) == before
    assert server.stop() == 0
