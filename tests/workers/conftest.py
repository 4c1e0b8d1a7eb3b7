"""A book and a log for each test's own workers."""

from pathlib import Path

import pytest

from tests.books import write_book


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Where a test's own workers log."""
    return tmp_path / "tact.db"


@pytest.fixture
def book(tmp_path: Path) -> Path:
    """The spring book, in a folder of the test's own."""
    return write_book(tmp_path / "book")


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Supervisors that do not take a worker for hung, or for one that does not leave, because the machine is busy."""
    monkeypatch.setenv("TACT_LIVENESS", "60")
    monkeypatch.setenv("TACT_GRACE", "100")
