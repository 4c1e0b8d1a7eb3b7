"""Books that count contacts, simulated and evaluated: a step follows from the one before it."""

import asyncio
from collections import Counter
from contextlib import closing
from datetime import date
from pathlib import Path

import pytest

from engine.decide.compiled import CompiledBook
from engine.engine import Engine
from engine.explain.books import Books
from engine.ledger.commit.outcomes import ReportCommand
from engine.ledger.ledger import Ledger
from engine.ledger.store.open import open_store
from engine.ledger.store.rows import DecisionRow
from engine.measure.evaluate import BookEvaluation, EvaluationPlan, evaluate_log
from engine.measure.population.simulate import SimulationPlan, simulate, stage
from engine.model.event import Event
from engine.model.instant import DAY
from engine.model.request import Request
from tests.books import compiled_book
from tests.logs import Log, sqlite_log
from tests.measure.population.people_files import write_csv
from tests.replays import assert_replays

NOW = 1_773_108_000_000_000
BOOK = """
book: {name: narrative, timezone: UTC, salt: s}
attributes: {profile.phone: {type: text}}
channels: {sms: {kind: outbound, address: profile.phone, consent: not_needed, on_silence: confirm, hold: 1h}}
offers:
  hello: {name: Hello, content: {default: {text: Hello}}}
  quiz: {name: Quiz}
campaigns:
  welcome: {offer: hello, channels: [sms], when: {none: [{contact: {campaign: welcome}}]}}
  quiz:
    offer: quiz
    channels: [sms]
    when: {contact: {campaign: welcome, outcome: [opened, ignored], within: 2w}, none: [{contact: {campaign: quiz}}]}
    variants:
      short: {share: 1, content: {default: {text: Quiz}}}
      long: {share: 1, content: {default: {text: A long quiz}}}
"""


def test_a_simulation_follows_the_steps(tmp_path: Path) -> None:
    """Its own contacts are counted: on the first day the welcome, after a day of silence the quiz, and then nothing more."""
    compiled = compiled_book(tmp_path / "book", BOOK)
    people = write_csv(
        tmp_path / "people.csv", [[f"p{i}", "1"] for i in range(5)], ("customer", "profile.phone")
    )
    plan = SimulationPlan(date(2026, 3, 2), 4)
    by_day: dict[int, Counter[str | None]] = {day: Counter() for day in range(4)}

    first_day = NOW // DAY - 8

    def count(_: object, row: DecisionRow) -> None:
        by_day[row.at // DAY - first_day].update([row.campaign])

    simulate(compiled, stage(people, compiled, plan, tmp_path), plan, on_decision=count)
    assert [dict(by_day[day]) for day in range(4)] == [{"welcome": 5}, {"quiz": 5}, {None: 5}, {None: 5}]


@pytest.fixture
def log(tmp_path: Path) -> Log:
    """A log of 60 persons: half opened the welcome and get the quiz; a third of these click."""
    log, compiled = sqlite_log(tmp_path), compiled_book(tmp_path / "book", BOOK)
    with closing(Ledger(open_store(log.url))) as ledger:
        asyncio.run(_serve(Engine(compiled, ledger)))
    return log


async def _serve(engine: Engine) -> None:
    await engine.keep_book(NOW)
    for number in range(60):
        welcome = await engine.decide(Request(f"p{number}", NOW, {"profile.phone": "1"}))
        if number % 2 == 0:
            await _report(engine, welcome.decision_id, "opened", NOW + DAY // 4)
        second = await engine.decide(Request(f"p{number}", NOW + DAY // 2, {"profile.phone": "1"}))
        assert [offer.campaign for offer in second.offers] == (["quiz"] if number % 2 == 0 else [])
        if number % 6 == 0:
            await _report(engine, second.decision_id, "clicked", NOW + DAY)
    await engine.decide(Request("late", NOW + 90 * DAY, {}))


async def _report(engine: Engine, decision_id: str, outcome: str, at: int) -> None:
    event = Event(f"{outcome}-{decision_id}", outcome, at)
    await engine.record([ReportCommand(engine.compiled, "", decision_id, event, at)])


def evaluated(log: Log, compiled: CompiledBook) -> BookEvaluation:
    """The clicks a decision of the book, by the log."""
    with closing(open_store(log.url)) as store:
        return evaluate_log(store, log.url, compiled, EvaluationPlan("clicked", 7 * DAY), books=Books(store))


def test_a_book_is_evaluated_on_the_numbers_of_the_log(log: Log, tmp_path: Path) -> None:
    """Other shares are evaluated; a book that counts otherwise is not, and the evaluation says which number is missing."""
    assert assert_replays(log.url) == 121
    compiled = compiled_book(tmp_path / "book", BOOK)
    same = evaluated(log, compiled)
    assert (same.refused, same.undecidable) == ("", {})
    assert same.logged is not None
    assert same.logged.value == 10 / 120
    shares = BOOK.replace("short: {share: 1", "short: {share: 2")
    swapped = evaluated(log, compiled_book(tmp_path / "swapped", shares))
    assert (swapped.refused, swapped.undecidable) == ("", {})
    assert swapped.figures is not None
    assert swapped.figures.rows == 120
    other = evaluated(log, compiled_book(tmp_path / "other", BOOK.replace("within: 2w", "within: 1w")))
    (reason,) = other.undecidable
    assert "contacts of campaign welcome, ignored or opened, within 7d" in reason
