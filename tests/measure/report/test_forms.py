"""The page: self-contained, escaped, accessible by its marks, and small."""

import re
from datetime import timedelta
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from engine.measure.report.build import OtherBook, Report
from engine.measure.report.figures import Figure, Unit
from engine.measure.report.page import LARGEST, page
from engine.measure.report.tables import EmptyPeriod, NothingLogged
from engine.measure.report.words import summary, written
from tests.measure.report.exports import (
    AS_OF,
    BEGIN,
    BOOK,
    DAY,
    HOUR,
    Export,
    book_of,
    micros,
    moments,
    names,
    offers,
    orders,
)

NASTY = '<script>alert("x")</script>&'


class Outline(HTMLParser):
    """The elements of a page, their nesting checked."""

    VOID = frozenset(("meta", "br", "circle", "line"))

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Remembers the element."""
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Remembers an element without content."""
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        """Ends the innermost element, which has to be this one."""
        assert self.open.pop() == tag


@pytest.fixture
def report(tmp_path: Path) -> Report:
    """A campaign with an effect; a channel, a variant and a person bear names that are HTML."""
    rng, export, number = np.random.default_rng(31), Export(), 8_000
    persons, time = names(NASTY, number), moments(rng, number)
    treated = rng.random(number) >= 0.2
    offers(
        export, persons, time, treated, variant=NASTY, channel=np.where(treated, NASTY, "mail").astype(object)
    )
    bought = rng.random(number) < 0.05 + 0.05 * treated
    orders(export, persons[bought], time[bought] + HOUR, currency=NASTY)
    return export.report(tmp_path, by=("variant",))


def test_the_page_needs_nothing_and_runs_nothing(report: Report) -> None:
    """No script, no address, no handler; a policy that would forbid them; texts of the log are escaped."""
    text = page(report).decode()
    outline = Outline()
    outline.feed(text)
    assert outline.open == []
    tags = {tag for tag, _ in outline.tags}
    assert not tags & {"script", "link", "img", "iframe", "object", "form"}
    for _, attributes in outline.tags:
        assert not any(name.startswith("on") for name in attributes)
        assert all(
            (value or "").startswith("#") for name, value in attributes.items() if name in {"href", "src"}
        )
    assert "http" not in re.sub(r"http-equiv", "", text)
    assert "<script" not in text
    assert "&lt;script&gt;" in text
    assert len(text.encode()) < LARGEST


