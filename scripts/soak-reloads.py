#!/usr/bin/env python3
"""Reloads a served book COUNT times, good and broken ones in turn, while callers decide, and watches the server's memory.

Usage: soak-reloads.py [COUNT]. Every tenth book is broken. Prints a line every tenth of the way; exit code 1 when a call
fails, a version is served that was never written, or memory grows by more than 32 MB after the first tenth.
"""

import signal
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from engine.client import Client
from tests.books import write_book
from tests.requests import li_na
from tests.server.load import Load
from tests.server.reloads import BROKEN, numbered_book, said, version_of
from tests.servers import Server, serving

_MAY_GROW = 32.0
_SIGNALS = 200


def resident(server: Server) -> float:
    """The server's memory, MB."""
    status = Path(f"/proc/{server.process.pid}/status").read_text(encoding="utf-8")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS")) / 1024


def say(line: str) -> None:
    """Prints a line at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main(count: int) -> int:
    """Returns the exit code."""
    first, written = 0.0, set[str]()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "book"
        written.add(version_of(write_book(folder, numbered_book(0, _SIGNALS))))
        with serving(folder, Path(name) / "tact.db") as server, Client(server.target) as client:
            load = Load(server.target, lambda caller, turn: li_na(f"{caller}-{turn % 100}"), callers=2)
            begun = time.monotonic()
            with load.running():
                for number in range(1, count + 1):
                    broken = number % 10 == 0
                    write_book(folder, BROKEN if broken else numbered_book(number, _SIGNALS))
                    server.process.send_signal(signal.SIGHUP)
                    said(
                        server,
                        "book refused" if broken else "book live",
                        number // 10 if broken else number - number // 10,
                    )
                    if not broken:
                        written.add(client.decide(li_na("one")).book_version)
                    if number % max(1, count // 10) == 0:
                        first = first or resident(server)
                        seconds = (time.monotonic() - begun) / number
                        say(
                            f"{number:>6,} reloads, {seconds:.2f} s each, {resident(server):.0f} MB,"
                            f" {len(load.answers):,} decisions, {len(load.failures)} failed"
                        )
            served = {one.book_version for one in load.answers}
            grown = resident(server) - first
            stopped = server.stop()
    freed = sum("book freed" in line for line in server.errors)
    say(
        f"memory grew by {grown:.1f} MB; {freed:,} books freed; strange versions {len(served - written)}; exit code {stopped}"
    )
    return int(bool(load.failures) or bool(served - written) or grown > _MAY_GROW or stopped != 0)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 2_000))
