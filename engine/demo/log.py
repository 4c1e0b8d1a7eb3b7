"""The decision log, read back from its file."""

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

# How many outbound messages a customer had had, in the seven days up to a commercial one and with it, at most.
_MOST_IN_A_WEEK = """
    SELECT max(n) FROM (
        SELECT count(*) AS n FROM contacts AS one JOIN contacts AS other
            ON other.person = one.person AND other.kind = 'outbound'
            AND other.at <= one.at AND other.at > one.at - 7 * 86400000000
        WHERE one.kind = 'outbound' AND one.category = 'commercial'
        GROUP BY one.person, one.at, one.decision_id)
"""


@dataclass(frozen=True, slots=True)
class Logged:
    """What the log holds."""

    file: str
    decisions: int
    outcomes: dict[str, int]
    offers: dict[str, int]
    contacts: int
    most_in_a_week: int


def read_log(file: Path) -> Logged:
    """Counts from the file, opened to read only."""
    with closing(sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro", uri=True)) as log:
        return Logged(
            str(file),
            _number(log, "SELECT count(*) FROM decisions"),
            _groups(log, "SELECT outcome, count(*) FROM decisions GROUP BY 1 ORDER BY 2 DESC"),
            _groups(
                log,
                "SELECT offer, count(*) FROM decisions WHERE offer IS NOT NULL GROUP BY 1 ORDER BY 2 DESC",
            ),
            _number(log, "SELECT count(*) FROM contacts"),
            _number(log, _MOST_IN_A_WEEK),
        )


def _number(log: sqlite3.Connection, query: str) -> int:
    return int(log.execute(query).fetchone()[0] or 0)


def _groups(log: sqlite3.Connection, query: str) -> dict[str, int]:
    return dict(log.execute(query).fetchall())
