"""The tables `signals` and `remembered` of an export."""

from datetime import datetime, timedelta
from pathlib import Path

from engine.ledger.store.open import open_store
from engine.measure.export.export import export
from engine.model.request import Request
from tests.books import compiled_book
from tests.logs import Log
from tests.measure.export.kit import NOW, decide, dicts_of

BOOK = """
book: {name: leaving, timezone: UTC}
attributes: {profile.age: {type: integer}}
channels: {web: {kind: inbound}}
placements: {page: {channel: web}}
offers: {tea: {name: Tea, content: {default: {text: Tea}}}}
signals:
  adult: {when: {profile.age: {gte: 18}}}
  elder: {when: {profile.age: {gte: 60}}, hold: 2d}
campaigns:
  tea: {offer: tea, placements: [page], when: {any: [{signal: adult}, {signal: elder}]}}
"""


def test_signals_of_decisions_and_what_is_remembered(any_log: Log, tmp_path: Path) -> None:
    """Each signal that held, since and until when; in the second table only what the log stores."""
    store = open_store(any_log.url)
    ages = {"ann": 9, "bob": 30, "cy": 70}
    decide(
        store,
        compiled_book(tmp_path / "book", BOOK),
        *(Request(name, NOW, {"profile.age": age}, placement="page") for name, age in ages.items()),
    )
    store.close()
    export(any_log.url, tmp_path / "out")
    since = datetime(1970, 1, 1) + timedelta(microseconds=NOW)  # noqa: DTZ001 -- as an export has it
    until = since + timedelta(days=2)
    rows = dicts_of(tmp_path / "out", "signals")
    assert sorted((row["person"], row["signal"], row["since"], row["expires_at"]) for row in rows) == [
        ("bob", "adult", since, None),
        ("cy", "adult", since, None),
        ("cy", "elder", since, until),
    ]
    decisions = {row["decision_id"]: row["person"] for row in dicts_of(tmp_path / "out", "decisions")}
    assert all(decisions[row["decision_id"]] == row["person"] and row["time"] == since for row in rows)
    assert dicts_of(tmp_path / "out", "remembered") == [
        {"person": "cy", "signal": "elder", "since": since, "expires_at": until}
    ]
