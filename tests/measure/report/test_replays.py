"""Smallest changes and rules taken out, tried on the decisions of a real log."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from engine.cli import app
from engine.decide.compiled import compile_book
from engine.engine import Engine
from engine.ledger.ledger import Ledger
from engine.ledger.store.open import open_store
from engine.measure import open_export, open_log
from engine.measure.export.export import export
from engine.measure.report import build
from engine.measure.report.build import Report
from engine.measure.report.figures import Figure
from engine.model.decision import Decision
from engine.model.instant import DAY, SECOND, from_datetime
from engine.model.request import Request
from tests.logs import Log
from tests.measure.report.exports import BEGIN, book_of

TEXT = """
book: {name: rivals, timezone: UTC}
channels: {mail: {kind: outbound, address: profile.email, consent: not_needed}}
attributes: {profile.vip: {type: boolean}, profile.email: {type: text}, profile.worth: {type: number, min: 0}}
offers:
  cream: {name: Cream, content: {default: {title: Cream}}}
  oil: {name: Oil, content: {default: {title: Oil}}}
campaigns:
  cream: {offer: cream, channels: [mail], value: 8, propensity: 0.25, when: {profile.vip: true}}
  oil: {offer: oil, channels: [mail], value: {attribute: profile.worth, default: 1}, propensity: 0.5}
pressure:
  caps:
    oil-once: {limit: 1, per: rolling 30d, count: {campaign: [oil]}}
"""
"""Cream scores 2 for whoever is a vip, oil half of what the customer is worth."""

EARLY, PERSONS = 4, 20


async def played(log: Log) -> None:
    """Oil goes to four persons; a day later cream outranks it for twenty; then the cap blocks it for the four."""
    ledger = Ledger(open_store(log.url))
    engine = Engine(compile_book(book_of(TEXT)), ledger)
    for day, (persons, vip) in enumerate([(EARLY, False), (PERSONS, True), (EARLY, False)]):
        requests = [
            Request(
                f"person-{index}",
                from_datetime(BEGIN) + day * DAY + index * SECOND,
                {"profile.email": "a@example.com", "profile.vip": vip, "profile.worth": 2.0 + index / 100},
            )
            for index in range(persons)
        ]
        for decision in await engine.decide_all(requests):
            assert isinstance(decision, Decision), decision
    ledger.close()


def cells(report: Report, grid: str, *columns: str) -> list[tuple[object, ...]]:
    """The cells of the columns, figures by their values."""
    return [
        tuple(cell.value if isinstance(cell := row.get(name), Figure) else cell for name in columns)
        for row in report.grid(grid).rows
    ]


async def test_a_smallest_change_is_tried_and_pressure_is_named(any_log: Log) -> None:
    """The factor wins all 20 in rank; the cap then blocks the four who had oil the day before."""
    await played(any_log)
    report = open_log(any_log.url).report(book_of(TEXT), win=1.0)
    assert cells(report, "smallest_change", "campaign", "would win", "value ×", "tried", "won") == [
        ("oil", PERSONS, 2.0, "won 16 of 20 tried; pressure blocks 4", 16)
    ]
    assert cells(report, "after_change", "campaign", "reason", "by", "decisions") == [
        ("oil", "capped", "oil-once", EARLY)
    ]


async def test_only_so_much_of_the_change_is_tried_as_it_wins(any_log: Log) -> None:
    """The lowest factors belong to those who are worth most: none of them had oil."""
    await played(any_log)
    report = open_log(any_log.url).report(book_of(TEXT), win=0.5)
    ((tried, won, lost),) = cells(report, "smallest_change", "tried", "won", "lost in the tier")
    assert (str(tried).startswith(f"won {won} of {won} tried"), lost) == (True, PERSONS)


async def test_what_a_rule_holds_back_is_the_value_by_scores(any_log: Log) -> None:
    """Without the cap oil goes to the four: half of 2.00, 2.01, 2.02 and 2.03. It is not called a price."""
    await played(any_log)
    report = open_log(any_log.url).report(book_of(TEXT))
    (row,) = cells(
        report, "held_back", "rule", "blocked", "decisions tried", "would have gone", "value by scores"
    )
    assert row[:4] == ("oil-once", EARLY, EARLY, EARLY)
    assert row[4] == pytest.approx(4.03)
    assert report.grid("prices").rows == ()
    assert report.grid("held_back").title == "Held back, if scores are right and contacts do not tire"


async def test_a_sample_is_scaled_and_named(any_log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two of four decisions are tried, always the same two, and counted twice."""
    await played(any_log)
    monkeypatch.setattr(build, "most_tried", lambda _: 2)
    report = open_log(any_log.url).report(book_of(TEXT), win=1.0)
    (row,) = cells(report, "held_back", "tried", "decisions tried", "would have gone")
    assert row == ("a sample of 4", 2, 4)
    ((tried,),) = cells(report, "smallest_change", "tried")
    assert str(tried).endswith("; a sample of 20")


