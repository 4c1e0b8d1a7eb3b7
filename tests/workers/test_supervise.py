"""The supervisor's parts, with workers of the test's own making."""

import socket
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from engine.server.listen import CannotServe
from engine.settings import Settings
from engine.workers import slot
from engine.workers.slot import FIRST, LONGEST, WELL, Backoff
from engine.workers.spawn_config import BookSnapshot, read_snapshot
from engine.workers.supervise import held_port, supervise


def snapshot_of(book: Path) -> BookSnapshot:
    """The snapshot of a folder whose book loads."""
    snapshot = read_snapshot(book)
    assert isinstance(snapshot, BookSnapshot)
    return snapshot


def settings_of(book: Path, log: Path) -> Settings:
    """Settings of two workers."""
    return Settings(rules=str(book), log=f"sqlite:///{log}", port=0, workers=2, liveness=0.5)


async def test_a_worker_that_cannot_serve_ends_the_start(book: Path, log: Path) -> None:
    """Where the first workers end before they serve, nothing is announced and the reason is said."""
    announced: list[str] = []
    command = (sys.executable, "-c", "raise SystemExit(3)")
    with pytest.raises(CannotServe, match=r"worker [12] ended before it served \(exit code 3\)"):
        await supervise(
            snapshot_of(book), settings_of(book, log), announced.append, as_json=False, command=command
        )
    assert announced == []


async def test_a_worker_that_never_serves_is_given_up(
    book: Path, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A start that takes too long is a failure too."""
    monkeypatch.setattr(slot, "START_LIMIT", 0.1)
    command = (sys.executable, "-c", "import sys; sys.stdin.read()")
    with pytest.raises(CannotServe, match="ended before it served"):
        await supervise(snapshot_of(book), settings_of(book, log), print, as_json=False, command=command)


def test_a_snapshot_that_reads_otherwise_is_not_served(book: Path) -> None:
    """A worker whose program understands the files in another way says so and does not serve."""
    book_snapshot = snapshot_of(book)
    assert book_snapshot.compiled().book.version == book_snapshot.version
    with pytest.raises(CannotServe, match=r"has version .* while the supervisor read version other"):
        replace(book_snapshot, version="other").compiled()
    with pytest.raises(CannotServe, match="is wrong here"):
        replace(book_snapshot, files={"book.yaml": b"book: 1"}).compiled()


def test_pauses_double_and_begin_anew_after_good_service() -> None:
    """A tenth of a second, twice as much each time, at most half a minute."""
    backoff = Backoff()
    pauses = [backoff.after(0) for _ in range(12)]
    assert pauses[:4] == [FIRST, 2 * FIRST, 4 * FIRST, 8 * FIRST]
    assert pauses[-1] == LONGEST
    assert backoff.after(WELL) == FIRST


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_held_port_takes_no_connection_and_lets_nobody_else_in(host: str) -> None:
    """It is open to listeners that share it, refused to one that does not, and nobody is answered before they listen."""
    with held_port(host, 0) as port, socket.socket() as caller:
        assert caller.connect_ex(("127.0.0.1", port)) != 0
        with socket.socket() as sharing, socket.socket() as alone:
            sharing.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            sharing.bind(("127.0.0.1", port))
            sharing.listen()
            with pytest.raises(OSError, match="in use"):
                alone.bind(("127.0.0.1", port))
            with pytest.raises(CannotServe, match="in use"), held_port(host, port):
                pass
