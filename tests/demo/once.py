"""One run of `tact demo` for all tests that only read what it leaves, in whatever process they run: it takes long."""

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

WORDS = ("demo", "--folder", "demo")
"""Beside the folder of a DemoRun."""


class DemoRun:
    """What the run left. Its log is to be copied, not to be written."""

    def __init__(self, beside: Path) -> None:
        self.folder = beside / "demo"
        self.printed = (beside / "printed").read_text(encoding="utf-8")


def demo_run(factory: pytest.TempPathFactory) -> DemoRun:
    """The run, made by whoever needs it first; it must end with exit code 0 and say nothing on stderr."""
    base = factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    with (shared / "demo.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        beside = shared / "demo-run"
        if not (beside / "printed").exists():
            beside.mkdir(exist_ok=True)
            _make(beside)
        return DemoRun(beside)


def run(words: tuple[str, ...], folder: Path) -> str:
    """What `tact` prints with these words; it must end with exit code 0 and say nothing on stderr."""
    done = subprocess.run(
        [sys.executable, "-m", "engine.cli", *words],
        cwd=folder,
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
        env={name: value for name, value in os.environ.items() if not name.startswith("TACT_")},
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def _make(beside: Path) -> None:
    (beside / "printed").write_text(run(WORDS, beside), encoding="utf-8")
