"""Starting, stopping, and living through trouble of the store."""

import errno
import json
import re
import shutil
import socket
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from pydantic import ValidationError

from engine.api.v1 import decisions_pb2 as pb
from engine.client import Client, DeadlineExceeded, Overloaded, Unavailable
from engine.server.listen import in_use
from engine.settings import Settings
from tests.forked import tact
from tests.requests import li_na
from tests.server.load import Load
from tests.server.log_trouble import held, limit
from tests.servers import faults_in, serving, start_server
from tests.waiting import HANGS, until


def count(log: Path) -> int:
    """How many decisions are logged."""
    with closing(sqlite3.connect(log)) as connection:
        (number,) = connection.execute("select count(*) from decisions").fetchone()
        return int(number)


def test_sigterm_drains(book: Path, log: Path) -> None:
    """Under load a SIGTERM settles what was accepted: every answer is logged, the exit code is 0."""
    server = start_server(book, log, "--grace", "100")
    load = Load(server.target, lambda caller, turn: li_na(f"{caller}-{turn}"))
    with load.running():
        load.await_answers(100)
        assert server.stop() == 0
    assert {type(failure) for failure in load.failures} <= {Unavailable}, load.failures
    assert count(log) == len(load.answers)


def test_sigint_is_as_good(book: Path, log: Path) -> None:
    """Ctrl-C in a terminal ends the server with exit code 0."""
    server = start_server(book, log)
    server.process.send_signal(2)
    assert server.ended(120) == 0


def test_it_starts_again_on_the_same_log(book: Path, log: Path) -> None:
    """A second server finds the contacts that the first one reserved."""
    for expected in (pb.OUTCOME_OFFER, pb.OUTCOME_OFFER, pb.OUTCOME_BLOCKED):
        with serving(book, log) as server, Client(server.target, timeout=60) as client:
            assert client.decide(li_na()).outcome == expected
            assert server.stop() == 0


def test_a_port_in_use_is_said(book: Path, log: Path, tmp_path: Path) -> None:
    """Two servers never share a port in silence."""
    with serving(book, log) as server:
        port = server.target.rsplit(":", 1)[1]
        second = tact("serve", "--rules", str(book), "--log", f"sqlite:///{tmp_path}/b.db", "--port", port)
    assert second.returncode == 1
    assert f"cannot listen on 127.0.0.1:{port}" in second.stderr


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (["--host", "0.0.0.0"], 1, "not loopback"),
        (["--host", "example"], 1, "not an IP address"),
        (["--port", "70000"], 2, "port"),
        (["--log", "postgresql://ada:secret@127.0.0.1:1/y"], 1, "the log user=ada host=127.0.0.1 port=1"),
        (["--log", "postgresql://ada:secret@127.0.0.1:x/y"], 2, "not one of PostgreSQL"),
        (["--log", "postgresql://ada:secret@[::1/y"], 2, "not one of PostgreSQL"),
        (["--log", "postgresql://ada:secret/at/home@127.0.0.1/y"], 2, "written as %XX"),
        (["--log", "mysql://ada:secret@127.0.0.1/y"], 2, "postgresql://"),
        (["--log", "sqlite:////proc/no/tact.db"], 1, "cannot be opened"),
        (["--log", "nonsense"], 2, "sqlite:///"),
    ],
)
def test_what_cannot_be_served_is_said(book: Path, options: list[str], code: int, words: str) -> None:
    """A wrong option ends with its code and one plain sentence, no traceback."""
    done = tact("serve", "--rules", str(book), *options)
    assert done.returncode == code
    assert words in done.stderr
    assert faults_in(done.stderr.splitlines()) == []
    assert "secret" not in done.stdout + done.stderr


