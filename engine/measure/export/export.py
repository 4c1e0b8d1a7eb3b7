"""Exports a decision log as Parquet files, by table and month, and brings an export up to date.

What is new is found by fingerprints, since rows come late (of a second server, whose ids lie between others) and change (the
state of a contact when outcomes arrive, the person when names are linked). For each table and month the number of rows and
the sum of a hash of them is compared with that in the manifest: of decisions, which are added or deleted but never changed, a
hash of their ids, which an index holds; of contacts and outcomes, which are narrow and read as a whole, of all columns. Only
months that differ are written. So the export is what the log is: what was deleted in the log is gone from it, too.

The log is read in one transaction, so that all files are of one moment. A file is written under a temporary name and renamed.
Before files are replaced the manifest stops listing them, and after that it lists them again, so that an export that was ended
at any moment goes on with the next month that is not listed. Until the first file is replaced the export is what it was.
"""

import fcntl
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

import duckdb
from duckdb import DuckDBPyConnection

from engine.measure.attribution import attribute
from engine.measure.database import as_pattern, cause_of, open_database
from engine.measure.export import tables
from engine.measure.export.manifest import NAME, FilePart, Manifest, sync
from engine.measure.export.packed import add_unpacking, read_dictionaries
from engine.measure.export.source import LogColumn, LogSource
from engine.rulebook.load import load_text
from engine.rulebook.model.book import Book
from engine.rulebook.model.experiments import Attribution

_CHUNK = 122_880
"""Decisions that are read by one statement: the rows of a row group of DuckDB."""

_COPIES = 2
"""Files that are written at once."""

_NO_MONTH = "none"
"""The part of a table without rows, so that whoever reads `TABLE/*.parquet` finds its columns."""

_STAGED = ("contacts", "outcomes", "challenges", "events", "remembered")
"""The tables that are read as a whole, and written by month."""

_OF_CONVERSIONS = ("conversions", "credits", "refunds")
_CREDITED = ("contacts", "outcomes", "identities", "offers")
"""The tables of which credits are made."""

_WHOLE_TABLES = (("identities", tables.IDENTITIES), ("books", tables.BOOKS))


class ExportFailed(Exception):
    """The export ended early; what is listed in the manifest is whole."""


@dataclass
class ExportResult:
    """What an export did."""

    rows: dict[str, int] = field(default_factory=dict)
    """By table, in all of its files."""
    written: int = 0
    """Files that were written; the others were up to date."""
    removed: int = 0
    """Files of months of which the log has nothing any more."""
    attribution: str = ""
    """The version of the book by whose `attribution` conversions are credited; empty: by the defaults."""


def export(
    url: str,
    folder: Path,
    *,
    book: Book | None = None,
    memory: str = "1GB",
    progress: Callable[[int, int], None] = lambda *_: None,
) -> ExportResult:
    """Exports the log to the folder, or brings the export there up to date.

    book: by whose `attribution` conversions are credited; None: the one of the log's last decision. memory: what DuckDB may
    use, as in `1GB`; beyond it goes to disk, into the folder. progress: called with the decisions that are read, of how many.
    Raises ValueError where there is no log or the folder is not one of an export, LedgerUnavailable, ExportFailed.
    """
    _check_folder(folder)
    with LogSource(url) as log, _alone(folder):
        work = folder / ".work"
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir()
        try:
            with _stage(work, memory) as stage, ThreadPoolExecutor(_COPIES) as copying:
                return _Export(log, folder, stage, copying, progress).run(book)
        except (duckdb.Error, OSError) as error:
            raise ExportFailed(f"the export ended early: {cause_of(error, memory)}") from error
        finally:
            shutil.rmtree(work, ignore_errors=True)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keeps another export of the same folder out; the system frees the lock of a process that dies."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / ".lock").open("ab")
    except OSError as error:
        raise ExportFailed(f"{folder} cannot be written: {error.strerror}") from error
    with lock as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ExportFailed(f"another export to {folder} is under way") from error
        yield


@contextmanager
def _stage(work: Path, memory: str) -> Iterator[DuckDBPyConnection]:
    """A database in memory, for what is read before it is written by month; beyond the limit it spills to disk.

    In a file it would be compressed, which takes a sixth of an export's time.
    """
    connection = open_database(memory=memory, spill=work / "spilled")
    try:
        yield connection
    finally:
        connection.close()


