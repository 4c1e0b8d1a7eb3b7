"""A log with everything that an export reads, and the rows of an export, to compare."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
from duckdb import DuckDBPyConnection

from engine.decide.compiled import CompiledBook
from engine.decide.evaluate import evaluate
from engine.ledger.commit.books import KeepBookCommand
from engine.ledger.commit.commands import Command
from engine.ledger.commit.decisions import DecideCommand
from engine.ledger.commit.group import commit_group
from engine.ledger.commit.identity import LinkCommand
from engine.ledger.commit.outcomes import ReportCommand
from engine.ledger.store.store import Store
from engine.measure.export.tables import all_tables
from engine.model.decision import Decision
from engine.model.event import Event
from engine.model.request import Request

HOUR = 3_600_000_000
NOW = 1_773_108_000_000_000
BOOK = """
book: {name: exported, timezone: UTC, salt: s7, attribution: {window: 2d}, lawful_basis: {health: consent form 7}}
attributes:
  profile.phone: {type: text}
  profile.allergy: {type: text, sensitive: health}
  profile.age: {type: integer}
channels:
  sms: {kind: outbound, address: profile.phone, consent: not_needed, cost: 0.05}
  web: {kind: inbound}
placements: {page: {channel: web, max_offers: 2, fallback: story}}
offers:
  tea: {name: Tea, value: 2, tags: [hot, drink], content: {default: {text: "Tea"}}}
  cake: {name: Cake, content: {default: {text: Cake}}}
  story: {name: Story, content: {default: {text: Story}}}
holdouts: {nobody-writes: {share: 20%, salt: h}}
campaigns:
  tea:
    offer: tea
    channels: [sms]
    placements: [page]
    tier: 2
    propensity: 0.25
    boosts: [{when: {profile.allergy: nuts}, by: 2}]
    control: {share: 30%, salt: c}
    attribution: {model: linear}
    variants:
      plain: {content: {default: {text: "Tea"}}}
      warm: {share: 3, content: {default: {text: "Warm tea, {profile.phone|friend}?"}}}
  cake: {offer: cake, channels: [sms], placements: [page], when: {profile.age: {gte: 18}}}
pressure:
  caps: {weekly: {limit: 1, per: rolling 7d, count: {kind: outbound}}}
"""
SECRET = "+44 secret"


def decide(store: Store, compiled: CompiledBook, *requests: Request) -> list[Decision]:
    """Decides the requests in one group."""
    commands: list[Command[Any]] = [DecideCommand(evaluate(compiled, request)) for request in requests]
    return commit(store, *commands)


def commit(store: Store, *commands: Command[Any]) -> list[Any]:
    """Commits commands as one group."""
    results = commit_group(store, commands)
    assert not [result for result in results if isinstance(result, Exception)], results
    return list(results)


def request_of(number: int, at: int = NOW, **fields: Any) -> Request:
    """A customer of the book; every third has an allergy, every fourth is a child."""
    attributes: dict[str, Any] = {
        "profile.phone": f"{SECRET} {number}",
        "profile.age": 9 if number % 4 == 0 else 30,
    }
    if number % 3 == 0:
        attributes["profile.allergy"] = "nuts"
    return Request(f"person-{number}", at, attributes, **fields)


def outcome(
    compiled: CompiledBook, decision_id: str, type_: str, at: int, event_id: str, **fields: Any
) -> ReportCommand:
    """An outcome; value, currency, customer and order are among the fields."""
    customer, order = fields.pop("customer", ""), fields.pop("order", "")
    event = Event(event_id, type_, at, fields)
    return ReportCommand(compiled, customer, decision_id, event, at, order=order)


def fill(store: Store, compiled: CompiledBook, persons: int = 24) -> list[Decision]:
    """Messages and pages for so many persons, with outcomes, orders, refunds, and two names of one person."""
    decisions = decide(store, compiled, *(request_of(number) for number in range(persons)))
    decisions += decide(store, compiled, *(request_of(number, NOW + HOUR) for number in range(persons)))
    pages = (
        request_of(number, NOW + 2 * HOUR, placement="page", max_offers=2, request_id=f"page-{number}")
        for number in range(persons)
    )
    decisions += decide(store, compiled, *pages)
    commands: list[Command[Any]] = [KeepBookCommand(compiled.book, NOW)]
    for number, decision in enumerate(decisions[:persons]):
        at = NOW + 3 * HOUR + number
        commands.append(
            outcome(
                compiled,
                "",
                "converted",
                at,
                f"buy-{number}",
                value=12.5,
                currency="EUR",
                order=f"o{number}",
                customer=f"person-{number}",
            )
        )
        if decision.offers:
            commands.append(
                outcome(compiled, decision.decision_id, "delivered", NOW + HOUR, f"there-{number}")
            )
        if number % 5 == 0:
            commands.append(
                outcome(
                    compiled,
                    "",
                    "refunded",
                    at + HOUR,
                    f"back-{number}",
                    value=2.5,
                    currency="EUR",
                    order=f"o{number}",
                    customer=f"person-{number}",
                )
            )
    commit(store, *commands)
    commit(store, LinkCommand(("person-1", "cookie-1"), NOW + 4 * HOUR))
    return decisions


def rows_of(folder: Path, table: str) -> list[tuple[Any, ...]]:
    """The rows of a table of an export, in order."""
    with duckdb.connect() as connection:
        return _select(connection, folder, table).fetchall()


def dicts_of(folder: Path, table: str) -> list[dict[str, Any]]:
    """The same, by column."""
    with duckdb.connect() as connection:
        rows = _select(connection, folder, table)
        columns = [column[0] for column in rows.description or ()]
        return [dict(zip(columns, row, strict=True)) for row in rows.fetchall()]


def content_of(folder: Path) -> dict[str, Sequence[tuple[Any, ...]]]:
    """All rows of an export, by table."""
    with duckdb.connect() as connection:  # to connect takes ten times as long as to read a table
        return {table: _select(connection, folder, table).fetchall() for table in all_tables()}


def _select(connection: DuckDBPyConnection, folder: Path, table: str) -> DuckDBPyConnection:
    files = str(folder / table / "*.parquet")
    return connection.execute(f"SELECT * FROM read_parquet('{files}') ORDER BY ALL")
