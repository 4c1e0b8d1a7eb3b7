"""A log that version 0.1.0 wrote opens, answers retries, and goes on as that version would have gone on.

The folder log_0_1_0 holds the book, the log as SQL, and what version 0.1.0 answered on a copy of that log afterwards.
"""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from engine.decide.compiled import compile_book
from engine.engine import Engine
from engine.explain import explain_logged
from engine.ledger.ledger import Ledger
from engine.ledger.store.open import open_store
from engine.model.decision import Decision
from engine.model.instant import DAY, SECOND
from engine.model.request import Request
from engine.rulebook.load import load, load_files

FOLDER = Path(__file__).with_name("log_0_1_0")
ANSWERS: dict[str, dict[str, Any]] = json.loads((FOLDER / "answers.json").read_text(encoding="utf-8"))
BEGIN = 1_773_136_800_000_000
"""2026-03-10T10:00Z, when the first decision of the log was made."""
PEOPLE = 12


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """An engine with the book and a copy of the log."""
    path = tmp_path / "tact.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript((FOLDER / "log.sql").read_text(encoding="utf-8"))
    loaded = load(FOLDER / "book")
    assert loaded.book is not None
    ledger = Ledger(open_store(f"sqlite:///{path}"))
    yield Engine(compile_book(loaded.book), ledger)
    ledger.close()


def request_of(number: int, at: int, request_id: str, **fields: Any) -> Request:
    """What was asked for one of the log's persons."""
    name = "cookie-1" if number == 1 and request_id.startswith("n-") else f"person-{number}"
    attributes: dict[str, Any] = {
        "profile.mail": f"person-{number}@example.com",
        "profile.name": f"Ann {number}",
        "profile.scores.tea": number / PEOPLE,
    }
    return Request(name, at, attributes, request_id=request_id, **fields)


def summary(decision: Decision) -> list[Any]:
    """The decision as answers.json has it."""
    offers = [
        [
            offer.campaign,
            offer.offer,
            offer.variant,
            offer.channel,
            offer.selection_probability,
            offer.content,
        ]
        for offer in decision.offers
    ]
    document = [
        decision.outcome,
        offers,
        [[reason.code, reason.name] for reason in decision.reasons],
        decision.blocked_by,
        decision.next_allowed_at,
        [[signal.name, signal.since] for signal in decision.signals],
        decision.selection_probability,
    ]
    restored: list[Any] = json.loads(json.dumps(document))
    return restored


async def test_retries_get_the_answers_of_then(engine: Engine) -> None:
    """Each request_id of the log is answered as it was, though caps, stock and learning stand otherwise by now."""
    steps: tuple[dict[str, Any], ...] = (
        {"consents": frozenset(["mail"])},
        {"consents": frozenset(["mail"]), "channels": ("push",)},
        {"placement": "home"},
    )
    for number in range(PEOPLE):
        for step, fields in enumerate(steps):
            request_id = f"r-{number}-{step}"
            decision = await engine.decide(request_of(number, BEGIN + 9 * DAY, request_id, **fields))
            assert summary(decision) == ANSWERS["retries"][request_id], request_id
            assert decision.next_any_at is None  # that version did not answer it


async def test_new_requests_are_decided_as_the_earlier_version_did(engine: Engine) -> None:
    """Contacts, consents, pauses, stock, signals, links and control groups of the log count for what comes after it."""
    for number in range(PEOPLE):
        for label, later in (("evening", DAY + 12 * 3600 * SECOND), ("third-day", 3 * DAY)):
            request = request_of(number, BEGIN + later, f"n-{number}-{label}", consents=frozenset(["mail"]))
            decision = await engine.decide(request)
            assert summary(decision) == ANSWERS["next"][f"{number} {label}"], request.request_id


async def test_contacts_keep_the_end_that_they_were_given(engine: Engine) -> None:
    """By the same book under today's default (no `on_silence: release`) they lapse when the log says."""
    path = FOLDER / "book" / "book.yaml"
    text = path.read_bytes().replace(b"hold: 24h, on_silence: release", b"hold: 24h")
    loaded = load_files({"book.yaml": text})
    assert loaded.book is not None
    engine.compiled = compile_book(loaded.book)
    for number in range(PEOPLE):
        later = BEGIN + DAY + 12 * 3600 * SECOND
        request = request_of(number, later, f"n-{number}-evening", consents=frozenset(["mail"]))
        assert summary(await engine.decide(request)) == ANSWERS["next"][f"{number} evening"], number


async def test_its_decisions_are_explained(engine: Engine) -> None:
    """Every decision of the log is made again from its row, and comes out as it did."""
    rows = sqlite3_rows(FOLDER / "log.sql", "SELECT decision_id, outcome FROM decisions")
    assert len(rows) == 3 * PEOPLE
    for decision_id, outcome in rows:
        explained = await explain_logged(engine, decision_id)
        assert explained.notes == ()
        assert explained.decision.outcome == outcome


def sqlite3_rows(script: Path, sql: str) -> list[tuple[Any, ...]]:
    """What the query finds in a log of its own, made by the script."""
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(script.read_text(encoding="utf-8"))
        return connection.execute(sql).fetchall()
