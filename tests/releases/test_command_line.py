"""The commands of releases, as processes: on a log of either store, and by a server."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.ledger.queries import releases
from engine.ledger.store.open import open_store
from engine.ledger.store.release_rows import ServerRow
from tests.books import write_book
from tests.forked import tact
from tests.logs import Log, sqlite_log
from tests.releases.books import BOOK, SCENARIO, edition, files
from tests.servers import Server, serving

NOW = 1_773_108_000_000_000


def write(folder: Path, book: str = BOOK, scenario: str = SCENARIO) -> Path:
    """The folder of a book with a scenario."""
    for name, content in files(book, scenario).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that knows everybody as anyone."""
    folder = tmp_path_factory.mktemp("released")
    with serving(write_book(folder / "book"), sqlite_log(folder)) as running:
        yield running


def done(*words: str, code: int = 0) -> str:
    """What the command prints; it ends with the exit code."""
    run = tact(*words, environment={**os.environ, "COLUMNS": "300"})
    assert run.returncode == code, run.stderr
    assert "Traceback" not in run.stderr
    return run.stdout if code == 0 else run.stderr


def listed(*where: str) -> list[dict[str, Any]]:
    """The versions, the newest first."""
    versions: list[dict[str, Any]] = json.loads(done("versions", *where, "--json"))["releases"]
    return versions


def test_a_book_is_released_on_a_log(any_log: Log, tmp_path: Path) -> None:
    """Published, looked at, activated for some and for all, rolled back, with who did what."""
    book, where = str(write(tmp_path / "book")), ("--log", any_log.url)
    assert "1 scenario passed" in done("publish", book, *where, "--note", "first")
    (first,) = listed(*where)
    assert (first["note"], first["state"]) == ("first", "published")
    assert done("activate", first["version"][:7], *where) == f"spring: {first['version'][:12]} is live\n"
    write(tmp_path / "book", edition(1))
    assert "    changed  offers cream\n" in done("diff", first["version"], book, "--text", *where)
    second = json.loads(done("publish", book, *where, "--json"))["release"]["version"]
    assert "decides for 5 % of the persons" in done("activate", second, "--share", "5%", *where)
    assert "staged 5 %" in done("versions", "spring", *where)
    assert "nothing is staged any more" in done("rollback", "spring", *where)
    assert "is live, instead of" in done("activate", second, *where)
    assert "came between" in done(
        "activate", second, "--share", "5%", "--expect", first["version"], *where, code=1
    )
    difference = json.loads(done("diff", first["version"], second, "--text", *where, "--json"))
    assert [name["name"] for name in difference["names"]] == ["cream"]
    assert done("versions", "--audit", *where).count("│ done") == 6
    assert done("servers", *where) == "no server follows a book by its name\n"


def test_servers_say_what_they_serve_and_refused(any_log: Log) -> None:
    """Each in a row, with the cause."""
    store = open_store(any_log.url)
    row = ServerRow("a-1", "spring", "1" * 64, "", 1, NOW, NOW, "2" * 64, "there is no operator 'gtr'", "0.1")
    with store.transaction():
        releases.see_server(store, row)
        releases.see_server(store, row._replace(server="b-1", name="autumn", refused="", cause=""))
    store.close()
    printed = done("servers", "spring", "--log", any_log.url)
    assert all(words in printed for words in ("a-1", "1" * 12, "2" * 12, "there is no operator 'gtr'"))
    assert "b-1" not in printed
    document = json.loads(done("servers", "--log", any_log.url, "--json"))
    assert [(server["server"], server["refused"]) for server in document["servers"]] == [
        ("a-1", "2" * 64),
        ("b-1", ""),
    ]


def test_a_book_is_released_by_a_server(server: Server, tmp_path: Path) -> None:
    """With the same commands."""
    book, where = str(write(tmp_path / "book", edition(7))), ("--server", server.target)
    assert "may be published" in done("publish", book, "--check-only", *where)
    assert "1 scenario passed" in done("publish", book, *where)
    (release,) = listed(*where)
    assert "somebody else has to approve it" in done("approve", release["version"], *where, code=1)
    assert "is live" in done("activate", release["version"], *where)
    assert "is the first version of 'spring'" in done("rollback", "spring", *where, code=1)
    assert "the files are the same" in done("diff", release["version"][:9], book, "--text", *where)


@pytest.mark.parametrize(
    ("book", "scenario", "code", "sentence"),
    [
        (BOOK.replace("gte", "gtr"), SCENARIO, 3, "there is no operator 'gtr'"),
        (BOOK, SCENARIO.replace("customer: ann", "customer: bob"), 3, "the scenarios of "),
        (BOOK, SCENARIO.replace("adults", "minors"), 4, "1 of 1 scenarios of "),
    ],
)
def test_a_broken_draft_ends_the_command(
    tmp_path: Path, book: str, scenario: str, code: int, sentence: str
) -> None:
    """With its diagnostics, before anything is asked; the log is not even made."""
    folder, log = write(tmp_path / "book", book, scenario), tmp_path / "tact.db"
    for more in ((), ("--check-only",)):
        assert sentence in done("publish", str(folder), "--log", f"sqlite:///{log}", *more, code=code)
    assert not log.exists()


def test_a_check_alone_makes_no_log(tmp_path: Path) -> None:
    """It needs none."""
    log = tmp_path / "tact.db"
    checked = done(
        "publish", str(write(tmp_path / "book")), "--log", f"sqlite:///{log}", "--check-only", "--json"
    )
    assert (json.loads(checked)["ok"], log.exists()) == (True, False)


def test_the_commit_of_git_is_kept(tmp_path: Path) -> None:
    """With whether the book was changed since."""
    book, where = write(tmp_path / "book"), ("--log", f"sqlite:///{tmp_path / 'tact.db'}")
    git = ("git", "-C", str(tmp_path), "-c", "user.name=ann", "-c", "user.email=ann@example.com")
    for words in (("init", "-q"), ("add", "book"), ("commit", "-q", "-m", "first")):
        subprocess.run([*git, *words], check=True)
    commit = subprocess.run(
        [*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True
    ).stdout.strip()
    done("publish", str(book), *where)
    write(book, edition(1))
    done("publish", str(book), *where)
    assert [release["source"] for release in listed(*where)] == [
        {"commit": commit, "dirty": True},
        {"commit": commit, "dirty": False},
    ]


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (("versions", "--log", "sqlite:////nowhere/tact.db"), 2, "there is no log at"),
        (("versions", "--server", "127.0.0.1:1", "--log", "sqlite:///x.db"), 2, "one of --server and --log"),
        (("versions", "--token-file", "t"), 2, "are for --server"),
        (("versions", "--server", "127.0.0.1:1", "--timeout", "0.5"), 1, "UNAVAILABLE"),
        (("activate", "abcdef", "--share", "0%"), 2, "a share lies between 0% and 100%"),
        (("activate", "abcdef", "--share", "much"), 2, "write a percentage"),
        (("activate", "abcdef", "--note", "a", "--emergency", "b"), 2, "one of --note and --emergency"),
        (("activate", "abcdef", "--emergency", " "), 2, "--emergency needs a note"),
        (("diff", "abcdef", "--text"), 2, "--text compares two books"),
        (("diff", "a", "b", "--server", "127.0.0.1:1"), 2, "--text compares two books"),
        (("publish", "/nowhere"), 3, "does not exist"),
    ],
    ids=map(str, range(11)),
)
def test_wrong_words_are_refused(words: tuple[str, ...], code: int, sentence: str) -> None:
    """With a sentence."""
    assert sentence in done(*words, code=code)