async def test_without_the_log_nothing_is_tried(tmp_path: Path) -> None:
    """With an export alone, and with --no-replay, the report says that nothing was tried, and why."""
    log = Log(f"sqlite:///{tmp_path / 'tact.db'}")
    await played(log)
    export(log.url, tmp_path / "export")
    report = open_export(tmp_path / "export").report(book_of(TEXT))
    assert cells(report, "smallest_change", "tried") == [("not tried",)]
    refusals = [sentence for section in report.sections for sentence in section.refusals]
    assert sum("it takes the log, --log" in sentence for sentence in refusals) == 2
    refusals = [
        sentence
        for section in open_log(log.url).report(book_of(TEXT), replay=False).sections
        for sentence in section.refusals
    ]
    assert sum("--no-replay" in sentence for sentence in refusals) == 2


async def test_a_decision_whose_book_is_gone_is_counted_apart(tmp_path: Path) -> None:
    """Without the text of its book in the log a decision cannot be made again."""
    log = Log(f"sqlite:///{tmp_path / 'tact.db'}")
    await played(log)
    store = open_store(log.url)
    with store.transaction():
        store._connection.execute("DELETE FROM books")  # type: ignore[attr-defined]
    store.close()
    report = open_log(log.url).report(book_of(TEXT))
    assert cells(report, "held_back", "decisions tried", "tried") == [
        (0, "4 not replayable (its book is not in the log)")
    ]
    (row,) = report.grid("held_back").rows
    assert isinstance(row["would have gone"], Figure)
    assert row["would have gone"].refused == "no decision of it can be made again"


MANY = """
book: {name: crowd, timezone: UTC}
channels: {mail: {kind: outbound, address: profile.email, consent: not_needed}}
attributes: {profile.email: {type: text}, profile.worth: {type: number, min: 0}}
offers:
""" + "".join(f"  o{i}: {{name: O, content: {{default: {{title: O}}}}}}\n" for i in range(60)) + "campaigns:\n" + "".join(
    f"  c{i:02}: {{offer: o{i}, channels: [mail], value: {100 - i}}}\n" for i in range(60)
)  # fmt: skip
"""Sixty campaigns that everybody may get; the first one scores best."""


async def crowded(log: Log) -> None:
    """Three persons are decided."""
    ledger = Ledger(open_store(log.url))
    engine = Engine(compile_book(book_of(MANY)), ledger)
    for index in range(3):
        now = from_datetime(BEGIN) + index * SECOND
        await engine.decide(Request(f"person-{index}", now, {"profile.email": "a@example.com"}))
    ledger.close()


async def test_candidates_beyond_the_fiftieth_are_found_by_replay(any_log: Log, tmp_path: Path) -> None:
    """The log lists fifty of sixty; the funnel has all of them, and may try what would win the last one."""
    await crowded(any_log)
    report = open_log(any_log.url).report(book_of(MANY), campaigns=("c59",), win=1.0)
    assert cells(report, "rivals", "winner", "decisions") == [("c00", 3)]
    assert cells(report, "losses", "campaign", "reason", "to", "persons") == [("c59", "outranked", "c00", 3)]
    assert cells(report, "smallest_change", "tried", "value ×") == [("won 3 of 3 tried", 100 / 41)]
    texts = [warned.text for section in report.sections for warned in section.warnings]
    sentence = "3 decisions had more candidates than the log lists"
    assert f"{sentence}: they are here, found by making the decisions again." in texts
    export(any_log.url, tmp_path / "export")
    alone = open_export(tmp_path / "export").report(book_of(MANY), campaigns=("c59",))
    texts = [warned.text for section in alone.sections for warned in section.warnings]
    assert f"{sentence}; those are missing here (it takes the log, --log)." in texts
    assert alone.grid("losses").rows == ()


async def test_candidates_that_cannot_be_found_are_said_to_be_missing(tmp_path: Path) -> None:
    """Without the text of its book no decision can be made again, so what it did not list stays unknown."""
    log = Log(f"sqlite:///{tmp_path / 'tact.db'}")
    await crowded(log)
    log.execute("DELETE FROM books")
    report = open_log(log.url).report(book_of(MANY))
    texts = [warned.text for section in report.sections for warned in section.warnings]
    assert (
        "3 decisions had more candidates than the log lists: of 0 they are here, found by making the decisions again;"
        " the others are missing (3: its book is not in the log)."
    ) in texts


def test_a_size_that_is_none_is_a_usage_error(tmp_path: Path) -> None:
    """--memory takes a size."""
    (tmp_path / "book.yaml").write_text(TEXT, encoding="utf-8")
    words = ["report", "--rules", str(tmp_path), "--log", f"sqlite:///{tmp_path}/none.db", "--memory", "much"]
    assert CliRunner().invoke(app, words).exit_code == 2
