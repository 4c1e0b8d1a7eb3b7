"""A run: begins it or finds it again, keeps its folder, and ends it.

What counts is the manifest in the log: the files that its rows name.
"""

import fcntl
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import orjson

from engine.batch.scarce import ScarceWay
from engine.ledger.queries import presends
from engine.ledger.store.rows import PresendRunRow
from engine.ledger.store.store import Store
from engine.model.decision import Outcome
from engine.model.instant import Instant, to_datetime
from engine.presend.pieces import FILES, replace_file
from engine.presend.rows import SendPlan
from engine.presend.sent import REFUSED

MANIFEST = "_manifest.json"
_OWNER = "_run"
"""The file of a run's folder that names the run."""
_LONGEST_NAME = 200
"""Characters of a run's name."""


class RunRefused(Exception):
    """The run cannot go on as it is called; the message says why."""


def settings_of(plan: SendPlan, part_size: int) -> str:
    """What else all parts of a run must have alike, as its row keeps it."""
    settings = {
        "channels": plan.channels,
        "content": plan.content,
        "full_log": plan.full_log,
        "part": part_size,
    }
    if plan.scarce != ScarceWay.ORDER.value:
        settings["scarce"] = plan.scarce
    return orjson.dumps(settings).decode()


@contextmanager
def own_folder(folder: Path, run: str) -> Iterator[str]:
    """Keeps the folder for the run, and this process as the only one that works in it; its identity, wherever it is moved.

    Raises RunRefused, OSError.
    """
    if not run or run != run.strip() or not run.isprintable() or len(run) > _LONGEST_NAME:
        rule = f"needs 1 to {_LONGEST_NAME} characters that can be seen, and no space at its ends"
        raise RunRefused(f"a run's name {rule}, not {run[: 2 * _LONGEST_NAME]!r}: give another by --run")
    if folder.exists() and not folder.is_dir():
        raise RunRefused(f"{folder} is a file: name a folder by --out")
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / _OWNER).open("a+", encoding="utf-8") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RunRefused(f"another process works on the run in {folder}") from None
        stream.seek(0)
        owner, _, identity = stream.read().strip().partition("\n")
        if owner and owner != run:
            raise RunRefused(f"{folder} holds the run {owner}: name another folder by --out")
        if not identity:  # of a new folder, or of one that an earlier version began
            identity = uuid4().hex
            stream.write(f"{identity}\n" if owner else f"{run}\n{identity}\n")
            stream.flush()
        try:
            yield identity
        except BaseException:
            if not owner and not _files_in(folder):
                stream.truncate(0)  # the run has nothing here: the folder is free for another
            raise


def _files_in(folder: Path) -> list[Path]:
    """The files of decisions in the folder."""
    return [path for pattern in FILES for path in folder.glob(pattern)]


def check_files(made: "RunSummary", folder: Path) -> None:
    """Raises RunRefused if a file of the run is not in the folder: its parts could not be brought together there."""
    for file, _ in made.files:
        if not (folder / file).exists():
            raise RunRefused(
                f"{folder} lacks {file}, which the run {made.run.run} has written: name the run's folder by --out"
            )


def run_row(
    version: str, plan: SendPlan, people: int, fingerprint: str, part_size: int, started_at: Instant
) -> PresendRunRow:
    """The row of a new run. version: of the book."""
    settings = settings_of(plan, part_size)
    return PresendRunRow(plan.run, version, started_at, plan.now, people, fingerprint, settings, None)


def begin(store: Store, row: PresendRunRow, folder: str = "") -> PresendRunRow:
    """Adds the run, or finds it. Raises RunRefused if it is of another population, book, moment, folder or other settings.

    folder: the identity of its folder.
    """
    settings = orjson.loads(row.settings)
    if folder:
        row = row._replace(settings=orjson.dumps({**settings, "folder": folder}).decode())
    with store.transaction((f"presend {row.run}",)):
        known = presends.run_of(store, row.run)
        if known is None:
            presends.add_run(store, row)
            return row
    others: dict[str, Any] = orjson.loads(known.settings)
    where = others.pop("folder", folder)
    differing = [
        name
        for name, own, kept in (
            ("another population", row.fingerprint, known.fingerprint),
            ("another version of the book", row.book_version, known.book_version),
            ("another moment", row.now, known.now),
            ("other settings", settings, others),
        )
        if own != kept
    ]
    if differing:
        raise RunRefused(
            f"the run {row.run} was started with {' and '.join(differing)}: name another by --run"
        )
    if folder and where != folder and known.finished_at is None:
        raise RunRefused(f"the run {row.run} was started with another folder: name it by --out")
    return known


