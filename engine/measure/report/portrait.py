"""Who an audience is: shares of its persons by attribute, against the others who were decided for.

A person has the attributes of their last decision in the period. No number tells of one person: see
engine.measure.report.disclosure.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from pathlib import Path

from engine.conditions.trace import phrase_of
from engine.measure.report.build import Report, campaign_rows
from engine.measure.report.comparable import (
    NothingRecorded,
    hint,
    period_of_decisions,
    quantile_of,
    refused,
    shown,
)
from engine.measure.report.disclosure import (
    LEAST,
    MOST_DEVIATION,
    Deviation,
    PersonCell,
)
from engine.measure.report.figures import (
    Chart,
    Computation,
    Figure,
    Grid,
    GridCell,
    Head,
    Section,
    Unit,
    Warned,
)
from engine.measure.report.members import PortraitQuestion, check_names, counted, find_members
from engine.measure.report.tables import Tables
from engine.measure.statistics.arms import Arm, wilson
from engine.measure.statistics.compare import compare
from engine.rulebook.model.book import AttributeType, Book

MOST_VALUES = 10
"""Values of an attribute that are shown, of those with the most persons."""
BANDS = 5
"""Quantile bands of a number."""
_FEW_NUMBERS = 10
"""A number with at most so many different values is shown by value."""
_MOST_SENTENCES = 3
_OF_THE_MOMENT = ("now.", "weather.")
"""Prefixes of attributes that are of the moment of the decision, and not of the person."""
_REST = "(other)"
_CELLS = """
SELECT value, count(*) FILTER (inside) AS inside, count(*) FILTER (NOT inside) AS outside
FROM ({values}) GROUP BY value ORDER BY count(*) DESC, value
"""
_TEXTS = (
    "SELECT inside, coalesce(json_extract_string(attributes, $pointer), '(missing)') AS value FROM members"
)
_YEARS = "SELECT inside, coalesce(json_extract_string(attributes, $pointer)[:4], '(missing)') AS value FROM members"
_NUMBERS = (
    "SELECT inside, TRY_CAST(json_extract_string(attributes, $pointer) AS DOUBLE) AS number FROM members"
)
_ITEMS = """
SELECT inside, unnest(list_distinct(from_json(json_extract(attributes, $pointer), '["VARCHAR"]'))) AS value FROM members
WHERE json_type(attributes, $pointer) = 'ARRAY'
"""
_KINDS = """
SELECT name, list_sort(list(DISTINCT kind)) AS kinds FROM (
    SELECT unnest(json_keys(attributes)) AS name, unnest(list_transform(json_keys(attributes), lambda k:
        json_type(attributes, '/' || replace(replace(k, '~', '~0'), '/', '~1')))) AS kind FROM members
) GROUP BY name ORDER BY name
"""
_NUMERIC = {"UBIGINT", "BIGINT", "DOUBLE"}


def portrait(  # noqa: PLR0913 - the parts of the question
    folder: Path,
    book: Book,
    question: PortraitQuestion,
    as_of: datetime,
    start: datetime | None = None,
    end: datetime | None = None,
    memory: str = "2GB",
) -> Report:
    """Compare, in an export, an audience with the other persons.

    Raises NothingRecorded where the log does not tell who is in it, and where they, or the others, are too few.
    """
    check_names(book, question)
    tables = Tables(folder, memory)
    try:
        period = period_of_decisions(tables, start, end, as_of)
        tables.begin(period, book, campaign_rows(book))
        masked = find_members(tables, book, question)
        deviation, whole = counted(tables, book, question)
        section = _Portrait(tables, book, question, masked, deviation).section(whole)
    finally:
        tables.close()
    options = {"by": ",".join(question.by), "level": str(question.level), "of": question.name}
    campaigns = (question.campaign,) if question.campaign else ()
    head = Head(
        book.name,
        book.version,
        *period,
        whole.persons,
        whole.persons,
        campaigns,
        options,
        "last decisions",
        book.timezone,
    )
    return Report(head, (section,), {}, f"who they are: {question.name}")


class _Portrait:
    """The tables of one audience."""

    def __init__(
        self,
        tables: Tables,
        book: Book,
        question: PortraitQuestion,
        masked: frozenset[str],
        deviation: Deviation,
    ) -> None:
        self._tables, self._book, self._question = tables, book, question
        self._masked, self._deviation = masked, deviation
        self._kinds = {row["name"]: set(row["kinds"]) - {"NULL"} for row in tables.rows(_KINDS)}

    def section(self, whole: PersonCell) -> Section:
        """The whole of it."""
        rows: list[Mapping[str, GridCell]] = []
        withheld: list[str] = []
        for name in self._names():
            of_name = [*self._rows(name)]
            rows += of_name
            if not of_name:
                withheld.append(name)
        summary: Mapping[str, GridCell] = {
            "who": self._question.name,
            "persons": Figure(whole.inside, persons=whole.inside),
            "share of all": self._share(whole.inside, whole.persons),
        }
        shares = Grid(
            "portrait",
            "Shares by attribute",
            ("attribute", "value"),
            ("persons", "share", "of the others", "difference", "index"),
            tuple(rows),
        )
        return Section(
            "portrait",
            self._question.name.capitalize(),
            f"Who are they, against all others who were decided for? {self._definition()}",
            "",
            (Grid("size", "How many", ("who",), ("persons", "share of all"), (summary,)), shares),
            (
                Chart(
                    "forest",
                    "Share of the audience less that of the others",
                    "A bar from limit to limit for each value of an attribute, in percentage points; at 0 both are alike",
                    "portrait",
                    "difference",
                ),
            ),
            tuple(map(Warned, self._most_unlike(rows))),
            tuple(
                f"{name}: no two values with {LEAST} persons on both sides, so that nothing is shown"
                for name in withheld
            ),
            self._computations(),
        )

    def _definition(self) -> str:
        if self._question.audience:
            condition = phrase_of(self._book.audiences[self._question.audience])
            return f"They are those of whom holds: {condition}."
        if self._question.who == "receivers":
            return "They are those to whom it was sent or shown in the period."
        return "They are those whose orders in the period are credited to it."

    def _names(self) -> Sequence[str]:
        """The attributes that are shown."""
        hidden = {name for name in {*self._kinds, *self._question.by} if self._why_hidden(name)}
        known = sorted(set(self._kinds) - hidden)
        for name in self._question.by:
            if name in hidden:
                raise NothingRecorded(f"{name} is not shown: {self._why_hidden(name)}")
            if name not in known:
                raise NothingRecorded(
                    f"no decision in the period has the attribute {name}{hint(name, known)}"
                )
        return self._question.by or [name for name in known if not name.startswith(_OF_THE_MOMENT)]

    def _why_hidden(self, name: str) -> str:
        """Why its values are not shown: masked in the log, or sensitive by the book of today; empty where they may be."""
        attribute = self._book.attributes.get(name)
        if attribute is not None and attribute.sensitive:
            return f"it is sensitive ({attribute.sensitive})"
        if name in self._masked:
            return "the log masks it"
        if attribute is not None and (attribute.masked or attribute.type is AttributeType.IP):
            return "the book keeps it out of logs"
        return ""

    def _rows(self, name: str) -> Iterator[Mapping[str, GridCell]]:
        kinds, pointer = self._kinds[name], "/" + name.replace("~", "~0").replace("/", "~1")
        declared = self._book.attributes.get(name)
        if "ARRAY" in kinds:
            yield from self._item_rows(name, pointer)
            return
        if declared is not None and declared.type in {AttributeType.DATE, AttributeType.TIME}:
            cells = self._cells(_YEARS, pointer)
        elif kinds and kinds <= _NUMERIC:
            cells = self._bands(pointer)
        else:
            cells = self._cells(_TEXTS, pointer)
        rest = PersonCell(_REST, 0, 0)
        for cell in cells[MOST_VALUES:]:
            rest = rest.plus(cell)
        displayed = self._deviation.shown(cells[:MOST_VALUES], rest, name)
        if len(displayed) > 1:
            for cell in displayed:
                yield self._row(name, cell.value, cell, PersonCell.sum_of(displayed))

    def _item_rows(self, name: str, pointer: str) -> Iterator[Mapping[str, GridCell]]:
        """Of a list: each item by itself, of those who have it and who have not."""
        inside, outside = self._tables.row(
            "SELECT count(*) FILTER (inside), count(*) FILTER (NOT inside) FROM members"
        )
        for cell in self._cells(_ITEMS, pointer)[:MOST_VALUES]:
            without = PersonCell(f"not {cell.value}", inside - cell.inside, outside - cell.outside)
            displayed = self._deviation.shown([cell], without, name)
            if len(displayed) > 1:
                yield self._row(name, f"has {cell.value}", displayed[0], PersonCell.sum_of(displayed))

    def _cells(self, values: str, pointer: str) -> list[PersonCell]:
        rows = self._tables.rows(_CELLS.format(values=values), {"pointer": pointer})
        return [PersonCell(str(row["value"]), row["inside"], row["outside"]) for row in rows]

    def _bands(self, pointer: str) -> list[PersonCell]:
        """Of a number: by value where there are few, else by bands between rounded quantiles of all."""
        self._tables.connection.execute(
            f"CREATE OR REPLACE TABLE numbers AS {_NUMBERS}", {"pointer": pointer}
        )
        distinct, edges = self._tables.row(
            "SELECT count(DISTINCT number), quantile_cont(number, $parts) FROM numbers",
            {"parts": [part / BANDS for part in range(1, BANDS)]},
        )
        if distinct <= _FEW_NUMBERS:
            value = "coalesce(printf('%g', number), '(missing)')"
        else:
            bounds = sorted({float(f"{edge:.2g}") for edge in edges})
            names = [f"below {bounds[0]:g}"]
            names += [f"{low:g} to below {high:g}" for low, high in pairwise(bounds)]
            cases = " ".join(
                f"WHEN number < {bound!r} THEN '{name}'" for bound, name in zip(bounds, names, strict=True)
            )
            value = f"CASE WHEN number IS NULL THEN '(missing)' {cases} ELSE '{bounds[-1]:g} or more' END"
        rows = self._tables.rows(
            f"SELECT {value} AS value, count(*) FILTER (inside) AS inside, count(*) FILTER (NOT inside) AS outside,"  # noqa: S608
            " min(number) AS least FROM numbers GROUP BY 1 ORDER BY least NULLS LAST"
        )
        return [PersonCell(row["value"], row["inside"], row["outside"]) for row in rows]

    def _row(self, name: str, value: str, cell: PersonCell, whole: PersonCell) -> Mapping[str, GridCell]:
        inside, outside = (
            Arm(whole.inside, cell.inside, cell.inside),
            Arm(whole.outside, cell.outside, cell.outside),
        )
        comparison = compare(inside, outside, "proportion", self._question.level)
        share, of_others = cell.inside / whole.inside, cell.outside / whole.outside
        return {
            "attribute": name,
            "value": value,
            "persons": Figure(cell.inside, persons=cell.inside),
            "share": self._share(cell.inside, whole.inside),
            "of the others": self._share(cell.outside, whole.outside),
            "difference": shown(
                comparison.difference, Unit.POINTS, comparison.method, None, whole.persons, comparison.refused
            ),
            "index": Figure(100 * share / of_others, persons=whole.persons, unit=Unit.COUNT)
            if of_others
            else refused("none of the others", Unit.COUNT),
        }

    def _share(self, part: int, whole: int) -> Figure:
        part = min(max(part, 0), whole)
        return shown(
            wilson(part, whole, quantile_of(self._question.level)), Unit.SHARE, "Wilson", None, whole
        )

    def _most_unlike(self, rows: Sequence[Mapping[str, GridCell]]) -> Iterator[str]:
        """Sentences on the values in which they differ most and clearly."""
        clear = []
        for row in rows:
            cell = row["difference"]
            is_clear = isinstance(cell, Figure) and cell.low is not None and cell.high is not None
            if (
                is_clear
                and isinstance(cell, Figure)
                and cell.value
                and (cell.low or 0) * (cell.high or 0) > 0
            ):
                clear.append((abs(cell.value), row))
        clear.sort(key=lambda entry: -entry[0])
        for _, row in clear[:_MOST_SENTENCES]:
            share, others = row["share"], row["of the others"]
            if isinstance(share, Figure) and isinstance(others, Figure):
                yield (
                    f"{row['attribute']} {row['value']}: {share.value:.0%} of them, {others.value:.0%} of the others"
                )

    def _computations(self) -> tuple[Computation, ...]:
        return (
            Computation(
                "persons",
                "persons by the attributes of their last decision in the period, once each, under all their linked names."
                f" Numbers deviate at random by up to {MOST_DEVIATION}, the same at every run on the same log; values of"
                f" which a side may have fewer than {LEAST} persons are in {_REST}, and more where that is small",
                exclusions="sensitive and masked attributes; those of the moment, such as weather, unless named with --by",
            ),
            Computation(
                "share, difference and index",
                "of those with a value: part of the audience; less part of the others; 100 × the one / the other. Wilson,"
                " Newcombe's method 10. Numbers by fifths of all persons, dates by year, lists by item",
            ),
        )
