"""Commands that a signal ends while they compute with data of a log."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from engine.cli.exits import ended_by_signals

ENDINGS = [(signal.SIGINT, KeyboardInterrupt, ()), (signal.SIGTERM, SystemExit, (143,))]


@pytest.fixture(autouse=True)
def interruptible() -> Iterator[None]:
    """Ctrl-C raises, as in a terminal; whoever starts the tests in the background has it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("in_query", [False, True])
@pytest.mark.parametrize(("number", "ending", "code"), ENDINGS)
def test_temporary_files_are_deleted(
    number: int, ending: type[BaseException], code: tuple[int, ...], *, in_query: bool
) -> None:
    """Also where DuckDB swallowed the exception of the signal, and raises its own; SIGTERM means what it did after it."""
    before, folders = signal.getsignal(signal.SIGTERM), []

    def command() -> None:
        with ended_by_signals(), TemporaryDirectory() as folder:
            folders.append(folder)
            try:
                os.kill(os.getpid(), number)
            except (KeyboardInterrupt, SystemExit):
                if in_query:
                    raise RuntimeError("Query interrupted") from None
                raise

    with pytest.raises(ending) as ended:
        command()
    assert ended.value.args == code
    assert not Path(folders[0]).exists()
    assert signal.getsignal(signal.SIGTERM) is before


def test_other_errors_stay_what_they_are() -> None:
    """Only what DuckDB says of a signal is taken for one."""
    with pytest.raises(RuntimeError, match="another"), ended_by_signals():
        raise RuntimeError("another")
