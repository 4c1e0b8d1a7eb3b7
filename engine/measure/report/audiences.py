"""What was said to whom: the texts of each campaign, for whom it was, and about how many persons got it. To be published.

Nothing in it is about one person: texts stand as the book writes them, with the names of values in place of the values, and
numbers of persons deviate and have no small cells: see engine.measure.report.disclosure.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any, NamedTuple

from engine.conditions.model import ALWAYS
from engine.conditions.trace import phrase_of
from engine.measure.report.build import Report, campaign_rows
from engine.measure.report.comparable import NothingRecorded, hint, period_of_decisions, refused
from engine.measure.report.disclosure import LEAST, MOST_DEVIATION, PERSON_KEY, SHOWN_FROM, Deviation, about
from engine.measure.report.figures import Computation, Figure, Grid, GridCell, Head, Section, Unit, Warned
from engine.measure.report.tables import Tables
from engine.rulebook.load import load_text
from engine.rulebook.model.book import Book, Campaign, Content, Fields, Placeholder, Template, Variant

_SMALL = f"fewer than {LEAST} persons, or hardly more"
_EVERYBODY = "everybody"

_SAID = """
SELECT x.campaign, x.variant, x.channel, x.book_version, list(DISTINCT k.logged) AS persons, min(x.time)::DATE AS first,
    max(x.time)::DATE AS last
FROM exposures x JOIN results r ON r.decision_id = x.decision_id AND r.position = x.position AND r.counts
JOIN persons k ON k.key = x.person
WHERE x.withheld = '' AND x.time >= (SELECT start FROM settings) AND x.time < (SELECT stop FROM settings)
    AND ($everything OR list_contains($campaigns, x.campaign))
GROUP BY ALL ORDER BY ALL
"""
_KEY = f"SELECT sum({PERSON_KEY}) FROM (SELECT unnest($persons::VARCHAR[]) AS logged)"  # noqa: S608 - constants


@dataclass(frozen=True, slots=True)
class AudiencesQuestion:
    """Of which campaigns."""

    campaigns: tuple[str, ...] = ()
    """Empty: of all that the log has."""


class _Said(NamedTuple):
    """Something that was said on one channel, the same texts to the same audience."""

    campaign: str
    variant: str
    channel: str
    audience: str
    promise: str
    texts: tuple[tuple[str, str], ...]
    """By language, the fields one after the other."""


@dataclass(slots=True)
class _Reached:
    """Who got it, and when."""

    persons: set[str] = field(default_factory=set)
    first: date = date.max
    last: date = date.min

    def add(self, row: Mapping[str, Any]) -> None:
        self.persons.update(row["persons"])
        self.first, self.last = min(self.first, row["first"]), max(self.last, row["last"])


def audiences(  # noqa: PLR0913 - the parts of the question
    folder: Path,
    book: Book,
    question: AudiencesQuestion,
    as_of: datetime,
    start: datetime | None = None,
    end: datetime | None = None,
    memory: str = "2GB",
) -> Report:
    """Tell from an export what was said to whom.

    book: its salt makes the deviations, and its texts stand for those of versions that the log does not have. Raises
    NothingRecorded where nothing was offered in the period, or a campaign is neither in the book nor in the log.
    """
    tables = Tables(folder, memory)
    try:
        period = period_of_decisions(tables, start, end, as_of)
        tables.begin(period, book, campaign_rows(book))
        _check_names(tables, book, question)
        rows = tables.rows(_SAID, {"everything": not question.campaigns, "campaigns": [*question.campaigns]})
        books = {row["version"]: row["text"] for row in tables.rows("SELECT version, text FROM all_books")}
        persons = sorted({person for row in rows for person in row["persons"]})
        (key,) = tables.connection.execute(
            _KEY, {"salt": book.salt or book.name, "persons": persons}
        ).fetchone() or (0,)
    finally:
        tables.close()
    if not rows:
        raise NothingRecorded("nothing was offered in the period")
    statements = _Statements(rows, _Versions(book, books))
    deviation = Deviation(f"{book.salt} {key}")
    head = Head(
        book.name,
        book.version,
        *period,
        len(statements.said),
        deviation.of(len(persons)),
        question.campaigns,
        {},
        "texts",
        book.timezone,
    )
    return Report(head, (_section(statements, deviation, len(persons)),), {}, "what was said to whom")


def _check_names(tables: Tables, book: Book, question: AudiencesQuestion) -> None:
    logged = {row["campaign"] for row in tables.rows("SELECT DISTINCT campaign FROM exposures")}
    known = {*logged, *book.campaigns}
    for name in question.campaigns:
        if name not in known:
            raise NothingRecorded(f"neither the book nor the log has the campaign {name}{hint(name, known)}")


class _Versions:
    """The books by which was decided."""

    def __init__(self, book: Book, texts: Mapping[str, str]) -> None:
        self._book, self._texts = book, texts
        self._loaded: dict[str, Book] = {book.version: book}
        self.missing: set[str] = set()
        """Versions that the log does not have, or that no longer load."""

    def of(self, version: str) -> Book:
        """The book of the version; today's where the log does not have it."""
        if version not in self._loaded:
            text = self._texts.get(version)
            loaded = load_text(text).book if text else None
            if loaded is None:
                self.missing.add(version)
            self._loaded[version] = loaded or self._book
        return self._loaded[version]


