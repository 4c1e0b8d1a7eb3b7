"""Erasing beside callers who decide about the person, reports before and after, crashes, and the command."""

import asyncio
import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import grpc
import psycopg
import pyarrow.parquet as pq
from typer.testing import CliRunner

from engine.api.v1 import decisions_pb2 as pb
from engine.api.v1 import privacy_pb2
from engine.api.v1.decisions_pb2_grpc import DecisionsStub
from engine.api.v1.privacy_pb2_grpc import PrivacyStub
from engine.cli import app
from engine.engine import Engine
from engine.ledger.commit.outcomes import ReportCommand
from engine.ledger.ledger import Ledger
from engine.ledger.store.open import open_store
from engine.ledger.store.rows import METADATA
from engine.model.event import Event
from engine.model.instant import DAY, SECOND
from engine.model.request import Request
from tests.books import compiled_book
from tests.logs import Log, sqlite_log
from tests.privacy.kit import LI_NA, NOW, filled
from tests.servers import serving
from tests.telemetry.shown import free_port, get
from tests.waiting import HANGS

BOOK = """
book: {name: beside, timezone: Asia/Shanghai, salt: s}
attributes: {profile.phone: {type: text}, profile.city: {type: text}}
channels:
  sms: {kind: outbound, address: profile.phone, consent: not_needed, on_silence: confirm}
offers:
  cream: {name: Cream, value: 5, stock: 100000, content: {default: {text: "For {profile.city}"}}}
events: {stored: true, types: {viewed: {fields: {shelf: text}}}}
campaigns:
  cream:
    offer: cream
    channels: [sms]
    when: {profile.city: {exists: true}}
    variants: {a: {content: {default: {text: "A {profile.city}"}}}, b: {content: {default: {text: B}}}}
    control: 20%
pressure:
  caps: {hourly: {limit: 5, per: rolling 1h, count: {channel: sms}}}
"""

SECRETS = ("li_na-7c1e", "device-li_na-7c1e", "Ultima-Thule-City", "seen-3f0a", "ask-77aa", "+99 555 123")
NAME, ALIAS, CITY, EVENT, ASKED, PHONE = SECRETS

PURGE = (
    "DELETE FROM pg_statistic WHERE starelid >= 16384",
    "ANALYZE",
    "VACUUM FULL",
    "CHECKPOINT",
)
"""What the how-to says of PostgreSQL."""


_CODES = {code.value[0]: code for code in grpc.StatusCode}


def asking(name: str, number: int, city: str) -> pb.DecideRequest:
    """A request; that of the person brings her other name."""
    request = pb.DecideRequest(request_id=f"{ASKED if name == NAME else name}-{number}")
    request.customer.id = name
    if name == NAME:
        request.customer.aliases.append(ALIAS)
    request.context.profile.attributes["phone"].text = PHONE if name == NAME else "1"
    request.context.profile.attributes["city"].text = city
    return request


def seen(number: int) -> pb.RecordRequest:
    """An event of the person."""
    request = pb.RecordRequest()
    event = request.events.add(event_id=f"{EVENT}-{number}")
    event.customer.id = ALIAS
    event.event.type = "viewed"
    event.event.at.GetCurrentTime()
    event.event.attributes["shelf"].text = CITY
    return request


def decide_on(target: str, stop: threading.Event, client: int, codes: list[Any]) -> None:
    """Decides about the person and about one other, and records, until told to stop."""
    with grpc.insecure_channel(target) as channel:
        stub: Any = DecisionsStub(channel)  # type: ignore[no-untyped-call]
        for number in range(100_000):
            if stop.is_set():
                return
            try:
                stub.Decide(asking(NAME, client * 100_000 + number, CITY), timeout=HANGS)
                recorded = stub.Record(seen(client * 100_000 + number), timeout=HANGS)
                codes += [_CODES[own.error.code] for own in recorded.results if own.error.code]
                stub.Decide(asking(f"other-{client}", number, "Sanya"), timeout=HANGS)
            except grpc.RpcError as error:
                codes.append(error.code())


