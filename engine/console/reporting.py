"""Reports, made in a process of their own while pages are shown, and kept until the next one.

A report reads the whole log, which takes from seconds to minutes; pages show the last one, with the moment of which it is.
"""

import os
import pickle
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock, Thread
from typing import Any, NamedTuple

import orjson
import structlog

from engine.children import child_command, child_environment
from engine.ledger.commit.replay import logged_book
from engine.ledger.errors import LedgerError
from engine.ledger.store.open import open_store
from engine.measure.export.export import ExportFailed
from engine.measure.log import ReportFailed, open_log
from engine.measure.report.build import OtherBook, Report
from engine.measure.report.tables import EmptyPeriod
from engine.measure.report.vega import charts_of
from engine.measure.report.words import written
from engine.model.instant import Instant
from engine.model.shown import printable, without_secrets
from engine.server.logs import describe_fault

log = structlog.get_logger()


_CHILD = "from engine.console.reporting import child; child()"
_LONGEST = 1800.0
"""Seconds that a report may take."""


_LONGEST_WORDS = 300
"""Characters that are shown of a process's last words."""


_MEMORY = "1GB"
"""What the database of a report takes before it uses the disk."""


MOST_ROWS = 200
"""Rows of a table that a page shows; its files have all."""


class KeptReport(NamedTuple):
    """A report that was made."""

    version: str
    """Of the book."""
    made_at: Instant
    document: Mapping[str, Any]
    """Its head and its sections, with every figure in words."""
    files: Mapping[str, bytes]
    """CSV and Parquet files by name, of each table."""

    def section(self, name: str, campaign: str = "") -> Mapping[str, Any] | None:
        """A section of the report with its tables; None: the report has none.

        campaign: only its rows and the sentences that name it; a table that is not by campaign is left out.
        """
        section: Mapping[str, Any] | None = next(
            (section for section in self.document["sections"] if section["name"] == name), None
        )
        if section is None or not campaign:
            return section
        return {
            **section,
            "grids": list(_of_campaign(section["grids"], campaign)),
            "warnings": [warned for warned in section["warnings"] if campaign in warned["text"]],
            "refusals": [text for text in section["refusals"] if campaign in text],
        }

    @property
    def problems(self) -> list[tuple[str, str]]:
        """What makes results not to be believed, such as unlikely sizes of arms: the section and its sentence."""
        return [
            (section["name"], warned["text"])
            for section in self.document["sections"]
            for warned in section["warnings"]
            if warned["problem"]
        ]


def _of_campaign(grids: Sequence[Mapping[str, Any]], campaign: str) -> Iterator[Mapping[str, Any]]:
    for grid in grids:
        if "campaign" in grid["labels"]:
            column = grid["labels"].index("campaign")
            rows = [row for row in grid["rows"] if row[column] == campaign]
            if rows:
                yield {**grid, "rows": rows}


