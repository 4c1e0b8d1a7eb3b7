"""The worker processes of a server, looked at through /proc."""

from collections import Counter
from contextlib import suppress
from pathlib import Path

from tests.servers import Server


def workers(server: Server) -> list[int]:
    """The ids of its workers that run; the process that loads books is none."""
    children = [pid for pid, parent in _parents() if parent == server.process.pid]
    return [pid for pid in children if not _loads(pid)]


def _loads(pid: int) -> bool:
    """Whether the process loads books, or has ended meanwhile."""
    try:
        return b"book.helper" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return True


def is_running(pid: int) -> bool:
    """Whether there is such a process, other than one that is dead and not yet buried."""
    return pid in {process for process, _ in _parents()}


def connections(server: Server) -> Counter[int]:
    """How many connections each worker has."""
    port = int(server.target.rsplit(":", 1)[1])
    sockets = _established(port)
    return Counter({pid: len(sockets & _sockets(pid)) for pid in workers(server)})


def said(server: Server, words: str) -> int:
    """How many lines with these words the server and its workers have logged."""
    return sum(words in line for line in list(server.errors))


def _parents() -> list[tuple[int, int]]:
    """Every process that is not a zombie, with its parent."""
    parents = []
    for folder in Path("/proc").iterdir():
        try:
            status = (folder / "stat").read_text(encoding="utf-8") if folder.name.isdigit() else ""
        except OSError:  # it has ended
            continue
        state, parent, *_ = status.rpartition(")")[2].split() or ("Z", "0")
        if state not in "ZX":
            parents.append((int(folder.name), int(parent)))
    return parents


def _established(port: int) -> set[str]:
    """The sockets of connections to the port: their inodes."""
    tables = [Path(f"/proc/net/{name}").read_text(encoding="utf-8") for name in ("tcp", "tcp6")]
    rows = [line.split() for table in tables for line in table.splitlines()[1:]]
    return {row[9] for row in rows if row[1].endswith(f":{port:04X}") and row[3] == "01"}


def _sockets(pid: int) -> set[str]:
    """The sockets that a process has open: their inodes."""
    inodes = set()
    for file in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # it has been closed
            link = file.readlink().name
            inodes.add(link.removeprefix("socket:[").removesuffix("]"))
    return inodes