def test_erased_beside_sixteen_clients(any_log: Log, tmp_path: Path) -> None:
    """Afterwards no byte of her is in the log, no cap of others has moved, and no call failed but by the erasure."""
    folder = tmp_path / "book"
    folder.mkdir()
    (folder / "book.yaml").write_text(BOOK)
    stop, codes = threading.Event(), list[Any]()
    port = free_port()
    with (
        serving(folder, any_log, "--metrics-port", str(port)) as server,
        grpc.insecure_channel(server.target) as channel,
    ):
        privacy: Any = PrivacyStub(channel)  # type: ignore[no-untyped-call]
        arguments = [(server.target, stop, client, codes) for client in range(16)]
        clients = [threading.Thread(target=decide_on, args=given) for given in arguments]
        for thread in clients:
            thread.start()
        stub: Any = DecisionsStub(channel)  # type: ignore[no-untyped-call]
        for number in range(3):
            stub.Decide(asking(NAME, -1 - number, CITY), timeout=HANGS)
            receipt = privacy.Erase(privacy_pb2.EraseRequest(customer_id=ALIAS), timeout=HANGS)
            assert receipt.severed["decisions"] > 0
        stop.set()
        for thread in clients:
            thread.join()
        stub.Decide(asking(NAME, -9, CITY), timeout=HANGS)
        for number in range(5):
            assert not stub.Record(seen(-1 - number), timeout=HANGS).results[0].error.code
        others = "SELECT person, count(*) FROM contacts WHERE person LIKE 'other-%' GROUP BY person"
        before = sorted(any_log.rows(others))
        any_log.execute(
            "ANALYZE"
        )  # has PostgreSQL keep samples of values, also of tables that are empty later
        receipt = privacy.Erase(privacy_pb2.EraseRequest(customer_id=NAME), timeout=HANGS)
        assert receipt.deleted["events"] >= 5
        assert sorted(any_log.rows(others)) == before
        shown = get(port, "/metrics")[1]
        assert "tact_" in shown
        assert [secret for secret in SECRETS if secret in shown] == []
        assert server.stop() == 0
        assert not [line for line in server.errors for secret in SECRETS if secret in line]
    assert set(codes) <= {grpc.StatusCode.ABORTED}
    assert all(count <= 5 for _, count in before)
    whole = repr({table: any_log.rows(f"SELECT * FROM {table}") for table in METADATA.tables})
    assert [secret for secret in SECRETS if secret in whole] == []
    ((used, held),) = any_log.rows(
        "SELECT (SELECT sum(used) FROM counters WHERE counter = 'cream/stock'),"
        " (SELECT count(*) FROM holdings WHERE counted AND counter = 'cream/stock')"
    )
    assert used == held > 0
    content = stored_bytes(any_log)
    assert b"other-1" in content
    assert [secret for secret in SECRETS if secret.encode() in content] == []
    content = exported_bytes(any_log, tmp_path / "export")
    assert b"other-1" in content
    assert [secret for secret in SECRETS if secret.encode() in content] == []


def stored_bytes(log: Log) -> bytes:
    """What the files of a log hold, after the commands of the how-to; without the WAL of PostgreSQL."""
    if log.path is not None:
        with closing(sqlite3.connect(log.path)) as connection:
            connection.execute("VACUUM")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return b"".join(path.read_bytes() for path in log.path.parent.iterdir() if path.is_file())
    with psycopg.connect(log.url, autocommit=True) as session:
        for statement in PURGE:
            session.execute(statement)
        query = "SELECT current_setting('data_directory'), oid FROM pg_database WHERE datname = current_database()"
        ((data, database),) = session.execute(query).fetchall()
    files = [*Path(data, "base", str(database)).iterdir(), *Path(data, "global").iterdir()]
    contents = []
    for path in files:
        with suppress(FileNotFoundError):  # PostgreSQL has removed it meanwhile, as it does with caches
            contents.append(path.read_bytes())
    return b"".join(contents)


def exported_bytes(log: Log, folder: Path) -> bytes:
    """What `tact export` writes: the files as they are, and each cell of them, since columns are compressed."""
    result = CliRunner().invoke(app, ["export", str(folder), "--log", log.url])
    assert result.exit_code == 0, result.output
    files = [path for path in folder.rglob("*") if path.is_file()]
    cells = [repr(pq.read_table(path).to_pylist()) for path in files if path.suffix == ".parquet"]
    assert len(cells) > 3
    return "\n".join(cells).encode() + b"".join(path.read_bytes() for path in files)


def fill_for_report(log: Log, folder: Path) -> None:
    """Twelve persons are decided about on five days, and click and buy."""
    compiled = compiled_book(folder, BOOK)

    async def main() -> None:
        ledger = Ledger(open_store(log.url))
        engine = Engine(compiled, ledger)
        try:
            for number in range(60):
                name, at = f"person-{number % 12:02}", NOW + number // 12 * DAY + number * SECOND
                attributes = {"profile.phone": "+86", "profile.city": "Sanya"}
                got = await engine.decide(Request(name, at, attributes, request_id=f"{name} {at}"))
                for type_, fields in (
                    ("delivered", {}),
                    ("clicked", {}),
                    ("converted", {"value": 3.5 + number}),
                ):
                    if got.offers and number % (len(type_) - 5) == 0:
                        event = Event(f"{type_}-{number}", type_, at + 60 * SECOND, fields)
                        report = ReportCommand(compiled, "", got.decision_id, event, at + 60 * SECOND)
                        await ledger.commit(report)
        finally:
            ledger.close()

    asyncio.run(main())


