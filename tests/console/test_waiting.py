"""Pages that need a loaded book: what is live is loaded before somebody asks, and what is not loaded keeps no page waiting."""

import os
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from engine.api.v1 import rulebooks_pb2 as pb
from engine.console.books import BookShelf
from engine.console.log import LogReader
from engine.console.serve import Preparing
from engine.console.workbench import WORKBENCH
from tests.console.books import ConsoleHouse, console_house
from tests.releases.books import edition, files, messages, publishing
from tests.waiting import until

_POLLED = re.compile(r'data-poll="([^"]+)"')


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ConsoleHouse]:
    """A console with a server, for all tests of this module."""
    with console_house(tmp_path_factory.mktemp("waiting")) as running:
        yield running


def at_once(house: ConsoleHouse, path: str) -> httpx.Response:
    """What a page says at first, not opened again."""
    browser = house.console.logged_in("writer")
    return httpx.get(house.console.address + path, cookies=browser.cookies, timeout=60)


def children(house: ConsoleHouse) -> list[int]:
    """The processes in which the console works on books."""
    working = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == house.console.process.pid and b"workbench.jobs" in (folder / "cmdline").read_bytes():
                working.append(int(folder.name))
        except OSError:
            continue  # it ended meanwhile
    return working


@contextmanager
def halted(house: ConsoleHouse) -> Iterator[None]:
    """Nothing is worked on: the child with the live book and the one that waits for another book stand still."""
    until(lambda: len(children(house)) == 2)
    stopped = children(house)
    for child in stopped:
        os.kill(child, signal.SIGSTOP)
    try:
        yield
    finally:
        for child in stopped:
            os.kill(child, signal.SIGCONT)


def test_what_is_live_is_loaded_before_somebody_asks(house: ConsoleHouse) -> None:
    """In a child of the workbench, and on the shelf; what is loaded already is not loaded again."""
    reader, shelf = LogReader(house.log.url), BookShelf()
    preparing = Preparing(reader, shelf)
    try:
        preparing.work()
        until(lambda: house.version in WORKBENCH._loaded and not WORKBENCH._begun)
        child = WORKBENCH._loaded[house.version]
        preparing.work()
        assert WORKBENCH._loaded == {house.version: child}
        assert child.key == house.version
    finally:
        WORKBENCH.close()
        reader.close()


def test_no_page_waits_for_what_is_being_worked_out(house: ConsoleHouse) -> None:
    """Pages say so at once and come by themselves: a version's comparison as a part, pages of a draft as a whole."""
    with house.caller("writer") as writer:
        version = writer.publish(publishing(edition(1))).release.version
        writer.save_draft(pb.SaveDraftRequest(name="new", base=house.version, files=messages(files())))
    browser = house.console.logged_in("writer")
    with halted(house):
        early = at_once(house, f"/versions/{version}")
        assert version in early.text
        assert "The versions are being compared" in early.text
        assert ">Look again</a>" in early.text  # without scripts
    (part,) = _POLLED.findall(early.text)
    assert "the offer cream changes" in browser.get(part).text
    assert "the offer cream changes" in browser.get(f"{part}?part=yes").text
    pages = [f"/of/draft/new/{page}" for page in ("try-out", "campaigns", "campaigns/adults")]
    with halted(house):
        for page in pages:
            waiting = at_once(house, page)
            assert (waiting.status_code, waiting.headers["refresh"]) == (200, "1")
            assert "The book is being loaded" in waiting.text
    for page in pages:
        assert "The book is being loaded" not in browser.get(page).text
