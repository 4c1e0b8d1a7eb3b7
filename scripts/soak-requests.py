#!/usr/bin/env python3
"""Sends COUNT hostile requests and events to a server with every feature on, and watches its answers and its memory.

Usage: soak-requests.py [COUNT]. Prints a line every tenth of the way; exit code 1 when an answer is a fault of the server's,
or its memory grows by more than 64 MB after the first tenth.
"""

import os
import sys
import tempfile
import time
from pathlib import Path
from random import Random

sys.path.insert(0, str(Path(__file__).parents[1]))

import psutil
from google.rpc.code_pb2 import ALREADY_EXISTS, FAILED_PRECONDITION, INVALID_ARGUMENT, OK

from engine.client import Client
from tests.books import write_book
from tests.server.everything import EVERYTHING
from tests.server.fuzz_load import ROUND, siege
from tests.servers import serving
from tests.weather.station import station_apart
from trial.watch import memory_of

_MAY_GROW = 64.0


def main(count: int) -> int:
    """Runs the soak; returns the exit code."""
    first, rounds = 0.0, max(10, count // ROUND)
    with tempfile.TemporaryDirectory() as folder, station_apart() as url:
        os.environ["TACT_WEATHER_URL"] = url
        book = write_book(Path(folder) / "book", EVERYTHING)
        with serving(book, Path(folder) / "tact.db") as server, Client(server.target, timeout=60) as client:
            begun, process = time.monotonic(), psutil.Process(server.process.pid)
            for number, codes in enumerate(siege(client, Random(99), rounds), 1):  # noqa: S311 no secret
                if number % (rounds // 10) == 0:
                    first = first or memory_of(process)
                    done = number * ROUND
                    rate = done / (time.monotonic() - begun)
                    print(
                        f"{done:>9,} sent, {rate:,.0f}/s, {memory_of(process):.0f} MB, by code {dict(codes)}",
                        flush=True,
                    )
            grown = memory_of(process) - first
            stopped = server.stop()
    faults = set(codes) - {OK, INVALID_ARGUMENT, ALREADY_EXISTS, FAILED_PRECONDITION}
    print(f"memory grew by {grown:.1f} MB; faults {sorted(faults)}; exit code {stopped}")
    return int(bool(faults) or grown > _MAY_GROW or stopped != 0)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000))
