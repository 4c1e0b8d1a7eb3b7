"""`tact report audiences`: what was said to whom, by which book, without a number that tells of one person."""

import json
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from engine.cli import app
from engine.ledger.commit.books import KeepBookCommand
from engine.ledger.store.open import open_store
from engine.measure.log import MeasuredLog
from engine.measure.report.audiences import AudiencesQuestion
from engine.measure.report.build import Report
from engine.measure.report.comparable import NothingRecorded
from engine.measure.report.disclosure import MOST_DEVIATION
from engine.measure.report.figures import Figure
from engine.model.instant import DAY, from_datetime
from engine.model.request import Request
from tests.books import compiled_book, write_book
from tests.logs import Log, sqlite_log
from tests.measure.export.kit import commit, decide

BEGIN = datetime(2026, 3, 2, 10, tzinfo=UTC)
AS_OF = datetime(2100, 1, 1, tzinfo=UTC)
"""After the decisions were recorded, which is when the test runs."""
BOOK = """
book: {name: town, timezone: UTC, locale: en, salt: s}
attributes:
  profile.mail: {type: text}
  profile.name: {type: text}
  profile.district: {type: text, one_of: [north, south]}
channels:
  mail: {kind: outbound, address: profile.mail, consent: not_needed}
offers:
  hearing: {name: Hearing, promise: trams-by-2030}
  letter: {name: Letter}
campaigns:
  invite:
    offer: hearing
    channels: [mail]
    when: {profile.district: north}
    variants:
      plain:
        content: {default: {title: "Come, {profile.name|neighbour}", text: The tram is built by 2030.}}
        locales: {de: {title: "Kommen Sie, {profile.name|Nachbarin}"}}
  write:
    offer: letter
    channels: [mail]
    when: {profile.district: south}
    variants: {short: {content: {default: {title: "<b>News</b>"}}}}
"""
LATER = BOOK.replace("The tram is built by 2030.", "The tram is built by 2032.")


def played(log: Log, folder: Path, north: int = 60, south: int = 12) -> None:
    """The north is invited by one book and then by the next, a few of the south get a letter."""
    with closing(open_store(log.url)) as store:
        for number, text in enumerate((BOOK, LATER)):
            compiled = compiled_book(folder / f"book{number}", text)
            at = from_datetime(BEGIN) + number * 10 * DAY
            commit(store, KeepBookCommand(compiled.book, at))
            people = [(f"n{number}-{index}", "north") for index in range(north)]
            people += [(f"s{number}-{index}", "south") for index in range(south)]
            requests = [
                Request(
                    name, at, {"profile.mail": "m", "profile.name": "Secret", "profile.district": district}
                )
                for name, district in people
            ]
            decide(store, compiled, *requests)


def answered(log: Log, folder: Path, *campaigns: str) -> Report:
    """The report by the later book."""
    book = compiled_book(folder / "today", LATER).book
    return MeasuredLog(log.url).audiences(book, AudiencesQuestion(campaigns), AS_OF)


@pytest.fixture
def log(tmp_path: Path) -> Log:
    """A log of both books."""
    log = sqlite_log(tmp_path)
    played(log, tmp_path)
    return log


def value(cell: Any) -> float:
    """The number that is shown."""
    assert isinstance(cell, Figure)
    assert cell.value is not None, cell.refused
    return cell.value


def test_texts_stand_as_the_book_had_them_by_which_was_decided(log: Log, tmp_path: Path) -> None:
    """Both versions of the promise are told apart, with their days, languages and audience; numbers deviate a little."""
    report = answered(log, tmp_path)
    texts = [
        (row["language"], row["text"]) for row in report.grid("texts").rows if row["campaign"] == "invite"
    ]
    assert sorted(texts) == [
        ("de", "text: The tram is built by 2030. · title: Kommen Sie, {profile.name|Nachbarin}"),
        ("de", "text: The tram is built by 2032. · title: Kommen Sie, {profile.name|Nachbarin}"),
        ("en", "text: The tram is built by 2030. · title: Come, {profile.name|neighbour}"),
        ("en", "text: The tram is built by 2032. · title: Come, {profile.name|neighbour}"),
    ]
    invited = [row for row in report.grid("said").rows if row["campaign"] == "invite"]
    assert [(row["for whom"], row["promise"], row["from"]) for row in invited] == [
        ("profile.district eq north", "trams-by-2030", "2026-03-02"),
        ("profile.district eq north", "trams-by-2030", "2026-03-12"),
    ]
    assert all(abs(value(row["persons"]) - 60) <= MOST_DEVIATION for row in invited)
    reach = {row["campaign"]: row for row in report.grid("reach").rows}
    assert abs(value(reach["invite"]["persons"]) - 120) <= MOST_DEVIATION


