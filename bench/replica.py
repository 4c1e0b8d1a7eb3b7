"""One of several processes that write one PostgreSQL log at once: it prepares, waits for a line, and works.

`python -m bench.replica settle URL SIZE GROUPS NUMBER` commits that many groups; `raw URL SIZE GROUPS NUMBER FROM` copies rows
that another log holds, group by group. It prints begin and end, on the machine's monotonic clock, so that a parent can put
them together, and its processor time.
"""

import gc
import json
import sys
import time
from collections.abc import Callable
from typing import Any

import psycopg

from bench.books import compiled_book
from bench.ledger import TABLES, Evaluations, Rows, settled
from engine.ledger.store.open import open_store

CAMPAIGNS = 300
POOL = 2_000
OTHERS = 10_000_000
"""Distance between the customers of two processes: in a busy service few customers are decided for twice at once."""
_BATCH = "SELECT decision_id FROM decisions ORDER BY decision_id LIMIT {size} OFFSET {start}"


def settling(url: str, size: int, groups: int, number: int) -> list[Callable[[], object]]:
    """Commits of groups of evaluations for this process's own customers."""
    evaluations, store = Evaluations(compiled_book(CAMPAIGNS), POOL), open_store(url)
    batch = [evaluations.group(range(start, start + size)) for start in _starts(size, groups, number)]
    return [lambda group=group: settled(store, group) for group in batch]  # type: ignore[misc]


def copying(url: str, size: int, groups: int, number: int, source: str) -> list[Callable[[], object]]:
    """Copies of groups of rows of another log, as fast as PostgreSQL takes them."""
    with psycopg.connect(source) as log:
        batch = [_rows(log, size, (number * groups + group) * size) for group in range(groups)]
    connection = psycopg.connect(url, autocommit=True)
    return [lambda rows=rows: _copy(connection, rows) for rows in batch]  # type: ignore[misc]


def _starts(size: int, groups: int, number: int) -> range:
    return range(number * OTHERS, number * OTHERS + groups * size, size)


def _rows(log: "psycopg.Connection[Any]", size: int, start: int) -> Rows:
    ids = _BATCH.format(size=size, start=start)
    decision_rows = [
        log.execute(f"SELECT * FROM {table} WHERE decision_id IN ({ids})".encode()).fetchall()
        for table in TABLES[:-1]
    ]
    return [*decision_rows, [(row[2], row[3]) for row in decision_rows[0]]]


def _copy(connection: "psycopg.Connection[Any]", rows: Rows) -> None:
    with connection.transaction():
        for table, table_rows in zip(TABLES[:-1], rows[:-1], strict=True):
            with connection.cursor().copy(f"COPY {table} FROM STDIN".encode()) as copy:
                for row in table_rows:
                    copy.write_row(row)
        persons = "INSERT INTO persons VALUES (%s, %s) ON CONFLICT DO NOTHING"
        connection.cursor().executemany(persons, rows[-1])


def main(kind: str, url: str, *words: str) -> None:
    size, groups, number = map(int, words[:3])
    work = (
        settling(url, size, groups, number)
        if kind == "settle"
        else copying(url, size, groups, number, words[3])
    )
    gc.collect()
    gc.freeze()
    print("ready", flush=True)
    sys.stdin.readline()
    start, busy = time.monotonic(), time.process_time()
    for step in work:
        step()
    print(json.dumps([start, time.monotonic(), time.process_time() - busy]), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
