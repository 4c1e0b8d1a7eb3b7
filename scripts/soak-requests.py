"""Sends COUNT hostile requests to a server with everything switched on, and watches that it lives and stays small.

Usage: python scripts/soak-requests.py [COUNT]. Prints a line every 10,000 requests; exit code 1 when an answer is a fault
of the server's, or its memory grows by more than 64 MB after the first tenth.
"""

import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from random import Random

sys.path.insert(0, str(Path(__file__).parents[1]))

from engine.api.v1.decisions_pb2 import DecideResponse
from engine.client import Client
from tests.books import write_book
from tests.server.hostile import hostile_request
from tests.server.test_derived import SHOP
from tests.servers import Server, serving

_BATCH = 20
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
    rng, codes, first = Random(99), Counter[int](), 0.0  # noqa: S311 chance, not secrecy
    with tempfile.TemporaryDirectory() as folder:
        book = write_book(Path(folder) / "book", SHOP)
        with serving(book, Path(folder) / "tact.db") as server, Client(server.target, timeout=60) as client:
            begun = time.monotonic()
            for start in range(0, count, _BATCH):
                batch = [hostile_request(rng, start + place) for place in range(_BATCH)]
                answers = client.decide_batch(batch)
                codes.update(0 if isinstance(one, DecideResponse) else one.code for one in answers)
                done = start + _BATCH
                if done % max(_BATCH, count // 10 // _BATCH * _BATCH) == 0:
                    first = first or resident(server)
                    rate = done / (time.monotonic() - begun)
                    say(
                        f"{done:>9,} requests, {rate:,.0f}/s, {resident(server):.0f} MB, by code {dict(codes)}"
                    )
            grown = resident(server) - first
            stopped = server.stop()
    faults = set(codes) - {0, 3, 6}
    say(f"memory grew by {grown:.1f} MB; faults {sorted(faults)}; exit code {stopped}")
    return int(bool(faults) or grown > _MAY_GROW or stopped != 0)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000))
