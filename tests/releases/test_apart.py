"""The child process that checks books: what it finds, and how it ends."""

import pytest

from engine.ledger.errors import DeadlinePassed
from engine.releases import CheckFailed, apart, check_apart, check_release, compare_apart, compare_releases
from tests.releases.books import BOOK, edition, files

NOW = 1_773_108_000_000_000


@pytest.mark.parametrize("contents", [files(), files(BOOK.replace("gte", "gtr")), files(scenario="tests: 3")])
def test_the_child_finds_what_this_process_finds(contents: dict[str, bytes]) -> None:
    """All of it, of the same types."""
    assert check_apart(contents, NOW, 120) == check_release(contents, NOW)


def test_the_child_compares_as_this_process_does() -> None:
    """With names and lines."""
    old, new = ({name: text.decode() for name, text in files(edition(number)).items()} for number in (0, 1))
    assert compare_apart(old, new, 120) == compare_releases(old, new)


def test_budgets_are_kept_and_not_played() -> None:
    """They need people, which no release has."""
    budgets = {"tests/budgets.yaml": b"simulate: {start: 2026-03-02}\npressure: [x]\n"}
    assert check_release({**files(), **budgets}, NOW).passed == 1


def test_tables_that_the_book_names_belong_to_the_version() -> None:
    """Others are no part of it."""
    near = BOOK.replace("{profile.age: {gte: 18}}", "{near: {place: shops, within_km: 5}}")
    shops = {"shops.csv": b"name,latitude,longitude\na,50.1,8.2\n", "other.csv": b"name\n"}
    checked = check_release(
        {"book.yaml": f"{near}places: {{shops: {{file: shops.csv}}}}\n".encode(), **shops}, NOW
    )
    assert checked.errors == ()
    assert checked.own == ("book.yaml", "shops.csv")


def ends(how: str) -> str:
    """The child's program, which ends in some way instead of checking."""
    return f"import os, sys, signal; sys.stdin.buffer.read(); {how}"


@pytest.mark.parametrize(
    ("how", "error", "sentence"),
    [
        ("os.kill(os.getpid(), signal.SIGKILL)", CheckFailed, "ended with -9, and nothing changed"),
        ("sys.exit(3)", CheckFailed, "ended with 3"),
        ("signal.pause()", DeadlinePassed, "not checked within 1 s"),
    ],
)
def test_a_child_that_does_not_finish_is_said(
    monkeypatch: pytest.MonkeyPatch, how: str, error: type[Exception], sentence: str
) -> None:
    """And keeps nobody waiting."""
    monkeypatch.setattr(apart, "_CHILD", ends(how))
    with pytest.raises(error, match=sentence):
        check_apart(files(), NOW, 1.0)


def test_a_book_that_needs_more_memory_than_it_may_fails_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """The child's limit holds."""
    monkeypatch.setattr(
        apart, "_CHILD", ends("import engine.releases.apart as a; a.limit_child(30); bytearray(8 << 30)")
    )
    with pytest.raises(CheckFailed, match="4 GiB of memory"):
        check_apart(files(), NOW, 60)