class _Export:
    """One export."""

    def __init__(
        self,
        log: LogSource,
        folder: Path,
        stage: DuckDBPyConnection,
        copying: Executor,
        progress: Callable[[int, int], None],
    ) -> None:
        self._log, self._folder, self._stage = log, folder, stage
        self._copying, self._progress = copying, progress
        self._manifest = Manifest.read(folder)
        self._parts: dict[str, dict[str, FilePart]] = {table: {} for table in tables.all_tables()}
        """What the export is to have."""
        self._result = ExportResult()
        self._read = 0

    def run(self, book: Book | None) -> ExportResult:
        self._stage_table("contacts", tables.CONTACTS, tables.STAGED_CONTACTS)
        self._stage_table("outcomes", tables.OUTCOMES, tables.STAGED_OUTCOMES)
        self._stage_table("challenges", tables.CHALLENGES, tables.STAGED_CHALLENGES)
        for table, columns in _WHOLE_TABLES:
            self._stage_table(
                table,
                columns,
                f"SELECT *, '{tables.WHOLE}' AS month FROM (SELECT {tables.decoded(columns)} FROM source)",
            )
        self._stage_table("remembered", tables.REMEMBERED, tables.STAGED_REMEMBERED, "signals")
        self._stage_table(
            "events", tables.EVENTS, tables.staged_events(book or self._book_of_log() or self._last_book())
        )
        add_unpacking(self._stage, read_dictionaries(self._log, self._stage))
        bounds = self._fingerprint_decisions()
        for table in (*_STAGED, *(table for table, _ in _WHOLE_TABLES)):
            self._parts[table] = self._fingerprints(table, "month")
        for month, part in self._parts["decisions"].items():
            contacts = self._parts["contacts"].get(month)
            made_of = f"{part.fingerprint} {contacts.fingerprint if contacts else ''}"
            self._parts["offers"][month] = FilePart(part.rows, made_of)
        self._write_decisions(bounds)
        for table in (*_STAGED, *(table for table, _ in _WHOLE_TABLES)):
            self._write_parts(table, f"SELECT * EXCLUDE (month) FROM {table} WHERE month = '{{part}}'")
        self._remove_others([table for table in self._parts if table not in _OF_CONVERSIONS])
        self._credit(book)
        self._remove_others(_OF_CONVERSIONS)
        self._manifest.write(complete=True)
        return self._concluded()

    # reading the log

    def _columns_present(self, table: str) -> list[str]:
        with self._source(self._log.columns_statement(table)):
            return [name for (name,) in self._stage.execute("SELECT name FROM source").fetchall()]

    @contextmanager
    def _source(self, sql: str) -> Iterator[None]:
        """What the log's statement gives, as the table `source`."""
        with self._log.rows(sql) as stream:
            self._stage.register("source", stream)
            try:
                yield
            finally:
                self._stage.unregister("source")

    def _stage_table(
        self, table: str, columns: tuple[LogColumn, ...], sql: str, logged: str | None = None
    ) -> None:
        """Copies a table of the log as it is exported, with the month of each row. logged: its name in the log, if another."""
        present = self._columns_present(logged or table)
        if present:
            statement = self._log.statement(logged or table, columns, present)
        else:
            absent = ", ".join(f"{column.absent} AS c_{column.name}" for column in columns)
            statement = f"SELECT {absent} WHERE 1 = 0"
        with self._source(statement):
            self._stage.execute(f"CREATE TABLE {table} AS {sql}")

    def _fingerprint_decisions(self) -> Mapping[str, tuple[str, str]]:
        """Fills the parts that are made of decisions; the first and the last decision_id by month."""
        bounds = {}
        with self._source("SELECT decision_id FROM decisions"):
            rows = self._stage.execute(
                f"SELECT strftime({tables.RECORDED_AT}, '%Y-%m'), count(*), sum(hash(decision_id)), min(decision_id),"
                " max(decision_id) FROM (SELECT CAST(decision_id AS VARCHAR) AS decision_id FROM source) GROUP BY 1 ORDER BY 1"
            ).fetchall()
        for month, count, hashes, first, last in rows or [(_NO_MONTH, 0, 0, "", "")]:
            bounds[month] = (first, last)
            for table in tables.OF_DECISIONS:
                self._parts[table][month] = FilePart(count, str(hashes))
        return bounds

    def _fingerprints(self, table: str, month: str) -> dict[str, FilePart]:
        """The parts of a table of the stage; month: an expression."""
        rows = self._stage.execute(
            f"SELECT {month}, count(*), sum(hash(t)) FROM {table} AS t GROUP BY 1 ORDER BY 1"
        ).fetchall()
        return {part: FilePart(count, str(hashes)) for part, count, hashes in rows or [(_NO_MONTH, 0, 0)]}

    # decisions, and all that is made of them

    def _write_decisions(self, bounds: Mapping[str, tuple[str, str]]) -> None:
        """Writes the months whose decisions are not those of the export; of others `offers`, where contacts have changed.

        A month is read while the files of the one before are written.
        """
        stale = [month for month in bounds if not self._has_decisions(month)]
        total = sum(self._parts["decisions"][month].rows for month in stale)
        self._progress(0, total)
        copies: dict[tuple[str, str], Future[int]] = {}
        for month in bounds:
            offers = self._parts["offers"][month]
            if month not in stale and self._manifest.is_current("offers", month, offers.fingerprint):
                continue
            if month in stale:
                self._read_month(month, bounds[month], total)
                files = {**tables.OF_DECISIONS, "offers": tables.OFFERS_TABLE}
            else:
                kept = _parquet(self._folder, f"offers/{month}.parquet")
                files = {"offers": tables.STATED_OFFERS.format(offers=kept)}
            self._finish(copies)
            copies = {
                (table, month): self._copying.submit(self._copy, (table, month), sql, is_read=month in stale)
                for table, sql in files.items()
            }
        self._finish(copies)

    def _finish(self, copies: Mapping[tuple[str, str], Future[int]]) -> None:
        """Waits for the files of a month, puts them in place, and frees what was read of it."""
        self._publish({file: copying.result() for file, copying in copies.items()})
        for month in {month for _, month in copies}:
            self._stage.execute(f"DROP TABLE IF EXISTS {_parsed(month)}")

    def _has_decisions(self, month: str) -> bool:
        """Whether the export has all that is made of the month's decisions, whatever has become of their contacts."""
        offers = self._manifest.parts["offers"].get(month)
        of_same = self._parts["decisions"][month].fingerprint
        return (
            offers is not None
            and offers.fingerprint.startswith(f"{of_same} ")
            and self._manifest.is_current("offers", month, offers.fingerprint)
            and all(self._manifest.is_current(table, month, of_same) for table in tables.OF_DECISIONS)
        )

    def _read_month(self, month: str, bounds: tuple[str, str], total: int) -> None:
        """Fills the month's table of parsed decisions with those from the first to the last."""
        present, parsed, (first, last) = self._columns_present("decisions"), _parsed(month), bounds
        bound, verb = f">= '{first}'", f"CREATE TABLE {parsed} AS"
        while True:
            rest = (
                f"WHERE decision_id {bound} AND decision_id <= '{last}' ORDER BY decision_id LIMIT {_CHUNK}"
            )
            with self._source(self._log.statement("decisions", tables.DECISIONS, present, rest)):
                ((count,),) = self._stage.execute(f"{verb} {tables.PARSED}").fetchall()
            self._read += count
            self._progress(self._read, total)
            if count < _CHUNK:
                return
            ((latest,),) = self._stage.execute(f"SELECT max(decision_id) FROM {parsed}").fetchall()
            bound, verb = f"> '{latest}'", f"INSERT INTO {parsed}"

    # credits

    def _credit(self, book: Book | None) -> None:
        """Writes to which contacts conversions are credited, unless nothing of it can have changed."""
        book = book or self._book_of_log()
        version = book.version if book else ""
        self._result.attribution = version
        made_of = " ".join(
            (
                version,
                *(
                    f"{part} {self._parts[table][part].fingerprint}"
                    for table in _CREDITED
                    for part in self._parts[table]
                ),
            )
        )
        credited_from = sha256(made_of.encode()).hexdigest()
        if self._manifest.credited_from == credited_from:
            for table in _OF_CONVERSIONS:
                self._parts[table] = dict(self._manifest.parts[table])
            return
        self._manifest.credited_from = ""
        offers = _parquet(self._folder, "offers/*.parquet")
        self._stage.execute(f"CREATE OR REPLACE TEMP VIEW offers AS SELECT * FROM {offers}")
        campaigns = {name: campaign.attribution for name, campaign in book.campaigns.items()} if book else {}
        attribute(self._stage, campaigns, book.attribution if book else Attribution())
        month = "strftime(time, '%Y-%m')"
        for table in _OF_CONVERSIONS:
            self._parts[table] = self._fingerprints(table, month)
            self._write_parts(table, f"SELECT * FROM {table} WHERE {month} = '{{part}}'")
        self._manifest.credited_from, self._manifest.attribution = credited_from, version

    def _book_of_log(self) -> Book | None:
        """The book of the last decision, as the log has its text."""
        latest = "SELECT book_version FROM decisions ORDER BY decision_id DESC LIMIT 1"
        with self._source(latest):
            rows = self._stage.execute(
                "SELECT b.text FROM source AS s JOIN books AS b ON b.version = CAST(s.book_version AS VARCHAR)"
            ).fetchall()
        return load_text(rows[0][0]).book if rows else None

    def _last_book(self) -> Book | None:
        """The book that was served last, of a log without decisions."""
        rows = self._stage.execute(
            "SELECT text FROM books ORDER BY first_at DESC, version LIMIT 1"
        ).fetchall()
        return load_text(rows[0][0]).book if rows else None

    # files

    def _write_parts(self, table: str, sql: str) -> None:
        """Writes the parts of a table of the stage that are not up to date; sql: reads one `{part}`."""
        for part, made_of in self._parts[table].items():
            if not self._manifest.is_current(table, part, made_of.fingerprint):
                rows = f"{sql.format(part=part)} ORDER BY {tables.ORDER[table]}"
                self._publish({(table, part): _copied(self._stage, rows, self._temporary(table, part))})

    def _copy(self, file: tuple[str, str], sql: str, *, is_read: bool) -> int:
        """Writes a file of what is made of a month's decisions, on a connection of its own; the number of rows.

        is_read: whether the month's decisions were read.
        """
        table, month = file
        with self._stage.cursor() as connection:
            connection.execute(
                f"CREATE TEMP VIEW contacts_of_month AS SELECT * FROM contacts WHERE month = '{month}'"
            )
            if is_read:
                connection.execute(f"CREATE TEMP VIEW parsed AS SELECT * FROM {_parsed(month)}")
            return _copied(connection, sql, self._temporary(table, month))

    def _publish(self, rows: Mapping[tuple[str, str], int]) -> None:
        """Puts files that were written, with so many rows, in place of those that are there."""
        for table, part in rows:
            self._manifest.parts[table].pop(part, None)
        self._manifest.write()
        for (table, part), count in rows.items():
            target = self._manifest.file(table, part)
            target.parent.mkdir(exist_ok=True)
            self._temporary(table, part).replace(target)
            sync(target.parent)
            made_of = self._parts[table][part]
            self._manifest.parts[table][part] = FilePart(count, made_of.fingerprint)
            self._result.written += 1
        self._manifest.write()

    def _temporary(self, table: str, part: str) -> Path:
        return self._folder / ".work" / f"{table}-{part}.parquet"

    def _remove_others(self, of_tables: Iterable[str]) -> None:
        """Deletes files of which the log has nothing any more, and those that an export left that was ended."""
        others = []
        for table in of_tables:
            listed, parts = self._manifest.parts[table], self._parts[table]
            self._manifest.parts[table] = {part: listed[part] for part in parts}
            others += [path for path in (self._folder / table).glob("*.parquet") if path.stem not in parts]
        if others:
            self._manifest.write()
        for path in others:
            path.unlink()
        self._result.removed += len(others)

    def _concluded(self) -> ExportResult:
        for table, parts in self._manifest.parts.items():
            self._result.rows[table] = sum(part.rows for part in parts.values())
        return self._result


def _copied(connection: DuckDBPyConnection, sql: str, path: Path) -> int:
    """Writes the rows of the SQL to a file, through to the disk; how many."""
    ((count,),) = connection.execute(
        f"COPY ({sql}) TO {_literal(path)} (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1)"
    ).fetchall()
    sync(path)
    return int(count)


def _parsed(month: str) -> str:
    """The table of the month's decisions, quoted."""
    return f'"decisions of {month}"'


def _literal(path: Path | str) -> str:
    text = str(path).replace("'", "''")
    return f"'{text}'"


def _parquet(folder: Path, files: str) -> str:
    return f"read_parquet({_literal(f'{as_pattern(folder)}/{files}')})"


def _check_folder(folder: Path) -> None:
    """Raises ValueError where the folder is not one of an export, before anything is written to it."""
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"{folder} is a file, and no folder")
    if folder.exists() and not (folder / NAME).exists() and _is_used(folder):
        raise ValueError(f"{folder} is not empty, and holds no export")
    Manifest.read(folder)


def _is_used(folder: Path) -> bool:
    """Whether anything is in the folder but what an export leaves that was ended before its manifest."""
    return any(not path.name.startswith(".") for path in folder.iterdir())