class _Statements:
    """What was said, each once, and who was reached."""

    def __init__(self, rows: Sequence[Mapping[str, Any]], versions: _Versions) -> None:
        self.said: dict[_Said, _Reached] = {}
        self.campaigns: dict[str, _Reached] = {}
        self.unknown: set[str] = set()
        """Campaigns that no book knows."""
        for row in rows:
            book = versions.of(row["book_version"])
            campaign = book.campaigns.get(row["campaign"])
            if campaign is None:
                self.unknown.add(row["campaign"])
            said = _said(row, book, campaign)
            self.said.setdefault(said, _Reached()).add(row)
            self.campaigns.setdefault(row["campaign"], _Reached()).add(row)
        self.missing = versions.missing


def _said(row: Mapping[str, Any], book: Book, campaign: Campaign | None) -> _Said:
    if campaign is None:
        return _Said(row["campaign"], row["variant"], row["channel"], "", "", ())
    variants = {variant.name: variant for variant in campaign.variants}
    variant = variants.get(row["variant"])
    offer = book.offers[campaign.offer]
    content = variant.content if variant else offer.content or Content()
    return _Said(
        campaign.name,
        row["variant"],
        row["channel"],
        _audience(campaign, variant),
        offer.promise or "",
        tuple(_texts(content, row["channel"], book.locale)),
    )


def _audience(campaign: Campaign, variant: Variant | None) -> str:
    """For whom it is, in the words of the book's conditions."""
    conditions = [campaign.when, *([variant.when] if variant else [])]
    return " and ".join(phrase_of(when) for when in conditions if when != ALWAYS) or _EVERYBODY


def _texts(content: Content, channel: str, locale: str) -> Iterator[tuple[str, str]]:
    own = content.on(channel)
    if own:
        yield locale, _text(own)
    for tag in content.locales:
        changes = content.changes_on(channel, tag)
        if changes:
            yield tag, _text({**own, **changes})


def _text(fields: Fields) -> str:
    return " · ".join(f"{name}: {_written(template)}" for name, template in sorted(fields.items()))


def _written(template: Template) -> str:
    """The text, with the names of values in braces."""
    return "".join(
        f"{{{part.attribute}{'' if part.fallback is None else f'|{part.fallback}'}}}"
        if isinstance(part, Placeholder)
        else part
        for part in template.parts
    )


def _warnings(statements: _Statements) -> Iterator[Warned]:
    if statements.missing:
        versions = ", ".join(sorted(version[:12] for version in statements.missing))
        yield Warned(
            f"the log has no text of the book {versions}: what was said by it stands as the book says it today"
        )
    if statements.unknown:
        yield Warned(f"no book has {', '.join(sorted(statements.unknown))}: what was said is not known")


_COMPUTATIONS = (
    Computation(
        "persons",
        "persons who got it, once each, under all their linked names; what was withheld, bounced or lapsed does not"
        f" count. Each number deviates at random by up to {MOST_DEVIATION}, the same at every run on the same log, and"
        f" cells in which may be fewer than {LEAST} persons are not shown: nobody can be found by comparing numbers",
    ),
    Computation(
        "for whom",
        "the condition of the campaign and of the variant, as the book had it by which was decided. Contact pressure,"
        " consents, holdouts and controls leave further persons out",
    ),
)


def _section(statements: _Statements, deviation: Deviation, persons: int) -> Section:
    said = sorted(statements.said.items(), key=lambda item: item[0])
    return Section(
        "audiences",
        "What was said to whom",
        f"Which texts did {about(persons)} get, and for whom were they meant?",
        "",
        (
            Grid(
                "reach",
                "Campaigns",
                ("campaign", "from", "until"),
                ("persons",),
                tuple(
                    _row({"campaign": name}, reached, deviation)
                    for name, reached in sorted(statements.campaigns.items())
                ),
            ),
            Grid(
                "said",
                "For whom",
                ("campaign", "variant", "channel", "for whom", "promise", "from", "until"),
                ("persons",),
                tuple(
                    _row(
                        {
                            "campaign": what.campaign,
                            "variant": what.variant,
                            "channel": what.channel,
                            "for whom": what.audience,
                            "promise": what.promise,
                        },
                        reached,
                        deviation,
                    )
                    for what, reached in said
                ),
            ),
            Grid(
                "texts",
                "In which words",
                ("campaign", "variant", "channel", "language", "text"),
                (),
                tuple(
                    {
                        "campaign": what.campaign,
                        "variant": what.variant,
                        "channel": what.channel,
                        "language": language,
                        "text": text,
                    }
                    for what, _ in said
                    for language, text in what.texts
                ),
                "Values of a person stand in braces, with what is written where they are not known.",
            ),
        ),
        warnings=tuple(_warnings(statements)),
        computations=_COMPUTATIONS,
    )


def _row(labels: Mapping[str, str], reached: _Reached, deviation: Deviation) -> Mapping[str, GridCell]:
    shown = deviation.of(len(reached.persons), *labels.values())
    if shown < SHOWN_FROM:
        return {**labels, "from": "", "until": "", "persons": refused(_SMALL, Unit.COUNT)}
    return {
        **labels,
        "from": f"{reached.first:%Y-%m-%d}",
        "until": f"{reached.last:%Y-%m-%d}",
        "persons": Figure(shown, method=f"deviates by up to {MOST_DEVIATION}"),
    }
