"""Sends COUNT hostile requests and events to a server with everything on, and watches that it lives and stays small.

Usage: python scripts/soak-requests.py [COUNT]. Prints a line every 10,000 requests; exit code 1 when an answer is a fault
of the server's, or its memory grows by more than 64 MB after the first tenth.
"""

import os
import sys
import tempfile
import time
from pathlib import Path
from random import Random

sys.path.insert(0, str(Path(__file__).parents[1]))

from google.rpc.code_pb2 import ALREADY_EXISTS, FAILED_PRECONDITION, INVALID_ARGUMENT, OK

from engine.client import Client
from tests.books import write_book
from tests.server.everything import EVERYTHING
from tests.server.fuzz_load import ROUND, siege
from tests.servers import Server, serving
from tests.weather.station import station_apart

_MAY_GROW = 64.0


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
    first, rounds = 0.0, max(10, count // ROUND)
    with tempfile.TemporaryDirectory() as folder, station_apart() as url:
        os.environ["TACT_WEATHER_URL"] = url
        book = write_book(Path(folder) / "book", EVERYTHING)
        with serving(book, Path(folder) / "tact.db") as server, Client(server.target, timeout=60) as client:
            begun = time.monotonic()
            for number, codes in enumerate(siege(client, Random(99), rounds), 1):  # noqa: S311 chance, not secrecy
                if number % (rounds // 10) == 0:
                    first = first or resident(server)
                    done = number * ROUND
                    rate = done / (time.monotonic() - begun)
                    say(f"{done:>9,} sent, {rate:,.0f}/s, {resident(server):.0f} MB, by code {dict(codes)}")
            grown = resident(server) - first
            stopped = server.stop()
    faults = set(codes) - {OK, INVALID_ARGUMENT, ALREADY_EXISTS, FAILED_PRECONDITION}
    say(f"memory grew by {grown:.1f} MB; faults {sorted(faults)}; exit code {stopped}")
    return int(bool(faults) or grown > _MAY_GROW or stopped != 0)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000))