def test_charts_have_titles_and_tables_behind_them(report: Report) -> None:
    """Every picture is named and described; headings go down by one; every table has headers."""
    text = page(report).decode()
    outline = Outline()
    outline.feed(text)
    pictures = [attributes for tag, attributes in outline.tags if tag == "svg"]
    assert len(pictures) >= 3
    ids = {attributes["id"] for _, attributes in outline.tags if "id" in attributes}
    for attributes in pictures:
        assert attributes["role"] == "img"
        assert set((attributes["aria-labelledby"] or "").split()) <= ids
    assert text.count("<table") == text.count("<caption") == text.count("<thead")
    levels = [int(tag[1]) for tag, _ in outline.tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert text.count("How this was computed") == len([part for part in report.sections if part.computations])
    assert "prefers-color-scheme:dark" in text
    assert "@media print" in text


def test_a_page_of_many_campaigns_stays_small(tmp_path: Path) -> None:
    """Rows beyond what fits are named, not silently left out."""
    rng, export = np.random.default_rng(32), Export()
    campaigns = [f"campaign-{index:03}" for index in range(150)]
    for index, campaign in enumerate(campaigns):
        persons, time = names(f"p{index}-", 40), moments(rng, 40)
        offers(export, persons, time, rng.random(40) >= 0.2, index, campaign=campaign)
    listed = "".join(f"  {campaign}: {{offer: cream, channels: [mail]}}\n" for campaign in campaigns)
    book = book_of(BOOK.replace("pressure:\n", f"{listed}pressure:\n"))
    text = page(export.report(tmp_path, book)).decode()
    assert len(text.encode()) < LARGEST
    assert "further rows are in JSON, CSV and Parquet" in text


@pytest.mark.parametrize(
    ("figure", "text"),
    [
        (Figure(0.0766, 0.07, 0.0832, unit=Unit.POINTS), "+7.66 [7.00, 8.32] pts"),
        (Figure(-0.001, -0.02, 0.018, unit=Unit.POINTS), "-0.10 [-2.00, 1.80] pts"),
        (Figure(0.3, 0.1, None, unit=Unit.RELATIVE), "+30.0 [10.0, …] %"),
        (Figure(None, 0.09, None, unit=Unit.RELATIVE), "at least +9.0 %"),
        (Figure(None, refused="why"), "–"),
        (Figure(1234567, unit=Unit.COUNT), "1,234,567"),
        (Figure(-4402.678, -9000, 12.5, unit=Unit.GAIN), "-4,403 [-9,000, 12.50]"),
        (Figure(1e-9, unit=Unit.PROBABILITY), "< 0.0001"),
    ],
)
def test_figures_in_words(figure: Figure, text: str) -> None:
    """The value, its limits, then the unit."""
    assert written(figure) == text


def test_a_log_without_decisions_has_no_report(tmp_path: Path) -> None:
    """It is an error with a sentence, not a page of zeros."""
    with pytest.raises(NothingLogged, match="no decisions"):
        Export().report(tmp_path)


def test_a_period_without_anything_has_no_report(tmp_path: Path) -> None:
    """Before the first decision was recorded nothing is known; a period that ends before it begins is a mistake."""
    export, day = Export(), timedelta(days=1)
    offers(export, names("p", 3), np.arange(3) + micros(BEGIN), np.ones(3, bool))
    with pytest.raises(
        NothingLogged, match=r"nothing was recorded by 2026-03-01 .* recorded at 2026-03-02 00:00 UTC"
    ):
        export.report(tmp_path, as_of=BEGIN - day)
    for period, words in (
        (
            {"start": BEGIN + day, "end": BEGIN},
            r"begins at 2026-03-03 00:00 UTC, and ends at 2026-03-02 00:00 UTC",
        ),
        ({"start": AS_OF + day}, r"begins at 2026-05-02 .* ends at 2026-05-01 00:00 UTC \(as of\)"),
        (
            {"end": BEGIN - day},
            r"begins at 2026-03-02 00:00 UTC \(the first of the log\), and ends at 2026-03-01",
        ),
    ):
        with pytest.raises(EmptyPeriod, match=words):
            export.report(tmp_path, None, **period)


def test_a_moment_needs_a_time_zone(tmp_path: Path) -> None:
    """It would be another one on each machine."""
    export = Export()
    offers(export, names("p", 3), np.arange(3) + micros(BEGIN), np.ones(3, bool))
    naive = BEGIN.replace(tzinfo=None)
    for moment in ({"as_of": naive}, {"start": naive}, {"end": naive}):
        with pytest.raises(ValueError, match="the time 2026-03-02 00:00:00 has no time zone"):
            export.report(tmp_path, None, **moment)


def test_the_book_of_another_log_has_no_report(tmp_path: Path) -> None:
    """A newer version has some of the campaigns; a book that has none of them is not that of the log."""
    export = Export()
    offers(export, names("p", 3), np.arange(3) + micros(BEGIN), np.ones(3, bool))
    newer = book_of(BOOK.replace("oil: {offer", "balm: {offer"))
    assert export.report(tmp_path, newer).head.decisions == 3
    other = book_of(BOOK.replace("cream: {offer", "creme: {offer"))
    with pytest.raises(OtherBook, match="not of the book trial, which has none of its campaigns: cream"):
        export.report(tmp_path, other)


def test_the_period_is_read_on_the_books_clock(tmp_path: Path) -> None:
    """From the first to the last day that was asked for, though the midnights are those of another zone in UTC."""
    export = Export()
    offers(export, names("p", 3), np.arange(3) + micros(BEGIN), np.ones(3, bool))
    east = book_of(BOOK.replace("timezone: UTC", "timezone: Asia/Shanghai"))
    midnight = BEGIN - timedelta(hours=8)
    report = export.report(tmp_path, east, start=midnight, end=midnight + timedelta(days=3))
    assert ", 2026-03-02 to 2026-03-04, as of 2026-05-01 00:00 UTC: 3 decisions" in summary(report.head)


def test_days_are_those_of_the_books_clock(report: Report) -> None:
    """The sequence has a point a day and ends with the headline's own estimate."""
    points = report.grid("sequence").rows
    assert isinstance(points[-1]["effect"], Figure)
    assert points[-1]["effect"].value == report.figures["cream"].uplift.value
    assert len(points) <= 28
    assert DAY == 24 * HOUR
