"""Builds a report: a pure function of the exported log up to a moment, the book and the options."""

import csv
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import orjson

from engine.measure.report.challenger import challenger
from engine.measure.report.cohorts import make_cohorts
from engine.measure.report.effects import Effect
from engine.measure.report.figures import SCHEMA, Grid, Head, Section
from engine.measure.report.funnel import SmallestChange, funnel, smallest_changes
from engine.measure.report.funnel import suppositions as value_suppositions
from engine.measure.report.happened import happened
from engine.measure.report.pressure import blocking_rules, pressure
from engine.measure.report.pressure import suppositions as rule_suppositions
from engine.measure.report.replays import Supposal, Supposed, most_tried, try_changes
from engine.measure.report.tables import CampaignRow, ReportPeriod, Tables
from engine.measure.report.unlisted import add_unlisted, count_unlisted
from engine.measure.report.uplift import Options, adjusted, is_headline, measure
from engine.measure.report.uplift_section import programme, section, stages
from engine.measure.report.variants import variants
from engine.measure.report.vega import charts_of
from engine.rulebook.model.book import Book


class OtherBook(ValueError):
    """No decision of the log is of a campaign of the book."""


@dataclass(frozen=True, slots=True)
class Report:
    """Answers to the questions of a report, in sections of grids of figures."""

    head: Head
    sections: tuple[Section, ...]
    figures: Mapping[str, Effect]
    """The headline effect by campaign: `report.figures["cream"].uplift.value`."""
    title: str = "what decisions did"
    """What it reports, behind the name of the book."""

    @property
    def uplift(self) -> Grid:
        """The effects of the campaigns; `.frame()` gives them to polars, pandas, DuckDB and others."""
        return self.grid("uplift")

    @property
    def problem(self) -> bool:
        """Whether a section is not to be believed before a cause is known, such as a sample ratio mismatch."""
        return any(warned.problem for part in self.sections for warned in part.warnings)

    def grid(self, name: str) -> Grid:
        """The grid of the name. Raises KeyError if there is none."""
        for part in self.sections:
            for grid in part.grids:
                if grid.name == name:
                    return grid
        raise KeyError(name)

    def write_csv(self, folder: Path) -> list[Path]:
        """Writes GRID.csv for every grid with rows; a figure has columns for its value, limits, n, persons and refusal."""
        folder.mkdir(parents=True, exist_ok=True)
        return [_csv(grid, folder / f"{grid.name}.csv") for grid in self._grids()]

    def write_parquet(self, folder: Path) -> list[Path]:
        """Writes GRID.parquet for every grid with rows, with the columns of the CSV."""
        folder.mkdir(parents=True, exist_ok=True)
        paths = []
        for grid in self._grids():
            paths.append(folder / f"{grid.name}.parquet")
            grid.relation().write_parquet(str(paths[-1]))
        return paths

    def _grids(self) -> list[Grid]:
        return [grid for part in self.sections for grid in part.grids if grid.rows]

    def json(self) -> bytes:
        """The report as JSON, with the version of its form as `schema`."""
        document = {
            "schema": SCHEMA,
            "report": self.head.document(),
            "problem": self.problem,
            "sections": [{**part.document(), "charts": charts_of(part)} for part in self.sections],
        }
        return orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def build(  # noqa: PLR0913 - the parts of the question
    folder: Path,
    book: Book,
    as_of: datetime,
    start: datetime | None = None,
    end: datetime | None = None,
    options: Options = Options(),  # noqa: B008 - immutable
    memory: str = "2GB",
    log: str = "",
    progress: Callable[[int, int], None] = lambda *_: None,
) -> Report:
    """Report on an export.

    folder: made by `tact export`. as_of: what was recorded later is not read, and windows that end later are not over. start,
    end: the period (exclusive end), by default that of all decisions. memory: how much DuckDB takes before it uses the disk.
    log: URL of the log that was exported, on which suppositions are tried; empty: none is tried. progress: called with the
    decisions that are made again for it, of how many.
    Raises NothingLogged without any decision, EmptyPeriod where the period ends before it begins, OtherBook.
    """
    tables = Tables(folder, memory)
    try:
        period = ReportPeriod.of(start, end, as_of, tables.first(as_of))
        check_book(tables, book)
        tables.begin(period, book, campaign_rows(book))
        make_cohorts(tables, options.rates)
        return _report(tables, book, period, options, _Replays(log if options.replay else "", progress))
    finally:
        tables.close()


_CAMPAIGNS = """
SELECT DISTINCT campaign FROM (FROM all_offers SELECT campaign UNION ALL FROM all_candidates SELECT campaign)
WHERE campaign <> '' ORDER BY campaign
"""


def check_book(tables: Tables, book: Book) -> None:
    """Raises OtherBook where the book has none of the log's campaigns."""
    logged = [row["campaign"] for row in tables.rows(_CAMPAIGNS)]
    if logged and not book.campaigns.keys() & set(logged):
        names = ", ".join(logged[:3]) + (f" and {len(logged) - 3} more" if len(logged) > 3 else "")
        raise OtherBook(f"the log is not of the book {book.name}, which has none of its campaigns: {names}")


