"""Trouble for the log of a running server: another program that holds it, and a disk without room."""

import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.servers import Server
from tests.waiting import HANGS


@contextmanager
def held(log: Path) -> Iterator[None]:
    """The log kept busy by another program, for the length of a block."""
    holder = sqlite3.connect(log, isolation_level=None, timeout=HANGS)
    holder.execute("begin immediate")
    try:
        yield
    finally:
        holder.execute("rollback")
        holder.close()


def limit(prlimit: str, server: Server, size: str) -> None:
    """Sets how large the server's files may become, in bytes, while it runs."""
    subprocess.run([prlimit, "--pid", str(server.process.pid), f"--fsize={size}:unlimited"], check=True)
