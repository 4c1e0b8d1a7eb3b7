"""Where nobody knows whether a commit was kept: the fallback that stands in names the decision, which can be taken back."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from engine.decide.compiled import CompiledBook
from engine.engine import Engine
from engine.ledger.commit.events import RecordResult, WarnedResult
from engine.ledger.commit.outcomes import ReportCommand
from engine.ledger.errors import CommitUnknown, LedgerUnavailable
from engine.ledger.ledger import Ledger
from engine.ledger.store.open import open_store
from engine.ledger.store.postgres import PostgresStore
from engine.ledger.store.sqlite import SqliteStore
from engine.ledger.store.store import Store
from engine.model.decision import Decision, Outcome
from engine.model.event import Event
from engine.model.instant import from_datetime
from engine.model.request import Request
from engine.wire.respond import respond
from tests.books import SPRING, compiled_book
from tests.ledger.cutter import Cutter
from tests.logs import Log, sqlite_log
from tests.postgres import PostgresServer

NOW = from_datetime(datetime.now(UTC))
COLD = {"weather.temperature_c": 3.0, "weather.humidity_pct": 30.0}


class BreaksAtCommit(sqlite3.Connection):
    """A connection whose file fails once a transaction is written; or, with `code`, fails otherwise."""

    code = sqlite3.SQLITE_IOERR_FSYNC

    def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
        """Raises at the end of a transaction: where the file failed, after the transaction was kept."""
        if sql != "COMMIT":
            return super().execute(sql, *parameters)
        if self.code == sqlite3.SQLITE_IOERR_FSYNC:
            super().execute(sql)
        error = sqlite3.OperationalError("disk I/O error")
        error.sqlite_errorcode = self.code
        raise error


class RunsFull(BreaksAtCommit):
    """A connection to a full disk."""

    code = sqlite3.SQLITE_FULL


@pytest.fixture
def compiled(tmp_path: Path) -> CompiledBook:
    """A book with a placement that has a fallback, and one that has none."""
    return compiled_book(tmp_path / "book", SPRING)


async def decided(compiled: CompiledBook, store: Store, *placements: str) -> Any:
    """What a call with a request for each placement gets."""
    requests = [
        Request(f"c-{placement}", NOW, COLD, placement=placement, request_id=f"r-{placement}")
        for placement in placements
    ]
    ledger = Ledger(store)
    try:
        if len(requests) == 1:
            return [await Engine(compiled, ledger).decide(requests[0])]
        return await Engine(compiled, ledger).decide_all(requests)
    finally:
        ledger.close()


async def assert_taken_back(compiled: CompiledBook, log: Log, stand_in: Decision) -> None:
    """The decision is in the log by its id, a retry gets it, and `not_sent` releases its contacts."""
    assert stand_in.outcome is Outcome.FALLBACK
    assert stand_in.degraded
    assert stand_in.decision_id == ""
    assert respond(stand_in).maybe_decision_id == stand_in.maybe_decision_id
    assert log.rows("select decision_id from decisions where request_id = 'r-hero'") == [
        (stand_in.maybe_decision_id,)
    ]
    with closing(open_store(log.url)) as store:
        (again,) = await decided(compiled, store, "hero")
    assert again.decision_id == stand_in.maybe_decision_id
    assert again.outcome is Outcome.OFFER
    ledger = Ledger(open_store(log.url))
    results = [
        await ledger.commit(
            ReportCommand(compiled, "", decision_id, Event(f"e-{number}", "not_sent", NOW, {}), NOW)
        )
        for number, decision_id in enumerate(
            (stand_in.maybe_decision_id, "018f0000-0000-7000-8000-000000000000")
        )
    ]
    ledger.close()
    assert results == [
        RecordResult.ACCEPTED,
        WarnedResult(
            RecordResult.ACCEPTED,
            "the decision is not in the log: not_sent is kept, and changes no contact",
        ),
    ]
    states = log.rows(
        f"select distinct state from contacts where decision_id = '{stand_in.maybe_decision_id}'"
    )
    assert states == [("released",)]


async def test_a_lost_answer_of_postgresql(
    postgres_server: PostgresServer, postgres_log: Log, compiled: CompiledBook
) -> None:
    """The connection breaks between the commit and its answer."""
    with Cutter(postgres_server.socket, cut_at=b"COMMIT\0") as cutter:
        (stand_in,) = await decided(compiled, PostgresStore(cutter.url(postgres_log.url)), "hero")
    assert cutter.has_cut
    await assert_taken_back(compiled, postgres_log, stand_in)


async def test_a_sync_that_failed(
    tmp_path: Path, compiled: CompiledBook, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file of a log fails when the transaction is written; of a batch, items without a fallback get the error."""
    log = sqlite_log(tmp_path)
    open_store(log.url).close()
    with monkeypatch.context() as patch:
        patch.setattr(sqlite3, "connect", partial(sqlite3.connect, factory=BreaksAtCommit))
        stand_in, error = await decided(compiled, SqliteStore(log.url), "hero", "corner")
    assert isinstance(error, CommitUnknown)
    await assert_taken_back(compiled, log, stand_in)


async def test_each_item_of_a_batch_names_its_own_decision(
    tmp_path: Path, compiled: CompiledBook, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All items of a batch have a fallback: each names the decision that the log may have kept for it."""
    log = sqlite_log(tmp_path)
    open_store(log.url).close()
    requests = [
        Request(f"c-{number}", NOW, COLD, placement="hero", request_id=f"r-{number}") for number in range(3)
    ]
    with monkeypatch.context() as patch:
        patch.setattr(sqlite3, "connect", partial(sqlite3.connect, factory=BreaksAtCommit))
        ledger = Ledger(SqliteStore(log.url))
        stand_ins = await Engine(compiled, ledger).decide_all(requests)
        ledger.close()
    assert [
        (stand_in.request_id, stand_in.maybe_decision_id)
        for stand_in in stand_ins
        if isinstance(stand_in, Decision)
    ] == log.rows("select request_id, decision_id from decisions order by request_id")


async def test_a_report_of_which_it_is_unknown_whether_it_was_kept_fails_as_a_whole(
    tmp_path: Path, compiled: CompiledBook, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Clients try such a call again, as they do where nothing was kept."""
    log = sqlite_log(tmp_path)
    open_store(log.url).close()
    events = [Event(f"e-{number}", "unsubscribed", NOW, {"channel": "sms"}) for number in range(2)]
    with monkeypatch.context() as patch:
        patch.setattr(sqlite3, "connect", partial(sqlite3.connect, factory=BreaksAtCommit))
        ledger = Ledger(SqliteStore(log.url))
        with pytest.raises(CommitUnknown):
            await Engine(compiled, ledger).record(
                [ReportCommand(compiled, "li-na", "", event, NOW) for event in events]
            )
        ledger.close()


async def test_what_was_not_kept_for_certain_names_nothing(
    tmp_path: Path, compiled: CompiledBook, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk keeps nothing, so the fallback names no decision, and a retry decides."""
    log = sqlite_log(tmp_path)
    open_store(log.url).close()
    with monkeypatch.context() as patch:
        patch.setattr(sqlite3, "connect", partial(sqlite3.connect, factory=RunsFull))
        (stand_in,) = await decided(compiled, SqliteStore(log.url), "hero")
        with pytest.raises(LedgerUnavailable):
            await decided(compiled, SqliteStore(log.url), "corner")
    assert (stand_in.degraded, stand_in.maybe_decision_id) == (True, "")
    assert log.rows("select count(*) from decisions") == [(0,)]
