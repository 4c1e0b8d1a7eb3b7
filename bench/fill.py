"""Fills a log of any size by SQL: decisions spread over 100 days, five a customer, after the pattern of some by the engine."""

import sqlite3
from pathlib import Path

DAYS = 100
PER_CUSTOMER = 5
_MILLISECONDS = 86_400_000
_HEX = "lower(hex(randomblob({})))"

# A UUIDv7 from its milliseconds: 48 bits of time, version, 12 random bits, variant, 62 random bits.
_UUID7 = (
    "printf('%s-%s-7%s-b%s-%s', substr(h, 1, 8), substr(h, 9, 4),"
    f" substr({_HEX.format(2)}, 2), substr({_HEX.format(2)}, 2), {_HEX.format(6)})"
)


def fill(path: Path, rows: int, until: int, *, reported: bool = False) -> None:
    """Puts so many decisions, with their requests and contacts, into the file, the last one at `until` (microseconds).

    The file holds the tables and some decisions, whose rows serve as the pattern. Rows enter every table in the order
    of its key, which is fast, and lie as they would have after any other order. reported: also with the outcomes that were
    reported of the pattern's decisions, and with commits, from which the log is read in the order in which it was written.
    """
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        for pragma in (
            "journal_mode = OFF",
            "synchronous = OFF",
            "cache_size = -1000000",
            "temp_store = MEMORY",
        ):
            connection.execute(f"PRAGMA {pragma}")
        connection.execute("BEGIN")
        _patterns(connection)
        _numbers(connection, rows, until)
        if reported:
            _outcomes(connection)
            _commits(connection)
        _decisions(connection)
        _requests(connection, rows)
        _contacts(connection)
        _persons(connection)
        connection.execute("COMMIT")
        connection.execute("PRAGMA journal_mode = WAL")
    finally:
        connection.close()


def _patterns(connection: sqlite3.Connection) -> None:
    """Moves the rows that the engine wrote to temporary tables; a contact's pattern is that of its decision."""
    connection.execute("CREATE TEMP TABLE pattern AS SELECT * FROM decisions")
    connection.execute(
        "CREATE TEMP TABLE touch AS SELECT p.rowid AS n, c.* FROM pattern p JOIN contacts c USING (decision_id)"
    )
    connection.execute("CREATE INDEX temp.touch_n ON touch (n)")
    for table in ("decisions", "requests", "contacts", "persons"):
        connection.execute(f"DELETE FROM {table}")


def _numbers(connection: sqlite3.Connection, rows: int, until: int) -> None:
    """Makes the table of decisions to write: id, time, the customer's number, and the pattern."""
    (patterns,) = connection.execute("SELECT count(*) FROM pattern").fetchone()
    customers = max(1, rows // PER_CUSTOMER)
    step, start = DAYS * _MILLISECONDS / rows, until // 1000 - DAYS * _MILLISECONDS
    connection.execute(
        "CREATE TEMP TABLE made AS WITH RECURSIVE"
        f" n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < {rows}),"
        f" t(n, ms) AS (SELECT n, {start} + CAST(n * {step!r} AS INTEGER) FROM n),"
        " u(n, ms, h) AS (SELECT n, ms, printf('%012x', ms) FROM t)"
        f" SELECT n, {_UUID7} AS id, ms * 1000 AS at, n % {customers} AS customer, 1 + abs(random() % {patterns}) AS p"
        " FROM u ORDER BY id"
    )


def _columns(
    connection: sqlite3.Connection, table: str, source: str, values: dict[str, str]
) -> tuple[str, str]:
    """The table's columns, and for each the expression among `values` or the pattern's own column."""
    names = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
    return ", ".join(names), ", ".join(values.get(name, f"{source}.{name}") for name in names)


_CUSTOMER = "printf('customer-%08d', made.customer)"


def _decisions(connection: sqlite3.Connection) -> None:
    own = {"decision_id": "made.id", "person": _CUSTOMER, "at": "made.at", "request_id": "'r-' || made.id"}
    names, values = _columns(connection, "decisions", "pattern", own)
    connection.execute(
        f"INSERT INTO decisions ({names}) SELECT {values} FROM made CROSS JOIN pattern ON pattern.rowid = made.p"
        " ORDER BY made.rowid"
    )


def _requests(connection: sqlite3.Connection, rows: int) -> None:
    """Request ids spread evenly over their range, as random ones are."""
    connection.execute(
        "INSERT INTO requests (request_id, decision_id)"
        f" SELECT printf('%08x', rowid * {2**32 // rows}) || {_HEX.format(10)}, id FROM made ORDER BY rowid"
    )


def _contacts(connection: sqlite3.Connection) -> None:
    own = {"decision_id": "made.id", "person": _CUSTOMER, "at": "made.at"}
    own["expires_at"] = "CASE WHEN touch.expires_at IS NULL THEN NULL ELSE made.at + 86400000000 END"
    names, values = _columns(connection, "contacts", "touch", own)
    connection.execute("CREATE TEMP TABLE by_customer AS SELECT * FROM made ORDER BY customer, at")
    connection.execute(
        f"INSERT INTO contacts ({names}) SELECT {values} FROM by_customer AS made"
        " CROSS JOIN touch ON touch.n = made.p ORDER BY made.rowid"
    )


_SAID_AT = "made.at + said.at - said.decided_at"
_EVENT_ID = "said.type || '-' || made.id"


def _outcomes(connection: sqlite3.Connection) -> None:
    """Those of the pattern's decisions, as long after each decision as they came after the pattern's."""
    connection.execute(
        "CREATE TEMP TABLE said AS SELECT p.rowid AS n, o.* FROM pattern p JOIN outcomes o USING (decision_id)"
    )
    connection.execute("CREATE INDEX temp.said_n ON said (n)")
    connection.execute("DELETE FROM outcomes")
    own = {
        "person": _CUSTOMER,
        "at": _SAID_AT,
        "event_id": _EVENT_ID,
        "decision_id": "made.id",
        "decided_at": "made.at",
        "recorded_at": _SAID_AT,
        "order_id": "CASE WHEN said.order_id IS NULL THEN NULL ELSE 'order-' || made.id END",
    }
    names, values = _columns(connection, "outcomes", "said", own)
    connection.execute(
        f"INSERT INTO outcomes ({names}) SELECT {values} FROM made CROSS JOIN said ON said.n = made.p"
        " ORDER BY made.customer, said.type, made.at"
    )


def _commits(connection: sqlite3.Connection) -> None:
    """One for each 256 decisions, which also kept the outcomes that were reported of them."""
    connection.execute("DELETE FROM commits")
    connection.execute(
        "CREATE TEMP TABLE heard AS SELECT (made.rowid - 1) / 256 AS number, json_group_array("
        f"json_array({_EVENT_ID}, said.type, {_SAID_AT}, {_SAID_AT})) AS keys"
        " FROM made CROSS JOIN said ON said.n = made.p GROUP BY number"
    )
    connection.execute("CREATE INDEX temp.heard_number ON heard (number)")
    connection.execute(
        "INSERT INTO commits (committed_at, decisions, outcomes, trends)"
        " SELECT max(made.at), json_group_array(made.id), coalesce((SELECT keys FROM heard"
        " WHERE heard.number = (made.rowid - 1) / 256), '[]'), '[]' FROM made GROUP BY (made.rowid - 1) / 256"
    )


def _persons(connection: sqlite3.Connection) -> None:
    connection.execute(
        f"INSERT INTO persons (person, first_seen) SELECT {_CUSTOMER}, min(at) FROM by_customer AS made"
        " GROUP BY customer ORDER BY customer"
    )
