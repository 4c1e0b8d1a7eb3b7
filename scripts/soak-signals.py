#!/usr/bin/env python3
"""Soaks the signals' kernel: books by chance on hostile values, then reloads that must leave memory flat.

Usage: soak-signals.py SECONDS [SEED]. Prints what it did; a difference from the reference, a failure of the library or
memory that grows ends it with exit code 1 and says with which seed. The reloads, 2,000 of them, take some 20 s more.
"""

import sys
import time
from contextlib import closing
from pathlib import Path
from random import Random

sys.path.insert(0, str(Path(__file__).parents[1]))

from engine.decide.signals.compile import TooManyConjunctions, compile_signals
from engine.decide.signals.infer import infer
from engine.decide.signals.kernel import LIBRARY, DurableKernel
from engine.server.book.probe import MOMENT, samples
from tests.decide.signals.books import numbered
from tests.decide.signals.chance import attributes, by_reference, signals

RELOADS, WARM_UP = 2_000, 50
GROWTH = 10_000_000
STATM = Path("/proc/self/statm")


def main(arguments: list[str]) -> int:
    """The exit code."""
    if len(arguments) not in (1, 2):
        print(__doc__, file=sys.stderr)  # noqa: T201
        return 2
    if LIBRARY is None:
        print("durable-rules is not installed: nothing to soak")  # noqa: T201
        return 0
    seconds, first = float(arguments[0]), int(arguments[1]) if len(arguments) > 1 else time.time_ns()
    books, evaluations, hits = 0, 0, 0
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = agreed(first + books)
        if isinstance(found, str):
            print(f"seed {first + books}: {found}")  # noqa: T201
            return 1
        books, evaluations, hits = books + 1, evaluations + found[0], hits + found[1]
    print(f"{books:,} books, {evaluations:,} inferences, {hits:,} signals held: all as the reference has it")  # noqa: T201
    return reloaded()


def agreed(seed: int) -> tuple[int, int] | str:
    """Inferences and signals that held; or what is wrong."""
    random = Random(seed)  # noqa: S311 - no secret
    written = signals(random, random.choice((1, 5, 5, 30, 30, 30, 300)))
    try:
        compiled = compile_signals(written)
    except TooManyConjunctions:
        return 0, 0
    inferences, hits = 0, 0
    with closing(DurableKernel(compiled)) as evaluator:
        for seen in [*samples(compiled, 100, seed), *(attributes(random) for _ in range(100))]:
            expected = by_reference(written, seen)
            if infer(compiled, seen, MOMENT) != expected:
                return f"the naive evaluator differs on {seen!r:.1000}"
            if infer(compiled, seen, MOMENT, evaluator) != expected:
                return f"the kernel differs on {seen!r:.1000}"
            inferences, hits = inferences + 1, hits + len(expected)
    return "the library failed" if evaluator.anomalies else (inferences, hits)


def reloaded() -> int:
    """Reload rules over and over; 1 where memory grows."""
    if not STATM.exists():
        return 0
    of = numbered(500)
    before = 0
    for number in range(RELOADS + WARM_UP):
        if number == WARM_UP:
            before = resident()
        with closing(DurableKernel(of)) as evaluator:
            infer(of, {"x": 2}, MOMENT, evaluator)
        if evaluator.anomalies:
            print(f"the library failed at reload {number}")  # noqa: T201
            return 1
    growth = resident() - before
    print(f"{RELOADS:,} reloads of 500 rules: memory grew by {growth / 1e6:.1f} MB")  # noqa: T201
    return int(growth > GROWTH)


def resident() -> int:
    """Bytes of this process in memory."""
    return int(STATM.read_text().split()[1]) * 4096


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