def test_few_are_neither_counted_nor_dated(log: Log, tmp_path: Path) -> None:
    """The twelve of the south twice are 24: shown only where the deviation leaves them so many; each version is not."""
    report = answered(log, tmp_path)
    written = [row for row in report.grid("said").rows if row["campaign"] == "write"]
    (row,) = written  # its texts are the same in both books
    cell = row["persons"]
    assert isinstance(cell, Figure)
    if cell.value is None:
        assert (cell.refused, row["from"], row["until"]) == ("fewer than 20 persons, or hardly more", "", "")
    else:
        assert cell.value >= 24


def test_the_same_log_has_the_same_numbers_and_one_more_person_other_ones(tmp_path: Path) -> None:
    """Runs cannot be averaged, and the difference of two reports is not the person."""
    log = sqlite_log(tmp_path)
    played(log, tmp_path, north=200)
    first, again = (answered(log, tmp_path) for _ in range(2))
    assert first.grid("said").documents() == again.grid("said").documents()
    compiled = compiled_book(tmp_path / "more", LATER)
    differences = set()
    with closing(open_store(log.url)) as store:
        for number in range(12):
            before = value(answered(log, tmp_path, "invite").grid("reach").rows[0]["persons"])
            request = Request(
                f"new-{number}",
                from_datetime(BEGIN) + 20 * DAY,
                {"profile.mail": "m", "profile.district": "north"},
            )
            decide(store, compiled, request)
            after = value(answered(log, tmp_path, "invite").grid("reach").rows[0]["persons"])
            differences.add(after - before)
    assert len(differences) > 3


def test_without_the_books_texts_stand_as_today_and_it_says_so(log: Log, tmp_path: Path) -> None:
    """A log whose books were lost; a campaign that no book has is named."""
    log.execute("DELETE FROM books")
    (section,) = answered(log, tmp_path).sections
    assert "stands as the book says it today" in section.warnings[0].text
    without = compiled_book(tmp_path / "without", LATER.split("  write:", maxsplit=1)[0]).book
    (section,) = MeasuredLog(log.url).audiences(without, as_of=AS_OF).sections
    assert any("no book has write: what was said is not known" in warned.text for warned in section.warnings)


def test_command(log: Log, tmp_path: Path) -> None:
    """It writes a page that can be published: no name of a person, no tag of a text that the browser would follow."""
    rules = write_book(tmp_path / "rules", LATER)

    def run(*options: str) -> tuple[int, str]:
        given = ("report", "audiences", "--rules", str(rules), "--as-of", "2100-01-01", *options)
        result = CliRunner(env={"COLUMNS": "220"}).invoke(app, given)
        return result.exit_code, result.output

    page, document = tmp_path / "page.html", tmp_path / "report.json"
    code, text = run(
        "--log", log.url, "--html", str(page), "--json", str(document), "--csv", str(tmp_path / "csv")
    )
    assert code == 0, text
    html = page.read_text(encoding="utf-8")
    assert "<b>News</b>" not in html
    assert "&lt;b&gt;News" in html
    for written in (html, document.read_text(encoding="utf-8")):
        assert "Secret" not in written
        assert "n0-1" not in written
    assert json.loads(document.read_text(encoding="utf-8"))["sections"][0]["name"] == "audiences"
    assert "for whom" in (tmp_path / "csv" / "said.csv").read_text(encoding="utf-8").replace("_", " ")
    code, text = run("--log", log.url)
    assert (code, "trams-by-2030" in text) == (0, True)
    code, text = run("--log", log.url, "--campaign", "invit")
    assert (code, "did you mean invite?" in text) == (1, True)


def test_nothing_said_is_said(tmp_path: Path) -> None:
    """A log without decisions, and one without offers."""
    log = sqlite_log(tmp_path)
    open_store(log.url).close()
    with pytest.raises(NothingRecorded, match="no decisions"):
        answered(log, tmp_path)
    compiled = compiled_book(tmp_path / "book", BOOK)
    with closing(open_store(log.url)) as store:
        decide(store, compiled, Request("nobody", from_datetime(BEGIN), {}))
    with pytest.raises(NothingRecorded, match="nothing was offered"):
        answered(log, tmp_path)
