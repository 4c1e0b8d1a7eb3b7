"""What is derived from sensitive fields of events does not reach the log's decisions, nor those who follow or explain it."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from engine.decide.compiled import CompiledBook, compile_book
from engine.explain import explain_logged
from engine.explain.books import Books
from engine.ledger.commit.events import RecordCommand, RecordResult
from engine.ledger.store.open import open_store
from engine.measure.replay import MASKED, ReplayResult, replay_log
from engine.model.event import Event
from engine.model.instant import DAY
from engine.model.request import Request
from engine.rulebook.load import load_files
from tests.decide.arbitrate.shop import NOW
from tests.explain.engines import engine_on

BOOK = """
book: {name: hall, timezone: UTC, lawful_basis: {political: explicit consent}}
channels: {web: {kind: inbound}}
placements: {top: {channel: web}}
events:
  stored: true
  types:
    signed: {fields: {topic: {type: text, sensitive: political}, size: integer}}
patterns:
  signature: {first: {event: signed, topic: lanes, within: 30d}, expose: {topic: first.topic, size: first.size}}
signals:
  signer: {when: {pattern: signature}, hold: 60d, expose: {topic: pattern.signature.topic, size: pattern.signature.size}}
offers: {o: {name: O, content: {default: {title: O}}}}
campaigns:
  counted: {offer: o, placements: [top], when: {behaviour: {event: signed, where: {topic: lanes}, count: {gte: 1}}}}
  kinds: {offer: o, placements: [top], when: {behaviour: {event: signed, distinct: {of: topic, gte: 1}}}}
  by-signal: {offer: o, placements: [top], when: {signal.signer.topic: lanes, signal.signer.size: {gte: 1}}}
  open: {offer: o, placements: [top], when: {behaviour: {event: signed, where: {size: {gte: 1}}, count: {gte: 0}}}}
"""
HIDDEN = [
    "count of signed where topic eq lanes",
    "distinct of topic of signed",
    "pattern.signature",
    "pattern.signature.topic",
]
"""What the log names and does not hold, of those who signed and of those who did not."""


@pytest.mark.parametrize("topic", ["lanes", "schools", None])
async def test_the_inputs_do_not_tell_what_was_signed(topic: str | None, tmp_path: Path) -> None:
    """The same names are kept out whether there was such an event or not, and nothing in the row has the topic."""
    path, compiled = tmp_path / "tact.db", _compiled()
    with engine_on(compiled, path) as engine:
        await engine.keep_book(NOW)
        if topic is not None:
            event = Event("e1", "signed", NOW - DAY, {"topic": topic, "size": 3})
            results = await engine.record([RecordCommand(compiled, "ann", event, NOW)])
            assert results == [RecordResult.ACCEPTED]
        for moment in (NOW, NOW + 40 * DAY):  # the signal is held, and the pattern's window is over
            decision = await engine.decide(Request("ann", moment, {}, placement="top"))
            assert decision.offers
            explained = await explain_logged(engine, decision.decision_id)
            assert [note for note in explained.notes if "pattern.signature.topic" in note]
    with closing(sqlite3.connect(path)) as log:
        rows = [
            (json.loads(row[0]), row[0]) for row in log.execute("SELECT inputs FROM decisions ORDER BY at")
        ]
    assert len(rows) == 2
    for inputs, text in rows:
        assert set(HIDDEN) <= set(inputs["masked"])
        assert set(HIDDEN).isdisjoint(inputs["attributes"])
        assert '"lanes"' not in text
        assert "schools" not in text
    assert any(name.startswith("count of signed where size") for name in rows[0][0]["attributes"])
    if topic == "lanes":
        assert [held[3] for held in rows[1][0]["remembered"]] == [{"size": 3}]
    with closing(open_store(f"sqlite:///{path}")) as store:
        replayed = list(replay_log(store, Books(store, None)))
    hidden = (ReplayResult.EQUAL, "") if topic is None else (ReplayResult.NOT_REPLAYABLE, MASKED)
    assert {(decision.result, decision.reason) for decision in replayed} == {hidden}


def _compiled() -> CompiledBook:
    loaded = load_files({"book.yaml": BOOK.encode()})
    assert loaded.book is not None, loaded.diagnostics
    return compile_book(loaded.book)
