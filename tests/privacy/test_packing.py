"""Old decisions are packed: every reader reads them as before, and erasing reaches them."""

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import pytest
from typer.testing import CliRunner, Result

from engine.cli import app
from engine.engine import Engine
from engine.explain.books import Books
from engine.ledger.ledger import Ledger
from engine.ledger.queries import packed
from engine.ledger.queries.assignments import before as drawn_before
from engine.ledger.queries.challenges import challenged_after
from engine.ledger.queries.commits import decisions_of
from engine.ledger.queries.decisions import decided as decided_ones
from engine.ledger.queries.decisions import decision_of
from engine.ledger.queries.due import due_decisions
from engine.ledger.queries.held import held_of, stream_held
from engine.ledger.queries.releases import see_server
from engine.ledger.store.open import migrate_log, open_store
from engine.ledger.store.packing import MARK, unpack
from engine.ledger.store.release_rows import ServerRow
from engine.ledger.store.rows import METADATA, DecisionRow
from engine.ledger.store.store import Store
from engine.measure.export.export import export
from engine.measure.export.source import LogSource
from engine.measure.export.tables import OF_DECISIONS
from engine.measure.replay import ReplayResult, replay_log
from engine.measure.report.replays import decision_rows
from engine.model.instant import DAY, Instant
from engine.privacy.packing import CannotPack, PackingResult, pack_decisions, parse_age
from engine.privacy.record import present
from tests.books import compiled_book
from tests.logs import Log
from tests.privacy.kit import BOB, BOOK, DEVICE, LI_NA, NOW, decided, filled

AGE = 31 * DAY
FOREVER: Instant = 2**62


@pytest.fixture
def log(any_log: Log, tmp_path: Path) -> Log:
    """A log that holds something in every table, and decisions of so many persons that there is something to share."""
    asyncio.run(filled(any_log, tmp_path))
    asyncio.run(crowd(any_log, tmp_path))
    return any_log


@pytest.fixture
def store(log: Log) -> Iterator[Store]:
    """The log's store."""
    with closing(open_store(log.url)) as opened:
        yield opened


async def crowd(log: Log, folder: Path, name: str = "guest") -> None:
    """Decisions of 22 further persons."""
    ledger = Ledger(open_store(log.url))
    try:
        engine = Engine(compiled_book(folder / "crowd", BOOK), ledger)
        await asyncio.gather(*(decided(engine, f"{name} {number}", NOW + DAY) for number in range(22)))
    finally:
        ledger.close()


def packing(store: Store, days: int = 40, advance: Any = lambda _: None) -> PackingResult:
    """Packs as of so many days from now."""
    return pack_decisions(store, AGE, present() + days * DAY, "officer", advance)


def read(store: Store) -> list[Any]:
    """What every query gives that reads texts of decisions."""
    names = [DEVICE, LI_NA]
    with store.transaction(writes=False):
        held = held_of(store, names)
        ids = [row.decision_id for row in held[DecisionRow] if isinstance(row, DecisionRow)]
        units = {(name, campaign): "" for name in (*names, BOB) for campaign in ("cream", "tea")}
        return [
            held,
            list(stream_held(store, DecisionRow, names)),
            [decision_of(store, decision_id) for decision_id in ids],
            decided_ones(store, ids),
            decisions_of(store, ids),
            challenged_after(store, "", 9, 0, FOREVER),
            due_decisions(store, 0, FOREVER, (0, ""), 99),
            sorted(drawn_before(store, units)),
        ]


def exported(log: Log, folder: Path) -> dict[str, list[Any]]:
    """The rows of an export that are made of decisions."""
    export(log.url, folder)
    return {
        table: sorted(duckdb.execute(f"SELECT * FROM '{folder}/{table}/*.parquet'").fetchall(), key=repr)
        for table in ("offers", *OF_DECISIONS)
    }


def unpacked_log(log: Log) -> str:
    """All that the log holds, with what is packed beside it."""
    dictionaries = dict(log.rows("SELECT number, text FROM dictionaries"))
    everything = [repr(log.rows(f"SELECT * FROM {table}")) for table in METADATA.tables]
    answers = log.rows(f"SELECT answer FROM decisions WHERE answer LIKE '{MARK}%'")
    return "".join([*everything, *(repr(unpack(answer, dictionaries.__getitem__)) for (answer,) in answers)])


