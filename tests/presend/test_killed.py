"""A run that is killed at any point goes on, and decides everybody exactly once."""

import hashlib
import os
import signal
from collections import Counter
from contextlib import closing
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from engine.ledger.commit import group
from engine.ledger.queries import presends
from engine.ledger.store.open import open_store
from engine.presend import parts, pieces
from engine.presend import run as presend_run
from engine.presend.result import Wanted, write_result
from tests.forked import CONTEXT
from tests.logs import Log, sqlite_log
from tests.presend.kit import Send, crowd, shop, state_of
from tests.waiting import HANGS

GROUP, PEOPLE = 50, 230


def _die(*_: object, **__: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _after(function: object, calls: int) -> object:
    """The function, after whose n-th call the process dies."""
    done = Counter[str]()

    def call(*arguments: object, **options: object) -> object:
        result = function(*arguments, **options)  # type: ignore[operator]
        done["calls"] += 1
        if done["calls"] == calls:
            _die()
        return result

    return call


def _wrap(monkeypatch: pytest.MonkeyPatch, point: str) -> None:
    match point:
        case "decided":
            monkeypatch.setattr(parts, "apply_group", _after(group.apply_group, 3))
        case "file written":
            monkeypatch.setattr(parts, "write_piece", _after(pieces.write_piece, 3))
        case "before the commit":
            monkeypatch.setattr(presends, "add_piece", _after(presends.add_piece, 3))
        case "after the commit":
            monkeypatch.setattr(parts.PartSender, "_try", _after(parts.PartSender._try, 3))
        case "part merged":
            monkeypatch.setattr(parts, "merge_pieces", _after(pieces.merge_pieces, 1))
        case "before the end":
            monkeypatch.setattr(presends, "finish", _die)


def _killed(point: str, folder: Path, url: str) -> None:
    monkeypatch = pytest.MonkeyPatch()
    _wrap(monkeypatch, point)
    Send(shop(folder), Log(url), folder / "people.csv", folder / "out", group=GROUP).run()


POINTS = ("decided", "file written", "before the commit", "after the commit", "part merged", "before the end")


@pytest.mark.parametrize("point", POINTS)
def test_killed_and_resumed(point: str, any_log: Log, tmp_path: Path) -> None:
    """Contacts, counters and files are those of a run that nobody killed; files that do not count are gone."""
    people = crowd(tmp_path, PEOPLE)
    (tmp_path / "whole").mkdir()
    whole = sqlite_log(tmp_path / "whole")
    Send(shop(tmp_path), whole, people, tmp_path / "whole-out", group=GROUP).run()
    process = CONTEXT.Process(target=_killed, args=(point, tmp_path, any_log.url))
    process.start()
    process.join(HANGS)
    assert process.exitcode == -signal.SIGKILL
    send = Send(shop(tmp_path), any_log, people, tmp_path / "out", group=GROUP)
    summary = send.run()
    assert summary is not None
    assert summary.customers == PEOPLE
    assert state_of(any_log) == state_of(whole)
    (file,) = (tmp_path / "out").glob("*.parquet")
    assert [file.name] == [name for name, _ in summary.files]
    customers = pq.read_table(file)["customer"].to_pylist()
    assert customers == sorted(customers)
    assert len(set(customers)) == PEOPLE
    outcomes = Counter(pq.read_table(file)["outcome"].to_pylist())
    assert outcomes == {name: number for name, number in summary.outcomes.items() if number}
    again = send.__class__(shop(tmp_path), any_log, people, tmp_path / "out", group=GROUP).run()
    assert again is not None
    assert state_of(any_log) == state_of(whole), "the whole run again adds nothing"


def test_stopped_after_a_group(any_log: Log, tmp_path: Path) -> None:
    """Who stops it finds the groups under way committed, and goes on."""
    compiled, people = shop(tmp_path), crowd(tmp_path, PEOPLE)
    seen: list[int] = []
    send = Send(compiled, any_log, people, tmp_path / "out", group=GROUP)
    assert send.run(stop=lambda: len(seen) == 2, advance=seen.append) is None
    assert seen == [GROUP, GROUP]
    assert any_log.rows("SELECT sum(customers), count(*) FROM presend_pieces") == [(2 * GROUP, 2)]
    summary = send.run(advance=seen.append)
    assert summary is not None
    assert (sum(seen), summary.customers) == (PEOPLE, PEOPLE)


def _as_earlier_versions(log: Log, folder: Path) -> None:
    """Makes Parquet of the pieces of the run, as which earlier versions wrote them."""
    for path in folder.glob("piece-*.arrow"):
        with pa.memory_map(str(path)) as source:
            table = pa.ipc.open_file(source).read_all()
        older = path.with_suffix(".parquet")
        pq.write_table(table, older)
        sha256 = hashlib.sha256(older.read_bytes()).hexdigest()
        log.execute(
            f"UPDATE presend_pieces SET file = '{older.name}', sha256 = '{sha256}' WHERE file = '{path.name}'"
        )
        path.unlink()


@pytest.mark.parametrize("version", ["this", "an earlier"])
def test_the_pieces_of_a_run_that_is_not_over(version: str, any_log: Log, tmp_path: Path) -> None:
    """They are handed out as Parquet, and the run goes on, also where an earlier version wrote them as Parquet."""
    compiled, people, out = shop(tmp_path), crowd(tmp_path, PEOPLE), tmp_path / "out"
    (tmp_path / "whole").mkdir()
    whole = sqlite_log(tmp_path / "whole")
    Send(compiled, whole, people, tmp_path / "whole-out", group=GROUP).run()
    seen: list[int] = []
    send = Send(compiled, any_log, people, out, group=GROUP)
    assert send.run(stop=lambda: len(seen) == 2, advance=seen.append) is None
    assert len(list(out.glob("piece-*.arrow"))) == 2
    if version != "this":
        _as_earlier_versions(any_log, out)
    with closing(open_store(any_log.url)) as store:
        begun = presend_run.summary(store, "spring")
    assert begun is not None
    everybody = Wanted(outcomes=())
    assert write_result(begun, out, everybody, tmp_path / "begun.parquet") == 2 * GROUP
    begun_rows = pq.read_table(tmp_path / "begun.parquet")
    assert send.run() is not None
    (file,) = [path for path in out.iterdir() if path.suffix in (".arrow", ".parquet")]
    sent = pq.read_table(file)
    assert sent.schema.equals(pieces.SCHEMA)
    assert sent.slice(0, 2 * GROUP).to_pylist() == begun_rows.to_pylist()
    assert state_of(any_log) == state_of(whole)
