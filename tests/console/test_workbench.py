"""Work on books in child processes: books stay loaded, results are kept, and a child that fails harms nothing else."""

import os
import signal
import threading
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from engine.console import workbench
from engine.console.workbench import BookTask, JobFailed, StillWorking, Workbench, WorkedBook
from tests.waiting import HANGS, until

BOOK = """
book: {name: spring, timezone: Europe/Paris}
attributes: {profile.age: {type: integer}}
channels: {web: {kind: inbound}}
placements: {hero: {channel: web}}
offers: {cream: {name: Cream, value: 10, content: {default: {text: A cream}}}}
campaigns: {adults: {offer: cream, placements: [hero], when: {profile.age: {gte: 18}}}}
"""


@pytest.fixture
def work() -> Iterator[Workbench]:
    """A workbench, closed afterwards."""
    made = Workbench()
    yield made
    made.close()


class Shelf:
    """Books by bench; counts how often their files were read."""

    def __init__(self) -> None:
        self.read: list[str] = []

    def book(self, bench: str, key: str = "", text: str = BOOK) -> WorkedBook:
        """A book as pages name it."""

        def files() -> Mapping[str, str]:
            self.read.append(key or bench)
            return {"book.yaml": text}

        return WorkedBook(bench, key or bench, files)


def process_of(work: Workbench, bench: str) -> int:
    """The child that has the book."""
    return int(work._loaded[bench]._process.pid)


def form(book: WorkedBook) -> BookTask:
    """A task of a book."""
    return BookTask("form", {}, book)


def test_a_book_is_read_and_loaded_once(work: Workbench) -> None:
    """By one process, for all jobs on it; another revision of a draft follows in the same process."""
    shelf = Shelf()
    old = shelf.book("draft spring", "draft spring 1")
    assert work.kept(form(old))["timezone"] == "Europe/Paris"
    first = process_of(work, "draft spring")
    job = {"context": "customer: ann\nprofile: {age: 20}\n", "given": {}}
    for _ in range(3):
        assert work.run("try_out", job, book=old)["outcome"] in ("offer", "nothing")
    assert shelf.read == ["draft spring 1"]
    new = shelf.book("draft spring", "draft spring 2", BOOK.replace("Paris", "Berlin"))
    assert work.kept(form(new))["timezone"] == "Europe/Berlin"
    assert work.kept(form(old))["timezone"] == "Europe/Paris"
    assert (shelf.read, process_of(work, "draft spring")) == (["draft spring 1", "draft spring 2"], first)


def test_what_takes_longer_is_said_and_comes(work: Workbench) -> None:
    """Whoever does not wait is told so; the work is done once for all who ask, and its result is kept."""
    shelf = Shelf()
    task = form(shelf.book("spring"))
    for _ in range(5):
        with pytest.raises(StillWorking):
            work.soon(task, patience=0)
    results: list[Any] = []

    def is_done() -> bool:
        try:
            results.append(work.soon(task, patience=0))
        except StillWorking:
            return False
        return True

    until(is_done)
    assert results[0]["book"] == "spring"
    assert shelf.read == ["spring"]
    assert work.soon(task, patience=0) is results[0]


def test_a_mistake_is_told_to_all_and_found_again(work: Workbench) -> None:
    """A book that does not load fails every time with its sentence; a corrected one with the same name is loaded."""
    shelf = Shelf()
    wrong = shelf.book("draft spring", "draft spring 1", BOOK.replace("gte: 18", "gte: old"))
    for _ in range(2):
        with pytest.raises(JobFailed, match=r"book\.yaml"):
            work.kept(form(wrong))
    assert work.kept(form(shelf.book("draft spring", "draft spring 2")))["book"] == "spring"


