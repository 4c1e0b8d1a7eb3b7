"""`tact tail` and `tact due`: what is printed, what is posted to a real HTTP server, and how they go on."""

import errno
import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from engine.cli import app
from engine.decide.compiled import CompiledBook
from engine.decide.evaluate import evaluate
from engine.ledger.commit.alarms import AlarmCommand
from engine.ledger.commit.books import KeepTrendsCommand
from engine.ledger.commit.decisions import DecideCommand
from engine.ledger.commit.events import RecordCommand
from engine.ledger.commit.group import commit_group
from engine.ledger.commit.outcomes import ReportCommand
from engine.ledger.store.open import open_store
from engine.model.decision import Decision
from engine.model.event import Event
from engine.model.instant import DAY, from_datetime
from engine.model.request import Request
from tests.books import compiled_book
from tests.ledger.commit import test_trends as trends
from tests.logs import Log
from tests.waiting import until

HOUR = 3_600_000_000
NOW = from_datetime(datetime.now(UTC).replace(microsecond=0))
BOOK = """
book: {name: fed, timezone: UTC}
attributes: {profile.phone: {type: text}}
channels: {sms: {kind: outbound, address: profile.phone, consent: not_needed, on_silence: confirm}}
offers: {tea: {name: Tea, content: {default: {text: Tea}}}}
campaigns: {tea: {offer: tea, channels: [sms]}}
pressure: {gaps: {rest: {at_least: 24h, count: {channel: sms}}}}
"""


@pytest.fixture
def compiled(tmp_path: Path) -> CompiledBook:
    """The book of these tests."""
    return compiled_book(tmp_path / "book", BOOK)


def decide(log: Log, compiled: CompiledBook, customer: str, at: int = NOW) -> str:
    """Decides for a customer; the decision_id."""
    request = Request(customer, at, {"profile.phone": "138"})
    with closing(open_store(log.url)) as store:
        (decision,) = commit_group(store, [DecideCommand(evaluate(compiled, request))])
    assert isinstance(decision, Decision)
    return decision.decision_id


def click(log: Log, compiled: CompiledBook, decision_id: str) -> None:
    """Reports that a decision's offer was clicked."""
    report = ReportCommand(compiled, "", decision_id, Event("e-1", "clicked", NOW + 1, {}), NOW + 2)
    with closing(open_store(log.url)) as store:
        commit_group(store, [report])


def tail(log: Log, *words: str) -> Result:
    """Runs the command."""
    return CliRunner().invoke(app, ["tail", "--log", log.url, *words])


def customers(result: Result) -> list[str]:
    """Whose decisions and outcomes the lines of JSON are."""
    assert result.exit_code == 0, result.output
    return [_customer(json.loads(line)) for line in result.stdout.splitlines()]


def _customer(document: dict[str, Any]) -> str:
    if "decision" in document:
        return str(document["decision"]["customer_id"])
    return f"{document['outcome']['event']['customer']['id']} {document['outcome']['event']['event']['type']}"


