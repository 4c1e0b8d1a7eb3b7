"""`tact reach`: whom each campaign reached, kept for the lenses of editors."""

from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from typer.testing import CliRunner, Result

from engine.authoring.lenses import Reach, ReachSummary, read_summary
from engine.cli import app
from engine.decide.evaluate import evaluate
from engine.ledger.commit.decisions import DecideCommand
from engine.ledger.commit.group import commit_group
from engine.ledger.store.open import open_store
from engine.model.instant import DAY, from_datetime
from engine.model.request import Request
from tests.books import compiled_book
from tests.logs import Log

NOW = from_datetime(datetime(2026, 3, 10, 10, tzinfo=UTC))
BOOK = """
book: {name: shared, timezone: UTC}
attributes: {profile.phone: {type: text}, profile.age: {type: integer}}
channels: {call: {kind: outbound, address: profile.phone, consent: not_needed}}
offers: {tea: {name: Tea, content: {default: {text: Tea}}}}
campaigns:
  young: {offer: tea, channels: [call], when: {profile.age: {lt: 30}}}
  old: {offer: tea, channels: [call], when: {profile.age: {gt: 90}}}
"""
SCENARIOS = """
tests:
  - {name: a, customer: x, expect: {campaign: young}}
  - {name: b, customer: x, story: [{decide: {}, expect: {campaign: young}}, {decide: {}, expect: {campaign: young}}]}
"""


def reach(book: Path, log: Log, *words: str) -> Result:
    """The command's end."""
    to = ("--to", "2026-03-11T00:00Z")
    return CliRunner().invoke(app, ["reach", str(book), "--log", log.url, *to, *words])


def test_the_summary_has_persons_and_scenarios(any_log: Log, tmp_path: Path) -> None:
    """Each person once, also with two contacts; only of the period; a scenario once, however often it expects it."""
    book = tmp_path / "book"
    compiled = compiled_book(book, BOOK)
    with closing(open_store(any_log.url)) as store:
        for name, age, at in (
            ("ann", 20, NOW),
            ("ann", 20, NOW + 1),
            ("bob", 50, NOW),
            ("cid", 20, NOW - 9 * DAY),
        ):
            request = Request(name, at, {"profile.phone": "1", "profile.age": age})
            commit_group(store, [DecideCommand(evaluate(compiled, request))])
    (book / "tests").mkdir()
    (book / "tests" / "a.yaml").write_text(SCENARIOS, encoding="utf-8")
    (book / "tests" / "broken.yaml").write_bytes(b"tests: [\xff")
    result = reach(book, any_log)
    assert result.exit_code == 0, result.output
    assert read_summary(book) == ReachSummary(7, 2, {"old": Reach(0, 0), "young": Reach(1, 2)})
    assert reach(book, any_log, "--days", "30").exit_code == 0
    assert read_summary(book) == ReachSummary(30, 3, {"old": Reach(0, 0), "young": Reach(2, 2)})


def test_what_is_wrong_is_said(any_log: Log, tmp_path: Path) -> None:
    """No folder, no log, no moment."""
    assert reach(tmp_path / "no", any_log).exit_code == 3
    book = tmp_path / "book"
    book.mkdir()
    assert "there is no log" in reach(book, Log(f"sqlite:///{tmp_path}/none.db")).output
    assert reach(book, any_log, "--to", "soon").exit_code == 2
