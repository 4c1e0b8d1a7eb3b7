"""The demo's server when things go wrong."""

from pathlib import Path

import pytest

from demo import server
from demo.server import DemoError, Server


def test_a_server_that_does_not_start_is_quoted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the exit code and carries what the server wrote to stderr."""
    monkeypatch.setattr(server, "book_folder", lambda: tmp_path / "nowhere")
    with pytest.raises(DemoError, match=r"ended at once, with exit code \d+:\n.*nowhere"), Server(tmp_path):
        pass


def test_only_its_own_files_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An old log is removed with its companions; other files of the folder stay."""
    monkeypatch.setattr(server, "book_folder", lambda: tmp_path / "nowhere")
    names = ("tact.db", "tact.db-wal", "tact.db-shm", "notes.txt")
    for name in names:
        (tmp_path / name).touch()
    with pytest.raises(DemoError), Server(tmp_path):
        pass
    assert [name for name in names if (tmp_path / name).exists()] == ["notes.txt"]


def test_the_book_is_the_checkouts() -> None:
    """In a checkout the demo serves rules/cosmetics-cn."""
    assert (server.book_folder() / "campaigns.yaml").is_file()
