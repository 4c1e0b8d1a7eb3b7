"""Several processes on the same log compared with the limit: as many processes that insert the same rows.

`python -m bench.workers ROLE PATH GROUPS` is one of the processes: it prepares its groups, prints a line, waits for one, and
writes them. Role `settle` commits them to the log at PATH; role `insert` inserts the rows that committing them makes.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any

from bench.books import CUSTOMERS, compiled_book
from bench.ledger import Evaluations, Raw, settled, written
from bench.processes import BUILD, CannotMeasure, running
from bench.ratio import Ratio
from bench.table import Step, silent
from engine.ledger.store.open import open_store
from engine.telemetry.counters import LOG_WAIT_SECONDS

PROCESSES = (1, 2, 4)
GROUP = 64
CAMPAIGNS = 200


@dataclass(frozen=True)
class Size:
    """How much is measured."""

    groups: int
    """Groups of each process."""
    rounds: int


FULL = Size(60, 3)
QUICK = replace(FULL, groups=20, rounds=1)


def ratios(*, quick: bool = False, step: Step = silent) -> list[Ratio]:
    """Settled decisions a second at 1, 2 and 4 processes, in about three minutes."""
    BUILD.mkdir(exist_ok=True)
    size = QUICK if quick else FULL
    measured = []
    for processes in PROCESSES:
        step(f"workers: {processes} processes on one log")
        rounds = [
            (_rate("settle", processes, size), _rate("insert", processes, size)) for _ in range(size.rounds)
        ]
        mine, limit = (max(rates) for rates in zip(*rounds, strict=True))
        measured.append(
            Ratio(
                f"workers: settled / inserted, decisions a second at {processes} processes",
                mine[0] / limit[0],
                0.5,
                f"{mine[0]:,.0f}/s against {limit[0]:,.0f}/s in groups of {GROUP};"
                f" a process waited {mine[1]:.0%} of the time",
            )
        )
    return measured


def _rate(role: str, processes: int, size: Size) -> tuple[float, float]:
    """Decisions a second of all processes together, and the share of the time that one of them waited."""
    with tempfile.TemporaryDirectory(dir=BUILD, prefix="bench-workers-") as folder, ExitStack() as stack:
        path = Path(folder) / "shared.db"
        open_store(f"sqlite:///{path}").close()
        words = ("-m", "bench.workers", role, str(path), str(size.groups))
        started = [stack.enter_context(running(*words, stdin=subprocess.PIPE)) for _ in range(processes)]
        for process in started:
            _read(process)
        start = time.perf_counter()
        for process in started:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        waited = sum(_read(process)["waited"] for process in started)
        seconds = time.perf_counter() - start
    return processes * size.groups * GROUP / seconds, waited / processes / seconds


def _read(process: "subprocess.Popen[str]") -> dict[str, Any]:
    line = process.stdout.readline() if process.stdout else ""
    if not line:
        raise CannotMeasure("a process ended: see above")
    answer: dict[str, Any] = json.loads(line)
    return answer


def work(role: str, path: Path, groups: int) -> None:
    """Runs one of the processes."""
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        write = (_settling if role == "settle" else _inserting)(path, groups, Path(folder))
        print(json.dumps({"ready": True}), flush=True)
        sys.stdin.readline()
        write()
    print(json.dumps({"waited": LOG_WAIT_SECONDS.value}), flush=True)


def _settling(path: Path, groups: int, _: Path) -> Callable[[], None]:
    """Commits groups for this process's own customers."""
    evaluations = Evaluations(compiled_book(CAMPAIGNS), GROUP * groups)
    customers = count(time.time_ns() % 1_000_000 * CUSTOMERS)
    prepared = [evaluations.group([next(customers) for _ in range(GROUP)]) for _ in range(groups)]
    store = open_store(f"sqlite:///{path}", busy_timeout=60)

    def do() -> None:
        for group in prepared:
            settled(store, group)
        store.close()

    return do


def _inserting(path: Path, groups: int, folder: Path) -> Callable[[], None]:
    """Inserts the rows that committing made in a log of this process's own."""
    own = folder / "own.db"
    _settling(own, groups, folder)()
    prepared = list(written(own, 0, GROUP))
    raw = Raw(path)

    def do() -> None:
        for rows in prepared:
            raw.insert(rows)
        raw.close()

    return do


if __name__ == "__main__":
    work(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
