"""A decision log, or an export of it, opened to be measured.

from engine.measure import open_log
report = open_log("sqlite:///decisions.db").report(book, as_of=datetime(2026, 4, 1, tzinfo=UTC))
report.figures["cream"].uplift.value    # the headline effect
report.uplift.frame()                   # polars, pandas, DuckDB and pyarrow take it
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb

from engine.measure.attribution import Rates
from engine.measure.database import cause_of
from engine.measure.export.export import export
from engine.measure.export.manifest import Manifest
from engine.measure.report.audiences import AudiencesQuestion, audiences
from engine.measure.report.build import Report, build
from engine.measure.report.fatigue import FatigueQuestion, fatigue
from engine.measure.report.members import PortraitQuestion
from engine.measure.report.paths import paths
from engine.measure.report.portrait import portrait
from engine.measure.report.signal_counts import SignalsQuestion
from engine.measure.report.signals import signals
from engine.measure.report.uplift import Options
from engine.measure.report.visits import PathsQuestion
from engine.rulebook.model.book import Book


class ReportFailed(Exception):
    """The report ended early: a file of the export cannot be read, or DuckDB has too little memory or room on disk."""


def _silent(_exported: int, _total: int) -> None:
    """Shows nothing."""


@dataclass(frozen=True, slots=True)
class MeasuredLog:
    """A log by its URL, or the folder of an export; nothing is read before a report is asked for."""

    url: str = ""
    folder: Path | None = None
    """An export; with a URL it is brought up to date and kept, without one it is read as it is."""
    progress: Callable[[int, int], None] = _silent
    """Called with the decisions that are exported, and of how many."""
    replaying: Callable[[int, int], None] = _silent
    """Called with the decisions that are made again to try what the report supposes, and of how many."""

    def report(  # noqa: PLR0913 - the parts of the question
        self,
        book: Book,
        as_of: datetime | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
        campaigns: Sequence[str] = (),
        by: Sequence[str] = (),
        metric: str = "converted",
        level: float = 0.95,
        win: float = 0.1,
        *,
        anyway: bool = False,
        replay: bool = True,
        rates: Rates | None = None,
        memory: str = "2GB",
    ) -> Report:
        """The report up to `as_of` (by default now). The same log up to then, book and options give the same bytes.

        start, end: the period, end exclusive; by default from the first decision on. by: slices: variant, channel, week,
        book_version or attributes. metric: the headline: converted, orders, value or credited. anyway: show effects in
        spite of a sample ratio mismatch.
        replay: try smallest changes, and what rules hold back, on the log. Raises NothingLogged for a log without decisions,
        EmptyPeriod, OtherBook, ReportFailed,
        and what an export raises. rates: total the orders of several currencies.
        """
        options = Options(tuple(campaigns), tuple(by), metric, level, anyway, win, replay, rates)
        with self._exported(book, memory) as folder:
            moment = as_of or datetime.now(UTC)
            return build(folder, book, moment, start, end, options, memory, self.url, self.replaying)

    def paths(
        self,
        book: Book,
        question: PathsQuestion,
        as_of: datetime | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
        memory: str = "2GB",
    ) -> Report:
        """Why one bought and another did not, up to `as_of` (by default now): grids last_steps, steps and split.

        Raises NothingRecorded where the log has no such events, and what an export raises.
        """
        with self._exported(book, memory) as folder:
            return paths(folder, book, question, as_of or datetime.now(UTC), start, end, memory)

    def signals(
        self,
        book: Book,
        question: SignalsQuestion,
        as_of: datetime | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
        memory: str = "2GB",
    ) -> Report:
        """How well signals foretell an outcome, up to `as_of` (by default now): grids signals, lead_time and saved.

        Raises NothingRecorded where the log has no such outcome or no signals, and what an export raises.
        """
        with self._exported(book, memory) as folder:
            return signals(folder, book, question, as_of or datetime.now(UTC), start, end, memory)

    def portrait(
        self,
        book: Book,
        question: PortraitQuestion,
        as_of: datetime | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
        memory: str = "2GB",
    ) -> Report:
        """Who an audience is, up to `as_of`, against all others: grids size and portrait.

        Raises NothingRecorded where the log does not tell, or they are too few, and what an export raises.
        """
        with self._exported(book, memory) as folder:
            return portrait(folder, book, question, as_of or datetime.now(UTC), start, end, memory)

    def audiences(
        self,
        book: Book,
        question: AudiencesQuestion | None = None,
        as_of: datetime | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
        memory: str = "2GB",
    ) -> Report:
        """What was said to whom up to `as_of`, to be published: grids reach, said and texts.

        Raises NothingRecorded where nothing was offered, and what an export raises.
        """
        with self._exported(book, memory) as folder:
            moment = as_of or datetime.now(UTC)
            return audiences(folder, book, question or AudiencesQuestion(), moment, start, end, memory)

    def fatigue(
        self,
        book: Book,
        question: FatigueQuestion | None = None,
        as_of: datetime | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
        memory: str = "2GB",
    ) -> Report:
        """How customers respond by the contacts of the week before, up to `as_of`: grids responses and one_more.

        Raises NothingRecorded where nothing was sent, and what an export raises.
        """
        with self._exported(book, memory) as folder:
            moment = as_of or datetime.now(UTC)
            return fatigue(folder, book, question or FatigueQuestion(), moment, start, end, memory)

    @contextmanager
    def _exported(self, book: Book, memory: str) -> Iterator[Path]:
        """The folder of an export that is up to date, or as it was made where there is no URL."""
        with self._files(book, memory) as folder:
            try:
                yield folder
            except (duckdb.OutOfMemoryException, duckdb.IOException, duckdb.InvalidInputException) as error:
                raise ReportFailed(f"the report ended early: {cause_of(error, memory)}") from error

    @contextmanager
    def _files(self, book: Book, memory: str) -> Iterator[Path]:
        if self.folder is None:
            with TemporaryDirectory(prefix="tact-report-") as temporary:
                export(self.url, Path(temporary), book=book, memory=memory, progress=self.progress)
                yield Path(temporary)
            return
        if self.url:
            export(self.url, self.folder, book=book, memory=memory, progress=self.progress)
        Manifest.read(self.folder, complete=True)
        yield self.folder


def open_log(url: str) -> MeasuredLog:
    """The log at the URL, in SQLite or PostgreSQL. A report exports it to a temporary folder first."""
    return MeasuredLog(url)


def open_export(folder: Path) -> MeasuredLog:
    """The export in the folder, as `tact export` made it."""
    return MeasuredLog(folder=folder)