class ReportDesk:
    """Makes one report at a time. Threads share it."""

    def __init__(self, url: str) -> None:
        self._url, self._turn = url, Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._waiting: Thread | None = None
        self.kept: KeptReport | None = None
        self.problem = ""
        """Why the last one was not made; empty: it was."""

    @property
    def is_busy(self) -> bool:
        """Whether one is being made."""
        return self._process is not None

    def begin(self, version: str) -> bool:
        """Begins a report by the book of the version; False while another is being made."""
        with self._turn:
            if self._process is not None:
                return False
            folder = TemporaryDirectory(prefix="tact-console-")
            self._process = subprocess.Popen(  # noqa: S603 our own words
                child_command(_CHILD),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=child_environment(folder.name),
            )
            arguments = (self._process, version, folder)
            self._waiting = Thread(target=self._wait, args=arguments, name="report", daemon=True)
            self._waiting.start()
            return True

    def close(self) -> None:
        """Ends the one that is being made, and waits until its files are gone."""
        process, waiting = self._process, self._waiting
        if process is not None:
            process.kill()
        if waiting is not None:
            waiting.join()

    def _wait(
        self, process: "subprocess.Popen[bytes]", version: str, folder: "TemporaryDirectory[str]"
    ) -> None:
        """Waits for the process, keeps what it made, and deletes its temporary files, which hold the persons of the log."""
        problem, kept, fault = "", None, dict[str, Any]()
        try:
            output, errors = process.communicate(pickle.dumps((self._url, version)), timeout=_LONGEST)
            made: dict[str, Any] = {"problem": _ended(process.returncode, errors)}
            if output and process.returncode == 0:
                made = _read(output)
            problem, fault = made.get("problem", ""), made.get("fault", fault)
            if not problem:
                kept = KeptReport(version, time.time_ns() // 1000, made["document"], made["files"])
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            problem = f"it was not made within {_LONGEST / 60:.0f} minutes"
        folder.cleanup()
        if problem:
            log.warning("no report was made", error=problem, **fault)
        with self._turn:
            self._process, self.problem, self.kept = None, problem, kept or self.kept


def _read(output: bytes) -> dict[str, Any]:
    """What the process made; a problem where something else stands among it."""
    try:
        made: dict[str, Any] = pickle.loads(output)  # noqa: S301 of our own process
    except (pickle.UnpicklingError, ValueError, EOFError, LookupError, AttributeError, ImportError):
        return {"problem": f"its process gave {len(output):,} bytes that cannot be read"}
    return made


def child() -> None:
    """Entry point of the process: reads the log's URL and the version from standard input, writes what it made."""
    os.nice(5)
    url, version = pickle.load(sys.stdin.buffer)  # noqa: S301 written by ReportDesk
    try:
        made = _made(url, version)
    except (LedgerError, ExportFailed, OSError) as error:
        made = {"problem": without_secrets(str(error))}
    except Exception as error:  # noqa: BLE001 every fault is told, without the data that its text may hold
        fault = dict(describe_fault(None, "", {"exc_info": error}))
        made = {"problem": f"it met a fault of the program: {fault['fault']}", "fault": fault}
    sys.stdout.buffer.write(pickle.dumps(made))


def _ended(code: int, errors: bytes) -> str:
    """Why the process wrote nothing: how it ended, and its last words."""
    lines = errors.decode(errors="replace").split("\n")
    last = next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")
    return f"its process ended with {code}: {printable(without_secrets(last))[:_LONGEST_WORDS]}"


def _made(url: str, version: str) -> dict[str, Any]:
    store = open_store(url)
    try:
        with store.transaction(writes=False):
            book = logged_book(store, version)
    finally:
        store.close()
    if book is None:
        return {"problem": "the log does not have the text of this version"}
    try:
        report = open_log(url).report(book, datetime.now(UTC), memory=_MEMORY)
    except (EmptyPeriod, OtherBook, ReportFailed, ValueError) as error:
        return {"problem": without_secrets(str(error))}
    with TemporaryDirectory(prefix="tact-console-") as folder:
        paths = [*report.write_csv(Path(folder)), *report.write_parquet(Path(folder))]
        files = {path.name: path.read_bytes() for path in paths}
    return {"document": _document(report), "files": files}


def _document(report: Report) -> dict[str, Any]:
    """The report for a page: every figure in words."""
    sections = [
        {
            "name": section.name,
            "title": section.title,
            "question": section.question,
            "warnings": [{"text": warned.text, "problem": warned.problem} for warned in section.warnings],
            "refusals": [*section.refusals],
            "charts": charts_of(section),
            "grids": [
                {
                    "name": grid.name,
                    "title": grid.title,
                    "note": grid.note,
                    "labels": [*grid.labels],
                    "columns": [*grid.columns],
                    "rows": [
                        [written(row.get(name)) for name in (*grid.labels, *grid.columns)]
                        for row in grid.rows
                    ],
                }
                for grid in section.grids
                if grid.rows
            ],
        }
        for section in report.sections
    ]
    head: dict[str, Any] = orjson.loads(orjson.dumps(report.head.document()))
    return {"head": head, "problem": report.problem, "sections": sections}
