"""The worker processes of a server, looked at through /proc."""

import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from tests.servers import Server


def workers(server: Server) -> list[int]:
    """The ids of its workers that run."""
    return [pid for pid, parent in _parents() if parent == server.process.pid]


def is_running(pid: int) -> bool:
    """Whether there is such a process, other than one that is dead and not yet buried."""
    return any(pid == one for one, _ in _parents())


def connections(server: Server) -> Counter[int]:
    """How many connections each worker has."""
    port = int(server.target.rsplit(":", 1)[1])
    sockets = _established(port)
    return Counter({pid: len(sockets & _sockets(pid)) for pid in workers(server)})


def until(holds: Callable[[], object], server: Server | None = None, within: float = 90) -> None:
    """Waits until something is so; fails with what the server said if it does not come about."""
    deadline = time.monotonic() + within
    while not holds():
        assert time.monotonic() < deadline, "".join(server.errors) if server else "it did not come about"
        time.sleep(0.02)


def said(server: Server, words: str) -> int:
    """How many lines with these words the server and its workers have logged."""
    return sum(words in line for line in list(server.errors))


def _parents() -> list[tuple[int, int]]:
    """Every process that is not a zombie, with its parent."""
    found = []
    for folder in Path("/proc").iterdir():
        try:
            status = (folder / "stat").read_text(encoding="utf-8") if folder.name.isdigit() else ""
        except OSError:  # it has ended
            continue
        state, parent, *_ = status.rpartition(")")[2].split() or ("Z", "0")
        if state not in "ZX":
            found.append((int(folder.name), int(parent)))
    return found


def _established(port: int) -> set[str]:
    """The sockets of connections to the port: their inodes."""
    tables = [Path(f"/proc/net/{name}").read_text(encoding="utf-8") for name in ("tcp", "tcp6")]
    rows = [line.split() for table in tables for line in table.splitlines()[1:]]
    return {row[9] for row in rows if row[1].endswith(f":{port:04X}") and row[3] == "01"}


def _sockets(pid: int) -> set[str]:
    """The sockets that a process has open: their inodes."""
    found = set()
    for one in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # it has been closed
            link = one.readlink().name
            found.add(link.removeprefix("socket:[").removesuffix("]"))
    return found
