"""Erasing where it is hard: two names at once, units that others are drawn by, a send under way, and names that are none."""

import asyncio
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from engine.cli import app
from engine.decide.experiments.subjects import unit_id
from engine.ledger.commit.group import commit_group
from engine.ledger.errors import LedgerUnavailable
from engine.ledger.store.open import open_store
from engine.ledger.store.rows import METADATA
from engine.measure.rollup import roll_up
from engine.presend.rows import SendPlan
from engine.privacy.erasure import EraseCommand, Receipt
from engine.privacy.objection import ObjectionCommand, PrivacyActor
from tests.logs import Log, sqlite_log
from tests.presend.kit import CLOCK, UNSHARED, Send, crowd, shop
from tests.privacy.kit import DEVICE, LI_NA, NOW, filled
from tests.privacy.test_erasure_beside import exported_bytes, stored_bytes


def erased(log: Log, name: str, at: int, *, busy_timeout: float = 60.0) -> Receipt:
    """The receipt of an erasure by a process of its own."""
    with closing(open_store(log.url, busy_timeout=busy_timeout)) as store:
        (receipt,) = commit_group(store, [EraseCommand(name, "", "officer", "log", lambda: at)])
    assert isinstance(receipt, Receipt)
    return receipt


def whole(log: Log) -> str:
    """All that the tables hold, as one text."""
    return repr({table: log.rows(f"SELECT * FROM {table}") for table in METADATA.tables})


def test_two_names_of_one_person_are_erased_at_once(any_log: Log, tmp_path: Path) -> None:
    """One of the two erasures finds everything and the other nothing; each has its receipt."""
    asyncio.run(filled(any_log, tmp_path))
    begin, receipts = threading.Barrier(2), list[Receipt]()

    def erase(name: str) -> None:
        begin.wait()
        receipts.append(erased(any_log, name, NOW))

    threads = [threading.Thread(target=erase, args=(name,)) for name in (LI_NA, DEVICE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    has_erased = [bool(receipt.erased.deleted or receipt.erased.severed) for receipt in receipts]
    assert sorted(has_erased) == [False, True]
    assert any_log.rows("SELECT count(*) FROM audit WHERE action = 'person erase'") == [(2,)]
    rest = whole(any_log).replace(f"home of {DEVICE}", "")
    assert [name for name in (LI_NA, DEVICE) if name in rest] == []


def test_a_unit_that_bears_her_name_is_locked(postgres_log: Log, tmp_path: Path) -> None:
    """While another transaction draws for the unit the erasure waits, and keeps nothing where it waits in vain."""
    asyncio.run(filled(postgres_log, tmp_path))
    before = whole(postgres_log)
    with closing(open_store(postgres_log.url)) as other:
        with (
            other.transaction([f"unit {unit_id('profile.household', LI_NA)}"]),
            pytest.raises(LedgerUnavailable),
        ):
            erased(postgres_log, DEVICE, NOW, busy_timeout=0.2)
        assert whole(postgres_log) == before
        with other.transaction([f"unit {unit_id('profile.household', 'another')}"]):
            assert erased(postgres_log, DEVICE, NOW, busy_timeout=0.2).erased.severed["decisions"] > 0


def test_a_send_goes_on_beside_an_erasure(any_log: Log, tmp_path: Path) -> None:
    """Who was sent to is gone; who comes later is new, and what they had forbidden holds; nobody else is missed."""
    send = Send(shop(tmp_path, UNSHARED), any_log, crowd(tmp_path, 120), tmp_path / "out", group=20)
    later = "person-000100"
    with closing(open_store(any_log.url)) as store:
        actor = PrivacyActor("officer", "log", CLOCK)
        commit_group(store, [ObjectionCommand(later, "*", True, "", actor)])
    seen: list[Any] = []

    def erase_between(_: int) -> None:
        if not seen:
            ((sent,),) = any_log.rows("SELECT min(person) FROM contacts")
            seen.append(sent)
            receipt = erased(any_log, sent, CLOCK)
            assert receipt.erased.runs == ["spring"]
            assert erased(any_log, later, CLOCK).suppressed == 1

    made = send.run(advance=erase_between)
    assert made is not None
    assert made.customers == 120
    (sent,) = seen
    assert sent not in whole(any_log)
    assert any_log.rows(f"SELECT count(*) FROM contacts WHERE person = '{later}'") == [(0,)]
    ((contacts,),) = any_log.rows("SELECT count(*) FROM contacts")
    assert sum(number for form, number in made.forms.items() if form[0] in ("offer", "control")) == contacts
    assert erased(any_log, later, CLOCK + 1).suppressed == 1
    assert later not in whole(any_log)


@pytest.mark.parametrize("name", ["", "x" * 201, "a\0b", "\udcff", "\ud800x"])
@pytest.mark.parametrize("command", ["show", "export", "erase", "object"])
def test_names_that_nobody_has_are_a_mistake_of_the_call(tmp_path: Path, command: str, name: str) -> None:
    """Empty, too long, with a zero, or no UTF-8 (as a terminal may send it): a sentence, and nothing is noted."""
    log = sqlite_log(tmp_path)
    words = ["person", command, "--log", log.url, *(["--yes"] if command == "erase" else []), "--", name]
    result = CliRunner().invoke(app, words)
    assert (result.exit_code, "the customer's name" in result.stderr) == (2, True), result.output
    assert log.rows("SELECT count(*) FROM audit") == [(0,)]


def test_no_byte_is_left_of_roll_ups_and_sends(any_log: Log, tmp_path: Path) -> None:
    """After a send of what is scarce and a roll-up only the run's own files, which the receipt lists, still have the name."""
    out, folder = tmp_path / "out", tmp_path / "people"
    folder.mkdir()
    send = Send(shop(tmp_path), any_log, crowd(folder, 120), out, SendPlan("spring", NOW, scarce="best"))
    assert send.run() is not None
    with closing(open_store(any_log.url)) as store:
        assert roll_up(store)
    assert any_log.rows("SELECT count(*) > 0 FROM rollup") == [(1,)]
    ((name,),) = any_log.rows("SELECT max(person) FROM contacts")
    assert name.encode() in stored_bytes(any_log)
    before = any_log.rows("SELECT * FROM rollup ORDER BY 1, 2, 3, 4")
    receipt = erased(any_log, name, CLOCK)
    assert receipt.erased.runs == ["spring"]
    assert any_log.rows("SELECT * FROM rollup ORDER BY 1, 2, 3, 4") == before
    assert name.encode() not in stored_bytes(any_log)
    assert name.encode() not in exported_bytes(any_log, tmp_path / "export")
    rest = [path for path in out.rglob("*") if path.is_file() and not path.match("part-*.parquet")]
    assert [path.name for path in rest if name.encode() in path.read_bytes()] == []
    names = [
        value for path in out.glob("part-*.parquet") for value in pq.read_table(path)["customer"].to_pylist()
    ]
    assert name in names