def unfinished(store: Store, book_version: str, fingerprint: str) -> PresendRunRow | None:
    """The latest run of the book over the population that was not ended; None where there is none."""
    with store.transaction(writes=False):
        runs = presends.runs(store)
    same = [
        run
        for run in runs
        if run.finished_at is None and (run.book_version, run.fingerprint) == (book_version, fingerprint)
    ]
    return same[-1] if same else None


@dataclass(frozen=True, slots=True)
class RunSummary:
    """What a run has done so far."""

    run: PresendRunRow
    customers: int
    outcomes: Mapping[str, int]
    forms: Mapping[tuple[str, str, str, str], int]
    """CustomersByPart by outcome, campaign, variant and channel; those withheld have the outcome `control`."""
    evaluated: int
    """CustomersByPart who were evaluated one by one."""
    files: Sequence[tuple[str, str]]
    """Names of files that count, and their SHA-256."""


def summary(store: Store, run: str) -> RunSummary | None:
    """What the run has done so far; None where there is no such run."""
    with store.transaction(writes=False):
        row, pieces = presends.run_of(store, run), presends.pieces(store, run)
    if row is None:
        return None
    outcomes: Counter[str] = Counter()
    forms: Counter[tuple[str, str, str, str]] = Counter()
    evaluated = 0
    for piece in pieces:
        counts = orjson.loads(piece.counts)
        outcomes.update(counts["outcomes"])
        if piece.part < 0:  # of the last pass: they were blocked before
            outcomes[Outcome.BLOCKED.value] -= piece.customers
        else:
            evaluated += counts["evaluated"]
        for *form, number in counts["forms"]:
            forms[tuple(form)] += number
    first_pass = [piece for piece in pieces if piece.part >= 0]
    files = list(dict.fromkeys((piece.file, piece.sha256) for piece in first_pass))
    return RunSummary(row, sum(piece.customers for piece in first_pass), outcomes, forms, evaluated, files)


def finish(store: Store, folder: Path, run: str, at: Instant) -> RunSummary:
    """Ends a run whose parts are whole: deletes files that do not count, and writes the manifest beside the others."""
    with store.transaction((f"presend {run}",)):
        presends.finish(store, run, at)
    made = summary(store, run)
    if made is None:
        raise RunRefused(f"there is no run {run}")
    counting = {file for file, _ in made.files}
    for path in _files_in(folder):
        if path.name not in counting:
            path.unlink(missing_ok=True)
    document = {
        "schema": 1,
        "run": run,
        "book_version": made.run.book_version,
        "now": made.run.now,
        "people": made.run.people,
        "population_sha256": made.run.fingerprint,
        "outcomes": dict(made.outcomes),
        "files": [{"file": file, "sha256": sha256} for file, sha256 in made.files],
    }
    replace_file(folder / MANIFEST, orjson.dumps(document, option=orjson.OPT_INDENT_2))
    return made


def document_of(made: RunSummary) -> dict[str, Any]:
    """The summary as JSON."""
    run = made.run
    return {
        "run": run.run,
        "book_version": run.book_version,
        "now": to_datetime(run.now).isoformat(),
        "started_at": to_datetime(run.started_at).isoformat(),
        "finished_at": None if run.finished_at is None else to_datetime(run.finished_at).isoformat(),
        "people": run.people,
        "decided": made.customers,
        "outcomes": {name: made.outcomes.get(name, 0) for name in (*Outcome, REFUSED)},
        "forms": [
            {
                "outcome": outcome,
                "campaign": campaign,
                "variant": variant,
                "channel": channel,
                "people": number,
            }
            for (outcome, campaign, variant, channel), number in sorted(made.forms.items())
        ],
        "evaluated": made.evaluated,
        "files": [file for file, _ in made.files],
        "scarce": None if run.shares is None else orjson.loads(run.shares),
    }
