"""Fills a log of any size in PostgreSQL by SQL, as bench.fill fills a file."""

from datetime import timedelta
from typing import Any

import psycopg

from bench.fill import DAYS, PER_CUSTOMER
from engine.ledger.store.partitions import make_partitions
from engine.model.instant import to_datetime

_MADE = """
    CREATE TEMP TABLE made AS
    SELECT n, customer, at, p, substr(hex, 1, 8) || '-' || substr(hex, 9) || '-7' || substr(noise, 1, 3)
        || '-b' || substr(noise, 4, 3) || '-' || substr(noise, 7, 12) AS id, noise
    FROM (SELECT n, n %% %(customers)s AS customer, ms * 1000 AS at, 1 + n * 7919 %% %(patterns)s AS p,
                 lpad(to_hex(ms), 12, '0') AS hex, md5(n::text) AS noise
          FROM (SELECT n, %(start)s + (n * %(step)s::float8)::bigint AS ms
                FROM generate_series(1, %(rows)s::bigint) AS n) AS counted) AS named"""
_CUSTOMER = "'customer-' || lpad(made.customer::text, 8, '0')"


def fill(url: str, rows: int, until: int) -> None:
    """Puts so many decisions, with their requests, contacts and persons, into the log, the last one at `until` (microseconds).

    The log holds the tables and some decisions, whose rows serve as the pattern.
    """
    with psycopg.connect(url, autocommit=True) as connection:
        make_partitions(connection, to_datetime(until) - timedelta(days=DAYS))
        patterns = _patterns(connection)
        step, start = DAYS * 86_400_000 / rows, until // 1000 - DAYS * 86_400_000
        counts = {"rows": rows, "customers": max(1, rows // PER_CUSTOMER), "patterns": patterns}
        connection.execute(_MADE, {**counts, "step": step, "start": start})
        own = {"decision_id": "made.id", "person": _CUSTOMER, "at": "made.at"}
        _copy(connection, "decisions", "pattern", {**own, "request_id": "'r-' || made.id"})
        connection.execute("INSERT INTO requests SELECT noise, id FROM made")
        hold = "made.at + (touch.expires_at - touch.at)"
        _copy(connection, "contacts", "touch", {**own, "expires_at": hold})
        connection.execute(
            f"INSERT INTO persons SELECT {_CUSTOMER}, min(at) FROM made GROUP BY customer".encode()
        )
        connection.execute("VACUUM ANALYZE decisions, requests, contacts, persons")


def _patterns(connection: "psycopg.Connection[Any]") -> int:
    """Moves the rows that the engine wrote to temporary tables; a contact's pattern is that of its decision."""
    connection.execute("CREATE TEMP TABLE pattern AS SELECT row_number() OVER () AS p, * FROM decisions")
    connection.execute(
        "CREATE TEMP TABLE touch AS SELECT pattern.p, contacts.* FROM pattern JOIN contacts USING (decision_id)"
    )
    connection.execute("TRUNCATE decisions, requests, contacts, persons")
    ((patterns,),) = connection.execute("SELECT count(*) FROM pattern").fetchall()
    return int(patterns)


def _copy(connection: "psycopg.Connection[Any]", table: str, source: str, values: dict[str, str]) -> None:
    """Copies the source's rows into the table, with the expressions in `values` for columns of that name."""
    columns = connection.execute(
        "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 ORDER BY attnum",
        (table,),
    )
    names = [name for (name,) in columns]
    expressions = ", ".join(values.get(name, f"{source}.{name}") for name in names)
    connection.execute(
        f"INSERT INTO {table} ({', '.join(names)}) SELECT {expressions} FROM made JOIN {source} USING (p)".encode()
    )
