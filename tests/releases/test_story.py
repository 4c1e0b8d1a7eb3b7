"""The whole way of a release, by commands and real servers that follow it."""

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from engine.client import Client
from engine.client import request as customer
from engine.decide.experiments.rollout import Rollout
from tests.forked import tact
from tests.logs import Log, sqlite_log
from tests.releases.books import SCENARIO, edition
from tests.releases.test_service import write_callers
from tests.servers import Server, serving
from tests.waiting import until

NAMES = [f"person-{number}" for number in range(300)]


def folder_of(folder: Path, text: str) -> Path:
    """A folder with a book and its scenario."""
    (folder / "tests").mkdir(parents=True)
    (folder / "book.yaml").write_text(text, encoding="utf-8")
    (folder / "tests" / "ann.yaml").write_text(SCENARIO, encoding="utf-8")
    return folder


@pytest.fixture(params=["two replicas on postgresql", "two workers on sqlite"])
def servers(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Log, list[Server]]]:
    """A log, whose first version went live by commands on the log itself, and the servers that follow it."""
    replicas = "replicas" in request.param
    log: Log = request.getfixturevalue("postgres_log") if replicas else sqlite_log(tmp_path)
    first = folder_of(tmp_path / "first", edition(0))
    version = json.loads(done("publish", str(first), "--log", log.url, "--json"))["release"]["version"]
    done("activate", version, "--log", log.url)
    options = ("--callers", str(write_callers(tmp_path / "callers.toml")))
    with ExitStack() as opened:
        environment = opened.enter_context(pytest.MonkeyPatch.context())
        environment.setenv("TACT_APPROVALS", "1")
        started = [
            opened.enter_context(serving("spring", log, *options, *(() if replicas else ("--workers", "2"))))
            for _ in range(2 if replicas else 1)
        ]
        yield log, started
        assert [server.stop() for server in started] == [0] * len(started)


def done(*words: str) -> str:
    """What a command prints that succeeds."""
    completed = tact(*words)
    assert completed.returncode == 0, completed.stderr
    return completed.stdout


def test_publish_approve_stage_activate_roll_back(
    servers: tuple[Log, list[Server]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each step by its own role; every process follows each of them, and `tact servers` shows it."""
    _, started = servers
    folder = folder_of(tmp_path / "second", edition(1))
    seconds: dict[str, float] = {}

    def asked(by: str, command: str, *words: str) -> str:
        (tmp_path / by).write_text(by, encoding="utf-8")
        return done(command, *words, "--server", started[0].target, "--token-file", str(tmp_path / by))

    def follow(step: str, version: str, staged: str = "") -> None:
        start = time.monotonic()
        until(lambda: served() == [(version, staged)] * 2, started[0])
        seconds[step] = time.monotonic() - start

    def served() -> list[tuple[str, str]]:
        document = json.loads(asked("reader", "servers", "--json"))
        return [(row["version"], row["staged"]) for row in document["servers"]]

    until(lambda: len(served()) == 2, started[0])
    (live,) = {version for version, _ in served()}
    new = json.loads(asked("operator", "publish", str(folder), "--json"))["release"]["version"]
    (tmp_path / "own").write_text("operator", encoding="utf-8")
    words = (new, "--server", started[0].target, "--token-file", str(tmp_path / "own"))
    refused = tact("activate", *words)
    assert refused.returncode == 1
    assert "approv" in refused.stderr
    asked("approver", "approve", new)
    asked("operator", "activate", new, "--share", "5%")
    follow("stage", live, new)
    rollout = Rollout(new, f"stage {new}", 0.05)
    expected = [new if rollout.takes(name) else live for name in NAMES]
    assert set(expected) == {live, new}
    for server in started:
        with Client(server.target, timeout=60, token="shop") as client:
            batch = client.decide_batch([customer(name, profile={"phone": "1"}) for name in NAMES])
            assert [answer.book_version for answer in batch] == expected
    asked("operator", "activate", new)
    follow("activate", new)
    asked("operator", "rollback", "spring")
    follow("roll back", live)
    with capsys.disabled():
        figures = ", ".join(f"{step} {second:.1f} s" for step, second in seconds.items())
        print(f"\n{len(started)} servers followed: {figures}")  # noqa: T201 for whoever reads the run