@pytest.mark.parametrize("workers", ["1", "2"])
def test_an_address_that_cannot_be_had_is_said_first(book: Path, log: Path, workers: str) -> None:
    """A port in use, an address of another machine, a name of none: our sentence, before any other line."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        for options, words in (
            (["--port", port], f"cannot listen on 127.0.0.1:{port}: it is in use by another program"),
            (["--port", "0", "--metrics-port", port], f"cannot show metrics on 127.0.0.1:{port}: Address"),
            (
                ["--host", "192.0.2.1", "--port", "50051", "--insecure", "--anyone"],
                "cannot listen on 192.0.2.1:50051: this machine has no such address",
            ),
            (["--host", "db.invalid", "--port", "0"], "'db.invalid' is not an IP address"),
            (
                ["--port", "0", "--metrics-port", "9", "--metrics-host", "db.invalid"],
                "cannot show metrics on db.invalid:9: ",
            ),
        ):
            words_given = ("--rules", str(book), "--log", f"sqlite:///{log}", "--workers", workers, *options)
            done = tact("serve", *words_given)
            assert done.returncode == 1
            said = [
                line for line in done.stderr.splitlines() if "draining" not in line and "stopped" not in line
            ]
            assert said[0].startswith(f"tact: {words}")


def test_what_a_port_needs_is_said() -> None:
    """Of a privileged port the right, of a name that it is not known."""
    assert "CAP_NET_BIND_SERVICE" in str(in_use("127.0.0.1", 80, PermissionError(errno.EACCES, "denied")))
    assert "cannot be resolved (unknown)" in str(in_use("nowhere", 80, socket.gaierror(-2, "unknown")))


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("ftp://weather.example", "must begin with https:// or http://"),
        ("weather.example", "must begin with"),
        ("https://", "needs a host"),
        ("https:///v1", "needs a host"),
        ("https://a b.example", "no blanks"),
        ("https://a.example:99999", "its host or its port is not valid"),
        ("https://a.example:x", "its host or its port is not valid"),
        ("https://[::1", "its host or its port is not valid"),
        ("https://a..example", "its host is not a name"),
        ("https://a.example/?key=secret", "? and # are not allowed"),
        ("https://a.example/\n", "control character U+000A"),
        ("https://ada:secret@a.example:0", "needs a host"),
        ("https://a.example\x1b[31m", "control character U+001B"),
    ],
)
def test_a_weather_url_that_cannot_be_called_is_refused(url: str, words: str) -> None:
    """At the start, with a sentence, and without what may be a password in it."""
    with pytest.raises(ValidationError, match=re.escape(words)) as refused:
        Settings(weather_url=url)
    assert "secret" not in str(refused.value.errors()[0]["msg"])


@pytest.mark.parametrize(
    "url", ["", "https://a.example", "http://127.0.0.1:9/x", "https://[::1]:8/", "https://bücher.example"]
)
def test_a_weather_url_that_can_be_called_is_taken(url: str) -> None:
    """With a port, a path, an address or a name of any script."""
    assert Settings(weather_url=url).weather_url == url


@pytest.mark.parametrize(
    "name", ["rules", "log", "host", "tls_cert", "tls_key", "client_ca", "callers", "metrics_host"]
)
def test_no_path_or_address_holds_control_characters(name: str) -> None:
    """They are refused by name."""
    with pytest.raises(ValidationError, match=r"control character U\+000A"):
        Settings.model_validate({name: "a\nb"})


def test_a_wrong_setting_of_the_environment_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """With exit code 2 and one line."""
    monkeypatch.setenv("TACT_WEATHER_URL", "https://ada:secret@weather.example/?x")
    done = tact("settings")
    assert (done.returncode, done.stderr) == (
        2,
        "tact: weather_url: it must end with the host or a path: ? and # are not allowed\n",
    )


def test_a_log_that_is_no_database_is_said_and_left_alone(book: Path, log: Path) -> None:
    """Some other file named as the log is refused, and not touched."""
    log.write_bytes(b"minutes of the meeting\n" * 100)
    done = tact("serve", "--rules", str(book), "--log", f"sqlite:///{log}")
    assert done.returncode == 1
    assert "cannot be opened" in done.stderr
    assert faults_in(done.stderr.splitlines()) == []
    assert log.read_bytes().startswith(b"minutes of the meeting")


def test_a_broken_book_is_not_served(tmp_path: Path, log: Path) -> None:
    """The diagnostics are shown and the exit code is 3."""
    (tmp_path / "book.yaml").write_text("book: {name: x, timezone: Europe/Pariss}\n")
    done = tact("serve", "--rules", str(tmp_path), "--log", f"sqlite:///{log}")
    assert done.returncode == 3
    assert "book.yaml:1:" in done.stderr
    assert "Europe/Paris" in done.stderr


def test_health_of_a_server_that_is_not_there() -> None:
    """`tact health` exits 1 with the reason."""
    done = tact("health", "127.0.0.1:1", "--timeout", "1")
    assert done.returncode == 1
    assert "127.0.0.1:1" in done.stderr


def test_health_of_a_server_that_serves(book: Path, log: Path) -> None:
    """`tact health` prints SERVING and exits 0."""
    with serving(book, log) as server:
        done = tact("health", server.target, "--timeout", "60")
    assert (done.returncode, done.stdout.strip()) == (0, "SERVING")


def test_json_logs(book: Path, log: Path) -> None:
    """With --json every line of the log is a JSON object."""
    with serving(book, log) as plain:
        assert plain.stop() == 0
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "engine.cli",
            "serve",
            "--rules",
            str(book),
            "--log",
            f"sqlite:///{log}",
            "--port",
            "0",
            "--json",
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    address = json.loads(process.stdout.readline())["address"]
    process.terminate()
    _, errors = process.communicate(timeout=120)
    assert address.startswith("127.0.0.1:")
    assert [json.loads(line)["event"] for line in errors.splitlines()] == ["serving", "draining", "stopped"]


def test_a_locked_log_is_unavailable_and_recovers(
    book: Path, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While another program holds the log, calls fail as UNAVAILABLE with nothing half-done; then they go on."""
    monkeypatch.setenv("TACT_BUSY_TIMEOUT", "0.2")
    with serving(book, log) as server, Client(server.target, timeout=60, attempts=1) as client:
        client.decide(li_na("before"))
        with held(log), pytest.raises(Unavailable):
            client.decide(li_na("during"))
        client.decide(li_na("after"))
        assert server.stop() == 0
    with closing(sqlite3.connect(log)) as connection:
        persons = connection.execute("select person from decisions order by at").fetchall()
    assert persons == [("before",), ("after",)]


