"""What a report costs, beside a scan of the columns that it reads; and what one costs after a few new rows."""

import resource
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb

from bench.ratio import Ratio
from bench.table import Step, silent
from engine.measure.report.build import build
from engine.measure.report.tables import COLUMNS
from engine.rulebook.load import load_files
from engine.rulebook.model.book import Book

BEGIN = datetime(2026, 3, 1, tzinfo=UTC)
DAYS = 100

_BOOK = """
book: {name: measured, timezone: Europe/Lisbon}
channels:
  mail: {kind: outbound, address: profile.email, consent: not_needed, cost: 0.02}
  app: {kind: inbound}
attributes: {profile.email: {type: text}}
offers:
  cream: {name: Cream, value: 3, content: {default: {title: Cream}}}
  oil: {name: Oil, value: 2, content: {default: {title: Oil}}}
  soap: {name: Soap, content: {default: {title: Soap}}}
campaigns:
  cream: {offer: cream, channels: [mail], control: 10%}
  oil: {offer: oil, channels: [mail, app], control: 20%}
  soap: {offer: soap, channels: [app]}
pressure:
  caps:
    weekly: {limit: 2, per: calendar week}
    daily: {limit: 1, per: calendar day}
"""

_MADE = """
CREATE TABLE made AS SELECT i, hash(i * 7 + 1) % 1000 AS u, hash(i * 11 + 5) % {persons} AS customer,
    TIMESTAMP '{begin}' + to_microseconds(i * {step}) AS time FROM range({first}, {last}) numbers(i)
"""

_IDS = """
CREATE VIEW named AS SELECT *, time AS recorded_at, printf('customer-%08d', customer) AS person,
    printf('%08x-%04x-7000-8000-%012x', epoch_ms(time) >> 16, epoch_ms(time) & 65535, i) AS decision_id,
    CASE WHEN u < 400 THEN 'cream' WHEN u < 700 THEN 'oil' ELSE 'soap' END AS campaign,
    CASE WHEN u % 2 = 0 AND u < 700 THEN 'mail' ELSE 'app' END AS channel,
    CASE WHEN u % 10 >= 7 THEN 'blocked' WHEN u < 400 AND hash(customer) % 100 < 10 OR u BETWEEN 400 AND 699
        AND hash(customer) % 100 < 20 THEN 'control' ELSE 'offer' END AS outcome
FROM made
"""

_TABLES = {
    "decisions": "SELECT *, 'r-' || decision_id AS request_id, 'v1' AS book_version, campaign AS offer, 0.5 AS score,"
    ' 0 AS more_candidates, \'{"profile.tier": "gold"}\' AS attributes FROM named',
    "offers": "SELECT *, 1 AS position, 'v1' AS book_version, campaign AS offer, 'outbound' AS kind, 0.5 AS score,"
    " CASE outcome WHEN 'control' THEN 'control' ELSE '' END AS withheld, 1.0 AS p_variant, 'confirmed' AS state,"
    " CASE campaign WHEN 'soap' THEN NULL ELSE campaign END AS control_salt,"
    " CASE campaign WHEN 'cream' THEN 0.1 WHEN 'oil' THEN 0.2 END AS control_share FROM named WHERE outcome <> 'blocked'",
    "candidates": "SELECT named.* EXCLUDE (campaign), rank, 0 AS tier,"
    " CASE WHEN rank = 1 THEN campaign WHEN rank = 3 THEN 'pear' WHEN campaign = 'cream' THEN 'oil' ELSE 'cream' END"
    " AS campaign,"
    " 1.0 / (rank + hash(i) % 10) AS score, CASE WHEN rank > 1 THEN 'outranked' WHEN outcome = 'blocked' THEN 'capped'"
    " WHEN outcome = 'offer' THEN 'chosen' ELSE outcome END AS code,"
    " CASE WHEN rank > 1 THEN campaign WHEN outcome = 'blocked' THEN 'weekly' ELSE channel END AS name"
    " FROM named CROSS JOIN range(1, 4) ranks(rank)",
    "readings": "SELECT *, 'weekly' AS rule, u % 3 AS counted, 2 AS limit_, outcome = 'blocked' AS blocks,"
    " CASE outcome WHEN 'blocked' THEN time + INTERVAL 2 DAY END AS next_allowed_at FROM named"
    " UNION ALL BY NAME SELECT *, 'daily' AS rule, u % 2 AS counted, 1 AS limit_, u % 20 = 7 AS blocks,"
    " CASE u % 20 WHEN 7 THEN time + INTERVAL 9 HOUR END AS next_allowed_at FROM named",
    "experiments": "SELECT *, 'control' AS purpose, campaign AS name, campaign AS salt, 0.0 AS low, 0.1 AS high,"
    " outcome = 'control' AS inside FROM named WHERE outcome <> 'blocked' AND campaign <> 'soap'",
    "outcomes": "SELECT * REPLACE (time + INTERVAL 1 HOUR AS time, time + INTERVAL 1 HOUR AS recorded_at),"
    " 'd-' || i AS event_id, 'delivered' AS type, campaign AS offer FROM named WHERE outcome = 'offer'"
    " UNION ALL BY NAME SELECT * EXCLUDE (decision_id, campaign)"
    " REPLACE (time + INTERVAL 5 HOUR AS time, time + INTERVAL 5 HOUR AS recorded_at), 'o-' || i AS event_id,"
    " 'converted' AS type, '' AS campaign, 20.0 AS value, 'EUR' AS currency FROM named WHERE u % 20 = 3",
    "contacts": "SELECT *, 1 AS position, CASE outcome WHEN 'control' THEN 'shadow' ELSE 'confirmed' END AS state,"
    " 'outbound' AS kind, campaign AS offer, '' AS category FROM named WHERE outcome <> 'blocked'",
}