def test_every_reader_reads_them_as_before(log: Log, store: Store, tmp_path: Path) -> None:
    """Queries, replay, the export and reports give what they gave; the rows themselves hold no text of a decision."""
    before, was_exported = read(store), exported(log, tmp_path / "before")
    replayed = [own.result for own in replay_log(store, Books(store))]
    number = log.rows("SELECT count(*) FROM decisions")[0][0]
    done = packing(store)
    assert done.decisions == number
    assert done.bytes_after < done.bytes_before
    assert set(log.rows("SELECT inputs, trace FROM decisions")) == {("{}", "{}")}
    assert "rolling" not in log.rows("SELECT text FROM dictionaries")[0][0]
    assert '"masked":["profile.phone"]' in log.rows("SELECT text FROM dictionaries")[0][0]
    assert read(store) == before
    assert exported(log, tmp_path / "after") == was_exported
    again = [own.result for own in replay_log(store, Books(store))]
    assert again == replayed
    assert ReplayResult.EQUAL in again
    with LogSource(log.url) as source:
        ids = [decision_id for (decision_id,) in log.rows("SELECT decision_id FROM decisions")]
        rows = dict(decision_rows(source, ids))
    with store.transaction(writes=False):
        assert rows == {decision_id: decision_of(store, decision_id) for decision_id in ids}


def test_erasing_reaches_them(log: Log, store: Store) -> None:
    """Nothing of who is erased is left in what is packed or in the dictionary, and the others stay packed."""
    packing(store)
    assert LI_NA in unpacked_log(log)
    erased = CliRunner().invoke(app, ["person", "erase", LI_NA, "--log", log.url, "--yes"])
    assert erased.exit_code == 0, erased.output
    rest = unpacked_log(log)
    assert [name for name in (LI_NA, DEVICE, "home of " + LI_NA) if name in rest] == []
    assert BOB in rest
    assert ("packed",) in set(
        log.rows(f"SELECT DISTINCT 'packed' FROM decisions WHERE answer LIKE '{MARK}%'")
    )


