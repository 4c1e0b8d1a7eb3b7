"""What the console's children leave on the disk: nothing, also where they are killed in the middle."""

import tempfile
from pathlib import Path

import pytest

from engine.console import reporting, workbench
from engine.console.reporting import ReportDesk
from engine.console.workbench import JobFailed, Workbench
from tests.waiting import until

WRITES = """
import sys, tempfile, pathlib
folder = pathlib.Path(tempfile.mkdtemp())
(folder / "people.parquet").write_text("li_na")
sys.stdin.read()
print(SAID, flush=True)
import time
time.sleep(600)
"""
"""A child that writes what it was given into its temporary folder, says something, and never ends."""


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of temporary files of this process."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def wait_for_files(folder: Path) -> None:
    """Waits until a child has written its file."""
    until(lambda: any(folder.rglob("people.parquet")))


def test_a_report_that_is_ended_leaves_no_files(temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder of its process is gone once the console is closed."""
    monkeypatch.setattr(reporting, "_CHILD", WRITES.replace("SAID", "''"))
    desk = ReportDesk("sqlite:///nowhere.db")
    assert desk.begin("v")
    wait_for_files(temporary)
    desk.close()
    assert [*temporary.iterdir()] == []
    assert not desk.is_busy
    assert "ended with -9" in desk.problem


def test_what_a_report_says_beside_its_result_is_a_problem(
    temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is said, the next report can be made, and nothing is left."""
    monkeypatch.setattr(reporting, "_CHILD", "import sys; sys.stdin.buffer.read(); print(' 99% done')")
    desk = ReportDesk("sqlite:///nowhere.db")
    for _ in range(2):
        assert desk.begin("v")
        until(lambda: not desk.is_busy)
        assert desk.problem == "its process gave 10 bytes that cannot be read"
    desk.close()
    assert [*temporary.iterdir()] == []


def test_a_job_that_is_given_up_leaves_no_files(temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder of the process is gone with the answer; that of the next one, which waits for a job, is empty."""
    monkeypatch.setattr(workbench, "_CHILD", WRITES.replace("SAID", "'{}'"))
    work = Workbench()

    def give_up(_: object) -> None:
        wait_for_files(temporary)
        monkeypatch.setattr(workbench, "_CHILD", "input()")
        raise JobFailed("given up")

    with pytest.raises(JobFailed, match="given up"):
        work.run("form", {}, advance=give_up)
    assert [*temporary.rglob("people.parquet")] == []
    work.close()
    assert [*temporary.iterdir()] == []
