#!/usr/bin/env python3
"""Fuzzes the signals' kernel with random books on hostile values, then checks that 2,000 reloads leave memory flat.

Usage: soak-signals.py SECONDS [SEED]. Exit code 1, with the seed, at a difference from the reference or a failure of the
library, and if memory grows. The reloads take some 20 s more.
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
    """Runs the soak; returns the exit code."""
    if len(arguments) not in (1, 2):
        print(__doc__, file=sys.stderr)
        return 2
    if LIBRARY is None:
        print("durable-rules is not installed: nothing to soak")
        return 0
    seconds, first = float(arguments[0]), int(arguments[1]) if len(arguments) > 1 else time.time_ns()
    books, evaluations, hits = 0, 0, 0
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        outcome = compare(first + books)
        if isinstance(outcome, str):
            print(f"seed {first + books}: {outcome}")
            return 1
        books, evaluations, hits = books + 1, evaluations + outcome[0], hits + outcome[1]
    print(f"{books:,} books, {evaluations:,} inferences, {hits:,} signals held: all as the reference has it")
    return reload()


def compare(seed: int) -> tuple[int, int] | str:
    """Compares the evaluators on a random book: the numbers of inferences and of signals that held, or the difference."""
    random = Random(seed)  # noqa: S311 - no secret
    written = signals(random, random.choice((1, 5, 5, 30, 30, 30, 300)))
    try:
        compiled = compile_signals(written)
    except TooManyConjunctions:
        return 0, 0
    inferences, hits = 0, 0
    with closing(DurableKernel(compiled)) as evaluator:
        for values in [*samples(compiled, 100, seed), *(attributes(random) for _ in range(100))]:
            expected = by_reference(written, values)
            if infer(compiled, values, MOMENT) != expected:
                return f"the Python evaluator differs on {values!r:.1000}"
            if infer(compiled, values, MOMENT, evaluator) != expected:
                return f"the kernel differs on {values!r:.1000}"
            inferences, hits = inferences + 1, hits + len(expected)
    return "the library failed" if evaluator.anomalies else (inferences, hits)


def reload() -> int:
    """Reloads rules again and again; returns 1 if memory grows."""
    if not STATM.exists():
        return 0
    compiled = numbered(500)
    before = 0
    for number in range(RELOADS + WARM_UP):
        if number == WARM_UP:
            before = resident()
        with closing(DurableKernel(compiled)) as evaluator:
            infer(compiled, {"x": 2}, MOMENT, evaluator)
        if evaluator.anomalies:
            print(f"the library failed at reload {number}")
            return 1
    growth = resident() - before
    print(f"{RELOADS:,} reloads of 500 rules: memory grew by {growth / 1e6:.1f} MB")
    return int(growth > GROWTH)


def resident() -> int:
    """Resident memory of this process, bytes."""
    return int(STATM.read_text().split()[1]) * 4096


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