def report_ratios(*, quick: bool = False, step: Step = silent) -> list[Ratio]:
    """The ratios of reports on exports of decisions that DuckDB makes up."""
    rows = 20_000 if quick else 5_000_000
    book, as_of = book_of(), BEGIN + timedelta(days=DAYS + 60)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        step(f"an export of {rows:,} decisions")
        synthesise(folder, 0, rows, rows)
        step("report")
        scan = seconds(lambda: scan_all(folder))
        report = seconds(lambda: build(folder, book, as_of))
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    detail = f"{report:.1f} s against {scan:.2f} s, {rows:,} decisions, at most {most:,.0f} MB"
    return [Ratio("measure: scan of the columns / report", scan / report, 1 / 20, detail)]


def book_of() -> Book:
    """The book by which the decisions are reported."""
    book = load_files({"book.yaml": _BOOK.encode()}).book
    if book is None:
        raise RuntimeError("the book does not load")
    return book


def synthesise(folder: Path, first: int, last: int, rows: int) -> None:
    """Writes the decisions from the first to before the last, of so many in all, as an export by month."""
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        step = DAYS * 86_400_000_000 // rows
        values = {"persons": max(1, rows // 5), "begin": f"{BEGIN:%Y-%m-%d}", "step": step}
        connection.execute(_MADE.format(first=first, last=last, **values))
        connection.execute(_IDS)
        months = connection.execute("SELECT DISTINCT strftime(time, '%Y-%m') FROM made ORDER BY 1").fetchall()
        for table, source in _TABLES.items():
            (folder / table).mkdir(exist_ok=True)
            connection.execute(f"CREATE OR REPLACE VIEW source AS {source}")
            there = {name for name, *_ in connection.execute("DESCRIBE source").fetchall()}
            connection.execute(f"CREATE OR REPLACE TABLE declared ({COLUMNS[table]})")
            columns = ", ".join(
                f"CAST({name if name in there else 'NULL'} AS {kind}) AS {name}"
                for name, kind, *_ in connection.execute("DESCRIBE declared").fetchall()
            )
            for (month,) in months:
                connection.execute(
                    f"COPY (SELECT {columns} FROM source WHERE strftime(recorded_at, '%Y-%m') = '{month}')"
                    f" TO '{folder / table}/{month}.parquet' (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1)"
                )


def scan_all(folder: Path) -> None:
    """Reads every column that a report reads, once."""
    with duckdb.connect() as connection:
        for table in _TABLES:
            source = connection.read_parquet(f"{folder}/{table}/*.parquet")
            hashes = ", ".join(f"max(hash({column}))" for column in _READ[table].split())
            source.aggregate(hashes).fetchall()


_READ = {
    "decisions": "decision_id person time recorded_at outcome next_allowed_at more_candidates",
    "offers": "decision_id position person time recorded_at book_version campaign offer variant channel withheld"
    " withheld_by p_variant control_salt control_share learned_since",
    "candidates": "decision_id person time campaign tier score code name",
    "readings": "decision_id person time campaign channel rule blocks next_allowed_at",
    "experiments": "decision_id person time purpose name salt low high inside",
    "outcomes": "event_id person type time recorded_at decision_id campaign value currency order_id",
    "contacts": "decision_id position person time state expires_at channel campaign offer",
}


def seconds(run: Callable[[], object]) -> float:
    """How long it takes."""
    start = time.perf_counter()
    run()
    return time.perf_counter() - start