def test_who_is_erased_while_packing_stays_erased(
    log: Log, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was read before the erasure is not written back after it."""
    read_next = packed.next_texts

    def erased_meanwhile(*arguments: Any) -> Any:
        rows = read_next(*arguments)
        CliRunner().invoke(app, ["person", "erase", LI_NA, "--log", log.url, "--yes"])
        return rows

    monkeypatch.setattr("engine.privacy.packing.next_texts", erased_meanwhile)
    packing(store)
    assert LI_NA not in unpacked_log(log)


def test_young_decisions_stay(log: Log, store: Store) -> None:
    """A retry gets its answer from a row as it was written."""
    assert packing(store, days=30) == PackingResult(0, 0, 0)
    assert log.rows("SELECT count(*) FROM dictionaries") == [(0,)]


def test_it_goes_on_behind_what_is_packed(log: Log, store: Store, tmp_path: Path) -> None:
    """Decisions that have become old since are packed with the same dictionary, and after a month with a new one."""
    first = packing(store)
    assert packing(store) == PackingResult(0, 0, 0)
    for days, dictionaries in ((42, 1), (80, 2)):
        asyncio.run(crowd(log, tmp_path / str(days), f"guest of day {days}"))
        assert packing(store, days).decisions > 0
        assert log.rows("SELECT count(*) FROM dictionaries") == [(dictionaries,)]
    assert first.decisions > 0
    assert log.rows(f"SELECT count(*) FROM decisions WHERE answer NOT LIKE '{MARK}%'") == [(0,)]


def test_going_back_unpacks(log: Log, store: Store) -> None:
    """The form before has the texts as they were, and no dictionaries."""
    texts = "SELECT decision_id, inputs, trace, answer FROM decisions ORDER BY decision_id"
    before = log.rows(texts)
    packing(store)
    store.close()
    assert log.rows(texts) != before
    migrate_log(log.url, "0034")
    assert log.rows(texts) == before


def test_a_server_of_another_version_forbids_it(log: Log, store: Store) -> None:
    """Nothing is packed that a server might not read, if it has said lately that it is up."""
    now = present() + 40 * DAY
    row = ServerRow("host 1", "shop", "", "", 0, now, now, "", "", "0.0.1")
    with store.transaction():
        see_server(store, row)
    with pytest.raises(CannotPack, match=re.escape("host 1 (0.0.1); upgrade them first")):
        pack_decisions(store, AGE, now, "officer", lambda _: None)
    assert pack_decisions(store, AGE, now + DAY, "officer", lambda _: None).decisions > 0


_DYING = """
import os, signal, sys
from contextlib import closing
from engine.ledger.queries import packed
from engine.ledger.store.open import open_store
from engine.model.instant import DAY
from engine.privacy.packing import pack_decisions
from engine.privacy.record import present
packed._NEXT = packed._NEXT._replace(source=packed._NEXT.source.replace("LIMIT 500", "LIMIT 5"))
signal.signal(signal.SIGINT, signal.default_int_handler)  # what runs in the background may ignore it
steps = []
def advance(rows):
    steps.append(rows)
    if len(steps) == 2:
        os.kill(os.getpid(), int(sys.argv[2]))
with closing(open_store(sys.argv[1])) as store:
    pack_decisions(store, 31 * DAY, present() + 40 * DAY, "officer", advance)
"""


@pytest.mark.parametrize("by", [signal.SIGKILL, signal.SIGINT])
def test_it_goes_on_where_it_was_ended(any_log: Log, tmp_path: Path, by: signal.Signals) -> None:
    """What two steps have packed is packed, and the next run packs the rest; nothing is lost."""
    asyncio.run(filled(any_log, tmp_path))
    asyncio.run(crowd(any_log, tmp_path))
    texts = "SELECT decision_id, inputs, trace, answer FROM decisions ORDER BY decision_id"
    before = any_log.rows(texts)
    dying = [sys.executable, "-c", _DYING, any_log.url, str(int(by))]
    assert subprocess.run(dying, env=os.environ, check=False, capture_output=True).returncode != 0
    whole = "SELECT count(*) FROM decisions WHERE answer"
    number = any_log.rows("SELECT count(*) FROM decisions")[0][0]
    assert any_log.rows(f"{whole} LIKE '{MARK}%'") == [(10,)]
    with closing(open_store(any_log.url)) as store:
        assert packing(store).decisions == number - 10
    migrate_log(any_log.url, "0034")
    assert any_log.rows(texts) == before


def run(*words: str) -> Result:
    """Runs the command."""
    return CliRunner().invoke(app, ["prune", *words], env={"COLUMNS": "200"})


def test_the_command_packs_and_says_what_it_won(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    """Decisions and their request ids; `--dry-run` changes nothing, and the audit notes who packed how much."""
    monkeypatch.setattr("engine.cli.prune.present", lambda: present() + 40 * DAY)
    number = log.rows("SELECT count(*) FROM decisions")[0][0]
    words = ("--log", log.url, "--pack", "31d")
    assert json.loads(run(*words, "--dry-run", "--json").output)["packed"] == {"decisions": number}
    assert f"{number} decisions would be packed" in run(*words, "--dry-run").output
    assert log.rows("SELECT count(*) FROM dictionaries") == [(0,)]
    result = run(*words)
    assert result.exit_code == 0, result.output
    assert re.search(
        rf"{number} decisions were packed: their texts take 0\.\d\d MB in place of", result.output
    )
    assert ("VACUUM FULL" in result.output) is (log.path is None)
    assert log.rows("SELECT count(*) FROM requests") == [(0,)]
    ((note,),) = log.rows("SELECT note FROM audit WHERE action = 'pack'")
    assert note.startswith(f"decisions {number}, bytes ")
    assert json.loads(run(*words, "--json").output)["packed"]["decisions"] == 0


@pytest.mark.parametrize("text", ["soon", "30d", "", "-1d"])
def test_an_age_that_says_nothing_or_too_little_is_refused(text: str) -> None:
    """A sentence says what is wrong."""
    with pytest.raises(ValueError, match="decisions are packed"):
        parse_age(text)