def reported(log: Log, rules: Path, out: Path) -> Any:
    """What `tact report` says, as JSON."""
    words = ["report", "--rules", str(rules), "--log", log.url, "--as-of", "2099-01-01", "--json", str(out)]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    document = json.loads(out.read_text())
    for name in ("as_of", "export", "made_at"):
        document["report"].pop(name, None)
    return document


def test_reports_say_the_same_before_and_after(any_log: Log, tmp_path: Path) -> None:
    """Figures of the report are equal to the digit after three of twelve persons were erased."""
    fill_for_report(any_log, tmp_path / "book")
    before = reported(any_log, tmp_path / "book", tmp_path / "before.json")
    for name in ("person-00", "person-05", "person-11"):
        result = CliRunner().invoke(app, ["person", "erase", name, "--log", any_log.url, "--yes"])
        assert result.exit_code == 0, result.output
    after = reported(any_log, tmp_path / "book", tmp_path / "after.json")
    assert {name: after[name] for name in before if after[name] != before[name]} == {}


_DYING = """
import os, signal, sys
from engine.ledger.queries import erasing
from engine.cli import app
identities = erasing.Eraser._identities
def die(self):
    identities(self)
    os.kill(os.getpid(), signal.SIGKILL)
erasing.Eraser._identities = die
app(["person", "erase", "li_na", "--yes", "--log", sys.argv[1]])
"""


def test_a_process_that_is_killed_in_the_middle_leaves_everything(any_log: Log, tmp_path: Path) -> None:
    """Nothing of it is kept, on either store, and the next erasure does all of it."""
    log = any_log
    asyncio.run(filled(log, tmp_path))
    tables = [name for name in METADATA.tables if name not in ("pseudonym_keys", "audit")]
    before = {table: sorted(log.rows(f"SELECT * FROM {table}"), key=repr) for table in tables}
    killed = subprocess.run([sys.executable, "-c", _DYING, log.url], env=os.environ, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert {table: sorted(log.rows(f"SELECT * FROM {table}"), key=repr) for table in tables} == before
    result = CliRunner().invoke(app, ["person", "erase", LI_NA, "--log", log.url, "--yes"])
    assert json.loads(result.stdout)["severed"]["decisions"] >= 4


def test_the_command_asks_and_writes_a_receipt(tmp_path: Path) -> None:
    """Without a yes nothing goes; with it the receipt is printed, written for its owner alone, and says what is left to do."""
    log = sqlite_log(tmp_path)
    asyncio.run(filled(log, tmp_path))
    words = ["person", "erase", LI_NA, "--log", log.url]
    refused = CliRunner().invoke(app, words, input="n\n")
    assert refused.exit_code == 1
    assert "nothing was erased" in refused.output
    assert log.rows("SELECT count(*) FROM audit WHERE action = 'person erase'") == [(0,)]
    receipt = tmp_path / "receipt.json"
    result = CliRunner().invoke(app, [*words, "--receipt", str(receipt), "--reference", "t 1"], input="y\n")
    assert result.exit_code == 0, result.output
    assert json.loads(receipt.read_text())["runs"] == ["spring"]
    assert receipt.stat().st_mode & 0o777 == 0o600
    assert "delete them or the rows: spring" in result.output


def test_the_command_notes_objections(tmp_path: Path) -> None:
    """It says to what the person objects now; taking it back needs where the person's request is filed."""
    log = sqlite_log(tmp_path)
    words = ["person", "object", LI_NA, "--log", log.url]
    assert CliRunner().invoke(app, words).stdout == "objects to: everything\n"
    assert CliRunner().invoke(app, [*words, "--purpose", "sms"]).stdout == "objects to: everything, sms\n"
    assert CliRunner().invoke(app, words).stdout == "objects to: everything, sms (as before)\n"
    refused = CliRunner().invoke(app, [*words, "--withdraw"])
    assert refused.exit_code == 2
    assert "only the person can take an objection back" in refused.output
    back = CliRunner().invoke(app, [*words, "--withdraw", "--reference", "letter"])
    assert back.stdout == "objects to: sms\n"
