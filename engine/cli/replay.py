"""`tact replay`: makes every decision of a log again, and compares."""

from collections import Counter
from pathlib import Path
from typing import Annotated

import orjson
import typer

from engine.cli.exits import OTHER, USAGE, fail
from engine.cli.logged import check_log, moment_of, progress
from engine.cli.options import LogUrl, settings_of
from engine.explain.books import Books
from engine.ledger.errors import LedgerError
from engine.ledger.store.open import open_store
from engine.measure.replay import END, Replayed, ReplayResult, replay_log
from engine.model.instant import Instant

_MOST_SHOWN = 20
"""Differing decisions that are printed."""


_MOST_LISTED = 1_000
"""Differing decisions in the JSON document."""


def replay(
    log: LogUrl = None,
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
        check_log(url)
        if books is not None and not books.is_dir():
            raise ValueError(f"{books} is not a folder")
        period = (moment_of("--from", since, 0), moment_of("--to", until, END))
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


def _replayed(
    url: str, books: Path | None, period: tuple[Instant, Instant]
) -> tuple[Counter[ReplayResult], Counter[str], list[Replayed]]:
    """How many decisions came out how, the reasons of those that are not replayable, and those that differ."""
    since, until = period
    counts, reasons = Counter[ReplayResult](), Counter[str]()
    differing: list[Replayed] = []
    store = open_store(url)
    try:
        with progress(store, period, "replaying") as advance:
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
