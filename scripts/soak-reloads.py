#!/usr/bin/env python3
"""Reloads a served book COUNT times, while callers decide, and watches the server's memory.

Usage: soak-reloads.py [COUNT]. Every tenth book is broken. Prints a line every tenth of the way; exit code 1 when a call
fails, a version is served that was never written, or memory grows by more than 32 MB after the first tenth.
"""

import signal
import sys
import tempfile
import time
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).parents[1]))

from engine.client import Client
from tests.books import write_book
from tests.requests import li_na
from tests.server.load import Load
from tests.server.reloads import BROKEN, numbered_book, said, version_of
from tests.servers import serving
from trial.watch import memory_of

_MAY_GROW = 32.0
_SIGNALS = 200


def main(count: int) -> int:
    """Runs the soak; returns the exit code."""
    first, written = 0.0, set[str]()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "book"
        written.add(version_of(write_book(folder, numbered_book(0, _SIGNALS))))
        with serving(folder, Path(name) / "tact.db") as server, Client(server.target) as client:
            load = Load(server.target, lambda caller, turn: li_na(f"{caller}-{turn % 100}"), callers=2)
            begun, process = time.monotonic(), psutil.Process(server.process.pid)
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
                        written.add(client.decide(li_na()).book_version)
                    if number % max(1, count // 10) == 0:
                        first = first or memory_of(process)
                        seconds = (time.monotonic() - begun) / number
                        print(
                            f"{number:>6,} reloads, {seconds:.2f} s each, {memory_of(process):.0f} MB,"
                            f" {len(load.answers):,} decisions, {len(load.failures)} failed",
                            flush=True,
                        )
            served = {answer.book_version for answer in load.answers}
            grown = memory_of(process) - first
            stopped = server.stop()
    freed = sum("book freed" in line for line in server.errors)
    print(
        f"memory grew by {grown:.1f} MB; {freed:,} books freed; strange versions {len(served - written)}; exit code {stopped}"
    )
    return int(bool(load.failures) or bool(served - written) or grown > _MAY_GROW or stopped != 0)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 2_000))
