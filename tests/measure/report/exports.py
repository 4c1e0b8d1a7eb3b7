"""Exports written by tests: simulated campaigns whose true effect is known."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray

from engine.measure.report.build import Report, build
from engine.measure.report.figures import Figure
from engine.measure.report.tables import COLUMNS
from engine.measure.report.uplift import Options
from engine.rulebook.load import load_files
from engine.rulebook.model.book import Book

BEGIN = datetime(2026, 3, 2, tzinfo=UTC)
"""A Monday."""
AS_OF = BEGIN + timedelta(days=60)
HOUR = 3_600_000_000
DAY = 24 * HOUR
WEEK = 7 * DAY

BOOK = """
book: {name: trial, timezone: UTC}
channels:
  mail: {kind: outbound, address: profile.email, consent: not_needed, cost: 0.1}
  app: {kind: inbound}
attributes: {profile.gender: {type: text}, profile.email: {type: text}}
offers:
  cream: {name: Cream, value: 2, content: {default: {title: Cream}}}
  oil: {name: Oil, content: {default: {title: Oil}}}
campaigns:
  cream: {offer: cream, channels: [mail], control: 20%, attribution: {window: 7d}}
  oil: {offer: oil, channels: [mail]}
pressure:
  caps:
    weekly: {limit: 2, per: calendar week}
    yearly: {limit: 100, per: rolling 365d, when: {profile.gender: female}}
"""

Columns = Mapping[str, Any]


def book_of(text: str = BOOK) -> Book:
    """The book of the text."""
    loaded = load_files({"book.yaml": text.encode()})
    assert loaded.book is not None, loaded.diagnostics
    return loaded.book


def ids(times: NDArray[np.int64], number: int = 0) -> list[str]:
    """UUIDv7 of the times, in microseconds: all different, in order of time."""
    return [
        f"{(time // 1000) >> 16:08x}-{(time // 1000) & 0xFFFF:04x}-7{number:03x}-8000-{row:012x}"
        for row, time in enumerate(times.tolist())
    ]


def micros(moment: datetime) -> int:
    """The moment in microseconds since 1970."""
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


@dataclass
class Export:
    """Tables in memory that are written as an export."""

    rows: dict[str, list[Columns]] = field(default_factory=dict)

    def add(self, table: str, **columns: Any) -> None:
        """Adds rows; a column is an array or one value for all of them. Times are microseconds."""
        self.rows.setdefault(table, []).append(columns)

    def write(self, folder: Path) -> Path:
        """Writes TABLE/2026-03.parquet for every table that has rows."""
        with duckdb.connect() as connection:
            connection.execute("SET TimeZone = 'UTC'")
            for table, parts in self.rows.items():
                connection.execute(f"CREATE OR REPLACE TABLE whole ({COLUMNS[table]})")
                kinds = {name: kind for name, kind, *_ in connection.execute("DESCRIBE whole").fetchall()}
                for columns in parts:
                    _insert(connection, kinds, columns)
                (folder / table).mkdir(parents=True, exist_ok=True)
                connection.execute(f"COPY whole TO '{folder / table / '2026-03.parquet'}'")
        return folder

    def report(self, folder: Path, book: Book | None = None, **options: Any) -> Report:
        """The report on the export, as of AS_OF unless another moment is given."""
        moments = {name: options.pop(name) for name in ("start", "end", "as_of") if name in options}
        return build(
            self.write(folder), book or book_of(), options=Options(**options), **{"as_of": AS_OF, **moments}
        )


def _insert(connection: duckdb.DuckDBPyConnection, kinds: Mapping[str, str], columns: Columns) -> None:
    size = max(np.size(column) for column in columns.values())
    source = {name: _column(column, size) for name, column in columns.items()}
    names = ", ".join(source)
    values = ", ".join(
        f"make_timestamp({name})" if kinds[name] == "TIMESTAMP" else f"CAST({name} AS {kinds[name]})"
        for name in source
    )
    connection.register("source", source)
    connection.execute(f"INSERT INTO whole ({names}) SELECT {values} FROM source")
    connection.unregister("source")


def _column(column: Any, size: int) -> NDArray[Any]:
    whole = np.asarray(column)
    if whole.ndim == 0:
        whole = np.repeat(whole, size)
    return whole.astype(object) if whole.dtype.kind in "US" else whole


def offers(
    export: Export,
    person: Any,
    time: NDArray[np.int64],
    treated: NDArray[np.bool_],
    number: int = 0,
    campaign: str = "cream",
    control: float | None = 0.2,
    **columns: Any,
) -> list[str]:
    """A decision with an offer, or with a withheld one, for each person; the ids of the decisions."""
    decision_id = np.array(ids(time, number), object)
    shared = {
        "decision_id": decision_id,
        "person": person,
        "time": time,
        "recorded_at": time,
        "book_version": "v1",
    }
    outcome = np.where(treated, "offer", "control")
    export.add("decisions", **shared, outcome=outcome, campaign=campaign, channel="mail", more_candidates=0)
    salt = {} if control is None else {"control_salt": "s", "control_share": control}
    withheld = np.where(treated, "", "control")
    row = {
        "position": 0,
        "campaign": campaign,
        "offer": campaign,
        "variant": "",
        "channel": "mail",
        "p_variant": 1.0,
    }
    export.add("offers", **{**shared, **row, "withheld": withheld, **salt, **columns})
    row |= {"decision_id": decision_id, "person": person, "time": time, "kind": "outbound"}
    del row["variant"], row["p_variant"]
    export.add("contacts", **row, state=np.where(treated, "confirmed", "shadow"), category="commercial")
    return list(decision_id)


def orders(export: Export, person: Any, time: NDArray[np.int64], value: Any = 10.0, **columns: Any) -> None:
    """An order of each person, reported by the person alone."""
    names = [f"e{index}-{len(export.rows.get('outcomes', []))}" for index in range(len(time))]
    row: dict[str, Any] = {
        "type": "converted",
        "channel": "",
        "campaign": "",
        "offer": "",
        "variant": "",
        "currency": "EUR",
    }
    row |= {
        "event_id": np.array(names, object),
        "person": person,
        "time": time,
        "recorded_at": time,
        "value": value,
    }
    export.add("outcomes", **{**row, **columns})


def names(prefix: str, number: int) -> np.ndarray:
    """Ids of persons."""
    return np.array([f"{prefix}{index}" for index in range(number)], object)


def moments(rng: np.random.Generator, number: int, day: int = 0, days: int = 28) -> np.ndarray:
    """Times from a day after BEGIN on, in order."""
    return np.sort(micros(BEGIN) + day * DAY + rng.integers(0, days * DAY, number))


def figure(cell: object) -> Figure:
    """The cell, which has to be a figure with limits."""
    assert isinstance(cell, Figure), cell
    assert cell.value is not None, cell.refused
    return cell


def covers(cell: Figure, truth: float) -> bool:
    """Whether the truth lies within the limits."""
    assert cell.low is not None, cell
    assert cell.high is not None, cell
    return cell.low <= truth <= cell.high