def test_a_full_disk_is_unavailable_and_recovers(book: Path, log: Path) -> None:
    """When the log cannot grow, calls fail as UNAVAILABLE, nothing half-done stays, and room makes it go on."""
    prlimit = shutil.which("prlimit")
    if prlimit is None:
        raise AssertionError("this test needs prlimit (package util-linux)")
    with serving(book, log) as server, Client(server.target, timeout=60, attempts=1) as client:
        client.decide(li_na("before"))
        limit(prlimit, server, str(log.with_name("tact.db-wal").stat().st_size))
        with pytest.raises(Unavailable):
            client.decide(li_na("during"))
        limit(prlimit, server, "unlimited")
        client.decide(li_na("after"))
        assert server.stop() == 0
    with closing(sqlite3.connect(log)) as connection:
        assert connection.execute("pragma integrity_check").fetchone() == ("ok",)
        persons = connection.execute("select person from decisions order by at").fetchall()
    assert persons == [("before",), ("after",)]


def test_a_passed_deadline_is_not_settled(book: Path, log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A caller who gave up is not counted: the decision is not in the log."""
    monkeypatch.setenv("TACT_BUSY_TIMEOUT", str(HANGS))
    with serving(book, log) as server, Client(server.target, timeout=HANGS) as client:
        client.decide(li_na("first"))
        load = Load(server.target, lambda caller, turn: li_na("waiting"), callers=2)
        with load.running():
            # the call waits in the queue, or in a group at the log
            with held(log), pytest.raises(DeadlineExceeded):
                client.decide(li_na("late"), timeout=1)
            load.await_answers(len(load.answers) + 4)
        assert server.stop() == 0
    with closing(sqlite3.connect(log)) as connection:
        persons = {row[0] for row in connection.execute("select distinct person from decisions")}
    assert "late" not in persons
    assert {"first", "waiting"} <= persons


def test_a_full_queue_sheds_with_a_delay(book: Path, log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the queue's bound calls are refused at once with RESOURCE_EXHAUSTED and a delay; the rest is served."""
    monkeypatch.setenv("TACT_BUSY_TIMEOUT", str(HANGS))
    with serving(book, log, "--queue-limit", "4") as server:
        load = Load(server.target, lambda caller, turn: li_na(f"{caller}-{turn}"), callers=16, pause=0.01)
        with load.running():
            with held(log):
                until(lambda: load.failures, server)
            load.await_answers(1)
        assert server.stop() == 0
    shed = [failure for failure in load.failures if isinstance(failure, Overloaded)]
    assert shed
    assert all(failure.retry_after and failure.retry_after > 0 for failure in shed)
    assert count(log) == len(load.answers) > 0
