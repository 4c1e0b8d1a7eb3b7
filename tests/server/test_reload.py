"""Hot reload: another version of the book goes live while the server serves."""

import os
import signal
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from engine.api.v1.decisions_pb2 import DecideResponse
from engine.client import Client
from engine.rulebook.load import load_text
from tests.books import write_book
from tests.requests import li_na
from tests.server.load import Load
from tests.server.reloads import BROKEN, numbered_book, said, version_of
from tests.servers import Server, serving
from tests.waiting import until


def live_version(client: Client) -> str:
    """The version that answers now."""
    return client.decide(li_na("whoever")).book_version


def reload(server: Server) -> None:
    """Asks for one reload."""
    server.process.send_signal(signal.SIGHUP)


def test_sighup_reloads_once(book: Path, log: Path) -> None:
    """SIGHUP brings the folder's book to life; without it, and without --watch, a change is left alone. The log has both."""
    with serving(book, log) as server, Client(server.target, timeout=60) as client:
        first = live_version(client)
        second = version_of(write_book(book, numbered_book(2)))
        reload(server)
        said(server, "book live")
        assert live_version(client) == second != first
        write_book(book, numbered_book(3))
        assert live_version(client) == second
        assert server.stop() == 0
    with closing(sqlite3.connect(log)) as connection:
        kept = dict(connection.execute("select version, text from books order by first_at"))
    assert list(kept) == [first, second]
    for version, text in kept.items():
        book_of_text = load_text(text).book
        assert book_of_text is not None
        assert book_of_text.version == version


def test_watch_follows_the_folder(book: Path, log: Path) -> None:
    """With --watch a changed file, a folder that comes or goes and a file that goes each make another version live."""
    with serving(book, log, "--watch") as server, Client(server.target, timeout=60) as client:
        changes: tuple[Callable[[], object], ...] = (
            lambda: write_book(book, numbered_book(2)),
            lambda: write_book(book / "more", "audiences:\n  old: {profile.age: {gte: 60}}\n"),
            lambda: (book / "more").rename(book.with_name("elsewhere")),
            lambda: book.with_name("elsewhere").rename(book / "again"),
            (book / "again" / "book.yaml").unlink,
        )
        for change in changes:
            change()
            expected = version_of(book)
            until(lambda expected=expected: live_version(client) == expected)  # type: ignore[misc]
        assert server.stop() == 0


def test_a_broken_book_leaves_the_live_one(book: Path, log: Path) -> None:
    """Its diagnostics are said with file, line and code; the live version goes on; the mended book goes live."""
    with serving(book, log) as server, Client(server.target, timeout=60) as client:
        first = live_version(client)
        write_book(book, BROKEN)
        reload(server)
        (line,) = said(server, "book refused")
        assert "book.yaml:2:" in line
        assert "Asia/Shanghay" in line
        assert live_version(client) == first
        second = version_of(write_book(book, numbered_book(2)))
        reload(server)
        said(server, "book live")
        assert live_version(client) == second
        assert server.stop() == 0


def test_the_same_book_is_no_new_version(book: Path, log: Path) -> None:
    """A file that is only touched swaps nothing."""
    with serving(book, log) as server:
        os.utime(book / "book.yaml")
        reload(server)
        said(server, "book unchanged")
        assert not [line for line in server.errors if "book live" in line]
        assert server.stop() == 0


@pytest.mark.parametrize("dots", ["..data", "current"])
def test_a_folder_behind_a_link_is_followed(tmp_path: Path, log: Path, dots: str) -> None:
    """Kubernetes turns a link within the folder, a deployment one to the folder: either makes the other version live."""
    write_book(tmp_path / "one")
    second = version_of(write_book(tmp_path / "two", numbered_book(2)))
    if dots == "current":
        served = link = tmp_path / "current"
        link.symlink_to(tmp_path / "one")
    else:
        served, link = tmp_path / "served", tmp_path / "served" / "..data"
        served.mkdir()
        for name in ("one", "two"):
            (tmp_path / name).rename(served / f"..{name}")
        link.symlink_to("..one")
        (served / "book.yaml").symlink_to("..data/book.yaml")
    with serving(served, log, "--watch") as server, Client(server.target, timeout=60) as client:
        assert live_version(client) != second
        turned = link.with_name("turned")
        turned.symlink_to(tmp_path / "two" if dots == "current" else "..two")
        turned.replace(link)
        until(lambda: live_version(client) == second)
        assert server.stop() == 0


def test_no_request_fails_while_books_change(book: Path, log: Path) -> None:
    """Under load, with good and broken books in turn, every call is answered by a version that was written."""
    written = {version_of(book)}
    with serving(book, log) as server:
        load = Load(server.target, lambda caller, turn: li_na(f"{caller}-{turn}"), callers=4, pause=0.01)
        with load.running():
            for number in range(1, 6):
                written.add(version_of(write_book(book, numbered_book(number))))
                reload(server)
                said(server, "book live", number)
                load.await_answers(len(load.answers) + 2 * load.callers)  # some of which began since
                write_book(book, BROKEN)
                reload(server)
                said(server, "book refused", number)
        assert server.stop() == 0
    served = {answer.book_version for answer in load.answers}
    assert load.failures == []
    assert served <= written
    assert len(served) > 1


def test_a_batch_is_decided_by_one_version(book: Path, log: Path) -> None:
    """While versions change under it, all answers of one batch name the same version."""
    seen: list[set[str]] = []
    with serving(book, log) as server, Client(server.target, timeout=60) as client:
        for number in range(1, 6):
            write_book(book, numbered_book(number))
            reload(server)
            live = False
            while not live:  # at least a batch a version
                live = len([line for line in server.errors if "book live" in line]) >= number
                batch = client.decide_batch([li_na(f"c{customer}") for customer in range(100)])
                seen.append({item.book_version for item in batch if isinstance(item, DecideResponse)})
        assert server.stop() == 0
    assert {len(versions) for versions in seen} == {1}
    assert len(set().union(*seen)) > 1


def test_freed_when_the_last_request_is_done(book: Path, log: Path) -> None:
    """Each version that was replaced is freed, once."""
    with serving(write_book(book, numbered_book(0)), log) as server:
        for number in range(1, 4):
            write_book(book, numbered_book(number))
            reload(server)
            said(server, "book live", number)
        assert len(said(server, "book freed", 3)) == 3
        assert server.stop() == 0
