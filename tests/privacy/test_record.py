"""What is held of a person is read completely, under all names, with the reasons in words."""

import asyncio
import gc
import tracemalloc
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest

from engine.explain.books import Books
from engine.ledger.store.open import open_store
from engine.ledger.store.rows import EventRow
from engine.ledger.store.tables import table_of
from engine.model.instant import DAY
from engine.privacy.coverage import SECTIONS
from engine.privacy.page import person_page
from engine.privacy.record import (
    HeldEntry,
    PersonReader,
    PersonRecord,
    document_of,
    export_of,
    read_person,
    written,
)
from engine.privacy.timeline import timeline
from tests.logs import Log, sqlite_log
from tests.privacy.kit import BOB, DEVICE, LI_NA, NOW, filled

READER = PersonReader("officer", "export")


@pytest.fixture
def log(any_log: Log, tmp_path: Path) -> Log:
    """A log that holds something in every table."""
    asyncio.run(filled(any_log, tmp_path))
    return any_log


@contextmanager
def reading(log: Log, name: str) -> Iterator[tuple[PersonRecord, Books]]:
    """What is held of the person."""
    with closing(open_store(log.url)) as store:
        yield read_person(store, name, READER, NOW + 10 * DAY), Books(store)


def exported(log: Log, name: str) -> dict[str, Any]:
    """The document of an export, as JSON has it."""
    with closing(open_store(log.url)) as store:
        parts: Any = export_of(store, Books(store), name, READER, NOW + 10 * DAY)
        head, *rows = parts
    text = b"".join(written(head, rows))
    made: dict[str, Any] = orjson.loads(text)
    assert text == orjson.dumps(document_of(head, rows), option=orjson.OPT_INDENT_2) + b"\n"
    return made


def test_every_row_is_told_once(log: Log) -> None:
    """Of two persons, the exports together have all rows of all tables that hold persons, and share only the send."""
    li_na, bob = exported(log, LI_NA), exported(log, BOB)
    for section in SECTIONS:
        (number,) = log.rows(f"SELECT count(*) FROM {table_of(section.row).name}")[0]
        both = [*li_na[section.name], *bob[section.name]]
        assert li_na[section.name], section.name
        assert len({orjson.dumps(row) for row in both}) == number == len(both), section.name


def test_all_names_lead_to_the_same(log: Log) -> None:
    """Whichever name is asked for, the person is the same; a name of nobody has nothing."""
    first, second = exported(log, LI_NA), exported(log, DEVICE)
    assert first["names"] == second["names"] == [DEVICE, LI_NA]
    assert [first[section.name] for section in SECTIONS] == [second[section.name] for section in SECTIONS]
    nobody = exported(log, "nobody")
    assert not any(nobody[section.name] for section in SECTIONS)


def test_decisions_say_why(log: Log) -> None:
    """Each decision has its outcome and its reasons in words, its book, and what its experiments mean."""
    before, first, second, third = (row for row in exported(log, LI_NA)["decisions"] if not row["run"])
    assert before["summary"] == "Got tea (tea) on sms."
    assert first["summary"] == "Got cream (cream) on sms."
    assert "cream is chosen, on sms" in first["reasons"][0]
    assert first["experiments"][0]["meaning"] == "is not in the control group of cream"
    assert len(first["book_version"]) == 64
    assert second["summary"] == (
        "Got nothing: what fits was held back by weekly. Possible again 2026-03-17 10:00:00+08:00."
    )
    assert (
        "cream fits, but the customer was contacted enough: weekly (1 of 1 in rolling 7d"
        in second["reasons"][0]
    )
    assert third["outcome"] in ("blocked", "nothing")
    assert any("not agreed" in reason for reason in third["reasons"])


def test_times_and_structures_are_readable(log: Log) -> None:
    """Times are in RFC 3339, JSON is JSON, and masked values are not there, as the log never had them."""
    made = exported(log, LI_NA)
    assert made["consents"][0]["withdrawn_at"] == "2026-03-13T02:00:00+00:00"
    assert made["events"][0]["fields"] == {"item": "cream", "shelf": "left"}
    assert made["decisions"][0]["inputs"]["attributes"]["profile.city"] == "Sanya"
    assert "+86 139" not in orjson.dumps(made).decode()


def test_access_is_audited_by_pseudonym(log: Log) -> None:
    """Each reading is noted before anything is read; the audit names nobody, and the person is told who looked."""
    exported(log, LI_NA)
    exported(log, DEVICE)
    rows = log.rows("SELECT actor, action, name FROM audit")
    assert {row[:2] for row in rows} == {("officer", "person export")}
    assert len({row[2] for row in rows}) == 1
    assert all(LI_NA not in row[2] and DEVICE not in row[2] for row in rows)
    assert len(exported(log, LI_NA)["access"]) == 3
    assert len(exported(log, BOB)["access"]) == 1


def test_a_timeline_tells_what_happened(log: Log) -> None:
    """Decisions, outcomes, consents, events, signals and links of a period, in order of time."""
    with reading(log, LI_NA) as (record, books):
        all_time = timeline(record, books, (0, NOW + 100 * DAY))
        third_day = timeline(record, books, (NOW + 2 * DAY, NOW + 2 * DAY + 1))
    assert [entry.at for entry in all_time] == sorted(entry.at for entry in all_time)
    kinds = {entry.kind for entry in all_time}
    assert kinds == {"seen", "event", "signal", "decision", "link", "outcome", "consent", "contact"}
    (only,) = third_day
    assert only.text.startswith("Got nothing: what fits was held back by weekly.")


def test_a_page_shows_what_callers_sent_as_text(tmp_path: Path) -> None:
    """Names, values and texts of callers make no markup of their own."""
    hostile = "<script>alert(1)</script>\"'&"
    log = sqlite_log(tmp_path)
    asyncio.run(filled(log, tmp_path))
    document_of_hostile = exported(log, hostile)
    li_na = exported(log, LI_NA)
    li_na["events"][0]["fields"] = {hostile: hostile}
    li_na["decisions"][0]["reasons"] = [hostile]
    li_na["decisions"][0]["experiments"] = [{"meaning": hostile}]
    for made in (document_of_hostile, li_na):
        page = person_page(made)
        assert "<script" not in page
        assert "onerror" not in page
        assert page.startswith("<!doctype html>")
    assert "Nothing is held" in person_page(document_of_hostile)
    assert "&lt;script&gt;" in person_page(li_na)


def test_memory_does_not_grow_with_the_rows(any_log: Log, tmp_path: Path) -> None:
    """18,000 more events take less than 40 bytes each, where a row that is held takes hundreds; each is told once."""
    asyncio.run(filled(any_log, tmp_path))
    peaks, number = [], 0
    for last in (2_000, 20_000):
        with closing(open_store(any_log.url)) as store:
            events = [
                EventRow(DEVICE, NOW + at, 0, f"e{at}", "viewed", '{"shelf": "left"}')
                for at in range(number, last)
            ]
            with store.transaction():
                store.load(EventRow, events)
            del events
            number = last
            gc.collect()
            tracemalloc.start()
            parts: Any = export_of(store, Books(store), LI_NA, READER, NOW + 10 * DAY)
            event_rows = sum(isinstance(part, HeldEntry) and part.section == "events" for part in parts)
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
        assert event_rows == last + 1
    assert peaks[1] - peaks[0] < 40 * 18_000
