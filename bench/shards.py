"""What sharding a counter pays: `python -m bench.shards` prints decisions a second of processes that take from one stock.

Each process commits groups on one PostgreSQL log. Compared are the shards of PostgresStore, one row of the counter that every
group locks before it decides, and the same decisions without any stock; with a sync of its own speed, and with one that takes
10 ms, as to a slow disk or a replica. `python -m bench.shards KIND URL NUMBER SYNC` is one of the processes: it prepares,
waits for a line, and works.
"""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import product
from pathlib import Path
from unittest.mock import patch

from bench.ledger import settled
from bench.processes import CannotMeasure, running
from engine.decide.compiled import CompiledBook, compile_book
from engine.decide.evaluate import Evaluation, evaluate
from engine.ledger.commit.commands import UnitOfWork
from engine.ledger.queries import quotas
from engine.ledger.store.open import open_store
from engine.ledger.store.postgres import PostgresStore
from engine.ledger.store.statements import Select
from engine.model.request import Request
from engine.rulebook.load import load
from tests.postgres import PostgresServer, postgres

KINDS = ("shards", "row", "none")
GROUP, GROUPS, ROUNDS = 16, 30, 3
PROCESSES = (1, 2, 4)
SYNCS = (0.0, 0.01)
"""Seconds that a commit takes longer than here."""
OTHERS = 10_000_000
"""Between the customers of one process and of the next."""
BOOK = """
book: {name: stock, timezone: UTC}
attributes: {profile.phone: {type: text}}
channels: {sms: {kind: outbound, address: profile.phone, consent: not_needed, hold: 1h, on_silence: release}}
offers: {ticket: {name: Ticket, STOCK content: {default: {text: Ticket}}}}
campaigns: {tickets: {offer: ticket, channels: [sms]}}
"""


def compiled_book(kind: str) -> CompiledBook:
    with tempfile.TemporaryDirectory() as folder:
        stock = "" if kind == "none" else "stock: 100000000,"
        (Path(folder) / "book.yaml").write_text(BOOK.replace("STOCK", stock), encoding="utf-8")
        loaded = load(Path(folder))
    if loaded.book is None:
        raise CannotMeasure(str(loaded))
    return compile_book(loaded.book)


def lock_one_row() -> None:
    """Has every group lock the counter's only row when it reads it, until it is committed."""
    PostgresStore.shards = 1
    read = quotas._READ  # noqa: SLF001 what is measured stands in for it
    quotas._READ = read._replace(source=f"{read.source} ORDER BY 1, 2 FOR UPDATE OF c")  # noqa: SLF001


def sync_slowly(seconds: float) -> None:
    """Has every group wait before it is committed, with its locks."""
    finish = UnitOfWork.finish

    def finish_slowly(unit: UnitOfWork) -> None:
        finish(unit)
        unit.store.select(Select(f"pg_sleep({seconds})::text", ""))

    patch.object(UnitOfWork, "finish", finish_slowly).start()


def group(compiled: CompiledBook, start: int, now: int) -> list[Evaluation]:
    requests = (Request(f"c{number}", now, {"profile.phone": "1"}) for number in range(start, start + GROUP))
    return [evaluate(compiled, request) for request in requests]


def work(kind: str, url: str, number: int, sync: float) -> None:
    if sync:
        sync_slowly(sync)
    if kind == "row":
        lock_one_row()
    compiled, store, now = compiled_book(kind), open_store(url, busy_timeout=60), time.time_ns() // 1000
    first = number * OTHERS
    batch = [group(compiled, first + at, now) for at in range(0, (GROUPS + 1) * GROUP, GROUP)]
    settled(store, batch.pop())  # makes the counter, and opens the connection
    print("ready", flush=True)
    sys.stdin.readline()
    start = time.monotonic()
    for evaluations in batch:
        settled(store, evaluations)
    print(json.dumps([start, time.monotonic()]), flush=True)
    store.close()


@contextmanager
def prepared(*words: str) -> Iterator["subprocess.Popen[str]"]:
    with running("-m", "bench.shards", *words, stdin=subprocess.PIPE) as process:
        if process.stdout is None or process.stdout.readline() != "ready\n":
            raise CannotMeasure(" ".join(words))
        yield process


def rate(server: PostgresServer, kind: str, processes: int, sync: float) -> float:
    """Decisions a second of so many processes at once, in a fresh log."""
    name = f"{kind}_{processes}"
    url = server.create_database(name, template="empty")
    with ExitStack() as stack:
        started = [
            stack.enter_context(prepared(kind, url, str(number), str(sync))) for number in range(processes)
        ]
        for process in started:
            print(file=process.stdin, flush=True)
        lines = [process.stdout.readline() if process.stdout else "" for process in started]
    server.drop_database(name)
    spans = [json.loads(line) for line in lines]
    seconds: float = max(end for _, end in spans) - min(start for start, _ in spans)
    return processes * GROUPS * GROUP / seconds


def main() -> None:
    with postgres(shared_buffers="256MB", max_wal_size="2GB", max_locks_per_transaction="256") as server:
        open_store(server.create_database("empty")).close()
        for sync, processes in product(SYNCS, PROCESSES):
            rates: dict[str, list[float]] = {kind: [] for kind in KINDS}
            for _ in range(ROUNDS):
                for kind in KINDS:
                    rates[kind].append(rate(server, kind, processes, sync))
            shown = ", ".join(f"{kind} {statistics.median(of):,.0f}/s" for kind, of in rates.items())
            print(f"{processes} processes, groups of {GROUP}, sync + {sync * 1e3:g} ms: {shown}", flush=True)


if __name__ == "__main__":
    if len(sys.argv) == 1:
        main()
    else:
        work(sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4]))