def test_the_last_are_printed_for_people_and_for_machines(any_log: Log, compiled: CompiledBook) -> None:
    """A line each: when, who, what, on which channel; characters that would control a terminal are escaped."""
    decision_id = decide(any_log, compiled, "ann\x1b[31m")
    decide(any_log, compiled, "ann\x1b[31m")
    click(any_log, compiled, decision_id)
    lines = tail(any_log).stdout.splitlines()
    stamp = datetime.fromtimestamp(NOW / 1e6, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    assert lines == [
        f"{stamp}  ann\\u001b[31m  offer  tea on sms",
        f"{stamp}  ann\\u001b[31m  blocked  (blocked by rest)",
        f"{stamp}  ann\\u001b[31m  clicked  tea on sms",
    ]
    assert customers(tail(any_log, "-n", "2", "--json")) == ["ann\x1b[31m", "ann\x1b[31m clicked"]
    assert customers(tail(any_log, "--only", "outcome", "--json")) == ["ann\x1b[31m clicked"]
    assert customers(tail(any_log, "--from", "2020-01-01T00:00Z", "--json")) == [
        "ann\x1b[31m",
        "ann\x1b[31m",
        "ann\x1b[31m clicked",
    ]
    assert tail(any_log, "-n", "0").stdout == ""


def test_only_beginnings_of_trends_are_printed(any_log: Log, tmp_path: Path) -> None:
    """`--only trend` leaves out decisions; others leave out trends; a line says what is usual, a value is made printable."""
    counting = compiled_book(tmp_path / "trends", trends.BOOK.replace("value: {offer: name}, ", ""))
    with closing(open_store(any_log.url)) as store:
        for days in range(3, -1, -1):
            commit_group(store, [KeepTrendsCommand(counting, NOW - days * DAY)])
        for number in range(6):
            complaint = Event(f"e{number}", "complaint", NOW, {"product": "nou\x1bgat"})
            commit_group(store, [RecordCommand(counting, f"c{number}", complaint, NOW)])
        commit_group(store, [AlarmCommand(counting, NOW)])
        commit_group(store, [DecideCommand(evaluate(counting, Request("ann", NOW, {"profile.phone": "1"})))])
    stamp = datetime.fromtimestamp(NOW / 1e6, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    line = f"{stamp}  trend  complaint  product nou\\u001bgat  6 where 0.0 are usual"
    assert tail(any_log, "--only", "trend").stdout.splitlines() == [line]
    assert tail(any_log).stdout.splitlines()[0] == line
    (document,) = map(json.loads, tail(any_log, "--only", "trend", "--json").stdout.splitlines())
    assert (document["trend"]["value"], document["trend"]["number"]) == ("nou\x1bgat", "6")
    assert customers(tail(any_log, "--only", "decision", "--json")) == ["ann"]


def test_a_cursor_file_goes_on_where_it_was(any_log: Log, compiled: CompiledBook, tmp_path: Path) -> None:
    """A new one begins with the log; each is printed once."""
    kept = ["--json", "--cursor", str(tmp_path / "cursor")]
    decide(any_log, compiled, "ann")
    assert customers(tail(any_log, *kept)) == ["ann"]
    assert customers(tail(any_log, *kept)) == []
    decide(any_log, compiled, "bob")
    decide(any_log, compiled, "cyd")
    assert customers(tail(any_log, *kept)) == ["bob", "cyd"]


def test_mistakes_are_told_before_anything_is_read(
    any_log: Log, compiled: CompiledBook, tmp_path: Path
) -> None:
    """Usage errors exit with 2, a cursor of another log with 1."""
    decide(any_log, compiled, "ann")
    cursor, headers, umlauts = tmp_path / "cursor", tmp_path / "headers", tmp_path / "umlauts"
    cursor.write_text("tomorrow")
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    headers.write_text("Authorization: Bearer abc\nsecret-without-colon\n")
    umlauts.write_text("X-Team: crm\nAuthorization: Bearer äbc\n")
    for words, expected in (
        (["--cursor", str(cursor)], "'tomorrow' is no cursor of a log"),
        (["--cursor", str(tmp_path / "binary")], "is no cursor of a log"),
        (["--cursor", str(tmp_path / "none" / "cursor")], "there is no folder"),
        (["-n", f"1{'0' * 30}"], "Input should be less than or equal to"),
        (["--post", "http://localhost:1", "--headers", str(umlauts)], "umlauts:2: not a header"),
        (["--from", "yesterday"], "--from needs a time"),
        (["--post", "ftp://example.com"], "--post needs an http:// or https:// address"),
        (["--headers", str(headers)], "--headers needs --post"),
        (["--post", "http://localhost:1", "--headers", str(headers)], "headers:2: not a header"),
        (["--post", "http://localhost:1", "--headers", str(tmp_path / "none")], "No such file"),
    ):
        result = tail(any_log, *words)
        assert (result.exit_code, expected in result.stderr) == (2, True), result.stderr
        assert "secret-without-colon" not in result.stderr
    cursor.write_text(f"{2**60}.0")
    result = tail(any_log, "--cursor", str(cursor))
    assert (result.exit_code, "of another log" in result.stderr) == (1, True)
    result = CliRunner().invoke(app, ["tail", "--log", f"sqlite:///{tmp_path}/none.db"])
    assert (result.exit_code, "there is no log" in result.stderr) == (2, True)


def test_a_reader_that_leaves_ends_it_without_a_word(
    any_log: Log, compiled: CompiledBook, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As `tact tail | head` does: that is no trouble of the log."""
    decide(any_log, compiled, "ann")

    def left(*_: object, as_json: bool) -> None:
        raise BrokenPipeError(errno.EPIPE, "Broken pipe")

    with monkeypatch.context() as patch:
        patch.setattr("engine.cli.tail._print", left)
        assert tail(any_log).output == ""


@dataclass
class Receiver:
    """A web server that takes what is posted, or answers what it is told to."""

    answers: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    """Statuses and headers to answer first."""
    bodies: list[list[dict[str, Any]]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    address: str = ""


@contextmanager
def receiving() -> Iterator[Receiver]:
    """A receiver for the length of a block."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status, headers = receiver.answers.pop(0) if receiver.answers else (204, {})
            if status == 204:
                receiver.bodies.append(json.loads(body))
                receiver.headers.append(dict(self.headers))
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    receiver.address = f"http://127.0.0.1:{server.server_port}/hook"
    try:
        yield receiver
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that the command would wait."""
    seconds: list[float] = []
    monkeypatch.setattr("engine.cli.tail.time.sleep", seconds.append)
    return seconds


def test_what_is_kept_is_posted(
    any_log: Log, compiled: CompiledBook, tmp_path: Path, pauses: list[float]
) -> None:
    """In arrays, with headers from a file; after a refusal for now the same again, with a key by which it is known."""
    for number in range(3):
        decide(any_log, compiled, f"c{number}")
    (tmp_path / "headers").write_text("Authorization: Bearer abc\n\nX-Team: crm\n")
    cursor = tmp_path / "cursor"
    with receiving() as receiver:
        receiver.answers += [(503, {}), (429, {"Retry-After": "7"}), (500, {})]
        result = tail(
            any_log,
            "--post",
            receiver.address,
            "--headers",
            str(tmp_path / "headers"),
            "--cursor",
            str(cursor),
        )
    assert result.exit_code == 0, result.output
    assert [[_customer(document) for document in body] for body in receiver.bodies] == [["c0", "c1", "c2"]]
    sent = receiver.headers[0]
    assert (sent["Authorization"], sent["X-Team"]) == ("Bearer abc", "crm")
    assert sent["Content-Type"] == "application/json"
    assert sent["Idempotency-Key"] == receiver.bodies[0][-1]["cursor"] == cursor.read_text().strip()
    assert pauses == [0.5, 7.0, 2.0]
    assert result.stderr.count("trying again") == 3


@pytest.mark.parametrize(("status", "times"), [(400, 1), (404, 1), (302, 1), (503, 8)])
def test_what_is_not_taken_is_not_passed_over(
    any_log: Log, compiled: CompiledBook, tmp_path: Path, pauses: list[float], status: int, times: int
) -> None:
    """The command fails, and the next one sends the same; the address is shown without what may be a password."""
    decide(any_log, compiled, "ann")
    cursor = ["--cursor", str(tmp_path / "cursor")]
    with receiving() as receiver:
        address = receiver.address.replace("http://", "http://me:hush@")
        receiver.answers += [(status, {})] * times
        result = tail(any_log, "--post", address, *cursor)
        assert result.exit_code == 1
        assert f"answered {status}" in result.stderr
        assert "hush" not in result.output
        assert receiver.bodies == []
        assert len(pauses) == times - 1
        assert tail(any_log, "--post", receiver.address, *cursor).exit_code == 0
    assert [_customer(document) for document in receiver.bodies[0]] == ["ann"]


def test_it_follows_until_it_is_ended(any_log: Log, compiled: CompiledBook, tmp_path: Path) -> None:
    """A process of its own posts what is kept while it runs; after a kill the next goes on, and nothing is lost."""
    decide(any_log, compiled, "before")
    with receiving() as receiver:
        words = ["-f", "--post", receiver.address, "--cursor", str(tmp_path / "cursor")]

        def received() -> list[str]:
            return [_customer(document) for body in receiver.bodies for document in body]

        for customer in ("first", "second"):
            process = _follow(any_log, words)
            decide(any_log, compiled, customer)
            until(partial(_is_in, customer, received))
            process.kill()
            process.wait()
            assert process.stderr is not None
            process.stderr.close()
    assert list(dict.fromkeys(received())) == ["before", "first", "second"]


def _is_in(customer: str, received: Callable[[], list[str]]) -> bool:
    return customer in received()


def _follow(log: Log, words: list[str]) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "engine.cli", "tail", "--log", log.url, *words]
    return subprocess.Popen(command, stderr=subprocess.PIPE)


def test_who_becomes_due_is_listed(any_log: Log, compiled: CompiledBook) -> None:
    """With the moment, the campaigns and the rule; as JSON lines for machines."""
    for customer, hours in (("ann", 20), ("bob", 5)):
        decide(any_log, compiled, customer, NOW - hours * HOUR)
        decide(any_log, compiled, customer, NOW - HOUR)

    def due(*words: str) -> Result:
        return CliRunner().invoke(app, ["due", "--log", any_log.url, *words])

    moment = datetime.fromtimestamp(NOW / 1e6, UTC) + timedelta(hours=4)
    result = due()
    assert result.stdout.splitlines() == [
        f"{moment:%Y-%m-%dT%H:%M:%SZ}  ann  tea  (blocked by rest)",
        f"{moment + timedelta(hours=15):%Y-%m-%dT%H:%M:%SZ}  bob  tea  (blocked by rest)",
        "2 become due within 24h",
    ]
    (line,) = due("--within", "5h", "--json").stdout.splitlines()
    assert json.loads(line)["customer_id"] == "ann"
    assert due("--within", "5h", "--from", f"{moment:%Y-%m-%dT%H:%M:%SZ}").stdout.startswith(
        f"{moment:%Y-%m-%dT}"
    )
    for words, expected in ((["--within", "soon"], "not a duration"), (["--within", "60d"], "at most 31d")):
        result = due(*words)
        assert (result.exit_code, expected in result.stderr) == (2, True), result.stderr
