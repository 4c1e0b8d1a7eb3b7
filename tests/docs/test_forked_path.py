"""The forked `tact` and `python` do to a caller what the real ones do."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.books import write_book
from tests.docs.forked_path import ForkedPath

REAL = Path(sys.executable).parent
SCRIPTS = {
    "folder, umask, words, input, environment": (
        "umask 027; echo in | WORD='a b' python -c 'import os, sys;"
        ' print(os.getcwd(), os.umask(0), sys.argv, sys.stdin.read(), os.environ["WORD"], sep="|")\' x "y z" "" | cat'
    ),
    "a script beside another": (
        "echo 'WORD = 5' > beside.py; echo 'from beside import WORD; raise SystemExit(WORD)' > a.py; python a.py"
    ),
    "an exit code that is a text": "python -c 'raise SystemExit(\"why\")'",
    "a signal": "exec python -c 'import os, signal; print(1, flush=True); os.kill(os.getpid(), signal.SIGKILL)'",
    "a book that is refused": "tact check refused; echo $?",
    "a wrong option": "tact check --strickt book",
}


@pytest.fixture
def forked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of the forked ones."""
    with ForkedPath(tmp_path_factory.mktemp("commands")) as path:
        yield path.folder


def started(commands: Path, folder: Path, text: str) -> "subprocess.Popen[str]":
    """The shell with these commands."""
    return subprocess.Popen(
        ["sh", "-c", text],
        cwd=folder,
        env={**os.environ, "PATH": f"{commands}{os.pathsep}{os.environ['PATH']}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("text", SCRIPTS.values(), ids=SCRIPTS)
def test_what_is_printed_and_the_exit_code_are_the_same(text: str, forked: Path, tmp_path: Path) -> None:
    """Byte for byte, on both outputs."""
    write_book(tmp_path / "refused", "campaigns: 5\n")
    seen = []
    for commands in (REAL, forked):
        with started(commands, tmp_path, text) as shell:
            seen.append((*shell.communicate(timeout=240), shell.returncode))
    assert seen[0] == seen[1]
    assert seen[0] != ("", "", 0)


def test_an_exception_is_shown(forked: Path, tmp_path: Path) -> None:
    """As a traceback, with exit code 1."""
    with started(forked, tmp_path, "python -c '1 / 0'") as shell:
        _, errors = shell.communicate(timeout=240)
    assert errors.startswith("Traceback")
    assert errors.endswith("ZeroDivisionError: division by zero\n")
    assert shell.returncode == 1


def test_a_signal_reaches_the_process(forked: Path, tmp_path: Path) -> None:
    """It ends as it likes, and its exit code is what the caller sees."""
    text = (
        "exec python -c 'import signal, sys; ended = [signal.SIGTERM]; signal.pthread_sigmask(signal.SIG_BLOCK, ended);"
        ' print("waits", flush=True); signal.sigwait(ended); sys.exit(5)\''
    )
    with started(forked, tmp_path, text) as shell:
        assert shell.stdout is not None
        assert shell.stdout.readline() == "waits\n"
        shell.terminate()
        shell.communicate(timeout=240)
    assert shell.returncode == 5