def test_a_child_that_is_killed_is_replaced(work: Workbench) -> None:
    """Between two jobs nobody notices; in the middle of one, whoever waits for it hears of it."""
    shelf = Shelf()
    book = shelf.book("spring")
    assert work.kept(form(book))
    job: Mapping[str, Any] = {"context": "customer: ann\n", "given": {}}
    killed = work._loaded["spring"]
    os.kill(killed._process.pid, signal.SIGKILL)
    killed._process.wait(HANGS)
    assert work.run("try_out", job, book=book)["customer"] == "ann"
    assert shelf.read == ["spring", "spring"]
    sentences: list[str] = []

    def wait_for_it() -> None:
        try:
            sentences.append(work.run("try_out", job, book=book)["customer"])
        except JobFailed as error:
            sentences.append(str(error))

    os.kill(process_of(work, "spring"), signal.SIGSTOP)
    waiting = threading.Thread(target=wait_for_it)
    waiting.start()
    until(work._loaded["spring"].turn.locked)
    os.kill(process_of(work, "spring"), signal.SIGKILL)
    waiting.join(HANGS)
    assert len(sentences) == 1  # the sentence, or the answer of another child where it had not begun
    assert work.run("try_out", job, book=book)["customer"] == "ann"


def test_a_book_that_takes_too_long_is_given_up(work: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its process ends, and the next job has a new one."""
    shelf = Shelf()
    assert work.kept(form(shelf.book("spring")))
    os.kill(process_of(work, "spring"), signal.SIGSTOP)
    job = {"context": "customer: ann\n", "given": {}}
    with pytest.raises(JobFailed, match=r"given up|broke off"):
        work.run("try_out", job, book=shelf.book("spring"), seconds=0.05)
    assert work.run("try_out", job, book=shelf.book("spring"))["customer"] == "ann"


def test_only_a_few_children_wait_and_live_books_stay(work: Workbench) -> None:
    """The one that was unused for longest goes first, those of live books last; none is left when it is closed."""
    shelf = Shelf()
    work.hold({"live"})
    names = ["live", *(f"draft {number}" for number in range(workbench._MOST_LOADED + 2))]
    for name in names:
        assert work.kept(form(shelf.book(name)))
    kept = [*work._loaded]
    assert kept == ["live", *names[-workbench._MOST_LOADED + 1 :]]
    children = [child._process for child in work._loaded.values()]
    work.close()
    assert all(child.returncode is not None for child in children)


def test_too_many_tasks_are_refused(work: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond a number that are worked on together, at once and with a sentence."""
    monkeypatch.setattr(workbench, "_MOST_BEGUN", 2)
    monkeypatch.setattr(workbench, "_CHILD", "import time; time.sleep(3600)")
    shelf = Shelf()
    for name in ("a", "b"):
        with pytest.raises(StillWorking):
            work.soon(form(shelf.book(name)), patience=0)
    with pytest.raises(JobFailed, match="too many books"):
        work.soon(form(shelf.book("c")), patience=0)
    until(lambda: len(work._loaded) == 2)


def test_a_mistake_is_told_to_everybody_who_waits(work: Workbench) -> None:
    """Those who wait for the same task hear the same sentence, whoever wakes first."""
    sentences: list[str] = []
    go_on = threading.Event()

    def files() -> Mapping[str, str]:
        go_on.wait(HANGS)
        return {"book.yaml": BOOK.replace("gte: 18", "gte: old")}

    def wait_for_it() -> None:
        try:
            work.kept(form(WorkedBook("spring", "spring", files)))
        except JobFailed as error:
            sentences.append(str(error))

    waiting = [threading.Thread(target=wait_for_it) for _ in range(4)]
    for thread in waiting:
        thread.start()
    go_on.set()
    for thread in waiting:
        thread.join(HANGS)
    assert len(sentences) == len(waiting)
    assert all("book.yaml" in sentence for sentence in sentences)


def test_what_takes_minutes_keeps_no_page_waiting(work: Workbench) -> None:
    """While as many replays run as may, a book is loaded and tried out."""
    for _ in range(workbench._ALONE_AT_ONCE):
        assert work._alone.acquire(blocking=False)
    job = {"context": "customer: ann\n", "given": {}}
    assert work.run("try_out", job, book=Shelf().book("spring"))["customer"] == "ann"


def test_a_child_that_says_what_is_no_answer_is_ended(
    work: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it says after that is never taken for the answer to another job."""
    says = "import sys\nfor line in sys.stdin: print('50 %'); print('{\"result\": 1}', flush=True)"
    monkeypatch.setattr(workbench, "_CHILD", says)
    book = Shelf().book("spring")
    for _ in range(2):
        with pytest.raises(ValueError, match=r"Extra data|Expecting value"):
            work.run("form", {}, book=book)