def campaign_rows(book: Book) -> list[CampaignRow]:
    """What a report reads of the campaigns in the book."""
    return [
        CampaignRow(
            campaign.name,
            campaign.tier,
            campaign.attribution.window,
            campaign.learn is not None and campaign.learn.explore is not None,
        )
        for campaign in book.campaigns.values()
    ]


def _planned(book: Book) -> dict[str, int]:
    """By campaign, the persons of both arms whom its control plans."""
    controls = {name: campaign.control for name, campaign in book.campaigns.items()}
    return {name: control.planned for name, control in controls.items() if control and control.planned}


_HEAD = """
SELECT count(*), count(DISTINCT coalesce(n.person, d.person)) FROM decisions d LEFT JOIN names n ON n.name = d.person
WHERE d.time >= (SELECT start FROM settings) AND d.time < (SELECT stop FROM settings)
"""

_WITHOUT_CONTROL = """
SELECT campaign FROM exposures WHERE time >= (SELECT start FROM settings) AND time < (SELECT stop FROM settings)
GROUP BY campaign HAVING count(control_salt) = 0 ORDER BY campaign
"""


class _Replays:
    """Tries what the report supposes, if the log is at hand."""

    def __init__(self, log: str, progress: Callable[[int, int], None]) -> None:
        self._log, self._progress = log, progress

    def tried(self, tables: Tables, changes: Sequence[SmallestChange]) -> dict[Supposed, Supposal]:
        """What comes of the changes, and of taking out each rule that blocked."""
        if not self._log:
            return {}
        rules = blocking_rules(tables)
        most = most_tried(len(changes) + len(rules))
        supposed = [*value_suppositions(tables, changes, most), *rule_suppositions(tables, rules, most)]
        return try_changes(self._log, tables, supposed, self._progress)

    def add_unlisted(self, tables: Tables, options: Options) -> str:
        """Adds the candidates that the log does not list; says what came of it, empty where there are none."""
        if not self._log:
            return count_unlisted(tables, self.why_not(options)).sentence
        return add_unlisted(self._log, tables, self._progress).sentence

    def why_not(self, options: Options) -> str:
        """Why nothing is tried; empty where it is."""
        if self._log:
            return ""
        return "it takes the log, --log" if options.replay else "--no-replay"


def _report(tables: Tables, book: Book, period: ReportPeriod, options: Options, replays: _Replays) -> Report:
    unlisted = replays.add_unlisted(tables, options)
    campaigns, of_campaigns = measure(tables, "campaign", options, _planned(book))
    holdouts, of_holdouts = measure(tables, "holdout", options, {})
    trials, of_trials = measure(tables, "trial", options, {})
    staged, of_stages = measure(tables, "stage", options, {})
    effects = adjusted([*of_campaigns, *of_holdouts], options.metric)
    of_campaigns, of_holdouts = effects[: len(of_campaigns)], effects[len(of_campaigns) :]
    without = [row["campaign"] for row in tables.rows(_WITHOUT_CONTROL)]
    chosen = [name for name in without if not options.campaigns or name in options.campaigns]
    decisions, persons = tables.row(_HEAD)
    changes = smallest_changes(tables, options.campaigns, options.win)
    supposals, untried = replays.tried(tables, changes), replays.why_not(options)
    return Report(
        Head(
            book.name,
            book.version,
            *period,
            decisions,
            persons,
            options.campaigns,
            {
                "by": ",".join(options.by),
                "metric": options.metric,
                "level": str(options.level),
                "win": str(options.win),
                "anyway": str(options.anyway).lower(),
                "replay": str(not untried).lower(),
                **({"rates": f"{options.rates.digest} into {options.rates.into}"} if options.rates else {}),
            },
            zone=book.timezone,
        ),
        (
            section(tables, campaigns, of_campaigns, options, chosen),
            programme(holdouts, of_holdouts, options),
            variants(tables, book, options.campaigns, options.level),
            happened(tables, options.campaigns, options.level, options.rates),
            pressure(tables, book, trials, of_trials, supposals, untried),
            funnel(tables, options.campaigns, changes, supposals, untried, unlisted),
            *stages(staged, of_stages, options),
            *challenger(tables),
        ),
        _headlines(of_campaigns, options.metric),
    )


def _headlines(effects: Iterable[Effect], metric: str) -> dict[str, Effect]:
    """The first effect on the headline metric by campaign; of several currencies the first."""
    headlines: dict[str, Effect] = {}
    for known in effects:
        if is_headline(known, metric):
            headlines.setdefault(known.subject, known)
    return headlines


def _csv(grid: Grid, path: Path) -> Path:
    names, rows = grid.flat()
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(names)
        writer.writerows([[_safe(value) for value in row] for row in rows])
    return path


def _safe(value: object) -> object:
    """The value; texts that a spreadsheet would take for a formula begin with an apostrophe."""
    return (
        f"'{value}"
        if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r"))
        else value
    )
