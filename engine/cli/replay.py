"""`tact replay`: makes every decision of a log again, and compares."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from engine.cli.exits import OTHER, USAGE, fail
from engine.cli.options import settings_of
from engine.ledger.errors import LedgerError
from engine.ledger.queries.decisions import count_decisions
from engine.ledger.store.open import check_url, is_missing, open_store
from engine.ledger.store.store import Store
from engine.measure.replay import END, Books, Replayed, ReplayResult, replay_log
from engine.model.instant import Instant, from_datetime

_MOST_SHOWN = 20
"""Differing decisions that are printed."""


_MOST_LISTED = 1_000
"""Differing decisions in the JSON document."""


def replay(
    log: Annotated[
        str | None,
        typer.Option(
            help="URL of the decision log: sqlite:///FILE or postgresql://USER@HOST/DATABASE. Or TACT_LOG."
        ),
    ] = None,
    books: Annotated[
        Path | None,
        typer.Option(help="Folder with folders of books, for decisions whose book the log lacks."),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option("--from", help="Only decisions from this moment on, such as 2026-03-10T00:00Z."),
    ] = None,
    until: Annotated[str | None, typer.Option("--to", help="Only decisions before this moment.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object, for machines.")] = False,
) -> None:
    """Make every decision of a log again by the book that made it, and compare it with the log, byte by byte.

    Exits 1 if any differs.
    """
    url = settings_of(log=log).log
    try:
        check_url(url)
        if is_missing(url):
            raise ValueError(f"there is no log at {url}")
        if books is not None and not books.is_dir():
            raise ValueError(f"{books} is not a folder")
        period = (_moment("--from", since, 0), _moment("--to", until, END))
    except ValueError as error:
        fail(str(error), USAGE)
    try:
        counts, reasons, differing = _replayed(url, books, period)
    except LedgerError as error:
        fail(str(error))
    if as_json:
        typer.echo(_json(counts, reasons, differing))
    else:
        _show(counts, reasons, differing)
    if counts[ReplayResult.DIFFERENT]:
        raise typer.Exit(OTHER)


def _moment(option: str, text: str | None, otherwise: Instant) -> Instant:
    if text is None:
        return otherwise
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{option} needs a time such as 2026-03-10T10:00+08:00, not {text!r}") from None
    if moment.tzinfo is None:
        raise ValueError(f"{option} {text} needs a time zone, such as {text}Z")
    return from_datetime(moment)


def _replayed(
    url: str, books: Path | None, period: tuple[Instant, Instant]
) -> tuple[Counter[ReplayResult], Counter[str], list[Replayed]]:
    """How many decisions came out how, the reasons of those that are not replayable, and those that differ."""
    since, until = period
    counts, reasons = Counter[ReplayResult](), Counter[str]()
    differing: list[Replayed] = []
    store = open_store(url)
    try:
        with _progress(store, since, until) as advance:
            for replayed in replay_log(store, Books(store, books), since=since, until=until):
                counts[replayed.result] += 1
                if replayed.result is ReplayResult.NOT_REPLAYABLE:
                    reasons[replayed.reason] += 1
                elif replayed.result is ReplayResult.DIFFERENT and len(differing) < _MOST_LISTED:
                    differing.append(replayed)
                advance()
    finally:
        store.close()
    return counts, reasons, differing


@contextmanager
def _progress(store: Store, since: Instant, until: Instant) -> Iterator[Any]:
    """A progress bar on standard error, where that is a terminal."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda: None
        return
    with store.transaction(writes=False):
        total = count_decisions(store, since, until)
    columns = (TextColumn("replaying"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=total)
        yield lambda: bar.advance(task)


def _json(counts: Counter[ReplayResult], reasons: Counter[str], differing: list[Replayed]) -> str:
    document = {
        "decisions": counts.total(),
        **{str(result): counts[result] for result in ReplayResult},
        "reasons": dict(sorted(reasons.items())),
        "differences": [
            {"decision_id": replayed.decision_id, "patch": list(replayed.patch)} for replayed in differing
        ],
    }
    return orjson.dumps(document, option=orjson.OPT_INDENT_2).decode()


def _show(counts: Counter[ReplayResult], reasons: Counter[str], differing: list[Replayed]) -> None:
    for replayed in differing[:_MOST_SHOWN]:
        typer.echo(f"{replayed.decision_id} differs:")
        for operation in replayed.patch:
            typer.echo(f"  {orjson.dumps(operation).decode()}")
    more = counts[ReplayResult.DIFFERENT] - len(differing[:_MOST_SHOWN])
    if more:
        typer.echo(f"… and {more:,} more")
    typer.echo(
        f"{counts.total():,} decisions: {counts[ReplayResult.EQUAL]:,} equal, {counts[ReplayResult.DIFFERENT]:,} different,"
        f" {counts[ReplayResult.NOT_REPLAYABLE]:,} not replayable"
    )
    for reason, number in reasons.most_common():
        typer.echo(f"  {number:,}: {reason}")
