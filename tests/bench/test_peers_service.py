"""The services that the benchmark sets beside Tact give its answers, so that the same work is compared."""

import json
import os
import shutil
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from bench import books
from bench.peers_service import book, node, suite
from bench.peers_service.suite import Figures, Peer
from bench.processes import CannotMeasure
from tests.logs import sqlite_log
from tests.servers import serving

CAMPAIGNS, CUSTOMERS = 400, 12
NODE_PEERS = os.environ.get("NODE_PEERS", "")


@pytest.fixture(scope="module")
def requests() -> list[bytes]:
    """What every service is asked, in this order."""
    return suite.calls(CUSTOMERS)


@pytest.fixture(scope="module")
def expected(requests: list[bytes], tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Figures]]:
    """Tact's answers."""
    folder = tmp_path_factory.mktemp("tact")
    rules = books.write(book.book(CAMPAIGNS), folder / "rules")
    with serving(rules, sqlite_log(folder)) as server:
        yield suite.grpc_answers(server.target, requests)


def check(peer: Peer, requests: list[bytes], expected: list[Figures], folder: Path) -> None:
    """The service answers as Tact does, and what it answered is in its log."""
    rules = book.write_plain(folder / "rules.json", CAMPAIGNS)
    with suite.serving(peer, rules, folder) as served:
        own = suite.answers(served, requests)
        assert suite.differences(own, expected) == []
        with closing(sqlite3.connect(served.log)) as connection:
            rows = connection.execute("SELECT decision_id, outcome FROM decisions").fetchall()
    answered = {answer["decision_id"]: suite.comparable(answer).outcome for answer in own}
    assert dict(rows) == answered


@pytest.mark.parametrize("peer", suite.PYTHON_PEERS, ids=lambda peer: peer.name)
def test_services_in_python_answer_as_tact(
    peer: Peer, requests: list[bytes], expected: list[Figures], tmp_path: Path
) -> None:
    """The same outcome, campaign, channel and content, with caps reached and consents missing, and again for a retry."""
    check(peer, requests, expected, tmp_path)


@pytest.mark.skipif(not NODE_PEERS, reason="make test-node installs Node's packages and runs this")
@pytest.mark.parametrize("peer", suite.NODE_PEERS, ids=lambda peer: peer.name)
def test_services_on_node_answer_as_tact(
    peer: Peer, requests: list[bytes], expected: list[Figures], tmp_path: Path
) -> None:
    """The same, with the packages that npm installed."""
    check(peer, requests, expected, tmp_path)


def test_all_outcomes_are_compared(expected: list[Figures]) -> None:
    """Offers on both channels, blocked customers, and customers for whom there is nothing."""
    counted = Counter(
        (suite.comparable(answer).outcome, suite.comparable(answer).channel) for answer in expected
    )
    assert counted.keys() == {("offer", "email"), ("offer", "sms"), ("blocked", ""), ("nothing", "")}


def test_another_answer_is_noticed(expected: list[Figures]) -> None:
    """Another channel, a title of another variant, a retry that is decided anew."""
    offers = [number for number, answer in enumerate(expected) if answer.get("offers")]
    for change in ({"channel": "fax"}, {"variant": "a"}, {"variant": "b"}):
        other = json.loads(json.dumps(expected))
        for number in offers:
            other[number]["offers"][0] |= change
        assert suite.differences(other, expected)
    retried = json.loads(json.dumps(expected))
    retried[1]["decision_id"] = "another"
    assert suite.differences(retried, expected) == ["retry 0 differs"]


def test_figures_are_compared_turn_by_turn(tmp_path: Path) -> None:
    """Calls and processor time by the median of each turn's ratio, bytes by the decisions in each log."""
    peer = suite.PYTHON_PEERS[0]
    logs = {name: tmp_path / f"{number}.db" for number, name in enumerate(("tact", peer.name))}
    for log, decisions in zip(logs.values(), (8, 2), strict=True):
        with closing(sqlite3.connect(log)) as connection, connection:
            connection.execute("CREATE TABLE decisions (decision_id TEXT)")
            connection.executemany("INSERT INTO decisions VALUES (?)", [("d",)] * decisions)

    def turn(rate: float, micros: float) -> Figures:
        return {"per_second": rate, "p50": 1.0, "p99": 2.0, "micros": micros}

    of_tact, of_peer = (
        [turn(100, 10), turn(300, 10), turn(90, 20)],
        [turn(50, 30), turn(100, 50), turn(90, 20)],
    )
    turns = {("tact", clients): of_tact for clients in suite.CLIENTS}
    turns |= {(peer.name, clients): of_peer for clients in suite.CLIENTS}
    ratios = suite.compared((peer,), turns, logs)
    assert [ratio.ratio for ratio in ratios] == [2.0, 2.0, 3.0, 3.0, 4.0]
    assert [ratio.target for ratio in ratios] == [5.0, 5.0, 0.0, 0.0, 0.0]
    assert ratios[0].detail.startswith(
        "100/s p50 1.00 ms p99 2.00 ms, 10 µs of its processor time a call against 90/s p50"
    )


@pytest.mark.parametrize("missing", ["node", "npm"])
def test_what_is_missing_is_named(missing: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without Node or npm the message says which, and what to install."""
    for name in {"node", "npm"} - {missing}:
        program = tmp_path / name
        program.write_text("#!/bin/sh\necho v20.1.0\n", encoding="utf-8")
        program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert shutil.which(missing) is None
    with pytest.raises(
        CannotMeasure, match=f"{missing} is not on the PATH; install Node 20 or later with npm"
    ):
        node.program()


def test_an_old_node_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message names both versions."""
    for name in ("node", "npm"):
        (tmp_path / name).write_text("#!/bin/sh\necho v18.20.4\n", encoding="utf-8")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CannotMeasure, match=r"this is Node v18\.20\.4, they need 20"):
        node.program()


def test_versions_for_node_are_exact_and_no_registry_is_named() -> None:
    """Versions are pinned; which registry brings the packages is the machine's own affair."""
    package = json.loads((Path(node.HERE) / "package.json").read_text(encoding="utf-8"))
    assert all(version.replace(".", "").isdigit() for version in package["dependencies"].values())
    lock = (Path(node.HERE) / "package-lock.json").read_text(encoding="utf-8")
    assert '"resolved"' not in lock
    assert "registry" not in lock
    packages = json.loads(lock)["packages"]
    assert all("integrity" in packages[name] for name in packages if name)
