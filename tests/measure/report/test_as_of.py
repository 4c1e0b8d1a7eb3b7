"""A report as of a moment has the same bytes whatever the log takes up later: links and outcomes change rows that it reads."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import pytest

from engine.cli.reporting import period_of
from engine.decide.compiled import CompiledBook
from engine.decide.evaluate import evaluate
from engine.ledger.commit.decisions import DecideCommand
from engine.ledger.commit.group import commit_group
from engine.ledger.commit.identity import LinkCommand
from engine.ledger.commit.outcomes import ReportCommand
from engine.ledger.store.open import open_store
from engine.ledger.store.store import Store
from engine.measure import open_log
from engine.model.decision import Decision
from engine.model.event import Event
from engine.model.instant import DAY, SECOND, from_datetime
from engine.model.outcome import OutcomeType
from engine.model.request import Request
from engine.model.values import Value
from engine.rulebook.model.book import Book
from tests.books import compiled_book
from tests.logs import Log
from tests.measure.report.exports import BEGIN, BOOK, book_of

HELD = BOOK.replace(
    "consent: not_needed, cost: 0.1", "consent: not_needed, cost: 0.1, hold: 1d, on_silence: release"
)
AT = from_datetime(BEGIN)
PERSONS = 60


@pytest.fixture
def compiled(tmp_path: Path) -> CompiledBook:
    """A book whose mails are released when nothing is reported of them for a day."""
    return compiled_book(tmp_path / "book", HELD)


@pytest.fixture
def store(any_log: Log) -> Iterator[Store]:
    """An open log, on each store in turn."""
    store = open_store(any_log.url, busy_timeout=60)
    yield store
    store.close()


def decided(store: Store, compiled: CompiledBook) -> list[Decision]:
    """A decision for each person."""
    requests = [
        Request(f"p{index:02}", AT + index, {"profile.email": "a@example.com"}) for index in range(PERSONS)
    ]
    decisions = commit_group(store, [DecideCommand(evaluate(compiled, request)) for request in requests])
    assert all(isinstance(decision, Decision) for decision in decisions), decisions
    return [decision for decision in decisions if isinstance(decision, Decision)]


def report(store: Store, compiled: CompiledBook, *commands: ReportCommand | LinkCommand) -> None:
    """Commits commands, which all succeed."""
    results = commit_group(store, [*commands])
    assert not [result for result in results if isinstance(result, Exception)], results


def report_of(log: Log, book: Book, as_of: datetime) -> bytes:
    """The report as of the moment."""
    return open_log(log.url).report(book, as_of, replay=False).json()


def test_links_and_late_outcomes_change_no_earlier_report(
    any_log: Log, store: Store, compiled: CompiledBook
) -> None:
    """Names linked in a chain, and contacts confirmed or bounced, after each of three moments."""
    decisions, numbers = decided(store, compiled), count()

    def outcome(type_: str, at: int, recorded: int, person: str = "", decision_id: str = "") -> ReportCommand:
        fields: dict[str, Value] = (
            {"value": 20.0, "currency": "EUR"} if type_ == OutcomeType.CONVERTED else {}
        )
        event = Event(f"e{next(numbers)}", type_, at, fields)
        return ReportCommand(compiled, person, decision_id, event, recorded)

    # what is recorded happens from now on; the times of happening lie in the spring
    moments = [datetime.now(UTC) + timedelta(hours=hours) for hours in (1, 3, 5, 7)]
    first, second, third, fourth = map(from_datetime, moments)
    report(
        *(store, compiled),
        *(outcome(OutcomeType.DELIVERED, AT + 60 * SECOND, first, "", d.decision_id) for d in decisions[:20]),
        *(outcome(OutcomeType.CONVERTED, AT + 2 * DAY, first, f"p{index:02}") for index in range(0, 40, 2)),
    )
    reports = [report_of(any_log, compiled.book, moments[0])]
    # p10 … p19 each become the person of p00 … p09, who ordered as well
    report(
        *(store, compiled),
        *(LinkCommand((f"p{index:02}", f"p{index + 10:02}"), second - 1) for index in range(10)),
        *(outcome(OutcomeType.BOUNCED, AT + DAY, second, "", d.decision_id) for d in decisions[:10]),
        *(outcome(OutcomeType.CONVERTED, AT + 3 * DAY, second, f"p{index:02}") for index in range(10, 20)),
    )
    reports.append(report_of(any_log, compiled.book, moments[1]))
    # each pair becomes the person of another who was seen before both, and contacts that were released are confirmed
    report(
        *(store, compiled),
        *(
            LinkCommand((f"p{index + 10:02}", f"p{index + 30:02}", f"p{index + 50:02}"), third - 1)
            for index in range(5)
        ),
        *(outcome(OutcomeType.DELIVERED, AT + 60, third, "", d.decision_id) for d in decisions[20:50]),
        *(LinkCommand((f"p{index:02}", f"p{index + 1:02}"), third - 1) for index in range(40, 49)),
    )
    reports.append(report_of(any_log, compiled.book, moments[2]))
    report(store, compiled, LinkCommand(("p00", "p49"), fourth - 1))
    assert len({*reports, report_of(any_log, compiled.book, moments[3])}) == 4
    for moment, expected in zip(moments, reports, strict=False):
        assert report_of(any_log, compiled.book, moment) == expected


def test_the_log_says_who_was_who(any_log: Log, store: Store, compiled: CompiledBook) -> None:
    """An outcome keeps for whom it was reported, a name to whom it was linked; both follow the links all the same."""
    decided(store, compiled)
    event = Event("e", OutcomeType.CONVERTED, AT + DAY, {"value": 1.0, "currency": "EUR"})
    report(store, compiled, ReportCommand(compiled, "p20", "", event, AT + DAY))
    report(store, compiled, LinkCommand(("p20", "p10"), AT + 2 * DAY))
    report(store, compiled, LinkCommand(("p10", "p00"), AT + 3 * DAY))
    assert any_log.rows("SELECT person, reported_for FROM outcomes") == [("p00", "p20")]
    assert any_log.rows("SELECT name, person, linked_to FROM identities ORDER BY name") == [
        ("p10", "p00", None),
        ("p20", "p00", "p10"),
    ]


def test_it_knows_by_default_what_was_recorded_a_moment_ago() -> None:
    """Without --as-of, what was recorded in the running second counts."""
    before = datetime.now(UTC)
    assert before <= period_of(book_of(), "", "", "").as_of <= datetime.now(UTC)
