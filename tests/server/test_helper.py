"""The process that loads books: what it hands back, and what becomes of a load when it dies."""

import os
import signal
from pathlib import Path

import psutil
import pytest

from engine.decide.compiled import compile_book
from engine.model.pace import Pacer
from engine.rulebook.load import load
from engine.server.book import helper
from engine.server.book.helper import LoadFailed, LoadHelper, LoadRequest
from tests.books import write_book
from tests.server.reloads import BROKEN, numbered_book


def running(loader: LoadHelper) -> psutil.Process:
    """The process of a helper."""
    assert loader._process is not None
    return psutil.Process(loader._process.pid)


def test_the_book_is_the_one_in_the_folder(tmp_path: Path) -> None:
    """Handed over in pieces it is equal to one that is loaded here, compiles, and takes no second process."""
    folder, loader = write_book(tmp_path / "book", numbered_book(1)), LoadHelper()
    result = loader.load(LoadRequest(folder, None))
    assert result.tried is not None
    assert result.tried.objection is None
    pauses: list[int] = []
    book = result.tried.book(lambda: pauses.append(1))
    assert book == load(folder).book
    assert len(pauses) == len(book.offers) + len(book.campaigns)
    assert compile_book(book, pause=Pacer(worked=0.0, slept=0.0)).book is book
    first = running(loader).pid
    assert loader.load(LoadRequest(folder, book.version)).tried is None
    files = {"book.yaml": (folder / "book.yaml").read_bytes(), "tests/a.yaml": b"no: book"}
    again = loader.load(LoadRequest(files, None)).tried
    assert again is not None
    assert (again.version, list(again.files)) == (book.version, ["book.yaml"])
    assert running(loader).pid == first
    assert running(loader).nice() == min(psutil.Process().nice() + 10, 19)
    loader.close()


def test_a_broken_book_has_diagnostics(tmp_path: Path) -> None:
    """With file, line and code, as they are where it is loaded here."""
    folder, loader = write_book(tmp_path / "book", BROKEN), LoadHelper()
    result = loader.load(LoadRequest(folder, None))
    assert result.tried is None
    assert result.diagnostics == load(folder).diagnostics
    loader.close()


def test_a_helper_that_ended_is_replaced(tmp_path: Path) -> None:
    """Between two loads it may end; the next load starts another."""
    folder, loader = write_book(tmp_path / "book"), LoadHelper()
    loader.load(LoadRequest(folder, None))
    os.kill(running(loader).pid, signal.SIGKILL)
    assert loader.load(LoadRequest(folder, None)).tried is not None
    loader.close()


@pytest.mark.parametrize(
    ("child", "reason"),
    [
        ("import os; os.kill(os.getpid(), 9)", "was killed by signal 9"),
        ("raise MemoryError('no room')", "ended with exit code 1: MemoryError: no room"),
        ("import sys; sys.stdin.buffer.read(8); sys.stdout.buffer.write(b'half')", "ended with exit code 0"),
    ],
)
def test_a_helper_that_dies_is_a_sentence(monkeypatch: pytest.MonkeyPatch, child: str, reason: str) -> None:
    """How it ended, and what it said last; the load after that starts anew."""
    monkeypatch.setattr(helper, "_CHILD", child)
    loader = LoadHelper()
    with pytest.raises(LoadFailed, match=reason):
        loader.load(LoadRequest({}, None))
    monkeypatch.undo()
    assert loader.load(LoadRequest({}, None)).diagnostics
    loader.close()


def test_a_load_that_takes_too_long_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """By a signal; nothing waits for it any longer."""
    monkeypatch.setattr(helper, "_CHILD", "import time; time.sleep(600)")
    monkeypatch.setattr(helper, "_LOAD_SECONDS", 0.2)
    with pytest.raises(LoadFailed, match="was killed by signal 9"):
        LoadHelper().load(LoadRequest({}, None))
