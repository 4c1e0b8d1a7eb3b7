"""Who is in an audience, by the log: with the attributes of a person's last decision, or as receiver of a campaign."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC
from typing import Literal, TypeAlias

from engine.conditions.evaluate import holds
from engine.conditions.model import tests_of
from engine.decide.compiled import compile_book
from engine.ledger.commit.replay import logged_value
from engine.measure.report.comparable import NothingRecorded, hint
from engine.measure.report.disclosure import LEAST, PERSON_KEY, SHOWN_FROM, Deviation, PersonCell
from engine.measure.report.tables import Tables
from engine.model.instant import from_datetime
from engine.rulebook.model.book import Book

_BATCH = 10_000
"""Persons whose attributes are read at once."""

Who: TypeAlias = Literal["receivers", "converters"]


@dataclass(frozen=True, slots=True)
class PortraitQuestion:
    """Whose portrait."""

    audience: str = ""
    """A named audience of the book; empty: of the campaign."""
    campaign: str = ""
    who: Who = "receivers"
    """Of the campaign: those to whom it was sent or shown, or those to whose orders it got credit."""
    by: tuple[str, ...] = ()
    """The attributes; empty: all that the log has of persons."""
    level: float = 0.95

    @property
    def name(self) -> str:
        """As a title has it."""
        return f"audience {self.audience}" if self.audience else f"{self.who} of {self.campaign}"


_LAST = """
CREATE TABLE last_decisions AS
SELECT coalesce(n.person, k.key) AS person, d.time, d.attributes, d.masked
FROM all_decisions d JOIN persons k ON k.logged = d.person LEFT JOIN names n ON n.name = k.key
WHERE d.recorded_at <= (SELECT as_of FROM settings)
    AND d.time >= (SELECT start FROM settings) AND d.time < (SELECT stop FROM settings)
QUALIFY row_number() OVER (PARTITION BY coalesce(n.person, k.key) ORDER BY d.time DESC, d.decision_id DESC) = 1
"""

_OF_CAMPAIGN = {
    "receivers": """
SELECT DISTINCT x.person FROM exposures x JOIN results r ON r.decision_id = x.decision_id AND r.position = x.position
WHERE x.withheld = '' AND r.counts AND x.campaign = $campaign
    AND x.time >= (SELECT start FROM settings) AND x.time < (SELECT stop FROM settings)""",
    "converters": """
SELECT DISTINCT v.person FROM conversions v JOIN credits c ON c.conversion = v.conversion
WHERE c.campaign = $campaign AND NOT c.shadow
    AND v.time >= (SELECT start FROM settings) AND v.time < (SELECT stop FROM settings)""",
}

_MEMBERS = """
CREATE TABLE members AS
SELECT d.person, d.attributes, i.person IS NOT NULL AS inside FROM last_decisions d LEFT JOIN inside i ON i.person = d.person
"""


def check_names(book: Book, question: PortraitQuestion) -> None:
    """Raises NothingRecorded where the book has no such audience or campaign, with the one that was meant."""
    if question.audience and question.audience not in book.audiences:
        raise NothingRecorded(
            f"the book has no audience {question.audience}{hint(question.audience, book.audiences)}"
        )
    if question.campaign and question.campaign not in book.campaigns:
        raise NothingRecorded(
            f"the book has no campaign {question.campaign}{hint(question.campaign, book.campaigns)}"
        )


def find_members(tables: Tables, book: Book, question: PortraitQuestion) -> frozenset[str]:
    """Makes the table `members`; the attributes that the log masks."""
    tables.connection.execute(_LAST)
    masked = frozenset(
        row["name"] for row in tables.rows("SELECT DISTINCT unnest(masked) AS name FROM last_decisions")
    )
    if question.audience:
        tables.connection.execute("CREATE TABLE inside (person INTEGER)")
        for batch in _in_audience(tables, book, question.audience, masked):
            tables.connection.execute("INSERT INTO inside SELECT unnest($batch::INTEGER[])", {"batch": batch})
    else:
        query = f"CREATE TABLE inside AS {_OF_CAMPAIGN[question.who]}"
        tables.connection.execute(query, {"campaign": question.campaign})
    tables.connection.execute(_MEMBERS)
    return masked


def _in_audience(tables: Tables, book: Book, name: str, masked: frozenset[str]) -> Iterator[list[int]]:
    """The persons for whom the audience's condition holds with the attributes of their last decision."""
    when, compiled = book.audiences[name], compile_book(book)
    read = {test.attribute for test in tests_of(when)}
    if hidden := sorted(read & masked):
        raise NothingRecorded(
            f"the audience {name} goes by {hidden[0]}, which the log masks: who is in it is not known"
        )
    cursor = tables.connection.cursor()
    cursor.execute("SELECT person, time, attributes FROM last_decisions")
    while rows := cursor.fetchmany(_BATCH):
        inside = []
        for person, time, text in rows:
            attributes = {
                attribute: logged_value(attribute, value, book)
                for attribute, value in json.loads(text).items()
            }
            moment = compiled.moment(from_datetime(time.replace(tzinfo=UTC)), attributes)
            if holds(when, attributes, moment):
                inside.append(person)
        yield inside


def counted(tables: Tables, book: Book, question: PortraitQuestion) -> tuple[Deviation, PersonCell]:
    """What makes the numbers that are shown, and how many persons are in the audience and not."""
    keys = (
        f"SELECT count(*) FILTER (inside), count(*) FILTER (NOT inside), sum({PERSON_KEY}),"  # noqa: S608 - constants
        f" sum({PERSON_KEY}) FILTER (inside) FROM members JOIN persons ON key = person"
    )
    inside, outside, *sums = tables.connection.execute(keys, {"salt": book.salt or book.name}).fetchall()[0]
    deviation = Deviation(f"{book.salt} {' '.join(map(str, sums))}")
    whole = deviation.cell(PersonCell("", inside, outside), "persons")
    if whole.inside < SHOWN_FROM:
        raise NothingRecorded(
            f"{question.name}: fewer than {LEAST} persons, or hardly more, in the period; nothing is shown, so that nobody is"
            " recognised"
        )
    if whole.outside < SHOWN_FROM:
        raise NothingRecorded(
            f"{question.name}: all persons but fewer than {LEAST}, or hardly more, are in it; there is nobody to compare with"
        )
    return deviation, whole
