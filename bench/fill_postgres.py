"""A log in PostgreSQL of any size, filled by SQL as bench.fill fills a file."""

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
        given = {"rows": rows, "customers": max(1, rows // PER_CUSTOMER), "patterns": patterns}
        connection.execute(_MADE, {**given, "step": step, "start": start})
        named = {"decision_id": "made.id", "person": _CUSTOMER, "at": "made.at"}
        _copy(connection, "decisions", "pattern", {**named, "request_id": "'r-' || made.id"})
        connection.execute("INSERT INTO requests SELECT noise, id FROM made")
        hold = "made.at + (touch.expires_at - touch.at)"
        _copy(connection, "contacts", "touch", {**named, "expires_at": hold})
        connection.execute(
            f"INSERT INTO persons SELECT {_CUSTOMER}, min(at) FROM made GROUP BY customer".encode()
        )
        connection.execute("VACUUM ANALYZE decisions, requests, contacts, persons")


def _patterns(connection: "psycopg.Connection[Any]") -> int:
    """Sets aside what the engine wrote; a contact's pattern is that of its decision."""
    connection.execute("CREATE TEMP TABLE pattern AS SELECT row_number() OVER () AS p, * FROM decisions")
    connection.execute(
        "CREATE TEMP TABLE touch AS SELECT pattern.p, contacts.* FROM pattern JOIN contacts USING (decision_id)"
    )
    connection.execute("TRUNCATE decisions, requests, contacts, persons")
    ((patterns,),) = connection.execute("SELECT count(*) FROM pattern").fetchall()
    return int(patterns)


def _copy(connection: "psycopg.Connection[Any]", table: str, source: str, given: dict[str, str]) -> None:
    """Rows of the table as the source has them, but for what is given."""
    found = connection.execute(
        "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 ORDER BY attnum",
        (table,),
    )
    names = [name for (name,) in found]
    values = ", ".join(given.get(name, f"{source}.{name}") for name in names)
    connection.execute(
        f"INSERT INTO {table} ({', '.join(names)}) SELECT {values} FROM made JOIN {source} USING (p)".encode()
    )
